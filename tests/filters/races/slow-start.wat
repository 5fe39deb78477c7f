;; Traps at every packet and takes long to start: 16 MiB of memory to clear and an `init` that copies for a while.
;; So after a trap there is time to send packets to an instance that is being reset, or to unload it.
(module
  (memory 256 256)
  (func (export "init") (local $i i32)
    (loop $again
      (memory.copy (i32.const 0) (i32.const 1) (i32.const 1000000))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 75)))))
  (func (export "xdp") (result i32) unreachable))
