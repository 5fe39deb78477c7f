// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! How tests compile for the machine that they run on.

use wasmkc_compiler::{Options, Target};

/// The default options with this machine as target.
pub fn options() -> Options {
    let target = Target::by_machine(wasmkc_host::MACHINE).expect("the compiler knows this machine");
    Options { target, ..Options::default() }
}
