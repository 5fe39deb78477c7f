;; stage: asm
;; target: aarch64
;; Bits are counted in integer registers: the machine's own instruction works on vectors.
(module
  (func $narrow (param i32) (result i32) (i32.popcnt (local.get 0)))
  (func $wide (param i64) (result i64) (i64.popcnt (local.get 0)))
  (func (export "xdp") (result i32) (i32.const 2)))
