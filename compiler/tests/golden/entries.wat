;; stage: meta
;; Start function, _initialize and init with endbr64; the shadow-stack pointer is found by its look.
(module
  (import "kernel" "random32" (func $random (result i32)))
  (import "kernel" "log" (func $log (param i32 i32) (result i32)))
  (memory 2 2)
  (global $sp (mut i32) (i32.const 65536))
  (start $start)
  (func $start (drop (call $random)))
  (func (export "_initialize") (drop (call $log (i32.const 1) (i32.const 2))))
  (func (export "init"))
  (func (export "xdp") (result i32) (global.set $sp (i32.const 16)) (i32.const 2)))
