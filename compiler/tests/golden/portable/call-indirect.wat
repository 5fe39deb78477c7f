;; stage: asm
;; target: portable
;; A dispatcher is a tree of comparisons with direct calls; there is no branch through a register.
(module
  (type $t (func (param i32) (result i32)))
  (import "xdp" "load8" (func $load8 (type $t)))
  (table 5 funcref)
  (elem (i32.const 1) $f $load8 $other)
  (func $f (type $t) (local.get 0))
  (func $other)
  (func (export "xdp") (result i32)
    (call_indirect (type $t) (i32.const 9) (i32.const 2))))
