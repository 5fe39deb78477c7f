;; Loads one byte behind the packet, which is imported as a memory. Trap: packet-out-of-bounds
(module
  (import "xdp" "packet" (memory $packet 0 (pagesize 1)))
  (func (export "xdp") (result i32)
    (drop (i32.load8_u $packet (memory.size $packet))) i32.const 2))
