;; Fills the whole memory again and again. Trap: out-of-fuel
(module (memory 16)
  (func (export "xdp") (result i32)
    (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 1048576)) (br $again)) unreachable))
