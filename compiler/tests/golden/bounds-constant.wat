;; stage: asm
;; A memory that nothing grows: the bound is an immediate, the offset is folded into it.
(module
  (memory 1 4)
  (func (export "xdp") (result i32)
    (i32.load offset=16 (i32.load8_u (i32.const 5)))))
