;; stage: asm
;; pass: sums
;; With masks a branch does not say that a sum cannot wrap, only the values do: the first stays in 32 bits.
(module (memory 1)
  (func (export "f") (param $at i32) (result i32)
    (if (i32.gt_u (local.get $at) (i32.const 70000)) (then (return (i32.const 2))))
    (i32.add (i32.load8_u (i32.add (local.get $at) (i32.const 100)))
      (i32.load8_u (i32.add (i32.and (local.get $at) (i32.const 0x1ffff)) (i32.const 200)))))
  (func (export "xdp") (result i32) (i32.const 2)))
