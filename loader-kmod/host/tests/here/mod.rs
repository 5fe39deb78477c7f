// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! How tests compile for the machine that they run on, or to bytecode where `bytecode.rs` includes them.

use wasmkc_compiler::{Options, Target};

/// The default options with a target that runs here.
pub fn options() -> Options {
    let bytecode = env!("CARGO_CRATE_NAME") == "bytecode";
    let here = Target::by_machine(wasmkc_host::MACHINE).expect("the compiler knows this machine");
    let target = if bytecode { Target::Portable } else { here };
    Options { target, ..Options::default() }
}
