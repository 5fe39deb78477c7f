;; tests/plant.sh puts instructions that raise exceptions in the place of the constant, two calls deep.
(module
  (func $inner (param i32) (result i32) (i32.xor (local.get 0) (i32.const 0x12345678)))
  (func $outer (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1)))
  (func (export "xdp") (result i32) (call $outer (i32.const 5))))
