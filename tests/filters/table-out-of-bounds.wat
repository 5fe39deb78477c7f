;; Calls behind the table's end. Trap: table-out-of-bounds
(module (table 2 funcref) (type $want (func (result i32)))
  (global $index (mut i32) (i32.const 2))
  (func (export "xdp") (result i32) (call_indirect (type $want) (global.get $index))))
