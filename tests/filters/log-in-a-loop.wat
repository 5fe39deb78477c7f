;; Writes to the kernel's log for ever. Trap: out-of-fuel
(module (import "kernel" "log" (func $log (param i32 i32) (result i32))) (memory 1) (data (i32.const 0) "flood")
  (func (export "xdp") (result i32) (loop $again (drop (call $log (i32.const 0) (i32.const 5))) (br $again)) unreachable))
