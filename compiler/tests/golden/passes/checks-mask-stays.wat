;; stage: asm
;; pass: checks
;; What a branch says does not hold where the processor guesses: the second check goes, its mask stays.
(module (import "xdp" "packet" (memory $packet 0 (pagesize 1))) (import "xdp" "len" (func $len (result i32)))
  (func (export "f") (param $at i32) (result i32)
    (if (i32.lt_u (call $len) (i32.const 34)) (then (return (i32.const 2))))
    (i32.load $packet align=1 (i32.and (local.get $at) (i32.const 15))))
  (func (export "xdp") (result i32) (i32.const 2)))
