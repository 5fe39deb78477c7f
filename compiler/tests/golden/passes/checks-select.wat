;; stage: asm
;; author: trusted
;; pass: checks
;; Whichever of two a select gives is inside.
(module (memory 1)
  (func (export "f") (param $at i32) (param $which i32) (result i32)
    (i32.load8_u offset=65476 (select (i32.and (local.get $at) (i32.const 31)) (i32.const 59) (local.get $which))))
  (func (export "xdp") (result i32) (i32.const 2)))
