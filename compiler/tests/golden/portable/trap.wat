;; stage: asm
;; target: portable
;; A trap is a call of the loader's function 0 with its code; behind it stands `trap`, which is never reached. Its site
;; is the address behind the call.
(module
  (func (export "xdp") (result i32) (unreachable)))
