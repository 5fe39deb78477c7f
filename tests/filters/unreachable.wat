;; Trap: unreachable
(module (func (export "xdp") (result i32) unreachable))
