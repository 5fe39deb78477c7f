;; stage: meta
;; target: portable
;; The records name bytecode and its version; fuel is the same as elsewhere.
(module
  (func (export "xdp") (result i32) (i32.div_u (i32.const 6) (i32.const 3))))
