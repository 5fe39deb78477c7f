;; stage: asm
;; target: portable
;; A tree of comparisons as well: no jump table.
(module
  (func $f (param i32) (result i32)
    (block (block (block (block (br_table 0 1 2 3 (local.get 0))) (return (i32.const 40))) (return (i32.const 30)))
      (return (i32.const 20)))
    (i32.const 10))
  (func (export "xdp") (result i32) (call $f (i32.const 0))))
