;; stage: asm
;; target: aarch64
;; Frame record, then the stack pointer, frame included, against the limit, then the charge; `bti c` where the loader
;; enters; the function returns itself.
(module
  (func $f (param i32) (result i32)
    (i32.add (call $f (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
  (func (export "xdp") (result i32) (call $f (i32.const 0))))
