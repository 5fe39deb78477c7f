;; stage: asm
;; author: trusted
;; pass: checks
;; A counter in steps of eight that ends where it is equal to its limit does not go past it.
(module (memory 1)
  (func (export "xdp") (result i32) (local $i i32) (local $sum i64)
    (loop $l
      (local.set $sum (i64.add (local.get $sum) (i64.load offset=1024 (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (i32.ne (local.get $i) (i32.const 64512))))
    (i32.wrap_i64 (local.get $sum))))
