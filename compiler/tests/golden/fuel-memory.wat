;; stage: asm
;; author: trusted
;; without: no-fuel-register
;; What fuel-register shows, with the fuel in memory.
(module
  (import "kernel" "cpu" (func $cpu (result i32)))
  (memory 1)
  (func (export "xdp") (result i32) (local $n i32)
    (loop $calls
      (local.set $n (i32.add (local.get $n) (call $cpu)))
      (br_if $calls (i32.lt_u (local.get $n) (i32.const 9))))
    (loop $copies
      (memory.copy (i32.const 64) (local.get $n) (i32.const 16))
      (if (i32.load8_u (local.get $n)) (then unreachable))
      (br_if $copies (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 99))))
    (i32.const 2)))
