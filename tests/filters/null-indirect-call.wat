;; Calls an empty table element. Trap: indirect-call-to-null
(module (table 2 funcref) (type $want (func (result i32)))
  (global $index (mut i32) (i32.const 1))
  (func (export "xdp") (result i32) (call_indirect (type $want) (global.get $index))))
