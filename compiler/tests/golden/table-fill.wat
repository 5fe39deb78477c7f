;; stage: asm
;; Growing a table fills it element by element: each is paid for, checked and masked.
(module
  (table $t 2 8 externref)
  (func (export "grow") (param externref i32) (result i32) (table.grow $t (local.get 0) (local.get 1))))
