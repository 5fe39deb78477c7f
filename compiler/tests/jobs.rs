//! However many threads work on a build, the object and the error are the same.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use wasmkc_compiler::{
    CompileError, Jobs, Listing, Options, Progress, Stage, Target, compile, compile_all, compile_all_watched, list,
};

/// Functions that call for others which are numbered by who calls first: indirect calls of many types, floats, imports
/// in a table; of many sizes, so that they are not done in their order; and one whose code has a landing pad inside.
fn module(last: &str) -> Vec<u8> {
    let types: String = (0..9).map(|n| format!("(type $t{n} (func (param {})))", "i32 ".repeat(n))).collect();
    let operators = ["add", "mul", "div", "sub", "min", "max"];
    let function = |n: usize| {
        let (ty, calls) = (n * 5 % 9, (n * 37 % 11) * 8);
        let constants = "(i32.const 7)".repeat(ty);
        let call = format!("(call_indirect (type $t{ty}) {constants} (i32.const {}))", n % 4);
        let float = format!("(drop (f64.{} (f64.const {n}) (f64.const 2)))", operators[n / 3 % 6]);
        let load = format!("(drop (call $load8 (i32.const {n})))").repeat(calls);
        format!("(func $f{n} {load} {call} {float})")
    };
    let functions: String = (0..40).map(function).collect();
    wat::parse_str(format!(
        r#"(module {types}
            (import "xdp" "load8" (func $load8 (param i32) (result i32)))
            (import "kernel" "cpu" (func $cpu (result i32)))
            (memory 1) (table 4 funcref) (elem (i32.const 0) $f0 $f1 $cpu $load8)
            {functions}
            (func $pad (export "pad") (param i64) (result i64) (i64.xor (local.get 0) (i64.const 0xfa1e0ff3)))
            {last}
            (func (export "xdp") (result i32) (call $f0) (i32.const 2)))"#
    ))
    .expect("well-formed text")
}

fn options(jobs: usize) -> Options {
    Options { jobs: Jobs::new(NonZeroUsize::new(jobs).expect("not zero")), ..Options::default() }
}

#[test]
fn the_object_is_the_same_for_any_number_of_threads() {
    let wasm = module("");
    let one = compile_all(&wasm, &options(1), &Target::ALL).expect("compiles");
    for jobs in [2, 3, 8, 64] {
        for _ in 0..3 {
            assert!(compile_all(&wasm, &options(jobs), &Target::ALL).expect("compiles") == one, "{jobs}");
        }
    }
    for target in Target::ALL {
        let of = |jobs| compile(&wasm, &Options { target, ..options(jobs) }).expect("compiles").bytes;
        assert!(of(1) == of(8), "{}", target.name());
    }
}

#[test]
fn a_function_that_is_made_twice_is_so_by_any_thread() {
    let shown = |jobs| list(&module(""), &options(jobs), Listing::Asm).expect("compiles");
    assert!(shown(8) == shown(1));
    // The constant stands in the wasm, and not in the code.
    assert!(!shown(1).to_lowercase().contains("fa1e0ff3"));
}

/// A function whose frame is too large for the values that it needs behind a call.
fn large_frame(name: &str) -> String {
    let sets: String = (0..300).map(|n| format!("(local.set {n} (i64.load (i32.const {n})))")).collect();
    let sum: String = (0..300).map(|n| format!("(i64.add (local.get {n}))")).collect();
    format!("(func ${name} (result i64) (local {}) {sets} (call $f0) (i64.const 0) {sum})", "i64 ".repeat(300))
}

#[test]
fn the_first_error_is_told_by_any_number_of_threads() {
    let simd = "(func $second (drop (v128.const i64x2 0 0)))";
    for (last, first) in [
        // What the code generator refuses is known later than what the translation of the next function refuses.
        (format!("{} {simd}", large_frame("first")), "function `first`"),
        (format!("{simd} {}", large_frame("first")), "function `second`"),
    ] {
        let wasm = module(&last);
        let error = |jobs| compile(&wasm, &options(jobs)).map(|_| ()).expect_err("is refused").to_string();
        assert!(error(1).contains(first), "{}", error(1));
        for jobs in [2, 8] {
            for _ in 0..3 {
                assert_eq!(error(jobs), error(1), "{jobs}");
            }
        }
        let all = |jobs| compile_all(&wasm, &options(jobs), &Target::ALL).map(drop).expect_err("is refused");
        assert_eq!(all(8).to_string(), all(1).to_string());
    }
}

#[test]
fn what_is_too_large_is_so_for_any_number_of_threads() {
    let calls: String = (0..2000u64).map(|n| format!("(call $g (i64.const {}))", n << 40 | 0x1234567)).collect();
    let functions: String = (0..80).map(|n| format!("(func $f{n} {calls})")).collect();
    let xdp = r#"(func (export "xdp") (result i32) (i32.const 2))"#;
    let wasm = wat::parse_str(format!("(module (func $g (param i64)) {functions} {xdp})")).expect("well-formed text");
    let error = |jobs| compile(&wasm, &options(jobs)).map(|_| ()).expect_err("is refused");
    assert!(matches!(error(1), CompileError::Limit { limit: 2_097_152, .. }));
    assert_eq!(error(8).to_string(), error(1).to_string());
}

#[test]
fn who_watches_sees_each_stage_come_to_its_end() {
    for jobs in [1, 8] {
        let told = Mutex::new(Vec::new());
        let watch = |progress: Progress| told.lock().expect("no panic").push(progress);
        compile_all_watched(&module(""), &options(jobs), &Target::ALL, &watch).expect("compiles");
        let told = told.into_inner().expect("no panic");
        for stage in [Stage::Compile, Stage::Audit] {
            let of = || told.iter().filter(move |progress| progress.stage == stage);
            assert!(of().all(|progress| progress.done <= progress.all));
            assert!(of().count() > 100 && of().any(|progress| progress.done == progress.all), "{stage:?}");
        }
        assert!(told.is_sorted_by_key(|progress| progress.stage == Stage::Audit));
    }
}
