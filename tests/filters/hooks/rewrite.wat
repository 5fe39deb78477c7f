;; Makes a capital H of the first byte of each UDP datagram over IPv4, and clears the checksum.
(module
  (import "xdp" "len" (func $len (result i32)))
  (import "xdp" "load8" (func $load8 (param i32) (result i32)))
  (import "xdp" "load16_be" (func $load16 (param i32) (result i32)))
  (import "xdp" "store8" (func $store8 (param i32 i32)))
  (import "xdp" "store16_be" (func $store16 (param i32 i32)))
  (func (export "xdp") (result i32)
    (if (i32.gt_u (call $len) (i32.const 42))
      (then
        (if (i32.eq (call $load16 (i32.const 12)) (i32.const 0x0800))
          (then
            (if (i32.eq (call $load8 (i32.const 23)) (i32.const 17))
              (then
                (call $store16 (i32.const 40) (i32.const 0))
                (call $store8 (i32.const 42) (i32.const 0x48))))))))
    i32.const 2))
