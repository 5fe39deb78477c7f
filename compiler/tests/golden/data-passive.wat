;; stage: meta
;; Active segments are rows, passive ones lie in .rodata behind the constants; an active one is empty for memory.init.
(module
  (memory 1)
  (global $g (mut i64) (i64.const -2))
  (data $active (i32.const 8) "active")
  (data $one "one")
  (data $two "two")
  (func (export "xdp") (result i32)
    (global.set $g (i64.and (global.get $g) (i64.const 0x1122334455667788)))
    (memory.init $two (i32.const 0) (i32.const 1) (i32.const 2))
    (memory.init $active (i32.const 0) (i32.const 0) (i32.const 0))
    (data.drop $one)
    (data.drop $active)
    (i32.const 2)))
