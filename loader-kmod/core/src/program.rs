// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A loaded program: immutable code and tables, from which instances are made and traps are explained.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use wasmkc_abi::control::{ENGINE_NATIVE, ENGINE_PORTABLE};
use wasmkc_abi::limits::WASM_PAGE;
use wasmkc_abi::object::{Meta, NONE};
use wasmkc_abi::vmctx::{INSTANCE_GLOBALS, INSTANCE_SLOT, Instance};

use crate::link::Space;
use crate::platform::Platform;
use crate::portable::is_portable;
use crate::tables::{Signature, Tables};

/// A loaded program. Dropping it gives its arena space back; nobody may run its code any more by then.
#[derive(Debug)]
pub struct Program<P: Platform> {
    space: Space<P>,
    text_size: usize,
    meta: Meta,
    tables: Tables,
    text_sha256: [u8; 32],
    targets: u32,
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
    /// Pages that the largest sizes of all memories take together.
    pub memory_max: u32,
    /// Bytes of an instance block.
    pub instance_bytes: u32,
    /// Slot of the shadow-stack pointer, or [`NONE`].
    pub shadow_sp_slot: u32,
    /// First slot of the transfer area, or [`NONE`].
    pub transfer: u32,
    /// Static bound of stack use, or [`NONE`].
    pub stack_bound: u32,
    /// `ENGINE_*`; what is portable a [`crate::interpret::Machine`] runs.
    pub engine: u32,
    /// What the object had code for: bits by the rows of [`wasmkc_abi::object::TARGETS`].
    pub targets: u32,
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
    pub(crate) fn new(
        space: Space<P>,
        text_size: usize,
        meta: Meta,
        tables: Tables,
        text_sha256: [u8; 32],
        targets: u32,
    ) -> Self {
        Self { space, text_size, meta, tables, text_sha256, targets }
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
        let slots = (self.meta.slots as usize).saturating_add(self.tables.passive.len());
        slots.saturating_mul(INSTANCE_SLOT as usize).saturating_add(INSTANCE_GLOBALS as usize)
    }

    /// Bytecode lies in no arena.
    fn heap_bytes(&self) -> u64 {
        let code = if is_portable(&self.meta) { self.space.text.size as u64 } else { 0 };
        self.tables.heap_bytes().saturating_add(size_of::<Self>() as u64).saturating_add(code)
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
            heap_bytes: self.heap_bytes(),
            text_size: u32::try_from(self.text_size).unwrap_or(u32::MAX),
            flags: m.flags,
            hooks: m.hooks,
            memory_min: m.memory_min,
            memory_max: self.memory_pages(),
            instance_bytes: u32::try_from(self.instance_bytes()).unwrap_or(u32::MAX),
            shadow_sp_slot: m.shadow_sp_slot,
            transfer: m.transfer,
            stack_bound: m.stack_bound,
            engine: if is_portable(m) { ENGINE_PORTABLE } else { ENGINE_NATIVE },
            targets: self.targets,
            text_sha256: self.text_sha256,
        }
    }

    /// Makes an instance: fills its block (all but owner and CPU, which are the caller's) and copies
    /// the active segments into zeroed `memory`. Neither allocates nor sleeps.
    ///
    /// # Errors
    /// [`WrongSize`] unless `instance` has `instance_bytes` bytes and `memory` `memory_max` pages.
    pub fn instantiate(&self, instance: &mut [u8], memory: &mut [u8]) -> Result<(), WrongSize> {
        if instance.len() != self.instance_bytes() || memory.len() as u64 != pages(self.memory_pages()) {
            return Err(WrongSize);
        }
        let shadow = self.tables.slots.get(self.meta.shadow_sp_slot as usize).copied().unwrap_or(0);
        put(instance, offset_of!(Instance, shadow_sp), shadow)?;
        let zeros = (self.meta.slots as usize).saturating_sub(self.tables.slots.len());
        let values = self.tables.slots.iter().copied().chain(core::iter::repeat_n(0, zeros));
        let lengths = self.tables.passive.iter().map(|p| u64::from(p.size));
        for (slot, value) in values.chain(lengths).enumerate() {
            put(instance, slot_offset(slot), value)?;
        }
        self.place_memories(instance, memory)?;
        for row in self.tables.data.iter() {
            let from = crate::elf::range(&self.tables.data_bytes, u64::from(row.offset), u64::from(row.size));
            let start = usize::try_from(row.memory_offset).map_err(|_| WrongSize)?;
            let part = memory.get_mut(self.memory_start(row.memory)..).and_then(|m| m.get_mut(start..));
            let to = part.and_then(|m| m.get_mut(..row.size as usize));
            let (Some(from), Some(to)) = (from, to) else { return Err(WrongSize) };
            if from.len() != to.len() {
                return Err(WrongSize);
            }
            to.copy_from_slice(from);
        }
        Ok(())
    }

    /// Tells the instance where its memories are: one behind the other in `memory`, each with its largest size.
    fn place_memories(&self, instance: &mut [u8], memory: &mut [u8]) -> Result<(), WrongSize> {
        let base = memory.as_mut_ptr().expose_provenance() as u64;
        let m = &self.meta;
        let header =
            [offset_of!(Instance, memory_base), offset_of!(Instance, memory_size), offset_of!(Instance, memory_max)];
        let rows = self.tables.memories.iter().map(|row| {
            let first = slot_offset(row.slot as usize);
            let places = [0, 1, 2].map(|i| first.saturating_add(i * INSTANCE_SLOT as usize));
            (places, row.min, row.max)
        });
        let mut at = base;
        for (places, min, max) in core::iter::once((header, m.memory_min, m.memory_max)).chain(rows) {
            let (size, max) = (pages(min), pages(max));
            for (place, value) in places.into_iter().zip([if max == 0 { 0 } else { at }, size, max]) {
                put(instance, place, value)?;
            }
            at = at.saturating_add(max);
        }
        Ok(())
    }

    /// Offset of memory `index` among all of them.
    fn memory_start(&self, index: u32) -> usize {
        let Some(further) = index.checked_sub(1) else { return 0 };
        let before = self.tables.memories.iter().take(further as usize).map(|row| row.max);
        let sum = before.fold(self.meta.memory_max, u32::saturating_add);
        usize::try_from(pages(sum)).unwrap_or(usize::MAX)
    }

    /// Pages of all memories at their largest.
    fn memory_pages(&self) -> u32 {
        self.tables.memories.iter().fold(self.meta.memory_max, |sum, row| sum.saturating_add(row.max))
    }

    /// The export of this name: address of its entry and its signature. Neither allocates nor sleeps.
    #[must_use]
    pub fn export(&self, name: &str) -> Option<(u64, Signature<'_>)> {
        let strings = &self.tables.strings;
        let row = self.tables.exports.iter().find(|row| strings.get(row.name) == name)?;
        Some((self.address(row.entry), Signature::parse(strings.signature(row.signature))?))
    }

    /// All exports: names and signatures.
    pub fn exports(&self) -> impl Iterator<Item = (&str, &str)> {
        let strings = &self.tables.strings;
        self.tables.exports.iter().map(|row| (strings.get(row.name), strings.signature(row.signature)))
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

/// Bytes of so many pages.
fn pages(n: u32) -> u64 {
    u64::from(n).saturating_mul(WASM_PAGE)
}

/// Where a slot is in an instance block.
fn slot_offset(slot: usize) -> usize {
    slot.saturating_mul(INSTANCE_SLOT as usize).saturating_add(INSTANCE_GLOBALS as usize)
}

fn put(bytes: &mut [u8], at: usize, value: u64) -> Result<(), WrongSize> {
    let slot = bytes.get_mut(at..).and_then(|b| b.first_chunk_mut::<8>()).ok_or(WrongSize)?;
    *slot = value.to_le_bytes();
    Ok(())
}
