// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! An instance of a module's text, and what its calls give.
#![allow(missing_docs, dead_code)]

#[path = "../here/mod.rs"]
mod here;

pub use here::options;
use wasmkc_abi::limits::STACK_CALL;
use wasmkc_abi::trap::TrapCode;
use wasmkc_compiler::{Options, compile};
use wasmkc_host::{CallError, Grant, Instance, Program};

pub const GRANT: Grant = Grant { fuel: 10_000, stack: STACK_CALL };

/// Compiles, loads and starts it.
pub fn instance(wat: &str) -> Instance {
    instance_by(wat, &options())
}

pub fn instance_by(wat: &str, options: &Options) -> Instance {
    let wasm = wat::parse_str(wat).expect("wat");
    let object = compile(&wasm, options).unwrap_or_else(|e| panic!("{e}"));
    let program = Program::load_compiled_here(&object.bytes).expect("loads");
    Instance::new(&program).expect("starts")
}

/// What a call gives: its results, or why there are none.
pub fn called(instance: &mut Instance, name: &str, arguments: &[u64]) -> Result<Vec<u64>, TrapCode> {
    match instance.call(name, arguments, GRANT) {
        Ok(called) => Ok(called.results),
        Err(CallError::Trap(trap)) => Err(trap.code),
        Err(other) => panic!("{name}: {other}"),
    }
}
