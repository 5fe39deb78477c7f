;; stage: clif
;; A table that changes: its elements are references in slots, masked for a trusted author too, and the dispatcher
;; goes by the reference. A copy is charged by its length and made by the runtime.
;; author: trusted
(module
  (type $t (func (param i32) (result i32)))
  (table $t 6 funcref)
  (elem $p func $f $g)
  (func $f (type $t) (local.get 0))
  (func $g (type $t) (local.get 0))
  (func $copies (table.init $t $p (i32.const 1) (i32.const 0) (i32.const 2)))
  (func (export "xdp") (result i32)
    (table.set $t (i32.const 2) (ref.func $f))
    (call_indirect $t (type $t) (i32.const 9) (i32.const 2))))
