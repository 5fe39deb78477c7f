;; stage: asm
;; author: trusted
;; pass: folds
;; A charge in memory and the stack check are an instruction each; in the loop, where the fuel is in a register, a charge
;; is a subtraction and a branch, as is the counter that ends the loop.
(module
  (import "kernel" "cpu" (func $cpu (result i32)))
  (func $turns (param $n i32) (result i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (local.get $n)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "xdp") (result i32)
    (i32.and (call $turns (call $cpu)) (i32.const 1))))
