;; Divides by a zero that no optimiser can see. Trap: division-by-zero
(module (global $zero (mut i32) (i32.const 0))
  (func (export "xdp") (result i32) (i32.div_u (i32.const 7) (global.get $zero))))
