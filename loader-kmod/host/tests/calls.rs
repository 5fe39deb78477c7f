// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Exports called by name: arguments in, results out, state kept, traps told with their place.
#![allow(missing_docs)]

mod here;

use wasmkc_abi::limits::STACK_CALL;
use wasmkc_abi::trap::TrapCode;
use wasmkc_compiler::compile;
use wasmkc_host::{CallError, Called, Grant, Instance, Options as Run, Program, Runner, StartError};

const GRANT: Grant = Grant { fuel: 10_000, stack: STACK_CALL };

fn instance(wat: &str) -> Instance {
    let wasm = wat::parse_str(wat).expect("wat");
    let object = compile(&wasm, &here::options()).expect("compiles");
    let program = Program::load_compiled_here(&object.bytes).expect("loads");
    Instance::new(&program).expect("starts")
}

fn results(called: Result<Called, CallError>) -> Vec<u64> {
    called.expect("comes back").results
}

#[test]
fn arguments_and_results_travel_by_type() {
    let mut i = instance(
        r#"(module
            (func (export "sub") (param i32 i64) (result i64) (i64.sub (i64.extend_i32_s (local.get 0)) (local.get 1)))
            (func (export "nothing"))
            (func (export "i32") (result i32) (i32.const -1)))"#,
    );
    assert_eq!(results(i.call("sub", &[0xffff_ffff_ffff_fffe, 5], GRANT)), [(-7i64) as u64]);
    assert_eq!(results(i.call("nothing", &[], GRANT)), []);
    assert_eq!(results(i.call("i32", &[], GRANT)), [0xffff_ffff]);
    let exports: Vec<(&str, &str)> = i.program().exports().collect();
    assert_eq!(exports, [("sub", "iI:I"), ("nothing", ":"), ("i32", ":i")]);
}

#[test]
fn a_program_without_a_transfer_area() {
    let mut i = instance(r#"(module (func (export "nothing")))"#);
    assert_eq!(results(i.call("nothing", &[], GRANT)), []);
}

#[test]
fn more_parameters_than_a_frame_of_the_caller_holds() {
    for count in [63, 64, 65, 262] {
        let narrow = |n: &usize| n.is_multiple_of(2);
        let params: String = (0..count).map(|n| if narrow(&n) { "i32 " } else { "i64 " }).collect();
        // Every fourth argument is of the caller's; more would not fit its frame.
        let argument = |n: usize| match (narrow(&n), n % 8) {
            (_, 0) => "(local.get 0)".to_owned(),
            (_, 5) => "(local.get 1)".to_owned(),
            (true, _) => format!("(i32.const {n})"),
            (false, _) => format!("(i64.const {})", n << 33),
        };
        let arguments: String = (0..count).map(argument).collect();
        // Three of five count, by their place; all of them would not fit the callee's own frame.
        let counted: Vec<usize> = (0..count).rev().filter(|n| n % 5 != 1 && n % 5 != 3).collect();
        let term = |n: &usize| {
            let value = if narrow(n) { "(i64.extend_i32_u (local.get {n}))" } else { "(local.get {n})" };
            format!("(i64.mul (i64.const {}) {}) i64.add ", n + 1, value.replace("{n}", &n.to_string()))
        };
        let sum: String = counted.iter().map(term).collect();
        let mut i = instance(&format!(
            r#"(module
                (type $t (func (param {params}) (result i64 i64 i64)))
                (table funcref (elem $f))
                (func $f (type $t) i64.const 0 {sum} i64.const 5 i64.const 6)
                (func (export "direct") (param i32 i64) (result i64 i64 i64) (call $f {arguments}))
                (func (export "indirect") (param i32 i64) (result i64 i64 i64)
                  (call_indirect (type $t) {arguments} (i32.const 0))))"#
        ));
        let value = |n: usize| match (narrow(&n), n % 8) {
            (_, 0) => 2000,
            (_, 5) => 70_000_000_000,
            (true, _) => n,
            (false, _) => n << 33,
        };
        let sum: usize = counted.iter().map(|n| (n + 1) * value(*n)).sum();
        for name in ["direct", "indirect"] {
            assert_eq!(results(i.call(name, &[2000, 70_000_000_000], GRANT)), [sum as u64, 5, 6], "{name} {count}");
        }
    }
}

#[test]
fn more_results_than_registers() {
    let mut i = instance(
        r#"(module
            (type $four (func (param i64) (result i32 i64 i32 i64)))
            (table funcref (elem $f))
            (func $f (type $four) (i32.const 1) (local.get 0) (i32.const 3) (i64.add (local.get 0) (i64.const 1)))
            (func (export "direct") (type $four) (call $f (local.get 0)))
            (func (export "indirect") (type $four) (call_indirect (type $four) (local.get 0) (i32.const 0)))
            (func (export "swapped") (param i64) (result i64 i32 i64 i32)
              (local i32 i64 i32 i64)
              (call $f (local.get 0)) (local.set 4) (local.set 3) (local.set 2) (local.set 1)
              (local.get 4) (local.get 3) (local.get 2) (local.get 1)))"#,
    );
    assert_eq!(results(i.call("direct", &[7], GRANT)), [1, 7, 3, 8]);
    assert_eq!(results(i.call("indirect", &[9], GRANT)), [1, 9, 3, 10]);
    assert_eq!(results(i.call("swapped", &[7], GRANT)), [8, 3, 7, 1]);
}

#[test]
fn state_stays_from_call_to_call_and_goes_with_the_instance() {
    let wat = r#"(module (global $n (mut i32) (i32.const 5))
        (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"#;
    let mut i = instance(wat);
    assert_eq!([6, 7, 8].map(|_| results(i.call("next", &[], GRANT))[0]), [6, 7, 8]);
    i.reset().expect("starts again");
    assert_eq!(results(i.call("next", &[], GRANT)), [6]);
}

#[test]
fn a_trap_is_told_with_its_place_and_the_next_call_works() {
    let mut i = instance(
        r#"(module
            (func $deep (param i32) (result i32) (i32.div_u (i32.const 7) (local.get 0)))
            (func (export "divide") (param i32) (result i32) (call $deep (local.get 0)))
            (func (export "spin") (loop (br 0)))
            (func $sink (export "sink") (call $sink)))"#,
    );
    let trap = |called: Result<Called, CallError>| match called {
        Err(CallError::Trap(trap)) => trap,
        other => panic!("{other:?}"),
    };
    let t = trap(i.call("divide", &[0], GRANT));
    assert_eq!((t.code, t.function.as_str()), (TrapCode::DivisionByZero, "deep"));
    assert!(t.wasm_offset.is_some());
    assert_eq!(results(i.call("divide", &[2], GRANT)), [3]);
    assert_eq!(trap(i.call("spin", &[], GRANT)).code, TrapCode::OutOfFuel);
    assert_eq!(trap(i.call("sink", &[], GRANT)).code, TrapCode::StackOverflow);
    assert_eq!(results(i.call("divide", &[7], GRANT)), [1]);
}

#[test]
fn what_is_not_there_and_what_does_not_fit() {
    let mut i = instance(r#"(module (func (export "f") (param i32)))"#);
    assert_eq!(i.call("g", &[], GRANT).unwrap_err(), CallError::NoExport);
    assert_eq!(i.call("f", &[], GRANT).unwrap_err(), CallError::Arguments { wanted: 1 });
    assert_eq!(Runner::new(i.program(), Run::default()).unwrap_err(), StartError::NoHook);
}

#[test]
fn floats_are_bits_that_the_runtime_computes_with() {
    let mut i = instance(
        r#"(module
            (memory 1)
            (func (export "hypot") (param f64 f64) (result f64)
              (f64.sqrt (f64.add (f64.mul (local.get 0) (local.get 0)) (f64.mul (local.get 1) (local.get 1)))))
            (func (export "round") (param f32) (result f32 f32 f32 f32)
              (f32.ceil (local.get 0)) (f32.floor (local.get 0)) (f32.trunc (local.get 0)) (f32.nearest (local.get 0)))
            (func (export "int") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
            (func (export "store") (param f32) (result f64)
              (f32.store (i32.const 8) (f32.neg (local.get 0))) (f64.promote_f32 (f32.load (i32.const 8)))))"#,
    );
    let f = f64::to_bits;
    assert_eq!(results(i.call("hypot", &[f(3.0), f(4.0)], GRANT)), [f(5.0)]);
    let round = results(i.call("round", &[u64::from((-2.5f32).to_bits())], GRANT));
    assert_eq!(round, [-2.0f32, -3.0, -2.0, -2.0].map(|x| u64::from(x.to_bits())));
    assert_eq!(results(i.call("int", &[f(-7.9)], GRANT)), [u64::from(-7i32 as u32)]);
    assert_eq!(results(i.call("store", &[u64::from(1.5f32.to_bits())], GRANT)), [f(-1.5)]);
    let cause = |called: Result<Called, CallError>| match called {
        Err(CallError::Trap(trap)) => trap.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(cause(i.call("int", &[f(f64::NAN)], GRANT)), TrapCode::BadConversion);
    assert_eq!(cause(i.call("int", &[f(2147483648.0)], GRANT)), TrapCode::IntegerOverflow);
}
