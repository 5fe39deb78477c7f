;; stage: asm
;; A tail call: what the function has saved is given back, its frame is gone, and a jump leaves. The dispatcher and
;; the sixth parameter, which travels through the transfer area, make no frame that a jump could not leave.
(module
  (type $six (func (param i64 i64 i64 i64 i64 i64) (result i64)))
  (table funcref (elem $f))
  (func $f (type $six) (local.get 5))
  (func $saves (param i64) (result i64)
    (drop (call $saves (local.get 0)))
    (return_call $saves (local.get 0)))
  (func (export "through") (type $six)
    (return_call_indirect (type $six) (local.get 1) (local.get 0) (local.get 2) (local.get 3) (local.get 5) (local.get 4)
      (i32.const 0))))
