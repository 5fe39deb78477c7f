// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Seam: into generated code and out of it again.
//!
//! The trampoline is the host's twin of the kernel's `wkc_enter`: it saves the callee-saved registers, notes
//! the stack pointer in the call block and calls. A filter comes back by returning, or by `wkc_trap`, which
//! takes that stack pointer back; nothing unwinds.
#![allow(unsafe_code)]

use std::arch::global_asm;
use std::mem::offset_of;

use wasmkc_abi::vmctx::Call;
use wasmkc_core::Symbol;

use crate::helpers;

// Hidden, not local: rustc may put a caller into another object file of this crate than the assembly.
global_asm!(
    ".pushsection .text.wasmkc_host,\"ax\",@progbits",
    ".balign 16",
    ".type wasmkc_host_enter,@function",
    ".globl wasmkc_host_enter",
    ".hidden wasmkc_host_enter",
    // rdi = call block, rsi = entry
    "wasmkc_host_enter:",
    "push rbp",
    "mov rbp, rsp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 8",
    "mov [rdi + {saved_sp}], rsp",
    "call rsi",
    "2:",
    "add rsp, 8",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    "int3",
    ".size wasmkc_host_enter, . - wasmkc_host_enter",
    ".balign 16",
    ".type wasmkc_host_trap,@function",
    ".globl wasmkc_host_trap",
    ".hidden wasmkc_host_trap",
    // rdi = call block, esi = code; the return address is the trap's site
    "wasmkc_host_trap:",
    "pop rax",
    "mov [rdi + {trap_site}], rax",
    "mov [rdi + {trap_code}], esi",
    "mov rsp, [rdi + {saved_sp}]",
    "cld",
    "xor eax, eax",
    "jmp 2b",
    ".size wasmkc_host_trap, . - wasmkc_host_trap",
    ".popsection",
    saved_sp = const offset_of!(Call, saved_sp),
    trap_site = const offset_of!(Call, trap_site),
    trap_code = const offset_of!(Call, trap_code),
);

unsafe extern "C" {
    fn wasmkc_host_enter(call: *mut Call, entry: u64) -> u64;
    fn wasmkc_host_trap(call: *mut Call, code: u32) -> !;
}

/// Address of what an object may call. [`Symbol::Ret`] is not called: the arena holds its two instructions.
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
