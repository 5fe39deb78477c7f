;; stage: asm
;; target: portable
;; Loads from the packet are inline: one comparison with its length, one load, a byte swap if big endian.
(module
  (import "xdp" "load16_be" (func $be16 (param i32) (result i32)))
  (import "xdp" "load64_le" (func $le64 (param i32) (result i64)))
  (func (export "xdp") (result i32)
    (i32.add (call $be16 (i32.const 12)) (i32.wrap_i64 (call $le64 (i32.const 20))))))
