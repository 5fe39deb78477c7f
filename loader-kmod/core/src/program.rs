// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A loaded program: immutable code and tables, from which instances are made and traps are explained.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use wasmkc_abi::limits::WASM_PAGE;
use wasmkc_abi::object::{Meta, NONE};
use wasmkc_abi::vmctx::{INSTANCE_GLOBALS, INSTANCE_SLOT, Instance};

use crate::link::Space;
use crate::platform::Platform;
use crate::tables::Tables;

/// A loaded program. Dropping it gives its arena space back; nobody may run its code any more by then.
#[derive(Debug)]
pub struct Program<P: Platform> {
    space: Space<P>,
    meta: Meta,
    tables: Tables,
    text_sha256: [u8; 32],
}

/// What a caller needs to run a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Address of the XDP entry.
    pub entry_xdp: u64,
    /// Addresses of start function, `_initialize` and `init`; 0 where absent.
    pub entry_init: [u64; 3],
    /// Fuel ceiling of one run.
    pub fuel: u64,
    /// Address of the code.
    pub text_base: u64,
    /// Heap that the program takes.
    pub heap_bytes: u64,
    /// Bytes of code.
    pub text_size: u32,
    /// `FLAG_*`.
    pub flags: u32,
    /// `HOOK_*`.
    pub hooks: u32,
    /// Initial memory in pages.
    pub memory_min: u32,
    /// Largest memory in pages.
    pub memory_max: u32,
    /// Bytes of an instance block.
    pub instance_bytes: u32,
    /// Index of the shadow-stack pointer's global, or [`NONE`].
    pub shadow_sp_global: u32,
    /// Static bound of stack use, or [`NONE`].
    pub stack_bound: u32,
    /// SHA-256 of the code before relocation.
    pub text_sha256: [u8; 32],
}

/// What is known of the place of a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapSite<'a> {
    /// Offset of the return address in the code.
    pub site: u32,
    /// Offset in the wasm file, or [`NONE`].
    pub wasm_offset: u32,
    /// Cause, as the compiler meant it.
    pub code: u32,
    /// Source line, 0 if unknown.
    pub line: u32,
    /// Function's name.
    pub function: &'a str,
    /// Source file's name, empty if unknown.
    pub file: &'a str,
}

/// The instance block or the memory has a wrong size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongSize;

impl<P: Platform> Program<P> {
    pub(crate) fn new(space: Space<P>, meta: Meta, tables: Tables, text_sha256: [u8; 32]) -> Self {
        Self { space, meta, tables, text_sha256 }
    }

    /// The platform it was loaded for.
    #[must_use]
    pub fn platform(&self) -> &P {
        self.space.platform()
    }

    /// Its metadata.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Its module's name, or empty.
    #[must_use]
    pub fn name(&self) -> &str {
        self.tables.strings.get(self.meta.name)
    }

    /// Its purpose note, or empty.
    #[must_use]
    pub fn note(&self) -> &str {
        self.tables.strings.get(self.meta.note)
    }

    fn address(&self, offset: u32) -> u64 {
        if offset == NONE { 0 } else { self.space.text.address.saturating_add(u64::from(offset)) }
    }

    fn instance_bytes(&self) -> usize {
        let slots = self.tables.globals.len().saturating_add(self.tables.passive.len());
        slots.saturating_mul(INSTANCE_SLOT as usize).saturating_add(INSTANCE_GLOBALS as usize)
    }

    /// What a caller needs to run it.
    #[must_use]
    pub fn info(&self) -> Info {
        let m = &self.meta;
        Info {
            entry_xdp: self.address(m.entry_xdp),
            entry_init: [m.entry_start, m.entry_initialize, m.entry_init].map(|e| self.address(e)),
            fuel: m.fuel,
            text_base: self.space.text.address,
            heap_bytes: self.tables.heap_bytes().saturating_add(size_of::<Self>() as u64),
            text_size: u32::try_from(self.space.text.size).unwrap_or(u32::MAX),
            flags: m.flags,
            hooks: m.hooks,
            memory_min: m.memory_min,
            memory_max: m.memory_max,
            instance_bytes: u32::try_from(self.instance_bytes()).unwrap_or(u32::MAX),
            shadow_sp_global: m.shadow_sp_global,
            stack_bound: m.stack_bound,
            text_sha256: self.text_sha256,
        }
    }

    /// Makes an instance: fills its block (all but owner, busy and CPU, which are the caller's) and copies
    /// the active segments into zeroed `memory`. Neither allocates nor sleeps.
    ///
    /// # Errors
    /// [`WrongSize`] unless `instance` has `instance_bytes` bytes and `memory` `memory_max` pages.
    pub fn instantiate(&self, instance: &mut [u8], memory: &mut [u8]) -> Result<(), WrongSize> {
        let max = u64::from(self.meta.memory_max).saturating_mul(WASM_PAGE);
        let size = u64::from(self.meta.memory_min).saturating_mul(WASM_PAGE);
        if instance.len() != self.instance_bytes() || memory.len() as u64 != max {
            return Err(WrongSize);
        }
        let base = if max == 0 { 0 } else { memory.as_mut_ptr().expose_provenance() as u64 };
        let shadow = self.tables.globals.get(self.meta.shadow_sp_global as usize).copied().unwrap_or(0);
        let header = [
            (offset_of!(Instance, memory_base), base),
            (offset_of!(Instance, memory_size), size),
            (offset_of!(Instance, memory_max), max),
            (offset_of!(Instance, shadow_sp), shadow),
        ];
        for (at, value) in header {
            put(instance, at, value)?;
        }
        let mut at = INSTANCE_GLOBALS as usize;
        let lengths = self.tables.passive.iter().map(|p| u64::from(p.size));
        for value in self.tables.globals.iter().copied().chain(lengths) {
            put(instance, at, value)?;
            at = at.saturating_add(INSTANCE_SLOT as usize);
        }
        for row in self.tables.data.iter() {
            let from = crate::elf::range(&self.tables.data_bytes, u64::from(row.offset), u64::from(row.size));
            let start = usize::try_from(row.memory_offset).map_err(|_| WrongSize)?;
            let to = memory.get_mut(start..).and_then(|m| m.get_mut(..row.size as usize));
            let (Some(from), Some(to)) = (from, to) else { return Err(WrongSize) };
            if from.len() != to.len() {
                return Err(WrongSize);
            }
            to.copy_from_slice(from);
        }
        Ok(())
    }

    /// The trap site with this return address. Neither allocates nor sleeps.
    #[must_use]
    pub fn trap_site(&self, address: u64) -> Option<TrapSite<'_>> {
        let site = u32::try_from(address.checked_sub(self.space.text.address)?).ok()?;
        let index = self.tables.traps.binary_search_by_key(&site, |t| t.site).ok()?;
        let row = self.tables.traps.get(index)?;
        let function = self.tables.funcs.get(row.function as usize)?;
        Some(TrapSite {
            site,
            wasm_offset: row.wasm_offset,
            code: row.code,
            line: row.line,
            function: self.tables.strings.get(function.name),
            file: self.tables.strings.get(row.file),
        })
    }
}

fn put(bytes: &mut [u8], at: usize, value: u64) -> Result<(), WrongSize> {
    let slot = bytes.get_mut(at..).and_then(|b| b.first_chunk_mut::<8>()).ok_or(WrongSize)?;
    *slot = value.to_le_bytes();
    Ok(())
}
