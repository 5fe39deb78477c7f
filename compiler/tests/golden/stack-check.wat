;; stage: asm
;; Recursion: the prologue compares the stack pointer, frame included, with the limit; the epilogue is a jump.
(module
  (func $f (param i32) (result i32)
    (i32.add (call $f (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
  (func (export "xdp") (result i32) (call $f (i32.const 0))))
