;; A constant zero is made of two registers that hold one value; the audit did not see the zero, and refused the copy.
(module
  (import "xdp" "load64_be" (func $load64 (param i32) (result i64)))
  (import "xdp" "copy_in" (func $in (param i32 i32 i32)))
  (memory (export "m0") 1)
  (global (mut i64) (i64.const 0))
  (func (export "f") (param f64) (local f64)
    (call $load64 (i32.const 19))
    (if (f64.ne (local.tee 1 (local.get 0)) (local.get 1))
      (then (call $in (i32.const 3) (i32.const 10) (i32.const 0)) (local.set 1 (f64.const 0))))
    (global.set 0 (i64.xor (i64.trunc_sat_f64_u (local.get 1))))))
