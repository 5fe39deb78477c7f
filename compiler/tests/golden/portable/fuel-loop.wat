;; stage: asm
;; target: portable
;; The entry charges for what lies outside the loops, each header for its own operators: a load, a store, and no charge
;; is merged with the one before it.
(module
  (func (export "xdp") (result i32) (local $n i32)
    (loop $outer
      (loop $inner
        (br_if $inner (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5))))
      (br_if $outer (i32.lt_u (local.get $n) (i32.const 9))))
    (i32.const 2)))
