// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Seam: the trampoline of aarch64, and what a call of the process's functions takes.
//!
//! Generated code touches no float or vector register, and a trap leaves generated code only, never a function of
//! the process that it has called: so those registers need no saving.
#![allow(unsafe_code)]

use std::arch::global_asm;
use std::mem::offset_of;

use wasmkc_abi::object::EM_AARCH64;
use wasmkc_abi::vmctx::Call;
use wasmkc_core::Symbol;

use super::THUNK;

/// ELF machine of this processor.
pub const MACHINE: u16 = EM_AARCH64;
/// Words of `udf #0`, where no code is.
pub const FILL: u8 = 0;

// Hidden, not local: rustc may put a caller into another object file of this crate than the assembly.
global_asm!(
    ".pushsection .text.wasmkc_host,\"ax\",@progbits",
    ".balign 16",
    ".type wasmkc_host_enter,@function",
    ".globl wasmkc_host_enter",
    ".hidden wasmkc_host_enter",
    // x0 = call block, x1 = entry
    "wasmkc_host_enter:",
    "stp x29, x30, [sp, #-16]!",
    "mov x29, sp",
    "stp x19, x20, [sp, #-16]!",
    "stp x21, x22, [sp, #-16]!",
    "stp x23, x24, [sp, #-16]!",
    "stp x25, x26, [sp, #-16]!",
    "stp x27, x28, [sp, #-16]!",
    "mov x9, sp",
    "str x9, [x0, #{saved_sp}]",
    "blr x1",
    "2:",
    "ldp x27, x28, [sp], #16",
    "ldp x25, x26, [sp], #16",
    "ldp x23, x24, [sp], #16",
    "ldp x21, x22, [sp], #16",
    "ldp x19, x20, [sp], #16",
    "ldp x29, x30, [sp], #16",
    "ret",
    ".size wasmkc_host_enter, . - wasmkc_host_enter",
    ".balign 16",
    ".type wasmkc_host_trap,@function",
    ".globl wasmkc_host_trap",
    ".hidden wasmkc_host_trap",
    // x0 = call block, w1 = code; the return address is the trap's site
    "wasmkc_host_trap:",
    "str x30, [x0, #{trap_site}]",
    "str w1, [x0, #{trap_code}]",
    "ldr x9, [x0, #{saved_sp}]",
    "mov sp, x9",
    "mov x0, #0",
    "b 2b",
    ".size wasmkc_host_trap, . - wasmkc_host_trap",
    ".balign 16",
    ".type wasmkc_host_synchronise,@function",
    ".globl wasmkc_host_synchronise",
    ".hidden wasmkc_host_synchronise",
    // x0 = start, x1 = end: what was written there leaves the data cache line by line, then what the instruction
    // cache holds of it is forgotten
    "wasmkc_host_synchronise:",
    "mrs x3, ctr_el0",
    "mov x5, #4",
    "ubfx x4, x3, #16, #4",
    "lsl x4, x5, x4",
    "sub x6, x4, #1",
    "bic x6, x0, x6",
    "3:",
    "dc cvau, x6",
    "add x6, x6, x4",
    "cmp x6, x1",
    "b.lo 3b",
    "dsb ish",
    "and x4, x3, #15",
    "lsl x4, x5, x4",
    "sub x6, x4, #1",
    "bic x6, x0, x6",
    "4:",
    "ic ivau, x6",
    "add x6, x6, x4",
    "cmp x6, x1",
    "b.lo 4b",
    "dsb ish",
    "isb",
    "ret",
    ".size wasmkc_host_synchronise, . - wasmkc_host_synchronise",
    ".popsection",
    saved_sp = const offset_of!(Call, saved_sp),
    trap_site = const offset_of!(Call, trap_site),
    trap_code = const offset_of!(Call, trap_code),
);

unsafe extern "C" {
    fn wasmkc_host_synchronise(start: *const u8, end: *const u8);
}

/// Code that goes to `symbol`, which is at `address`. There is no `wkc_ret`: functions return themselves.
pub fn thunk(symbol: Symbol, address: u64) -> Option<[u8; THUNK]> {
    if symbol == Symbol::Ret {
        return None;
    }
    let mut code = [FILL; THUNK];
    code[..4].copy_from_slice(&0x5800_0050_u32.to_le_bytes()); // ldr x16, +8
    code[4..8].copy_from_slice(&0xd61f_0200_u32.to_le_bytes()); // br x16
    code[8..].copy_from_slice(&address.to_le_bytes());
    Some(code)
}

/// Makes what was written at `start` visible to instruction fetches.
///
/// # Safety
/// The range is mapped and may be read.
pub unsafe fn synchronise(start: *const u8, len: usize) {
    // SAFETY: cache maintenance changes no memory, and the caller vouches that it faults on none.
    unsafe { wasmkc_host_synchronise(start, start.wrapping_add(len)) };
}
