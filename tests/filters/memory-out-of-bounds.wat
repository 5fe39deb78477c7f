;; Loads the last address a 32-bit index can name. Trap: memory-out-of-bounds
(module (memory 1)
  (func (export "xdp") (result i32) i32.const -1 i32.load drop i32.const 2))
