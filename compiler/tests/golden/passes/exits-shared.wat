;; stage: asm
;; author: trusted
;; pass: exits
;; Ways out through the ends of blocks go straight to one block a verdict.
(module (import "xdp" "load8" (func $load8 (param i32) (result i32)))
  (func (export "xdp") (result i32) (local $b i32)
    (local.set $b (call $load8 (i32.const 0)))
    (block $pass (result i32)
      (block $drop (result i32)
        (drop (br_if $drop (i32.const 1) (i32.eq (local.get $b) (i32.const 7))))
        (drop (br_if $pass (i32.const 2) (i32.eq (call $load8 (i32.const 1)) (i32.const 9))))
        (drop (br_if $drop (i32.const 1) (i32.eq (call $load8 (i32.const 2)) (i32.const 11))))
        (br $pass (i32.const 2))))))
