;; stage: asm
;; target: portable
;; Fifteen registers hold parameters, the call block's address first, so these nine fit. Results beyond the second go
;; through the transfer area.
(module
  (func $f (param i64 i64 i64 i64 i64 i64 i64 i32 i64) (result i32 i32 i64)
    (local.get 7) (i32.const 1) (local.get 8))
  (func (export "xdp") (result i32)
    (drop (call $f (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7)
      (i32.const 8) (i64.const 0x123456789abcdef)))
    (drop)))
