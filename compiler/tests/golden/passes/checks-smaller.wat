;; stage: asm
;; author: trusted
;; pass: checks
;; An access that reaches less far than one before it, from the same base, has no check; one that reaches further has.
(module (import "xdp" "packet" (memory $packet 0 (pagesize 1))) (import "xdp" "len" (func $len (result i32)))
  (func (export "f") (param $at i32) (result i32)
    (i32.add (i32.load $packet offset=16 align=1 (local.get $at))
      (i32.add (i32.load8_u $packet offset=9 (local.get $at)) (i32.load8_u $packet offset=20 (local.get $at)))))
  (func (export "xdp") (result i32) (i32.const 2)))
