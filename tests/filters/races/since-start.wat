;; Drops the first two datagrams after its start and passes the others, so a start shows in the verdicts.
;; A datagram to port 6666 spoils the memory and traps. Memory, global and data segment must agree:
;; an instance that was started anew by half gives a number that is no verdict. `seen` is called: in an instance of
;; the caller's own no packet was seen.
(module
  (import "xdp" "len" (func $len (result i32)))
  (import "xdp" "load8" (func $load8 (param i32) (result i32)))
  (import "xdp" "load16_be" (func $load16 (param i32) (result i32)))
  (memory 1)
  (data (i32.const 16) "\05")
  (global $seen (mut i32) (i32.const 0))
  (func (export "seen") (result i32) (global.get $seen))
  (func (export "xdp") (result i32)
    (if (i32.lt_u (call $len) (i32.const 42)) (then (return (i32.const 2))))
    (if (i32.ne (call $load16 (i32.const 12)) (i32.const 0x0800)) (then (return (i32.const 2))))
    (if (i32.ne (call $load8 (i32.const 23)) (i32.const 17)) (then (return (i32.const 2))))
    (if (i32.eq (call $load16 (i32.const 36)) (i32.const 6666))
      (then (i32.store8 (i32.const 16) (i32.const 99)) (unreachable)))
    (global.set $seen (i32.add (global.get $seen) (i32.const 1)))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (if (i32.ne (global.get $seen) (i32.load (i32.const 0))) (then (return (i32.const 77))))
    (if (i32.ne (i32.load8_u (i32.const 16)) (i32.const 5)) (then (return (i32.const 78))))
    (if (result i32) (i32.le_u (global.get $seen) (i32.const 2)) (then (i32.const 1)) (else (i32.const 2)))))
