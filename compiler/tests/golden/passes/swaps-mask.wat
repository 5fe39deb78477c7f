;; stage: asm
;; author: trusted
;; pass: swaps
;; So is what is masked: whether some bit is set, and whether the bits are those of a number.
(module (import "xdp" "load16_be" (func $load16 (param i32) (result i32)))
  (import "xdp" "load32_be" (func $load32 (param i32) (result i32)))
  (func (export "xdp") (result i32)
    (if (i32.and (call $load16 (i32.const 20)) (i32.const 0x1fff)) (then (return (i32.const 1))))
    (if (i32.eq (i32.and (call $load32 (i32.const 26)) (i32.const 0xffffff00)) (i32.const 0x0a000100))
      (then (return (i32.const 3))))
    (i32.const 2)))
