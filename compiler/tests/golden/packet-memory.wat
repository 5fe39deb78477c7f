;; stage: asm
;; The packet as a memory beside a linear one: the same checks as by the imports, an offset added before the mask.
(module
  (import "xdp" "packet" (memory $packet 0 (pagesize 1)))
  (memory $own 1)
  (func (export "xdp") (result i32)
    (i32.store $own (i32.const 16) (i32.load offset=20 align=1 (i32.load8_u $packet (i32.const 14))))
    (i32.add (memory.size $packet) (i32.load $own (i32.const 16)))))
