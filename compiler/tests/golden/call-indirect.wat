;; stage: clif
;; A dispatcher for each type: null, another type, an import (through a thunk) and equal types under two names.
(module
  (type $t (func (param i32) (result i32)))
  (type $same (func (param i32) (result i32)))
  (import "xdp" "load8" (func $load8 (type $t)))
  (table 6 funcref)
  (elem (i32.const 1) $f $f $load8 $other)
  (func $f (type $same) (local.get 0))
  (func $other)
  (func (export "xdp") (result i32)
    (call_indirect (type $t) (i32.const 9) (i32.const 2))))
