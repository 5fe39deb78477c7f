;; Calls a function of another type through the table. Trap: indirect-call-type-mismatch
(module (table 2 funcref) (elem (i32.const 0) $other)
  (type $want (func (result i32)))
  (global $index (mut i32) (i32.const 0))
  (func $other (param i64) (result i64) local.get 0)
  (func (export "xdp") (result i32) (call_indirect (type $want) (global.get $index))))
