;; Loads a byte behind the packet. Trap: packet-out-of-bounds
(module
  (import "xdp" "len" (func $len (result i32)))
  (import "xdp" "load8" (func $load8 (param i32) (result i32)))
  (func (export "xdp") (result i32) (drop (call $load8 (call $len))) i32.const 2))
