;; Copies as many bytes as the fuel allows, overlapping by all but one and away from alignment. Trap: out-of-fuel
(module (memory 16)
  (func (export "xdp") (result i32)
    (memory.copy (i32.const 1) (i32.const 0) (i32.const 399000))
    (memory.copy (i32.const 2) (i32.const 3) (i32.const 399000))
    (loop $again (br $again)) unreachable))
