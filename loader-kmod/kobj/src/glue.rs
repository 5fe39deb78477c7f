// SPDX-License-Identifier: GPL-2.0-only
//! The kernel as the core's platform: one safe method for each function of the C glue.

use wasmkc_abi::object;
use wasmkc_abi::vmctx::Call;
use wasmkc_core::interpret::{Helpers, MAX_ARGUMENTS};
use wasmkc_core::{Arena, Platform, Symbol};

unsafe extern "C" {
    pub fn wkc_plat_alloc(size: usize, align: usize) -> *mut u8;
    pub fn wkc_plat_free(address: *mut u8);
    pub fn wkc_plat_panic(file: *const u8, len: usize, line: u32) -> !;
    fn wkc_plat_verify(data: *const u8, len: usize, signature: *const u8, signature_len: usize) -> i32;
    fn wkc_plat_arena_alloc(kind: u32, size: usize, address: *mut u64) -> i32;
    fn wkc_plat_arena_free(kind: u32, address: u64, size: usize);
    fn wkc_plat_arena_write(kind: u32, address: u64, bytes: *const u8, len: usize) -> i32;
    fn wkc_plat_symbol(index: u32) -> u64;
    fn wkc_plat_helper(call: *mut Call, number: u32, arguments: *const u64) -> u64;
    fn wkc_plat_sha256(data: *const u8, len: usize, out: *mut u8);
}

/// The running kernel.
#[derive(Debug)]
pub struct Kernel;

const fn kind(arena: Arena) -> u32 {
    match arena {
        Arena::Text => 0,
        Arena::Rodata => 1,
        Arena::Bytecode => 2,
    }
}

/// 0 or a negative errno, as C says it.
fn done(status: i32) -> Result<(), i32> {
    if status == 0 { Ok(()) } else { Err(status.saturating_neg()) }
}

/// Asks the kernel's PKCS#7 verifier with the module's keyring.
pub fn verify(data: &[u8], signature: &[u8]) -> Result<(), i32> {
    // SAFETY: both ranges are live slices that C only reads.
    done(unsafe { wkc_plat_verify(data.as_ptr(), data.len(), signature.as_ptr(), signature.len()) })
}

impl Helpers for Kernel {
    unsafe fn call(&mut self, call: *mut Call, number: u32, arguments: [u64; MAX_ARGUMENTS]) -> u64 {
        // SAFETY: the caller vouches for the call block and for what the arguments point at; C reads the array only.
        unsafe { wkc_plat_helper(call, number, arguments.as_ptr()) }
    }
}

impl Platform for Kernel {
    const MACHINE: u16 = if cfg!(target_arch = "x86_64") {
        object::EM_X86_64
    } else if cfg!(target_arch = "aarch64") {
        object::EM_AARCH64
    } else {
        object::MACHINE_PORTABLE
    };

    fn arena_alloc(&mut self, arena: Arena, size: usize) -> Result<u64, i32> {
        let mut address = 0;
        // SAFETY: C writes one u64 to a live local.
        done(unsafe { wkc_plat_arena_alloc(kind(arena), size, &raw mut address) })?;
        Ok(address)
    }

    fn arena_free(&mut self, arena: Arena, address: u64, size: usize) {
        // SAFETY: the core frees exactly what it allocated, once.
        unsafe { wkc_plat_arena_free(kind(arena), address, size) }
    }

    fn arena_write(&mut self, arena: Arena, address: u64, bytes: &[u8]) -> Result<(), i32> {
        // SAFETY: the range is a live slice that C only reads; C checks the address against its arena.
        done(unsafe { wkc_plat_arena_write(kind(arena), address, bytes.as_ptr(), bytes.len()) })
    }

    fn symbol(&mut self, symbol: Symbol) -> Option<u64> {
        // SAFETY: it takes any number.
        let address = unsafe { wkc_plat_symbol(symbol.index()) };
        (address != 0).then_some(address)
    }

    fn sha256(&mut self, data: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        // SAFETY: C reads a live slice and writes 32 bytes to a live array.
        unsafe { wkc_plat_sha256(data.as_ptr(), data.len(), out.as_mut_ptr()) };
        out
    }
}
