;; stage: asm
;; pass: checks
;; An index that cannot be outside, whatever the processor guesses, needs no mask.
(module (memory 1)
  (func (export "f") (param $at i32) (result i32) (i32.load offset=8 (i32.and (local.get $at) (i32.const 1020))))
  (func (export "xdp") (result i32) (i32.const 2)))
