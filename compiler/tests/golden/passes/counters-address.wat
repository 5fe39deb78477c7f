;; stage: asm
;; author: trusted
;; pass: counters
;; A counter that is an address, too, is one number of 64 bits, and so is what it is compared with.
(module (import "xdp" "len" (func $len (result i32))) (memory 1)
  (func (export "xdp") (result i32) (local $i i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))
    (local.set $i (i32.const 4000))
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $i))))
      (local.set $i (i32.sub (local.get $i) (i32.const 4)))
      (br_if $l (i32.gt_u (local.get $i) (i32.const 64))))
    (local.get $sum)))
