;; stage: clif
;; Addresses of 64 bits in a memory behind the first that grows: one that does not fit 32 bits traps before
;; anything is added to it.
(module
  (memory 1) (memory $m i64 1 2)
  (func (export "get") (param i64) (result i32)
    (drop (memory.grow $m (local.get 0)))
    (i32.load $m offset=8 (local.get 0))))
