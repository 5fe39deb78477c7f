;; stage: clif
;; Bulk operations: ranges, then fuel by length, then one call.
(module
  (memory 1)
  (func $copy (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func $fill (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "xdp") (result i32) (i32.const 2)))
