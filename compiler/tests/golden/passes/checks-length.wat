;; stage: asm
;; author: trusted
;; pass: checks
;; The guest's own comparison with the packet's length is the check.
(module (import "xdp" "packet" (memory $packet 0 (pagesize 1))) (import "xdp" "len" (func $len (result i32)))
  (func (export "xdp") (result i32)
    (if (i32.lt_u (call $len) (i32.const 34)) (then (return (i32.const 2))))
    (i32.add (i32.load8_u $packet offset=9 (i32.const 14)) (i32.load16_u $packet offset=32 align=1 (i32.const 0)))))
