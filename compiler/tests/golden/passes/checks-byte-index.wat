;; stage: asm
;; author: trusted
;; pass: checks
;; A byte is an index into a table of 256 rows.
(module (memory 1)
  (func (export "f") (param $at i32) (result i32)
    (i32.load offset=4096 (i32.shl (i32.load8_u (local.get $at)) (i32.const 2))))
  (func (export "xdp") (result i32) (i32.const 2)))
