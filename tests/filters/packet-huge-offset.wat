;; Loads at the largest offset; offset plus width must not wrap. Trap: packet-out-of-bounds
(module
  (import "xdp" "load64_be" (func $load (param i32) (result i64)))
  (func (export "xdp") (result i32) (drop (call $load (i32.const -4))) i32.const 2))
