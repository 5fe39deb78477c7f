;; stage: asm
;; author: trusted
;; pass: sums
;; A shift of an index that cannot wrap is the scale of the access.
(module (memory 1)
  (func (export "f") (param $at i32) (result i32)
    (i32.load offset=64 (i32.shl (i32.and (local.get $at) (i32.const 4095)) (i32.const 2))))
  (func (export "xdp") (result i32) (i32.const 2)))
