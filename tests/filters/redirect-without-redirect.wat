;; Returns REDIRECT without a target. Trap: redirect-without-target
(module (func (export "xdp") (result i32) i32.const 4))
