;; stage: asm
;; author: trusted
;; pass: versions
;; Three fields behind one pointer, of which the last two are read if the first is not zero, and a loop over sixteen bytes:
;; one comparison leads to all of them without a check; where it fails, the code is as it was.
(module (memory 1)
  (func $f (param $p i32) (result i32) (local $i i32) (local $sum i32)
    (if (i32.eqz (i32.load16_u offset=12 (local.get $p))) (then (return (i32.const 2))))
    (local.set $sum (i32.add (i32.load offset=20 (local.get $p)) (i32.load8_u offset=31 (local.get $p))))
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (i32.add (local.get $p) (local.get $i)))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 16))))
    (local.get $sum))
  (func (export "xdp") (result i32) (call $f (i32.load (i32.const 8)))))
