;; stage: asm
;; target: portable
;; A memory that grows: the bytes in use are loaded, as they may have changed.
(module
  (memory 1 4)
  (func (export "xdp") (result i32)
    (drop (memory.grow (i32.const 1)))
    (i32.load offset=70000 (memory.size))))
