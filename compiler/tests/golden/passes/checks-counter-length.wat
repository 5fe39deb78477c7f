;; stage: asm
;; author: trusted
;; pass: checks
;; A counter goes up to the packet's length, asked for each time around: the length is one value, so no check is left.
(module
  (import "xdp" "len" (func $len (result i32)))
  (import "xdp" "load8" (func $load8 (param i32) (result i32)))
  (func (export "xdp") (result i32)
    (local $at i32) (local $sum i32)
    (if (i32.eqz (call $len)) (then (return (i32.const 2))))
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (call $load8 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.ne (local.get $at) (call $len))))
    (local.get $sum)))
