;; Both segments lie outside: the element segment is what instantiation traps at, and what the compiler has to name.
(module
  (table 0 funcref)
  (memory 0)
  (func $f (export "f"))
  (elem (i32.const 1) $f)
  (data (i32.const 0) "a"))
