;; Ten nested loops of a thousand rounds each: 10^30 rounds. Trap: out-of-fuel
(module (func (export "xdp") (result i32) (local $i0 i32) (local $i1 i32) (local $i2 i32) (local $i3 i32) (local $i4 i32) (local $i5 i32) (local $i6 i32) (local $i7 i32) (local $i8 i32) (local $i9 i32)
  (local.set $i0 (i32.const 1000)) (loop $l0
    (local.set $i1 (i32.const 1000)) (loop $l1
      (local.set $i2 (i32.const 1000)) (loop $l2
        (local.set $i3 (i32.const 1000)) (loop $l3
          (local.set $i4 (i32.const 1000)) (loop $l4
            (local.set $i5 (i32.const 1000)) (loop $l5
              (local.set $i6 (i32.const 1000)) (loop $l6
                (local.set $i7 (i32.const 1000)) (loop $l7
                  (local.set $i8 (i32.const 1000)) (loop $l8
                    (local.set $i9 (i32.const 1000)) (loop $l9
                    (br_if $l9 (local.tee $i9 (i32.sub (local.get $i9) (i32.const 1)))))
                  (br_if $l8 (local.tee $i8 (i32.sub (local.get $i8) (i32.const 1)))))
                (br_if $l7 (local.tee $i7 (i32.sub (local.get $i7) (i32.const 1)))))
              (br_if $l6 (local.tee $i6 (i32.sub (local.get $i6) (i32.const 1)))))
            (br_if $l5 (local.tee $i5 (i32.sub (local.get $i5) (i32.const 1)))))
          (br_if $l4 (local.tee $i4 (i32.sub (local.get $i4) (i32.const 1)))))
        (br_if $l3 (local.tee $i3 (i32.sub (local.get $i3) (i32.const 1)))))
      (br_if $l2 (local.tee $i2 (i32.sub (local.get $i2) (i32.const 1)))))
    (br_if $l1 (local.tee $i1 (i32.sub (local.get $i1) (i32.const 1)))))
  (br_if $l0 (local.tee $i0 (i32.sub (local.get $i0) (i32.const 1)))))
  i32.const 2))
