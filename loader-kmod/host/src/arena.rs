// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Seam: executable memory by mmap, one mapping a program.
//!
//! ```text
//! | thunks (RX) | .text (RX) | .rodata (R) |    all within 4 MiB, so every displacement reaches
//! ```
//! Generated code calls the runtime through thunks, as the process's own functions may lie anywhere in its
//! 64-bit address space. A page is writable or executable, never both. Bytecode takes the place of both, and is never
//! executable.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use sha2::{Digest, Sha256};
use wasmkc_abi::limits::{MAX_RODATA_BYTES, MAX_TEXT_BYTES};
use wasmkc_core::{Arena, Platform, Symbol};

use crate::arch::{self, THUNK};
use crate::entry;

const PAGE: usize = 4096;
const TEXT: usize = PAGE;
const RODATA: usize = TEXT + MAX_TEXT_BYTES as usize;
const SIZE: usize = RODATA + MAX_RODATA_BYTES as usize;

/// A reserved range of addresses, unmapped when dropped.
///
/// # Invariants
/// `base` points at `SIZE` bytes that this value alone mapped.
#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
}

// SAFETY: the mapping belongs to this value alone, and its address is valid in all threads.
unsafe impl Send for Mapping {}
// SAFETY: a shared reference gives nothing but the address.
unsafe impl Sync for Mapping {}

fn last_errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

impl Mapping {
    fn new() -> Result<Self, i32> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches nothing that exists.
        let base = unsafe { libc::mmap(ptr::null_mut(), SIZE, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(last_errno());
        }
        NonNull::new(base.cast()).map(|base| Self { base }).ok_or(libc::ENOMEM)
    }

    fn address(&self) -> u64 {
        self.base.as_ptr().expose_provenance() as u64
    }

    /// Writes `bytes` at `offset` and leaves the pages they touch with `protection`.
    fn write(&self, offset: usize, bytes: &[u8], protection: i32) -> Result<(), i32> {
        let end = offset.checked_add(bytes.len()).filter(|end| *end <= SIZE).ok_or(libc::EFAULT)?;
        let first = offset / PAGE * PAGE;
        let len = end - first;
        self.protect(first, len, libc::PROT_READ | libc::PROT_WRITE)?;
        // SAFETY: `offset` lies within the mapping, as checked above.
        let to = unsafe { self.base.add(offset) };
        // SAFETY: the target range is mapped and was just made writable; no reference to it exists anywhere.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
        self.protect(first, len, protection)?;
        if protection & libc::PROT_EXEC != 0 {
            // SAFETY: the range is mapped, and what may be executed may be read.
            unsafe { arch::synchronise(to.as_ptr(), bytes.len()) };
        }
        Ok(())
    }

    fn protect(&self, first: usize, len: usize, protection: i32) -> Result<(), i32> {
        // SAFETY: callers stay within the mapping.
        let start = unsafe { self.base.add(first) };
        // SAFETY: it changes pages of this mapping only; code in them runs only after the last write.
        let status = unsafe { libc::mprotect(start.as_ptr().cast(), len, protection) };
        if status == 0 { Ok(()) } else { Err(last_errno()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this value mapped the range, and whoever runs its code holds the program and so this value.
        unsafe { libc::munmap(self.base.as_ptr().cast(), SIZE) };
    }
}

/// This process as the core's platform. Holds one program.
#[derive(Debug, Default)]
pub struct Host {
    mapping: Option<Mapping>,
}

/// Where the thunk of `symbol` is in the thunk page.
fn thunk_offset(symbol: Symbol) -> Option<usize> {
    let offset = usize::try_from(symbol.index()).ok()?.checked_mul(THUNK)?;
    (offset + THUNK <= PAGE).then_some(offset)
}

impl Host {
    fn mapping(&mut self) -> Result<&Mapping, i32> {
        if self.mapping.is_none() {
            let mapping = Mapping::new()?;
            let mut page = [arch::FILL; PAGE];
            let helpers = wasmkc_abi::helper::HELPERS.iter().map(|h| Symbol::Helper(h.number));
            for symbol in [Symbol::Ret, Symbol::Trap, Symbol::Memmove, Symbol::Memset].into_iter().chain(helpers) {
                let (Some(at), Some(address)) = (thunk_offset(symbol), entry::address(symbol)) else {
                    return Err(libc::ENOSYS);
                };
                if let Some(code) = arch::thunk(symbol, address) {
                    page[at..at + THUNK].copy_from_slice(&code);
                }
            }
            mapping.write(0, &page, libc::PROT_READ | libc::PROT_EXEC)?;
            self.mapping = Some(mapping);
        }
        self.mapping.as_ref().ok_or(libc::ENOMEM)
    }
}

impl Platform for Host {
    const MACHINE: u16 = arch::MACHINE;

    fn arena_alloc(&mut self, arena: Arena, size: usize) -> Result<u64, i32> {
        let (offset, room) = match arena {
            Arena::Text => (TEXT, RODATA - TEXT),
            Arena::Rodata => (RODATA, SIZE - RODATA),
            Arena::Bytecode => (TEXT, SIZE - TEXT),
        };
        let base = self.mapping()?.address();
        if size > room { Err(libc::ENOSPC) } else { Ok(base + offset as u64) }
    }

    fn arena_free(&mut self, _arena: Arena, _address: u64, _size: usize) {
        // the mapping holds one program and goes with it
    }

    fn arena_write(&mut self, arena: Arena, address: u64, bytes: &[u8]) -> Result<(), i32> {
        let mapping = self.mapping()?;
        let offset = address.checked_sub(mapping.address()).and_then(|o| usize::try_from(o).ok());
        let protection = match arena {
            Arena::Text => libc::PROT_READ | libc::PROT_EXEC,
            Arena::Rodata | Arena::Bytecode => libc::PROT_READ,
        };
        mapping.write(offset.ok_or(libc::EFAULT)?, bytes, protection)
    }

    fn symbol(&mut self, symbol: Symbol) -> Option<u64> {
        arch::thunk(symbol, entry::address(symbol)?)?;
        let offset = thunk_offset(symbol)?;
        self.mapping().ok().map(|m| m.address() + offset as u64)
    }

    fn sha256(&mut self, data: &[u8]) -> [u8; 32] {
        Sha256::digest(data).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protections of the mappings that overlap `[start, start + SIZE)`, from the kernel itself.
    fn protections(start: u64) -> Vec<String> {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let parse = |s: &str| u64::from_str_radix(s, 16).unwrap();
        maps.lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let (from, to) = words.next()?.split_once('-')?;
                let inside = parse(from) < start + SIZE as u64 && parse(to) > start;
                inside.then(|| words.next().unwrap_or("").to_owned())
            })
            .collect()
    }

    #[test]
    fn no_page_is_writable_and_executable() {
        let mut host = Host::default();
        let text = host.arena_alloc(Arena::Text, 5000).unwrap();
        let rodata = host.arena_alloc(Arena::Rodata, 8).unwrap();
        host.arena_write(Arena::Text, text, &[0xcc; 5000]).unwrap();
        host.arena_write(Arena::Rodata, rodata, &[7; 8]).unwrap();
        let seen = protections(host.mapping().unwrap().address());
        assert!(seen.iter().any(|p| p.starts_with("r-x")), "{seen:?}");
        assert!(seen.iter().any(|p| p.starts_with("r--")), "{seen:?}");
        assert!(seen.iter().all(|p| !p.contains('w')), "{seen:?}");
    }

    #[test]
    fn a_write_outside_the_mapping_is_refused() {
        let mut host = Host::default();
        let text = host.arena_alloc(Arena::Text, 16).unwrap();
        assert_eq!(host.arena_write(Arena::Text, text + SIZE as u64, &[0]), Err(libc::EFAULT));
        assert_eq!(host.arena_write(Arena::Text, 0, &[0]), Err(libc::EFAULT));
        assert_eq!(host.arena_alloc(Arena::Text, SIZE), Err(libc::ENOSPC));
    }
}
