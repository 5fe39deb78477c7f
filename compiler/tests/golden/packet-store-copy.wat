;; stage: clif
;; Stores swap before they write; copies check both ranges and charge by length.
(module
  (import "xdp" "store32_be" (func $store (param i32 i32)))
  (import "xdp" "copy_in" (func $in (param i32 i32 i32)))
  (import "xdp" "copy_out" (func $out (param i32 i32 i32)))
  (import "xdp" "total_len" (func $total (result i32)))
  (memory 1)
  (func (export "xdp") (result i32)
    (call $store (i32.const 4) (i32.const 0x01020304))
    (call $in (i32.const 100) (i32.const 0) (call $total))
    (call $out (i32.const 0) (i32.const 100) (call $total))
    (i32.const 2)))
