;; stage: asm
;; target: portable
;; A memory that nothing grows: the bound is a constant. Nothing is masked.
(module
  (memory 4 4)
  (func (export "xdp") (result i32)
    (i32.store offset=70000 (i32.const 7) (i32.const 9))
    (i32.load offset=16 (i32.load8_u (i32.const 5)))))
