;; stage: clif
;; What follows a branch is skipped, loops and all; fuel counts it nevertheless.
(module
  (func (export "xdp") (result i32)
    (block
      (br 0)
      (i32.add) (drop)
      (loop (br 0)))
    (loop (result i32)
      (if (i32.const 1) (then (unreachable)) (else (return (i32.const 1))))
      (block (result i32) (i32.const 4)))))
