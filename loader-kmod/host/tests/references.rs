// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! References, tables that change, element segments: what each instruction does and when it traps.
#![allow(missing_docs)]

mod common;

use common::{called, instance, instance_by, options};
use wasmkc_abi::limits::MAX_GROWN_ELEMENTS;
use wasmkc_abi::trap::TrapCode::{self, BadSignature, IndirectCallToNull, TableOutOfBounds};
use wasmkc_compiler::{Options, Target};

const OUT: Result<Vec<u64>, TrapCode> = Err(TableOutOfBounds);

#[test]
fn references_are_values_like_any_other() {
    let mut i = instance(
        r#"(module
            (global $kept (mut externref) (ref.null extern))
            (global $f funcref (ref.func $seven))
            (global $again funcref (global.get $f))
            (table $t 1 funcref)
            (func $seven (result i32) (i32.const 7))
            (func (export "keep") (param externref) (result externref)
              (local $old externref)
              (local.set $old (global.get $kept)) (global.set $kept (local.get 0)) (local.get $old))
            (func (export "is-null") (param externref) (result i32 i32)
              (ref.is_null (local.get 0)) (ref.is_null (global.get $f)))
            (func (export "choose") (param externref externref i32) (result externref)
              (select (result externref) (local.get 0) (local.get 1) (local.get 2)))
            (func (export "through-blocks") (param externref i32) (result externref)
              (block (result externref) (br_if 0 (local.get 0) (local.get 1)) (drop) (ref.null extern)))
            (func (export "global") (result i32)
              (table.set $t (i32.const 0) (global.get $again)) (call_indirect $t (result i32) (i32.const 0)))
            (func (export "five") (param externref externref externref externref externref)
              (result externref externref externref externref externref)
              (local.get 4) (local.get 3) (local.get 2) (local.get 1) (local.get 0)))"#,
    );
    assert_eq!(called(&mut i, "keep", &[9]), Ok(vec![0]));
    assert_eq!(called(&mut i, "keep", &[u64::MAX]), Ok(vec![9]));
    assert_eq!(called(&mut i, "keep", &[0]), Ok(vec![u64::MAX]));
    assert_eq!(called(&mut i, "is-null", &[0]), Ok(vec![1, 0]));
    assert_eq!(called(&mut i, "is-null", &[1 << 32]), Ok(vec![0, 0]));
    assert_eq!(called(&mut i, "choose", &[3, 4, 1]), Ok(vec![3]));
    assert_eq!(called(&mut i, "choose", &[3, 4, 0]), Ok(vec![4]));
    assert_eq!(called(&mut i, "through-blocks", &[5, 1]), Ok(vec![5]));
    assert_eq!(called(&mut i, "through-blocks", &[5, 0]), Ok(vec![0]));
    assert_eq!(called(&mut i, "global", &[]), Ok(vec![7]));
    assert_eq!(called(&mut i, "five", &[1, 2, 3, 4, 5]), Ok(vec![5, 4, 3, 2, 1]));
    let signatures: Vec<String> = i.program().exports().map(|(_, s)| s.to_owned()).collect();
    assert_eq!(signatures[0], "x:x");
}

#[test]
fn a_call_through_a_table_that_changes() {
    let mut i = instance(
        r#"(module
            (type $n (func (result i32)))
            (type $same (func (result i32)))
            (import "xdp" "total_len" (func $len (result i32)))
            (table $t 5 funcref)
            (table $fixed funcref (elem $one $two))
            (elem (table $t) (i32.const 0) func $one $two $other)
            (elem declare func $three $len)
            (func $one (type $n) (i32.const 1))
            (func $two (type $same) (i32.const 2))
            (func $three (type $n) (i32.const 3))
            (func $other (param i32) (result i32) (local.get 0))
            (func $silent (export "never-referenced") (result i32) (i32.const 9))
            (func (export "call") (param i32) (result i32) (call_indirect $t (type $n) (local.get 0)))
            (func (export "other") (param i32) (result i32)
              (call_indirect $t (param i32) (result i32) (i32.const 41) (local.get 0)))
            (func (export "fixed") (param i32) (result i32) (call_indirect $fixed (type $n) (local.get 0)))
            (func (export "set") (param i32 funcref) (table.set $t (local.get 0) (local.get 1)))
            (func (export "get") (param i32) (result funcref) (table.get $t (local.get 0)))
            (func (export "from-fixed") (param i32 i32)
              (table.set $t (local.get 0) (table.get $fixed (local.get 1))))
            (func (export "set-three") (param i32) (table.set $t (local.get 0) (ref.func $three)))
            (func (export "set-len") (param i32) (table.set $t (local.get 0) (ref.func $len)))
            (func (export "unset") (param i32) (table.set $t (local.get 0) (ref.null func))))"#,
    );
    let call = |i: &mut _, n| called(i, "call", &[n]);
    assert_eq!(call(&mut i, 0), Ok(vec![1]));
    assert_eq!(call(&mut i, 1), Ok(vec![2]), "equal types under two names");
    assert_eq!(call(&mut i, 2), Err(BadSignature));
    assert_eq!(called(&mut i, "other", &[2]), Ok(vec![41]));
    assert_eq!(call(&mut i, 3), Err(IndirectCallToNull));
    assert_eq!(call(&mut i, 5), OUT);
    assert_eq!(call(&mut i, 0xffff_ffff), OUT);
    assert_eq!(called(&mut i, "set-three", &[3]), Ok(vec![]));
    assert_eq!(call(&mut i, 3), Ok(vec![3]));
    assert_eq!(called(&mut i, "set-len", &[3]), Ok(vec![]));
    assert_eq!(call(&mut i, 3), Ok(vec![0]), "an imported function");
    assert_eq!(called(&mut i, "unset", &[0]), Ok(vec![]));
    assert_eq!(call(&mut i, 0), Err(IndirectCallToNull));
    assert_eq!(called(&mut i, "set-three", &[5]), OUT);
    assert_eq!(called(&mut i, "from-fixed", &[0, 1]), Ok(vec![]));
    assert_eq!(call(&mut i, 0), Ok(vec![2]));
    assert_eq!((called(&mut i, "fixed", &[0]), called(&mut i, "fixed", &[2])), (Ok(vec![1]), OUT));
    // A reference goes out and comes back; one that nobody gave is no function of any type.
    let two = called(&mut i, "get", &[0]).expect("a reference")[0];
    assert_eq!(called(&mut i, "set", &[4, two]), Ok(vec![]));
    assert_eq!(call(&mut i, 4), Ok(vec![2]));
    for forged in [1, 1000, u64::MAX, (1 << 32) + two] {
        assert_eq!(called(&mut i, "set", &[4, forged]), Ok(vec![]));
        assert_eq!(call(&mut i, 4), if forged == 1 { Ok(vec![0]) } else { Err(BadSignature) }, "{forged}");
    }
    i.reset().expect("starts again");
    assert_eq!(call(&mut i, 0), Ok(vec![1]));
}

const NUMBERS: &str = r#"(module
    (table $t 8 20 externref)
    (table $u 4 externref)
    (func (export "get") (param i32) (result externref) (table.get $t (local.get 0)))
    (func (export "set") (param i32 externref) (table.set $t (local.get 0) (local.get 1)))
    (func (export "get-u") (param i32) (result externref) (table.get $u (local.get 0)))
    (func (export "size") (result i32 i32) (table.size $t) (table.size $u))
    (func (export "grow") (param externref i32) (result i32) (table.grow $t (local.get 0) (local.get 1)))
    (func (export "fill") (param i32 externref i32) (table.fill $t (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy") (param i32 i32 i32) (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy-u") (param i32 i32 i32) (table.copy $u $t (local.get 0) (local.get 1) (local.get 2))))"#;

fn elements(i: &mut wasmkc_host::Instance, count: u64) -> Vec<u64> {
    (0..count).map(|n| called(i, "get", &[n]).expect("inside")[0]).collect()
}

#[test]
fn tables_are_filled_and_grow() {
    let mut i = instance(NUMBERS);
    assert_eq!(called(&mut i, "fill", &[2, 7, 3]), Ok(vec![]));
    assert_eq!(elements(&mut i, 8), [0, 0, 7, 7, 7, 0, 0, 0]);
    assert_eq!(called(&mut i, "fill", &[8, 7, 0]), Ok(vec![]));
    for outside in [[8, 7, 1], [9, 7, 0], [0, 7, 9], [1, 7, 0xffff_ffff], [0xffff_ffff, 7, 1]] {
        assert_eq!(called(&mut i, "fill", &outside), OUT);
    }
    assert_eq!(elements(&mut i, 8), [0, 0, 7, 7, 7, 0, 0, 0], "what traps changes nothing");
    assert_eq!(called(&mut i, "grow", &[5, 2]), Ok(vec![8]));
    assert_eq!(called(&mut i, "size", &[]), Ok(vec![10, 4]));
    assert_eq!(elements(&mut i, 10)[7..], [0, 5, 5]);
    assert_eq!(called(&mut i, "get", &[10]), OUT);
    let failed = Ok(vec![0xffff_ffff]);
    assert_eq!(called(&mut i, "grow", &[5, 11]), failed);
    assert_eq!(called(&mut i, "grow", &[5, 0xffff_ffff]), failed);
    assert_eq!(called(&mut i, "grow", &[6, 10]), Ok(vec![10]));
    assert_eq!(called(&mut i, "grow", &[6, 0]), Ok(vec![20]));
    assert_eq!(called(&mut i, "grow", &[6, 1]), failed);
    assert_eq!(called(&mut i, "get", &[19]), Ok(vec![6]));
    assert_eq!(called(&mut i, "set", &[20, 1]), OUT);
    i.reset().expect("starts again");
    assert_eq!(called(&mut i, "size", &[]), Ok(vec![8, 4]));
    assert_eq!(elements(&mut i, 8), [0; 8]);
}

#[test]
fn tables_are_copied_within_and_between() {
    let mut i = instance(NUMBERS);
    (0..8).for_each(|n| drop(called(&mut i, "set", &[n, n + 1])));
    assert_eq!(called(&mut i, "copy", &[2, 0, 5]), Ok(vec![]));
    assert_eq!(elements(&mut i, 8), [1, 2, 1, 2, 3, 4, 5, 8]);
    assert_eq!(called(&mut i, "copy", &[0, 2, 5]), Ok(vec![]));
    assert_eq!(elements(&mut i, 8), [1, 2, 3, 4, 5, 4, 5, 8]);
    assert_eq!(called(&mut i, "copy-u", &[1, 4, 3]), Ok(vec![]));
    let u = |i: &mut _, n| called(i, "get-u", &[n]);
    assert_eq!([0, 1, 2, 3].map(|n| u(&mut i, n)), [0, 5, 4, 5].map(|n| Ok(vec![n])));
    assert_eq!(called(&mut i, "copy", &[8, 8, 0]), Ok(vec![]));
    for outside in [[0, 4, 5], [4, 0, 5], [9, 0, 0], [0, 9, 0], [0, 0, 0xffff_ffff], [0xffff_ffff, 0, 2]] {
        assert_eq!(called(&mut i, "copy", &outside), OUT, "{outside:?}");
    }
    assert_eq!(called(&mut i, "copy-u", &[2, 0, 3]), OUT);
    assert_eq!(elements(&mut i, 8), [1, 2, 3, 4, 5, 4, 5, 8]);
}

#[test]
fn passive_element_segments() {
    let wat = r#"(module
        (type $n (func (result i32)))
        (table $t 6 funcref)
        (table $x 2 externref)
        (elem $active (i32.const 5) $b)
        (elem $p func $a $b $c)
        (elem $q funcref (ref.null func) (ref.func $c) (global.get $g))
        (elem $declared declare func $a)
        (global $g funcref (ref.func $a))
        (func $a (type $n) (i32.const 10))
        (func $b (type $n) (i32.const 11))
        (func $c (type $n) (i32.const 12))
        (func (export "call") (param i32) (result i32) (call_indirect $t (type $n) (local.get 0)))
        (func (export "from-p") (param i32 i32 i32) (table.init $t $p (local.get 0) (local.get 1) (local.get 2)))
        (func (export "init-q") (param i32 i32 i32) (table.init $t $q (local.get 0) (local.get 1) (local.get 2)))
        (func (export "init-active") (param i32 i32) (table.init $t $active (i32.const 0) (local.get 0) (local.get 1)))
        (func (export "init-declared") (param i32) (table.init $t $declared (i32.const 0) (i32.const 0) (local.get 0)))
        (func (export "drop") (elem.drop $p) (elem.drop $active)))"#;
    let mut i = instance(wat);
    assert_eq!(called(&mut i, "call", &[0]), Err(IndirectCallToNull));
    assert_eq!(called(&mut i, "from-p", &[1, 1, 2]), Ok(vec![]));
    let call = |i: &mut _, n| called(i, "call", &[n]);
    assert_eq!([1, 2, 5].map(|n| call(&mut i, n)), [11, 12, 11].map(|n| Ok(vec![n])));
    assert_eq!(called(&mut i, "init-q", &[1, 0, 3]), Ok(vec![]));
    assert_eq!(
        [call(&mut i, 1), call(&mut i, 2), call(&mut i, 3)],
        [Err(IndirectCallToNull), Ok(vec![12]), Ok(vec![10])]
    );
    for outside in [[0, 2, 2], [5, 0, 2], [7, 0, 0], [0, 4, 0], [0, 0xffff_ffff, 1], [0xffff_ffff, 0, 1]] {
        assert_eq!(called(&mut i, "from-p", &outside), OUT, "{outside:?}");
    }
    assert_eq!(called(&mut i, "from-p", &[6, 3, 0]), Ok(vec![]));
    assert_eq!(called(&mut i, "init-active", &[0, 0]), Ok(vec![]), "dropped, so empty");
    assert_eq!(called(&mut i, "init-active", &[0, 1]), OUT);
    assert_eq!(called(&mut i, "init-active", &[1, 0]), OUT);
    assert_eq!((called(&mut i, "init-declared", &[0]), called(&mut i, "init-declared", &[1])), (Ok(vec![]), OUT));
    assert_eq!(called(&mut i, "drop", &[]), Ok(vec![]));
    assert_eq!(called(&mut i, "from-p", &[0, 0, 1]), OUT);
    assert_eq!(called(&mut i, "from-p", &[0, 0, 0]), Ok(vec![]));
    i.reset().expect("starts again");
    assert_eq!(called(&mut i, "from-p", &[0, 0, 1]), Ok(vec![]));
}

#[test]
fn a_table_without_a_maximum_grows_to_the_limit() {
    let mut i = instance(
        r#"(module (table $t 0 funcref) (func $f)
            (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
            (func (export "get") (param i32) (result funcref) (table.get $t (local.get 0))))"#,
    );
    assert_eq!(called(&mut i, "get", &[0]), OUT);
    let grant = wasmkc_host::Grant { fuel: 100_000, ..common::GRANT };
    let most = u64::from(MAX_GROWN_ELEMENTS);
    assert_eq!(i.call("grow", &[most + 1], grant).expect("comes back").results, [0xffff_ffff]);
    assert_eq!(i.call("grow", &[most], grant).expect("comes back").results, [0]);
    assert_eq!(called(&mut i, "get", &[most - 1]), Ok(vec![0]));
    assert_eq!(called(&mut i, "get", &[most]), OUT);
}

#[test]
fn lengths_are_paid_for() {
    let wat = r#"(module
        (table $t 9000 externref)
        (func (export "fill") (param i32) (table.fill $t (i32.const 0) (ref.null extern) (local.get 0)))
        (func (export "copy") (param i32) (table.copy $t $t (i32.const 0) (i32.const 0) (local.get 0))))"#;
    let mut i = instance(wat);
    for (name, each) in [("fill", 5), ("copy", 1)] {
        let mut used =
            |n| i.call(name, &[n], wasmkc_host::Grant { fuel: 50_000, ..common::GRANT }).expect("back").fuel_used;
        assert_eq!(used(9000) - used(100), 8900 * each, "{name}");
        assert_eq!(
            called(&mut i, name, &[9000]),
            if each > 1 { Err(TrapCode::OutOfFuel) } else { Ok(vec![]) },
            "{name}"
        );
    }
}

#[test]
fn a_fill_where_registers_are_scarce_is_paid_for() {
    // All parameters live over the loop, so that what it needs itself lies in the frame: the audit counts.
    let params = "i64 ".repeat(14);
    let sum: String = (0..14).map(|n| format!("(local.get {n})")).collect();
    let adds = "(i64.add)".repeat(13);
    let mut i = instance(&format!(
        r#"(module (table $t 4 9 externref)
            (func $f (param {params}) (result i64)
              (call $noise (ref.null extern))
              (drop (table.grow $t (table.get $t (i32.const 0)) (i32.wrap_i64 (local.get 0))))
              (call $noise (table.get $t (i32.const 1)))
              (table.fill $t (i32.wrap_i64 (local.get 1)) (table.get $t (i32.const 2)) (i32.wrap_i64 (local.get 2)))
              (call $noise (table.get $t (i32.const 2)))
              {sum} {adds})
            (func $noise (param externref) (table.set $t (i32.const 0) (local.get 0)))
            (func (export "f") (param {params}) (result i64) (call $f {sum})))"#
    ));
    assert_eq!(called(&mut i, "f", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]), Ok(vec![105]));
}

#[test]
fn indices_of_64_bits_do_not_wrap() {
    let mut i = instance(
        r#"(module
            (table $t i64 4 10 externref)
            (table $s 4 externref)
            (table $fixed i64 1 funcref)
            (elem (table $fixed) (i64.const 0) func $f)
            (func $f (result i32) (i32.const 6))
            (func (export "get") (param i64) (result externref) (table.get $t (local.get 0)))
            (func (export "set") (param i64 externref) (table.set $t (local.get 0) (local.get 1)))
            (func (export "size") (result i64) (table.size $t))
            (func (export "grow") (param i64) (result i64) (table.grow $t (ref.null extern) (local.get 0)))
            (func (export "fill") (param i64 i64) (table.fill $t (local.get 0) (ref.null extern) (local.get 1)))
            (func (export "copy") (param i64 i64 i64) (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
            (func (export "out") (param i32 i64 i32) (table.copy $s $t (local.get 0) (local.get 1) (local.get 2)))
            (func (export "call") (param i64) (result i32) (call_indirect $fixed (result i32) (local.get 0))))"#,
    );
    assert_eq!(called(&mut i, "set", &[3, 8]), Ok(vec![]));
    assert_eq!(called(&mut i, "get", &[3]), Ok(vec![8]));
    for outside in [4, 1 << 32, (1 << 32) + 3, u64::MAX, 1 << 61, (1 << 61) + 3] {
        assert_eq!(called(&mut i, "get", &[outside]), OUT, "{outside:#x}");
        assert_eq!(called(&mut i, "set", &[outside, 1]), OUT);
        assert_eq!(called(&mut i, "call", &[outside]), OUT);
        assert_eq!(called(&mut i, "fill", &[1, outside]), OUT);
        assert_eq!(called(&mut i, "fill", &[outside, 1]), OUT);
        assert_eq!(called(&mut i, "copy", &[0, outside, 1]), OUT);
    }
    assert_eq!(called(&mut i, "out", &[1, 3, 1]), Ok(vec![]));
    assert_eq!(called(&mut i, "grow", &[1 << 32]), Ok(vec![u64::MAX]));
    assert_eq!(called(&mut i, "grow", &[u64::MAX]), Ok(vec![u64::MAX]));
    assert_eq!(called(&mut i, "grow", &[6]), Ok(vec![4]));
    assert_eq!(called(&mut i, "size", &[]), Ok(vec![10]));
    assert_eq!(called(&mut i, "call", &[0]), Ok(vec![6]));
}

#[test]
fn the_author_is_never_trusted_with_an_index_into_a_table() {
    // Compiled both ways it does the same; that the masks are there is for the listing to show.
    let wat = r#"(module (table $t 4 externref)
        (func (export "get") (param i32) (result externref) (table.get $t (local.get 0))))"#;
    let trusted = Options { author_trusted: true, ..options() };
    let wasm = wat::parse_str(wat).expect("wat");
    for options in [options(), trusted] {
        let asm = wasmkc_compiler::list(&wasm, &options, wasmkc_compiler::Listing::Asm).expect("listed");
        // bytecode has no masks
        let masked = asm.contains("cmov") || asm.contains("csdb");
        assert!(masked || options.target == Target::Portable && !asm.contains("xselect"), "{asm}");
        assert_eq!(called(&mut instance_by(wat, &options), "get", &[4]), OUT);
    }
}
