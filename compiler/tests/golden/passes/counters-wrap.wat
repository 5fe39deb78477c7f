;; stage: asm
;; author: trusted
;; pass: counters
;; One that may go round stays in 32 bits, and so does one that something else is put into; the last one is widened.
(module (import "xdp" "len" (func $len (result i32))) (memory 1)
  (func (export "xdp") (result i32) (local $i i32) (local $sum i32)
    (local.set $i (call $len))
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 3)))
      (br_if $l (i32.ne (local.get $i) (i32.const 7))))
    (loop $l
      (local.set $sum (i32.load8_u (local.get $i)))
      (if (local.get $sum)
        (then (local.set $i (local.get $sum)))
        (else (local.set $i (i32.add (local.get $i) (i32.const 1)))))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 100))))
    (local.set $i (i32.const 0))
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 100))))
    (local.get $sum)))
