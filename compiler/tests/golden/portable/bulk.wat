;; stage: asm
;; target: portable
;; Bulk operations: ranges, then fuel by length, then one call. A passive segment's address is two instructions.
(module
  (memory 1)
  (data $p "abcdefgh")
  (func $copy (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func $init (param i32 i32 i32) (memory.init $p (local.get 0) (local.get 1) (local.get 2)))
  (func (export "xdp") (result i32) (i32.const 2)))
