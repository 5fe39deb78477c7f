;; Drops what has the VLAN tag 7 and passes the rest.
(module
  (import "xdp" "load16_be" (func $load16 (param i32) (result i32)))
  (func (export "xdp") (result i32)
    (if (result i32)
      (i32.and
        (i32.eq (call $load16 (i32.const 12)) (i32.const 0x8100))
        (i32.eq (i32.and (call $load16 (i32.const 14)) (i32.const 0xfff)) (i32.const 7)))
      (then (i32.const 1))
      (else (i32.const 2)))))
