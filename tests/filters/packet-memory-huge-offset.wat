;; The largest address with the largest offset; their sum must not wrap. Trap: packet-out-of-bounds
(module
  (import "xdp" "packet" (memory $packet 0 (pagesize 1)))
  (func (export "xdp") (result i32)
    (drop (i64.load $packet offset=0xffffffff align=1 (i32.const -1))) i32.const 2))
