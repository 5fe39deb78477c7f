;; Drops what arrives on CPU 1 and passes the rest: the verdicts say on which CPU an instance ran.
(module
  (import "kernel" "cpu" (func $cpu (result i32)))
  (func (export "xdp") (result i32)
    (if (result i32) (i32.eq (call $cpu) (i32.const 1)) (then (i32.const 1)) (else (i32.const 2)))))
