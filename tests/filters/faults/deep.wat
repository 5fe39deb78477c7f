;; An exception under as many small frames as are asked for.
(module
  (func $inner (param i32) (result i32) (i32.xor (local.get 0) (i32.const 0x12345678)))
  (func $f (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (call $inner (i32.const 5)))
      (else (i32.add (call $f (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))))
  (func (export "deep") (param i32) (result i32) (call $f (local.get 0))))
