;; Draws random numbers for ever. Trap: out-of-fuel
(module (import "kernel" "random32" (func $random (result i32)))
  (func (export "xdp") (result i32) (loop $again (drop (call $random)) (br $again)) unreachable))
