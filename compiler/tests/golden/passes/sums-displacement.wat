;; stage: asm
;; author: trusted
;; pass: sums
;; What is added to an index that cannot wrap is the displacement of the access.
(module (memory 1)
  (func (export "f") (param $at i32) (result i32) (local $i i32)
    (local.set $i (i32.and (local.get $at) (i32.const 4095)))
    (i32.add (i32.load8_u (i32.add (local.get $i) (i32.const 100))) (i32.load8_u (i32.add (local.get $i) (i32.const 200)))))
  (func (export "xdp") (result i32) (i32.const 2)))
