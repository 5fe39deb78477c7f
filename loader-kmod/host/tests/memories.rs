// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Several memories, memories with addresses of 64 bits, and constant expressions that say where segments go.
#![allow(missing_docs)]

mod common;

use common::{called, instance};
use wasmkc_abi::trap::TrapCode::MemoryOutOfBounds;

const PAGE: u64 = 65536;

#[test]
fn each_memory_has_its_own_bytes_and_bounds() {
    let mut i = instance(
        r#"(module
            (memory $a 1) (memory $b 2) (memory $empty 0) (memory $c 1)
            (data (memory $b) (i32.const 65536) "bee")
            (data (memory $c) (i32.const 8) "sea")
            (data (i32.const 8) "ay")
            (func (export "load") (param i32) (result i32 i32 i32)
              (i32.load8_u $a (local.get 0)) (i32.load8_u $b (local.get 0)) (i32.load8_u $c (local.get 0)))
            (func (export "load-b") (param i32) (result i32) (i32.load8_u $b (local.get 0)))
            (func (export "empty") (param i32) (result i32) (i32.load8_u $empty (local.get 0)))
            (func (export "store") (param i32 i64)
              (i64.store $c (local.get 0) (local.get 1)) (i32.store16 $b offset=2 (local.get 0) (i32.const 0x4242)))
            (func (export "sizes") (result i32 i32 i32 i32)
              (memory.size $a) (memory.size $b) (memory.size $empty) (memory.size $c)))"#,
    );
    assert_eq!(called(&mut i, "sizes", &[]), Ok(vec![1, 2, 0, 1]));
    assert_eq!(called(&mut i, "load", &[8]), Ok(vec![u64::from(b'a'), 0, u64::from(b's')]));
    assert_eq!(called(&mut i, "load-b", &[PAGE + 1]), Ok(vec![u64::from(b'e')]));
    assert_eq!(called(&mut i, "load", &[PAGE]), Err(MemoryOutOfBounds));
    assert_eq!(called(&mut i, "load-b", &[2 * PAGE]), Err(MemoryOutOfBounds));
    assert_eq!(called(&mut i, "empty", &[0]), Err(MemoryOutOfBounds));
    assert_eq!(called(&mut i, "store", &[100, u64::MAX]), Ok(vec![]));
    assert_eq!(called(&mut i, "load", &[102]), Ok(vec![0, 0x42, 255]));
    assert_eq!(called(&mut i, "load", &[104]), Ok(vec![0, 0, 255]));
    assert_eq!(called(&mut i, "store", &[PAGE - 7, 0]), Err(MemoryOutOfBounds));
    i.reset().expect("starts again");
    assert_eq!(called(&mut i, "load", &[104]), Ok(vec![0, 0, 0]));
}

#[test]
fn they_grow_by_themselves_and_copy_to_each_other() {
    let mut i = instance(
        r#"(module
            (memory $a 1 3) (memory $b 1) (memory $c 1 2)
            (data $p "0123456789")
            (func (export "grow") (param i32 i32) (result i32 i32)
              (memory.grow $a (local.get 0)) (memory.grow $c (local.get 1)))
            (func (export "sizes") (result i32 i32 i32) (memory.size $a) (memory.size $b) (memory.size $c))
            (func (export "put") (param i32 i32 i32)
              (memory.init $c $p (local.get 0) (local.get 1) (local.get 2)))
            (func (export "copy") (param i32 i32 i32)
              (memory.copy $b $c (local.get 0) (local.get 1) (local.get 2)))
            (func (export "fill") (param i32 i32) (memory.fill $b (local.get 0) (i32.const 7) (local.get 1)))
            (func (export "b") (param i32) (result i64) (i64.load $b (local.get 0)))
            (func (export "c") (param i32) (result i32) (i32.load8_u $c (local.get 0)))
            (func (export "a") (param i32) (result i32) (i32.load8_u $a (local.get 0))))"#,
    );
    assert_eq!(called(&mut i, "c", &[PAGE]), Err(MemoryOutOfBounds));
    assert_eq!(called(&mut i, "put", &[PAGE - 2, 0, 5]), Err(MemoryOutOfBounds));
    assert_eq!(called(&mut i, "grow", &[1, 1]), Ok(vec![1, 1]));
    assert_eq!(called(&mut i, "grow", &[2, 1]), Ok(vec![0xffff_ffff; 2]));
    assert_eq!(called(&mut i, "sizes", &[]), Ok(vec![2, 1, 2]));
    assert_eq!(called(&mut i, "put", &[PAGE - 2, 1, 8]), Ok(vec![]));
    assert_eq!(called(&mut i, "c", &[PAGE]), Ok(vec![u64::from(b'3')]));
    assert_eq!(called(&mut i, "a", &[PAGE]), Ok(vec![0]), "the first memory is another one");
    assert_eq!(called(&mut i, "copy", &[16, PAGE - 2, 8]), Ok(vec![]));
    assert_eq!(called(&mut i, "b", &[16]), Ok(vec![u64::from_le_bytes(*b"12345678")]));
    for outside in [[PAGE - 1, 0, 2], [0, 2 * PAGE - 1, 2], [0, 2 * PAGE + 1, 0], [0, 0, 0xffff_ffff]] {
        assert_eq!(called(&mut i, "copy", &outside), Err(MemoryOutOfBounds), "{outside:?}");
    }
    assert_eq!(called(&mut i, "fill", &[17, 3]), Ok(vec![]));
    assert_eq!(called(&mut i, "b", &[16]), Ok(vec![u64::from_le_bytes(*b"1\x07\x07\x075678")]));
    assert_eq!(called(&mut i, "fill", &[PAGE - 1, 2]), Err(MemoryOutOfBounds));
}

#[test]
fn what_they_could_want_beyond_the_limit_is_divided() {
    let mut i = instance(
        r#"(module
            (memory $a 0 65536) (memory $b 6 65536) (memory $fixed 100 65536)
            (func (export "a") (param i32) (result i32) (memory.grow $a (local.get 0)))
            (func (export "b") (param i32) (result i32) (memory.grow $b (local.get 0))))"#,
    );
    assert_eq!(called(&mut i, "a", &[460]), Ok(vec![0xffff_ffff]));
    assert_eq!(called(&mut i, "a", &[459]), Ok(vec![0]));
    assert_eq!(called(&mut i, "b", &[460]), Ok(vec![0xffff_ffff]));
    assert_eq!(called(&mut i, "b", &[459]), Ok(vec![6]));
}

/// A module with one memory of 64 bits; with `max` it grows.
fn wide(max: &str) -> wasmkc_host::Instance {
    let grow = if max.is_empty() { "(i64.const 0)" } else { "(memory.grow (local.get 0))" };
    instance(&format!(
        r#"(module
            (memory i64 1 {max})
            (memory $narrow 1)
            (data (i64.const 16) "wide")
            (data $p "passive")
            (func (export "load") (param i64) (result i32) (i32.load8_u (local.get 0)))
            (func (export "load-far") (param i64) (result i32) (i32.load8_u offset=65536 (local.get 0)))
            (func (export "load-huge") (param i64) (result i32) (i32.load8_u offset=0xffffffffffffffff (local.get 0)))
            (func (export "store") (param i64 i64) (i64.store offset=8 (local.get 0) (local.get 1)))
            (func (export "chain") (param i64) (result i64)
              (i64.load (i64.load (i64.load (i64.load (i64.load (i64.load (i64.load (local.get 0)))))))))
            (func (export "size") (result i64) (memory.size))
            (func (export "grow") (param i64) (result i64) {grow})
            (func (export "fill") (param i64 i64) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
            (func (export "copy") (param i64 i64 i64) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
            (func (export "out") (param i32 i64 i32)
              (memory.copy $narrow 0 (local.get 0) (local.get 1) (local.get 2)))
            (func (export "put") (param i64 i32 i32) (memory.init $p (local.get 0) (local.get 1) (local.get 2))))"#
    ))
}

#[test]
fn addresses_of_64_bits_do_not_wrap() {
    for max in ["", "3"] {
        let mut i = wide(max);
        assert_eq!(called(&mut i, "load", &[19]), Ok(vec![u64::from(b'e')]));
        assert_eq!(called(&mut i, "load-huge", &[1]), Err(MemoryOutOfBounds));
        assert_eq!(called(&mut i, "chain", &[1024]), Ok(vec![0]));
        for outside in [PAGE, 1 << 32, (1 << 32) + 16, u64::MAX, u64::MAX - 6, 1 << 63, u64::MAX << 32] {
            assert_eq!(called(&mut i, "load", &[outside]), Err(MemoryOutOfBounds), "{outside:#x}");
            assert_eq!(called(&mut i, "load-far", &[outside]), Err(MemoryOutOfBounds), "{outside:#x}");
            assert_eq!(called(&mut i, "store", &[outside, 1]), Err(MemoryOutOfBounds), "{outside:#x}");
            assert_eq!(called(&mut i, "fill", &[outside, 1]), Err(MemoryOutOfBounds), "{outside:#x}");
            assert_eq!(called(&mut i, "fill", &[1, outside]), Err(MemoryOutOfBounds), "{outside:#x}");
            assert_eq!(called(&mut i, "copy", &[outside, 0, 1]), Err(MemoryOutOfBounds), "{outside:#x}");
            assert_eq!(called(&mut i, "copy", &[0, outside, 1]), Err(MemoryOutOfBounds), "{outside:#x}");
            assert_eq!(called(&mut i, "copy", &[1, 1, outside]), Err(MemoryOutOfBounds), "{outside:#x}");
            assert_eq!(called(&mut i, "put", &[outside, 0, 1]), Err(MemoryOutOfBounds), "{outside:#x}");
            assert_eq!(called(&mut i, "out", &[0, outside, 1]), Err(MemoryOutOfBounds), "{outside:#x}");
        }
        assert_eq!(called(&mut i, "store", &[PAGE - 16, u64::MAX]), Ok(vec![]));
        assert_eq!(called(&mut i, "store", &[PAGE - 15, 0]), Err(MemoryOutOfBounds));
        assert_eq!(called(&mut i, "load", &[PAGE - 1]), Ok(vec![255]));
        assert_eq!(called(&mut i, "put", &[32, 0, 7]), Ok(vec![]));
        assert_eq!(called(&mut i, "copy", &[64, 32, 7]), Ok(vec![]));
        assert_eq!(called(&mut i, "load", &[70]), Ok(vec![u64::from(b'e')]));
        assert_eq!(called(&mut i, "fill", &[PAGE, 0]), Ok(vec![]));
        assert_eq!(called(&mut i, "size", &[]), Ok(vec![1]));
    }
}

#[test]
fn a_memory_of_64_bits_grows() {
    let mut i = wide("3");
    for much in [3, 1 << 32, (1 << 48) + 1, u64::MAX] {
        assert_eq!(called(&mut i, "grow", &[much]), Ok(vec![u64::MAX]), "{much:#x}");
    }
    assert_eq!(called(&mut i, "load-far", &[5]), Err(MemoryOutOfBounds));
    assert_eq!(called(&mut i, "grow", &[1]), Ok(vec![1]));
    assert_eq!(called(&mut i, "load-far", &[5]), Ok(vec![0]));
    assert_eq!(called(&mut i, "size", &[]), Ok(vec![2]));
}

#[test]
fn constant_expressions_compute() {
    let mut i = instance(
        r#"(module
            (global $a i32 (i32.const 6))
            (global $b i32 (i32.mul (global.get $a) (i32.sub (i32.const 9) (i32.add (i32.const 1) (i32.const 1)))))
            (global $c (export "c") i64 (i64.add (i64.const -1) (i64.mul (i64.const 3) (i64.sub (i64.const 1) (i64.const 2)))))
            (global $wraps i32 (i32.mul (i32.const 0x10001) (i32.const 0x10001)))
            (memory 1) (table 10 funcref)
            (data (i32.add (global.get $b) (i32.const 1)) "x")
            (elem (i32.sub (global.get $a) (i32.const 2)) $f)
            (func $f (result i32) (global.get $b))
            (func (export "run") (result i32 i64 i32 i32 i32)
              (call_indirect (result i32) (i32.const 4))
              (global.get $c) (global.get $wraps) (i32.load8_u (i32.const 43)) (i32.load8_u (i32.const 42))))"#,
    );
    assert_eq!(called(&mut i, "run", &[]), Ok(vec![42, -4i64 as u64, 0x20001, u64::from(b'x'), 0]));
}
