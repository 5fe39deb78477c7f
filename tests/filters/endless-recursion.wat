;; Trap: stack-overflow
(module (func $again (param i32) (result i32)
    (i32.add (call $again (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
  (func (export "xdp") (result i32) (call $again (i32.const 0))))
