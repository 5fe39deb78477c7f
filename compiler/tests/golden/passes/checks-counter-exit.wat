;; stage: asm
;; author: trusted
;; pass: checks
;; A loop that is left in its middle, and goes back by a plain jump: the counter is below the limit all the same.
(module (import "xdp" "packet" (memory $packet 0 (pagesize 1))) (import "xdp" "len" (func $len (result i32)))
  (func (export "xdp") (result i32) (local $i i32) (local $n i32) (local $sum i32)
    (local.set $n (call $len))
    (block $out
      (br_if $out (i32.eqz (local.get $n)))
      (loop $l
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (local.get $i))))
        (br_if $out (i32.eq (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))
        (br $l)))
    (local.get $sum)))
