// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Seam: the trampoline of x86_64, and what a call of the process's functions takes.
#![allow(unsafe_code)]

use std::arch::global_asm;
use std::mem::offset_of;

use wasmkc_abi::object::EM_X86_64;
use wasmkc_abi::vmctx::Call;
use wasmkc_core::Symbol;

use super::THUNK;

/// ELF machine of this processor.
pub const MACHINE: u16 = EM_X86_64;
/// `int3`, where no code is.
pub const FILL: u8 = 0xcc;

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

/// Code that goes to `symbol`, which is at `address`. `wkc_ret` is not called but jumped to with a result in rax: it
/// stands there itself.
pub fn thunk(symbol: Symbol, address: u64) -> Option<[u8; THUNK]> {
    let mut code = [FILL; THUNK];
    if symbol == Symbol::Ret {
        code[..2].copy_from_slice(&[0xc9, 0xc3]); // leave; ret
        return Some(code);
    }
    code[..2].copy_from_slice(&[0x49, 0xbb]); // mov r11, address
    code[2..10].copy_from_slice(&address.to_le_bytes());
    code[10..13].copy_from_slice(&[0x41, 0xff, 0xe3]); // jmp r11
    Some(code)
}

/// Makes what was written at `_start` visible to instruction fetches: they see every write here.
///
/// # Safety
/// Nothing: it is unsafe on other machines.
pub unsafe fn synchronise(_start: *const u8, _len: usize) {}
