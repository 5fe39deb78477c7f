// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Seam: into generated code and out of it again.
//!
//! The trampoline (`arch/`) is the host's twin of the kernel's `wkc_enter`: it saves the callee-saved registers, notes
//! the stack pointer in the call block and calls. A filter comes back by returning, or by `wkc_trap`, which
//! takes that stack pointer back; nothing unwinds.
#![allow(unsafe_code)]

use wasmkc_abi::vmctx::Call;
use wasmkc_core::Symbol;

use crate::helpers;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
unsafe extern "C" {
    fn wasmkc_host_enter(call: *mut Call, entry: u64) -> u64;
    fn wasmkc_host_trap(call: *mut Call, code: u32) -> !;
}

/// No native code can be loaded on this machine, so there is nothing to enter, and nothing that could trap.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const unsafe extern "C" fn wasmkc_host_enter(_call: *mut Call, _entry: u64) -> u64 {
    0
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe extern "C" fn wasmkc_host_trap(_call: *mut Call, _code: u32) -> ! {
    std::process::abort()
}

/// Address of what an object may call. [`Symbol::Ret`] is not called: where a machine has it, its thunk is the code.
pub fn address(symbol: Symbol) -> Option<u64> {
    let function = match symbol {
        Symbol::Ret | Symbol::Trap => wasmkc_host_trap as *const () as usize,
        Symbol::Memmove => libc::memmove as *const () as usize,
        Symbol::Memset => libc::memset as *const () as usize,
        Symbol::Helper(number) => helpers::address(number)?,
    };
    Some(function as u64)
}

/// The current stack pointer, a few frames above the trampoline's.
pub fn stack_pointer() -> u64 {
    let here = 0u8;
    (&raw const here).addr() as u64
}

/// Runs the function at `entry` with `call`.
///
/// # Safety
/// `entry` is 0, which is not run, or an entry of a loaded program that is kept until this returns. `call` names
/// a live instance of that program which nobody else uses meanwhile, and a packet that is writable for
/// `packet_len` bytes.
pub unsafe fn enter(call: &mut Call, entry: u64) -> u64 {
    if entry == 0 {
        return 0;
    }
    // SAFETY: the caller vouches for entry and call block; the trampoline keeps the C calling convention.
    unsafe { wasmkc_host_enter(call, entry) }
}
