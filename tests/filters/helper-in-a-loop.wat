;; Calls the clock for ever. Trap: out-of-fuel
(module (import "kernel" "ktime_ns" (func $time (result i64)))
  (func (export "xdp") (result i32) (loop $again (drop (call $time)) (br $again)) unreachable))
