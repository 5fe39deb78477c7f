// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! How tests compile for the machine that they run on.

use wasmkc_compiler::{Options, Target};

/// The default options with this machine as target; without the audit where it cannot judge the code.
pub fn options() -> Options {
    let target = Target::by_machine(wasmkc_host::MACHINE).expect("the compiler knows this machine");
    Options { target, unaudited: target != Target::X86_64, ..Options::default() }
}
