;; Fills as many bytes at once as the fuel allows, one unit for eight, then goes on for ever. Trap: out-of-fuel
(module (memory 16)
  (func (export "xdp") (result i32)
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 799000))
    (loop $again (br $again)) unreachable))
