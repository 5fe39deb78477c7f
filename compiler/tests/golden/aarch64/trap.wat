;; stage: asm
;; target: aarch64
;; A trap is a call of the trap exit with its code; behind it stands `udf`, which is never reached. Its site is the
;; address behind the call.
(module
  (func (export "xdp") (result i32) (unreachable)))
