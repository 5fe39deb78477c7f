;; stage: asm
;; target: portable
;; The first instruction takes the frame's stack, and the interpreter ends the run there if there is none: the site is the
;; byte behind its first. Then the charge. There are no landing pads; the function returns itself.
(module
  (func $f (param i32) (result i32)
    (i32.add (call $f (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
  (func (export "xdp") (result i32) (call $f (i32.const 0))))
