;; stage: asm
;; author: trusted
;; The checks stay, the masks go.
(module
  (import "xdp" "load8" (func $load8 (param i32) (result i32)))
  (memory 1)
  (func (export "xdp") (result i32)
    (i32.load (call $load8 (i32.const 3)))))
