;; Grows its memory by one page for ever, long after there is no more. Trap: out-of-fuel
(module (memory 1 16)
  (func (export "xdp") (result i32) (loop $again (drop (memory.grow (i32.const 1))) (br $again)) unreachable))
