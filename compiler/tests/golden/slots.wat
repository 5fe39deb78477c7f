;; stage: meta
;; What an instance's slots hold: globals, further memories, tables as far as anything reads them, lengths of
;; passive element segments, the transfer area.
(module
  (global $g (mut i64) (i64.const 5))
  (global $r (mut funcref) (ref.func $f))
  (memory $a 1) (memory $b 2 3) (memory $c 1)
  (table $changes 1 4 funcref)
  (table $fixed 3 funcref)
  (table $read 2 funcref)
  (elem (table $changes) (i32.const 0) func $f)
  (elem (table $fixed) (i32.const 0) func $f)
  (elem (table $read) (i32.const 1) func $f)
  (elem $p func $f $f)
  (data (memory $c) (i32.const 3) "see")
  (func $f)
  (func (export "three") (param i32 externref f64)
    (table.init $changes $p (i32.const 0) (i32.const 0) (i32.const 0))
    (drop (table.grow $changes (table.get $read (i32.const 0)) (i32.const 1)))
    (drop (memory.grow $b (i32.const 1)))
    (call_indirect $fixed (i32.const 0))))
