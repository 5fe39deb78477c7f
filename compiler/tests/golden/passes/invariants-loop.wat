;; stage: asm
;; author: trusted
;; pass: invariants
;; What the same mask and sum give in all turns is computed before the loop, and what is left of the fuel once a turn.
(module
  (import "xdp" "len" (func $len (result i32)))
  (import "xdp" "load8" (func $load8 (param i32) (result i32)))
  (func (export "xdp") (result i32)
    (local $at i32) (local $sum i32) (local $start i32)
    (if (i32.lt_u (call $len) (i32.const 100)) (then (return (i32.const 2))))
    (local.set $start (call $load8 (i32.const 14)))
    (loop $next
      (if (i32.gt_u (i32.add (local.get $at) (i32.const 9)) (i32.add (local.get $start) (i32.const 14)))
        (then (return (i32.const 1))))
      (local.set $sum
        (i32.add (local.get $sum) (i32.xor (i32.and (local.get $start) (i32.const 60)) (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.ne (local.get $at) (i32.const 64))))
    (local.get $sum)))
