;; Makes an EtherType that nobody knows of what stands in front of a VLAN tag.
(module
  (import "xdp" "load16_be" (func $load16 (param i32) (result i32)))
  (import "xdp" "store16_be" (func $store16 (param i32 i32)))
  (func (export "xdp") (result i32)
    (if (i32.eq (call $load16 (i32.const 12)) (i32.const 0x8100))
      (then (call $store16 (i32.const 12) (i32.const 0xdead))))
    i32.const 2))
