;; stage: asm
;; target: portable
;; A tail call: what the function has saved is given back, its frame is gone, and `jump` leaves. The return address is
;; that of the first caller.
(module
  (func $saves (param i64) (result i64)
    (drop (call $saves (local.get 0)))
    (return_call $saves (local.get 0)))
  (func (export "xdp") (result i32) (drop (call $saves (i64.const 1))) (i32.const 2)))
