// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the core needs from where it runs: the kernel's glue or the host's mmap.
#![forbid(unsafe_code)]

use wasmkc_abi::helper::Helper;
use wasmkc_abi::vmctx::{SYMBOL_MEMMOVE, SYMBOL_MEMSET, SYMBOL_RET, SYMBOL_TRAP};

/// One of the places a program's bytes live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arena {
    /// Read and execute.
    Text,
    /// Read only.
    Rodata,
    /// Read only: bytecode with its constants, which lies anywhere.
    Bytecode,
}

/// A function that an object may leave undefined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol {
    /// [`SYMBOL_RET`].
    Ret,
    /// [`SYMBOL_TRAP`].
    Trap,
    /// [`SYMBOL_MEMMOVE`].
    Memmove,
    /// [`SYMBOL_MEMSET`].
    Memset,
    /// The helper of this number.
    Helper(u32),
}

impl Symbol {
    /// The symbol of this name, if an object may use it.
    #[must_use]
    pub fn by_name(name: &[u8]) -> Option<Self> {
        let runtime = [
            (SYMBOL_RET, Self::Ret),
            (SYMBOL_TRAP, Self::Trap),
            (SYMBOL_MEMMOVE, Self::Memmove),
            (SYMBOL_MEMSET, Self::Memset),
        ];
        if let Some((_, s)) = runtime.iter().find(|(n, _)| n.as_bytes() == name) {
            return Some(*s);
        }
        let rows = wasmkc_abi::helper::HELPERS.iter();
        rows.map(|h: &Helper| (h.symbol, h.number)).find(|(s, _)| s.as_bytes() == name).map(|(_, n)| Self::Helper(n))
    }

    /// Its name in an object; empty for a helper that there is not.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ret => SYMBOL_RET,
            Self::Trap => SYMBOL_TRAP,
            Self::Memmove => SYMBOL_MEMMOVE,
            Self::Memset => SYMBOL_MEMSET,
            Self::Helper(n) => Helper::by_number(n).map_or("", |helper| helper.symbol),
        }
    }

    /// Its number in the C seam.
    #[must_use]
    pub const fn index(self) -> u32 {
        match self {
            Self::Ret => 0,
            Self::Trap => 1,
            Self::Memmove => 2,
            Self::Memset => 3,
            Self::Helper(n) => n.saturating_add(16),
        }
    }
}

/// Says whether a signature (second argument: PKCS#7, detached) over data (first) is one of a trusted key.
/// Errors are positive errno values: ENOKEY, EKEYREJECTED, EBADMSG, ENOPKG and the like.
pub trait Verifier: FnOnce(&[u8], &[u8]) -> Result<(), i32> {}

impl<F: FnOnce(&[u8], &[u8]) -> Result<(), i32>> Verifier for F {}

/// What the core needs from where it runs. Error numbers are positive errno values.
pub trait Platform {
    /// ELF machine whose code this platform runs.
    const MACHINE: u16;

    /// Takes `size` bytes of `arena`, 16-byte aligned, within reach of the other arena and of all symbols:
    /// 2 GiB on x86_64; on aarch64 4 GiB of the other arena and 128 MiB of the symbols. Bytecode is within reach of
    /// nothing.
    ///
    /// # Errors
    /// ENOSPC when the arena is full.
    fn arena_alloc(&mut self, arena: Arena, size: usize) -> Result<u64, i32>;

    /// Gives back what [`Self::arena_alloc`] gave.
    fn arena_free(&mut self, arena: Arena, address: u64, size: usize);

    /// Copies `bytes` to `address` inside what [`Self::arena_alloc`] gave. Never makes a page writable and
    /// executable at once.
    ///
    /// # Errors
    /// What the platform says.
    fn arena_write(&mut self, arena: Arena, address: u64, bytes: &[u8]) -> Result<(), i32>;

    /// Address of a symbol, if this platform has it.
    fn symbol(&mut self, symbol: Symbol) -> Option<u64>;

    /// SHA-256 of `data`.
    fn sha256(&mut self, data: &[u8]) -> [u8; 32];
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmkc_abi::helper::HELPERS;

    #[test]
    fn a_symbol_has_the_name_that_it_is_found_by() {
        let helpers = HELPERS.iter().map(|helper| Symbol::Helper(helper.number));
        for symbol in [Symbol::Ret, Symbol::Trap, Symbol::Memmove, Symbol::Memset].into_iter().chain(helpers) {
            assert_eq!(Symbol::by_name(symbol.name().as_bytes()), Some(symbol));
        }
        assert_eq!((Symbol::Helper(u32::MAX).name(), Symbol::by_name(b"")), ("", None));
    }
}
