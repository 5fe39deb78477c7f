;; stage: asm
;; Two results come back in registers; blocks and loops take and give any number.
(module
  (func $two (param i32) (result i32 i64)
    (local.get 0) (i64.const 2))
  (func (export "xdp") (result i32)
    (call $two (i32.const 1))
    (i32.const 3)
    (i64.const 4)
    (block (param i32 i64 i32 i64) (result i32)
      (drop)
      (br_if 0 (i32.const 1))
      (drop) (drop))))
