;; stage: asm
;; target: portable
;; A float is its bits in an integer register; an operator is a call of the runtime's function.
(module
  (func $less (param f64 f64) (result i32) (f64.lt (local.get 0) (local.get 1)))
  (func (export "xdp") (result i32) (call $less (f64.const 1.5) (f64.const 2))))
