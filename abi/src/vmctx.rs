// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The two blocks that generated code reads and writes, and the symbols it calls.
//!
//! Every generated function is `extern "C" fn(call: *mut Call, wasm parameters...) -> wasm results`
//! (System V on x86_64). The loader enters one only through its trampoline:
//!
//! ```text
//! one a run at a time               persistent, one a CPU
//! +-------------+   instance        +-----------------------------+
//! | Call        | ----------------> | Instance header (64 bytes)  |
//! |  fuel, sp,  |                   | globals        u64 each     |
//! |  packet ... |                   | passive segment lengths u64 |
//! +-------------+                   +-----------------------------+
//! ```

/// The per-call block: this run's alone until it ends.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Address of the [`Instance`].
    pub instance: u64,
    /// Trampoline's stack pointer, for the trap exit. Written by the trampoline only.
    pub saved_sp: u64,
    /// Lowest stack pointer that a prologue accepts; for bytecode the bytes of the interpreter's stack that the
    /// run may take.
    pub stack_limit: u64,
    /// Fuel left; negative once it has run out.
    pub fuel: i64,
    /// Address of the packet's first byte.
    pub packet: u64,
    /// Bytes at `packet`, at most `u32::MAX`.
    pub packet_len: u64,
    /// Bytes of the whole packet.
    pub packet_total_len: u64,
    /// The loader's own, never read by generated code.
    pub hook_context: u64,
    /// [`crate::trap::TrapCode`] of the trap that ended this run, 0 for none.
    pub trap_code: u32,
    /// Loader's flags for this run (`CALL_*`).
    pub flags: u32,
    /// Return address of the call to [`SYMBOL_TRAP`] that trapped.
    pub trap_site: u64,
}

/// Flag in [`Call::flags`]: a redirect helper succeeded in this run.
pub const CALL_REDIRECTED: u32 = 1 << 0;

/// Header of the persistent block of one instance. Globals follow at [`INSTANCE_GLOBALS`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    /// Address of linear memory; 0 if there is none.
    pub memory_base: u64,
    /// Bytes of linear memory in use now.
    pub memory_size: u64,
    /// Bytes of linear memory reserved; `memory.grow` never passes it.
    pub memory_max: u64,
    /// Loader's own pointer to the program, never read by generated code.
    pub owner: u64,
    /// CPU of this instance.
    pub cpu: u32,
    /// Zero.
    pub pad: u32,
    /// Value that the guest's shadow-stack pointer gets back after a trap.
    pub shadow_sp: u64,
    /// Zero.
    pub reserved: [u64; 2],
}

/// Offset of the first global in an instance.
pub const INSTANCE_GLOBALS: u32 = 64;
/// Bytes a global or a passive segment's length takes.
pub const INSTANCE_SLOT: u32 = 8;

/// `leave; ret` in the form that the running kernel's mitigations want.
pub const SYMBOL_RET: &str = "wkc_ret";
/// `fn(call, code: u32) -> !`: records code and return address and leaves through the trampoline.
pub const SYMBOL_TRAP: &str = "wkc_trap";
/// `fn(dst: *mut u8, src: *const u8, len: u64)`: overlapping copy, checked and charged by its caller.
pub const SYMBOL_MEMMOVE: &str = "wkc_memmove";
/// `fn(dst: *mut u8, byte: u32, len: u64)`: fill, checked and charged by its caller.
pub const SYMBOL_MEMSET: &str = "wkc_memset";

/// Every symbol but the helpers' that an object may leave undefined.
pub const RUNTIME_SYMBOLS: [&str; 4] = [SYMBOL_RET, SYMBOL_TRAP, SYMBOL_MEMMOVE, SYMBOL_MEMSET];

/// What bytecode calls by `call_indirect_host`: [`SYMBOL_TRAP`].
pub const HOST_TRAP: u8 = 0;
/// [`SYMBOL_MEMMOVE`].
pub const HOST_MEMMOVE: u8 = 1;
/// [`SYMBOL_MEMSET`].
pub const HOST_MEMSET: u8 = 2;
/// The first helper's number is added to it.
pub const HOST_HELPER: u8 = 16;

/// What bytecode calls helper `number` by.
#[must_use]
pub const fn host_helper(number: u32) -> Option<u8> {
    if number > (u8::MAX - HOST_HELPER) as u32 { None } else { Some(HOST_HELPER + number as u8) }
}

const _: () = {
    use crate::helper::HELPERS;
    use core::mem::{offset_of, size_of};
    let mut n = 0;
    while n < HELPERS.len() {
        assert!(host_helper(HELPERS[n].number).is_some());
        n += 1;
    }
    assert!(size_of::<Call>() == 80);
    assert!(offset_of!(Call, instance) == 0);
    assert!(offset_of!(Call, saved_sp) == 8);
    assert!(offset_of!(Call, stack_limit) == 16);
    assert!(offset_of!(Call, fuel) == 24);
    assert!(offset_of!(Call, packet) == 32);
    assert!(offset_of!(Call, packet_len) == 40);
    assert!(offset_of!(Call, packet_total_len) == 48);
    assert!(offset_of!(Call, hook_context) == 56);
    assert!(offset_of!(Call, trap_code) == 64);
    assert!(offset_of!(Call, flags) == 68);
    assert!(offset_of!(Call, trap_site) == 72);
    assert!(size_of::<Instance>() == INSTANCE_GLOBALS as usize);
    assert!(offset_of!(Instance, memory_size) == 8);
    assert!(offset_of!(Instance, memory_max) == 16);
    assert!(offset_of!(Instance, owner) == 24);
    assert!(offset_of!(Instance, cpu) == 32);
    assert!(offset_of!(Instance, shadow_sp) == 40);
};
