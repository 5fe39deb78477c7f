// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A processor that there is no native code for: no trampoline, nothing to call from it, nothing to execute.
#![allow(unsafe_code)]

use wasmkc_abi::object::MACHINE_PORTABLE;
use wasmkc_core::Symbol;

use super::THUNK;

/// What runs here is bytecode.
pub const MACHINE: u16 = MACHINE_PORTABLE;
/// What no code is.
pub const FILL: u8 = 0;

/// There is none.
pub fn thunk(_symbol: Symbol, _address: u64) -> Option<[u8; THUNK]> {
    None
}

/// Nothing is fetched as an instruction.
///
/// # Safety
/// Nothing: it is unsafe on other machines.
pub unsafe fn synchronise(_start: *const u8, _len: usize) {}
