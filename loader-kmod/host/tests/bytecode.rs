// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! All tests of compiled code once more in bytecode (`here/mod.rs` compiles it for this file), and what is particular
//! to the interpreter.
// Each of these files is a test of its own elsewhere, with modules of its own.
#![allow(missing_docs, clippy::duplicate_mod)]

#[path = "calls.rs"]
mod calls;
#[path = "compiled.rs"]
mod compiled;
#[path = "fuel_register.rs"]
mod fuel_register;
#[path = "large.rs"]
mod large;
#[path = "memories.rs"]
mod memories;
#[path = "packet_memory.rs"]
mod packet_memory;
#[path = "references.rs"]
mod references;
#[path = "tail_calls.rs"]
mod tail_calls;

mod here;

use wasmkc_abi::control::ENGINE_PORTABLE;
use wasmkc_abi::limits::{STACK_CALL_MAX, STACK_XDP};
use wasmkc_abi::trap::TrapCode;
use wasmkc_compiler::{Options, Target, compile};
use wasmkc_host::{CallError, Grant, Instance, MACHINE, Program};

fn instance_for(target: Target, wat: &str) -> Instance {
    let wasm = wat::parse_str(wat).expect("wat");
    let object = compile(&wasm, &Options { target, ..Options::default() }).unwrap_or_else(|e| panic!("{e}"));
    Instance::new(&Program::load_compiled_here(&object.bytes).expect("loads")).expect("starts")
}

fn trap(instance: &mut Instance, name: &str, arguments: &[u64], grant: Grant) -> wasmkc_host::Trap {
    match instance.call(name, arguments, grant) {
        Err(CallError::Trap(trap)) => trap,
        other => panic!("{other:?}"),
    }
}

#[test]
fn these_tests_do_run_bytecode() {
    assert_eq!(here::options().target, Target::Portable);
    let instance = instance_for(here::options().target, "(module (func (export \"f\")))");
    assert_eq!(instance.program().info().engine, ENGINE_PORTABLE);
}

const DEEP: &str = r#"(module
    (func $deep (export "deep") (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (i32.add (call $deep (i32.sub (local.get 0) (i32.const 1))) (local.get 0)))
            (else (i32.const 0)))))"#;

#[test]
fn a_run_takes_as_much_stack_as_it_is_granted_and_no_more() {
    let mut i = instance_for(Target::Portable, DEEP);
    let deepest = |i: &mut Instance, stack| {
        let fits = |i: &mut Instance, n| i.call("deep", &[n], Grant { fuel: 1_000_000, stack }).is_ok();
        (0..2000).find(|n| !fits(i, *n)).expect("an end")
    };
    let (small, large) = (deepest(&mut i, STACK_XDP), deepest(&mut i, STACK_CALL_MAX));
    // return address and frame pointer, and 16 bytes for what is kept; the export's entry has 16 alone
    assert_eq!((small, large), (u64::from(STACK_XDP) / 32 - 1, u64::from(STACK_CALL_MAX) / 32 - 1));
    let none = Grant { fuel: 1_000_000, stack: 0 };
    assert_eq!(trap(&mut i, "deep", &[0], none).code, TrapCode::StackOverflow);
    // what one run leaves behind does not matter to the next
    assert_eq!(deepest(&mut i, STACK_XDP), small);
}

#[test]
fn a_stack_that_overflows_is_told_with_its_function() {
    let mut i = instance_for(Target::Portable, DEEP);
    let trap = trap(&mut i, "deep", &[1_000_000], Grant { fuel: 1_000_000, stack: STACK_XDP });
    assert_eq!((trap.code, trap.function.as_str()), (TrapCode::StackOverflow, "deep"));
    assert!(trap.wasm_offset.is_some() && trap.site.is_some());
}

#[test]
fn fuel_is_the_same_as_in_native_code() {
    const LOOP: &str = r#"(module (memory 1)
        (func (export "sum") (param i32) (result i64) (local i64)
            (memory.fill (i32.const 0) (i32.const 7) (i32.const 1000))
            (loop (local.set 1 (i64.add (local.get 1) (i64.extend_i32_u (i32.load8_u (local.get 0)))))
                (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (i64.trunc_f64_s (f64.mul (f64.convert_i64_s (local.get 1)) (f64.const 0.5)))))"#;
    let grant = Grant { fuel: 1_000_000, stack: STACK_XDP };
    let native = Target::by_machine(MACHINE).expect("a target");
    let run = |target| instance_for(target, LOOP).call("sum", &[1500], grant).expect("comes back");
    assert_eq!(run(Target::Portable), run(native));
    assert_eq!(run(Target::Portable).results, [999 * 7 / 2]);
}

#[test]
fn more_parameters_than_registers_go_through_the_transfer_area() {
    let types = "i64 ".repeat(40);
    let gets: String = (0..40).map(|n| format!("(local.get {n})")).collect();
    let wat = format!(
        "(module (func $f (param {types}) (result i64) (local.get 0) {}) (func (export \"f\") (param {types}) (result i64) (call $f {gets})))",
        (1..40).map(|n| format!("(i64.mul (local.get {n}) (i64.const {})) i64.add ", n + 1)).collect::<String>()
    );
    let mut i = instance_for(Target::Portable, &wat);
    let arguments: Vec<u64> = (0..40).map(|n| n * n + 1).collect();
    let wanted: u64 = arguments.iter().zip(1..).map(|(value, n)| value * n).sum();
    let called = i.call("f", &arguments, Grant { fuel: 10_000, stack: STACK_XDP }).expect("comes back");
    assert_eq!(called.results, [wanted]);
}
