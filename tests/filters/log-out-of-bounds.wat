;; Hands the log helper a range that leaves the memory. Trap: memory-out-of-bounds
(module (import "kernel" "log" (func $log (param i32 i32) (result i32))) (memory 1)
  (func (export "xdp") (result i32) (drop (call $log (i32.const 65500) (i32.const 100))) i32.const 2))
