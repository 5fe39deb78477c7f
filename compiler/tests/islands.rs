//! Functions of aarch64 so large that the code generator puts islands into them, jumped over, between any two
//! instructions: those that must stay together are found wherever the island falls.

use wasmkc_compiler::{Options, Target, compile};

/// `tbz`, or `tbnz`, reaches 32 KiB; a multiplication is one instruction.
const NEAR_REACH: u32 = 8192;

/// A filter that, where a bit is set, multiplies so often and then does this.
fn module(times: u32, then: &str) -> Vec<u8> {
    let multiplied = "local.get 1 local.get 0 i32.mul local.set 1 ".repeat(times as usize);
    let wat = format!(
        r#"(module (memory 1) (func $f (param i32 i32) (result i32) (local.get 0))
            (func (export "xdp") (result i32) (local i32 i32)
                (local.set 0 (i32.load (i32.const 0)))
                (local.set 1 (i32.load (i32.const 4)))
                (if (i32.and (local.get 0) (i32.const 1)) (then {multiplied} {then}))
                (i32.store (i32.const 8) (local.get 1))
                (i32.const 2)))"#
    );
    wat::parse_str(&wat).expect("well-formed text")
}

/// Compiles it with an island at each place of what comes then: the code generator puts it a little before the reach.
fn compiled_around(then: &str) {
    let options = Options { target: Target::Aarch64, ..Options::default() };
    let mut refused = Vec::new();
    for times in NEAR_REACH - 88..NEAR_REACH - 52 {
        if let Err(e) = compile(&module(times, then), &options) {
            refused.push(format!("{times}: {e}"));
        }
    }
    assert!(refused.is_empty(), "{} are refused:\n{}", refused.len(), refused.join("\n"));
}

#[test]
fn an_island_in_a_charge() {
    compiled_around("(loop (br_if 0 (local.tee 1 (i32.mul (local.get 0) (local.get 1)))))");
}

#[test]
fn an_island_around_a_return() {
    compiled_around("(return (call $f (local.get 0) (local.get 1)))");
}

#[test]
fn an_island_in_the_end_behind_a_tail_call() {
    compiled_around("(return_call $f (local.get 0) (local.get 1))");
}

#[test]
fn an_island_behind_a_trap() {
    compiled_around("(i32.store (i32.const 12) (local.get 1)) unreachable");
}

/// A filter that divides so often: its branches reach 1 MiB.
fn dividing(times: u32) {
    let divided: String = (0..times)
        .map(|n| format!("(local.set 0 (i32.div_s (local.get 0) (i32.xor (local.get 1) (i32.const {n}))))"))
        .collect();
    let wat = format!(
        r#"(module (memory 4 4)
            (func (export "xdp") (result i32) (local i32 i32)
                (local.set 0 (i32.load (i32.const 0)))
                (local.set 1 (i32.load (i32.const 16)))
                {divided}
                (i32.store (i32.const 0) (local.get 0))
                (i32.const 2)))"#
    );
    let wasm = wat::parse_str(&wat).expect("well-formed text");
    let options = Options { target: Target::Aarch64, ..Options::default() };
    compile(&wasm, &options).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn an_island_between_the_frames_end_and_the_return() {
    dividing(8000);
}

#[test]
fn an_island_between_divisions_and_the_generators_checks() {
    dividing(10_000);
}
