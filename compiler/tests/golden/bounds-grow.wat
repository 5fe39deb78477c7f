;; stage: clif
;; A memory that grows: the size is loaded for each access, `memory.grow` compares with the maximum.
(module
  (memory 1 4)
  (func (export "xdp") (result i32)
    (i32.store16 offset=65536 (i32.const 0) (memory.grow (i32.const 1)))
    (memory.size)))
