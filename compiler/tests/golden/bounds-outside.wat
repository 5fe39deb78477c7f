;; stage: clif
;; An offset beyond the memory: every access traps, no compare is left.
(module
  (memory 1)
  (func (export "xdp") (result i32)
    (i32.load offset=65533 (i32.const 0))))
