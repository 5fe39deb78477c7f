;; stage: clif
;; Zero and overflow are branches; a constant divisor needs none, a remainder cannot overflow.
(module
  (func $div_s (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $rem_s (param i64 i64) (result i64) (i64.rem_s (local.get 0) (local.get 1)))
  (func $constant (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 10)))
  (func $by_minus_one (param i32) (result i32) (i32.div_s (local.get 0) (i32.const -1)))
  (func (export "xdp") (result i32) (i32.const 2)))
