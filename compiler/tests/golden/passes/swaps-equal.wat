;; stage: asm
;; author: trusted
;; pass: swaps
;; A number in network order is compared with a swapped constant.
(module (import "xdp" "load16_be" (func $load16 (param i32) (result i32)))
  (func (export "xdp") (result i32)
    (select (i32.const 1) (i32.const 2) (i32.eq (call $load16 (i32.const 12)) (i32.const 0x0800)))))
