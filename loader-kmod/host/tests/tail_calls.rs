// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Calls that end a function: they take no stack, whatever the callee takes and gives.
#![allow(missing_docs)]

mod common;

use common::{called, instance};
use wasmkc_abi::limits::STACK_CALL;
use wasmkc_abi::trap::TrapCode::{BadSignature, IndirectCallToNull, OutOfFuel, StackOverflow, TableOutOfBounds};
use wasmkc_host::Grant;

/// Fuel for a hundred thousand calls and more.
const LONG: Grant = Grant { fuel: 10_000_000, stack: STACK_CALL };
const MANY: u64 = 100_000;

#[test]
fn they_take_no_stack() {
    let mut i = instance(
        r#"(module
            (func $count (export "count") (param i64 i64) (result i64)
              (if (result i64) (i64.eqz (local.get 0)) (then (local.get 1))
                (else (return_call $count (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 2))))))
            (func $even (export "even") (param i64) (result i32)
              (if (i64.eqz (local.get 0)) (then (return (i32.const 1))))
              (return_call $odd (i64.sub (local.get 0) (i64.const 1))))
            (func $odd (param i64) (result i32)
              (if (i64.eqz (local.get 0)) (then (return (i32.const 0))))
              (return_call $even (i64.sub (local.get 0) (i64.const 1))))
            (func $plain (export "plain") (param i64) (result i64)
              (if (i64.eqz (local.get 0)) (then (return (i64.const 0))))
              (i64.add (i64.const 1) (call $plain (i64.sub (local.get 0) (i64.const 1)))))
            (func $spin (export "spin") (return_call $spin)))"#,
    );
    assert_eq!(i.call("count", &[MANY, 5], LONG).expect("comes back").results, [2 * MANY + 5]);
    assert_eq!(i.call("even", &[MANY], LONG).expect("comes back").results, [1]);
    assert_eq!(i.call("even", &[MANY + 1], LONG).expect("comes back").results, [0]);
    assert_eq!(called(&mut i, "spin", &[]), Err(OutOfFuel));
    assert_eq!(called(&mut i, "plain", &[400]), Err(StackOverflow), "calls that are not the last thing do");
    assert_eq!(called(&mut i, "plain", &[9]), Ok(vec![9]));
}

#[test]
fn through_tables() {
    let mut i = instance(
        r#"(module
            (type $step (func (param i64 i32) (result i64)))
            (import "xdp" "total_len" (func $len (result i32)))
            (table $fixed 5 funcref) (table $changes 5 funcref)
            (elem (table $fixed) (i32.const 0) func $down $twice $len $other)
            (elem (table $changes) (i32.const 0) func $down2 $twice $len $other)
            (func $other)
            (func $twice (type $step) (i64.mul (local.get 0) (i64.const 2)))
            (func $down (type $step)
              (if (i64.eqz (local.get 0)) (then (return (i64.const 77))))
              (return_call_indirect $fixed (type $step)
                (i64.sub (local.get 0) (i64.const 1)) (local.get 1) (local.get 1)))
            (func $down2 (type $step)
              (if (i64.eqz (local.get 0)) (then (return (i64.const 78))))
              (return_call_indirect $changes (type $step)
                (i64.sub (local.get 0) (i64.const 1)) (local.get 1) (local.get 1)))
            (func (export "fixed") (param i64 i32) (result i64)
              (return_call_indirect $fixed (type $step) (local.get 0) (local.get 1) (local.get 1)))
            (func (export "changes") (param i64 i32) (result i64)
              (return_call_indirect $changes (type $step) (local.get 0) (local.get 1) (local.get 1)))
            (func (export "len") (result i32) (return_call $len))
            (func (export "len-through") (param i32) (result i32)
              (return_call_indirect $changes (result i32) (local.get 0)))
            (func (export "unset") (param i32) (table.set $changes (local.get 0) (ref.null func))))"#,
    );
    for (name, end) in [("fixed", 77), ("changes", 78)] {
        assert_eq!(i.call(name, &[MANY, 0], LONG).expect("comes back").results, [end]);
        assert_eq!(called(&mut i, name, &[21, 1]), Ok(vec![42]));
        assert_eq!(called(&mut i, name, &[1, 2]), Err(BadSignature));
        assert_eq!(called(&mut i, name, &[1, 3]), Err(BadSignature));
        assert_eq!(called(&mut i, name, &[1, 4]), Err(IndirectCallToNull));
        assert_eq!(called(&mut i, name, &[1, 5]), Err(TableOutOfBounds));
    }
    assert_eq!(called(&mut i, "len", &[]), Ok(vec![0]));
    assert_eq!(called(&mut i, "len-through", &[2]), Ok(vec![0]));
    assert_eq!(called(&mut i, "unset", &[1]), Ok(vec![]));
    assert_eq!(called(&mut i, "changes", &[21, 1]), Err(IndirectCallToNull));
}

#[test]
fn many_arguments_and_results_travel() {
    // Ten parameters rotate until the first is used up; four results come out of the last.
    let types = "i64 i32 i64 i32 i64 i32 i64 i32 i64 f64";
    let mut i = instance(&format!(
        r#"(module
            (type $ten (func (param {types}) (result i64 i32 f64 i64)))
            (table $t 2 funcref) (elem (i32.const 0) $end $rotate)
            (func $end (type $ten)
              (i64.add (i64.add (local.get 2) (local.get 4)) (i64.add (local.get 6) (local.get 8)))
              (i32.add (i32.add (local.get 1) (local.get 3)) (i32.sub (local.get 5) (local.get 7)))
              (local.get 9) (local.get 8))
            (func $rotate (export "rotate") (type $ten)
              (return_call_indirect $t (type $ten)
                (i64.sub (local.get 0) (i64.const 1))
                (local.get 7) (local.get 8) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
                (local.get 5) (local.get 6) (local.get 9)
                (i64.ne (local.get 0) (i64.const 0))))
            (func (export "called") (type $ten)
              (call $rotate (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
                (local.get 5) (local.get 6) (local.get 7) (local.get 8) (local.get 9)))
            (func (export "indirect") (type $ten)
              (call_indirect $t (type $ten) (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
                (local.get 5) (local.get 6) (local.get 7) (local.get 8) (local.get 9) (i32.const 1))))"#
    ));
    // Rotated by hand.
    let expected = |n: u64| {
        let (mut narrow, mut wide) = ([1u64, 3, 5, 7], [2u64, 4, 6, 8]);
        (0..n).for_each(|_| {
            (narrow, wide) = ([narrow[3], narrow[0], narrow[1], narrow[2]], [wide[3], wide[0], wide[1], wide[2]])
        });
        let sum = narrow[0] + narrow[1] + narrow[2];
        vec![wide.iter().sum(), sum.wrapping_sub(narrow[3]) & 0xffff_ffff, 99, wide[3]]
    };
    for name in ["rotate", "called", "indirect"] {
        for turns in [1, 2, 3, 57, 200] {
            let arguments = [turns - 1, 1, 2, 3, 4, 5, 6, 7, 8, 99];
            assert_eq!(i.call(name, &arguments, LONG).expect("comes back").results, expected(turns), "{name} {turns}");
        }
    }
}

#[test]
fn every_shape() {
    const PARAMS: [&str; 9] = ["i64", "i32", "i64", "i64", "i32", "i32", "i64", "i32", "i64"];
    const RESULTS: [&str; 4] = ["i32", "i64", "i64", "i32"];
    let (mut functions, mut elements) = (String::new(), String::new());
    for params in 0..=PARAMS.len() {
        for results in 0..=RESULTS.len() {
            let ty = format!("(param {}) (result {})", PARAMS[..params].join(" "), RESULTS[..results].join(" "));
            let gets: String = (0..params).map(|n| format!("(local.get {n})")).collect();
            // Result n is parameter n, or its number.
            let give = |n: usize| match (PARAMS.get(n).filter(|_| n < params), RESULTS[n]) {
                (Some(&from), to) if from == to => format!("(local.get {n})"),
                (Some(_), "i32") => format!("(i32.wrap_i64 (local.get {n}))"),
                (Some(_), _) => format!("(i64.extend_i32_u (local.get {n}))"),
                (None, to) => format!("({to}.const {n})"),
            };
            let gives: String = (0..results).map(give).collect();
            let (name, index) = (format!("{params}-{results}"), params * 5 + results);
            functions += &format!(
                r#"(func $f{name} {ty} {gives})
                (func $once{name} {ty} (call $noise) (return_call $f{name} {gets}))
                (func $twice{name} {ty} (call $noise) (return_call_indirect {ty} {gets} (i32.const {index})))
                (func (export "{name}") {ty} (call $noise) (call $twice{name} {gets}))"#
            );
            elements += &format!(" $once{name}");
        }
    }
    let mut i = instance(&format!(
        "(module (global $g (mut i32) (i32.const 0)) (table funcref (elem {elements})) {functions}
            (func $noise (global.set $g (i32.const 1))))"
    ));
    for params in 0..=PARAMS.len() {
        for results in 0..=RESULTS.len() {
            let arguments: Vec<u64> = (0..params as u64).map(|n| 100 + n).collect();
            let expected = (0..results).map(|n| if n < params { 100 + n as u64 } else { n as u64 }).collect();
            assert_eq!(called(&mut i, &format!("{params}-{results}"), &arguments), Ok(expected), "{params}-{results}");
        }
    }
}

#[test]
fn the_caller_finds_its_registers_as_they_were() {
    // Values that live over the call in callee-saved registers of every function on the way.
    let mut i = instance(
        r#"(module
            (global $g (mut i64) (i64.const 0))
            (func $note (param i64) (global.set $g (i64.add (global.get $g) (local.get 0))))
            (func $busy (param i64 i64) (result i64) (local i64 i64 i64)
              (local.set 2 (i64.mul (local.get 0) (i64.const 3)))
              (local.set 3 (i64.mul (local.get 0) (i64.const 5)))
              (local.set 4 (i64.mul (local.get 0) (i64.const 7)))
              (call $note (local.get 0))
              (if (i64.eqz (local.get 0)) (then (return (local.get 1))))
              (return_call $busy (i64.sub (local.get 0) (i64.const 1))
                (i64.add (local.get 1) (i64.add (local.get 2) (i64.add (local.get 3) (local.get 4))))))
            (func (export "run") (param i64 i64 i64) (result i64 i64)
              (local i64 i64)
              (local.set 3 (i64.mul (local.get 1) (local.get 2)))
              (local.set 4 (call $busy (local.get 0) (i64.const 0)))
              (i64.add (local.get 4) (i64.add (local.get 1) (i64.mul (local.get 2) (local.get 3)))) (global.get $g)))"#,
    );
    // 15 times the sum up to ten, 100 and 7 times 700.
    assert_eq!(called(&mut i, "run", &[10, 100, 7]), Ok(vec![15 * 55 + 100 + 7 * 700, 55]));
}

#[test]
fn floats_and_traps_in_a_module_with_tail_calls() {
    let mut i = instance(
        r#"(module
            (func $f (param f64 f64 f64 f64 f64 f64) (result f64)
              (f64.add (f64.add (local.get 0) (local.get 1)) (f64.add (local.get 4) (local.get 5))))
            (func (export "f") (param f64) (result f64)
              (return_call $f (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (f64.const 1)))
            (func $g (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
            (func (export "g") (param i32) (result i32) (return_call $g (local.get 0))))"#,
    );
    assert_eq!(called(&mut i, "f", &[2.5f64.to_bits()]), Ok(vec![8.5f64.to_bits()]));
    assert_eq!(called(&mut i, "g", &[0]), Err(wasmkc_abi::trap::TrapCode::DivisionByZero));
}
