;; stage: asm
;; target: portable
;; Zero and overflow are branches to the trap exit; the code generator's own checks of the same are gone, and with
;; them their `udf`. A constant divisor needs neither.
(module
  (func $div_s (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $rem_s (param i64 i64) (result i64) (i64.rem_s (local.get 0) (local.get 1)))
  (func $rem_u (param i32 i32) (result i32) (i32.rem_u (local.get 0) (local.get 1)))
  (func $constant (param i32) (result i32) (i32.div_s (local.get 0) (i32.const 10)))
  (func $zero (param i32) (result i32) (i32.div_u (local.get 0) (i32.const 0)))
  (func (export "xdp") (result i32) (i32.const 2)))
