;; stage: meta
;; target: aarch64
;; The records name the machine; fuel is the same as elsewhere, sites are multiples of four.
(module
  (func (export "xdp") (result i32) (i32.div_u (i32.const 6) (i32.const 3))))
