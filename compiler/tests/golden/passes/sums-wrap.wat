;; stage: asm
;; author: trusted
;; pass: sums
;; A sum that may wrap stays one of 32 bits, beside one that may not.
(module (memory 1)
  (func (export "f") (param $at i32) (result i32)
    (i32.add (i32.load8_u (i32.add (local.get $at) (i32.const 100)))
      (i32.load8_u (i32.add (i32.and (local.get $at) (i32.const 255)) (i32.const 200)))))
  (func (export "xdp") (result i32) (i32.const 2)))
