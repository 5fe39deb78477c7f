;; Returns a number that is no verdict. Trap: bad-verdict
(module (func (export "xdp") (result i32) i32.const 77))
