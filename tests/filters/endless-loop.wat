;; Trap: out-of-fuel
(module (func (export "xdp") (result i32) (loop $again (br $again)) unreachable))
