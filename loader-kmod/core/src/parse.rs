// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! From signed bytes to checked values: sections by name, then `.wkc.meta`, then everything it counts.
//!
//! A signature says who made the bytes, not that they are right: everything is checked here, so that an
//! object of a faulty or malicious signer is refused or loads safely as far as tables can tell.
#![forbid(unsafe_code)]

use wasmkc_abi::limits::{FUEL_MAX, MAX_MEMORY_PAGES, MAX_RODATA_BYTES, MAX_TEXT_BYTES};
use wasmkc_abi::object::{self as o, Meta, NONE};
use wasmkc_abi::{ABI_MAJOR, ABI_MINOR};

use crate::elf::{Elf, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_CREL, SHT_PROGBITS, SHT_REL, SHT_RELA, Section};
use crate::error::{Code, Error};
use crate::image::SignedImage;
use crate::memory::List;
use crate::portable;
use crate::relocation::{self, Relocation};
use crate::tables::Tables;
use crate::targets::{self, Targets, Wanted};

const TEXT: &str = ".text";
const RODATA: &str = ".rodata";
const RELA_TEXT: &str = ".rela.text";
/// x86_64's landing pad: `endbr64`.
const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
/// aarch64's landing pad: `bti c`.
const BTI_C: [u8; 4] = [0x5f, 0x24, 0x03, 0xd5];

/// A checked object.
///
/// # Invariants
/// All offsets and indices in `meta`, `tables` and `relocations` lie within what they refer to.
#[derive(Debug)]
pub struct ParsedImage<'a> {
    pub(crate) meta: Meta,
    pub(crate) text: &'a [u8],
    pub(crate) rodata: &'a [u8],
    pub(crate) tables: Tables,
    pub(crate) relocations: List<Relocation>,
    /// What the object has code for, see [`Targets::bits`].
    pub(crate) targets: u32,
}

/// The sections a loader reads. Absent tables are empty.
pub(crate) struct Sections<'a> {
    pub text: Section<'a>,
    pub rodata: Option<Section<'a>>,
    pub rela: Option<Section<'a>>,
    pub meta: &'a [u8],
    pub imports: &'a [u8],
    pub funcs: &'a [u8],
    pub traps: &'a [u8],
    pub slots: &'a [u8],
    pub memories: &'a [u8],
    pub exports: &'a [u8],
    pub passive: &'a [u8],
    pub data: &'a [u8],
    pub strings: &'a [u8],
}

impl<'a> SignedImage<'a> {
    /// Parses the code that is taken on `machine`, and checks the form of the others.
    ///
    /// # Errors
    /// The first check that fails; see [`Code`].
    pub fn parse(self, machine: u16, wanted: Wanted) -> Result<ParsedImage<'a>, Error> {
        let targets = Targets::parse(self.elf())?;
        let elf = targets.choose(machine, wanted)?;
        parse(&elf, targets.bits())
    }
}

/// The checks, on one ELF file alone.
pub(crate) fn parse<'a>(elf: &Elf<'a>, bits: u32) -> Result<ParsedImage<'a>, Error> {
    let sections = Sections::find(elf)?;
    let meta = check_meta(&sections, targets::machine(elf.machine()))?;
    let rodata = sections.rodata.map_or(&[][..], |s| s.bytes);
    let tables = Tables::parse(&sections, &meta)?;
    check_entries(&meta, sections.text.bytes, &tables)?;
    let relocations = relocation::parse(elf, &sections, &tables)?;
    portable::check_text(&meta, sections.text.bytes, relocations.len())?;
    Ok(ParsedImage { meta, text: sections.text.bytes, rodata, tables, relocations, targets: bits })
}

/// The one section of name `name`, if there is one.
fn find<'a>(elf: &Elf<'a>, name: &'static str) -> Result<Option<Section<'a>>, Error> {
    let mut found = elf.sections().filter(|s| s.name == name.as_bytes());
    let first = found.next();
    if found.next().is_some() {
        return Err(Error::in_section(Code::DuplicateSection, name));
    }
    Ok(first)
}

/// The bytes of a table's section: PROGBITS, never executable; empty if absent.
fn table<'a>(elf: &Elf<'a>, name: &'static str) -> Result<&'a [u8], Error> {
    let Some(section) = find(elf, name)? else { return Ok(&[]) };
    if section.kind != SHT_PROGBITS || section.flags & SHF_WRITE != 0 {
        return Err(Error::in_section(Code::BadSection, name));
    }
    Ok(section.bytes)
}

impl<'a> Sections<'a> {
    fn find(elf: &Elf<'a>) -> Result<Self, Error> {
        let missing = |name| Error::in_section(Code::MissingSection, name);
        if find(elf, o::SECTION_META)?.is_none() {
            return Err(missing(o::SECTION_META));
        }
        let text = find(elf, TEXT)?.ok_or(missing(TEXT))?;
        if text.flags & SHF_WRITE != 0 {
            return Err(Error::in_section(Code::WritableText, TEXT));
        }
        if text.kind != SHT_PROGBITS || text.flags & (SHF_ALLOC | SHF_EXECINSTR) != SHF_ALLOC | SHF_EXECINSTR {
            return Err(Error::in_section(Code::BadSection, TEXT));
        }
        if text.bytes.is_empty() {
            return Err(Error::in_section(Code::BadSection, TEXT));
        }
        if text.bytes.len() > MAX_TEXT_BYTES as usize {
            return Err(Error::in_section(Code::LimitExceeded, TEXT));
        }
        if elf.sections().any(|s| s.index != text.index && s.flags & SHF_EXECINSTR != 0) {
            return Err(Error::of(Code::ExecutableSection));
        }
        let rodata = find(elf, RODATA)?;
        if let Some(s) = rodata {
            if s.kind != SHT_PROGBITS || s.flags & (SHF_ALLOC | SHF_WRITE) != SHF_ALLOC {
                return Err(Error::in_section(Code::BadSection, RODATA));
            }
            if s.bytes.len() > MAX_RODATA_BYTES as usize {
                return Err(Error::in_section(Code::LimitExceeded, RODATA));
            }
        }
        let rela = find(elf, RELA_TEXT)?;
        let rela_index = rela.map(|s| s.index);
        // relocations that nobody would apply must not be there at all
        for s in elf.sections().filter(|s| matches!(s.kind, SHT_RELA | SHT_REL | SHT_CREL)) {
            let target = elf.get(s.info).ok_or(Error::in_section(Code::BadSection, "relocations"))?;
            if Some(s.index) != rela_index && target.flags & SHF_ALLOC != 0 {
                return Err(Error::in_section(Code::BadSection, "relocations"));
            }
        }
        Ok(Self {
            text,
            rodata,
            rela,
            meta: table(elf, o::SECTION_META)?,
            imports: table(elf, o::SECTION_IMPORTS)?,
            funcs: table(elf, o::SECTION_FUNCS)?,
            traps: table(elf, o::SECTION_TRAPS)?,
            slots: table(elf, o::SECTION_SLOTS)?,
            memories: table(elf, o::SECTION_MEMORIES)?,
            exports: table(elf, o::SECTION_EXPORTS)?,
            passive: table(elf, o::SECTION_PASSIVE)?,
            data: table(elf, o::SECTION_DATA)?,
            strings: table(elf, o::SECTION_STRINGS)?,
        })
    }
}

fn meta_error(code: Code, field: &'static str) -> Error {
    Error::in_section(code, o::SECTION_META).about(field)
}

/// Everything in `.wkc.meta` that can be judged alone.
fn check_meta(sections: &Sections<'_>, machine: u16) -> Result<Meta, Error> {
    let m = Meta::read(sections.meta).filter(|_| sections.meta.len() == Meta::SIZE);
    let m = m.ok_or(Error::in_section(Code::CountMismatch, o::SECTION_META))?;
    if m.magic != u64::from_le_bytes(o::MAGIC) {
        return Err(meta_error(Code::BadMagic, "magic"));
    }
    if m.abi_major != ABI_MAJOR || m.abi_minor > ABI_MINOR {
        return Err(meta_error(Code::AbiMismatch, "abi"));
    }
    if m.machine != machine {
        return Err(meta_error(Code::MachineMismatch, "machine"));
    }
    portable::check_version(&m)?;
    if m.reserved2 != 0 || m.reserved3 != 0 {
        return Err(meta_error(Code::ReservedNotZero, "reserved"));
    }
    if m.flags & !(o::FLAG_AUTHOR_TRUSTED | o::FLAG_MEMORY_GROWS | o::FLAG_HAS_MEMORY) != 0 {
        return Err(meta_error(Code::UnknownFlag, "flags"));
    }
    if m.hooks == 0 || m.hooks & !(o::HOOK_XDP | o::HOOK_CALL) != 0 {
        return Err(meta_error(Code::UnknownHook, "hooks"));
    }
    if (m.hooks & o::HOOK_CALL != 0) != (m.exports != 0) {
        return Err(meta_error(Code::UnknownHook, "exports"));
    }
    if m.fuel == 0 || m.fuel > FUEL_MAX {
        return Err(meta_error(Code::BadFuel, "fuel"));
    }
    let has_memory = m.flags & o::FLAG_HAS_MEMORY != 0;
    let grows = m.flags & o::FLAG_MEMORY_GROWS != 0;
    let bounds = m.memory_min <= m.memory_max && m.memory_max <= MAX_MEMORY_PAGES;
    let none = has_memory || (m.memory_max == 0 && !grows);
    if !bounds || !none || (!grows && m.memory_min != m.memory_max) {
        return Err(meta_error(Code::BadMemory, "memory"));
    }
    if m.shadow_sp_slot != NONE && m.shadow_sp_slot >= m.slots {
        return Err(meta_error(Code::BadShadowSp, "shadow_sp_slot"));
    }
    if m.transfer != NONE && m.transfer >= m.slots {
        return Err(meta_error(Code::BadTransfer, "transfer"));
    }
    Ok(m)
}

/// What a function that the loader enters begins with, and what its offset is a multiple of; `None` for a machine
/// that is not known.
const fn landing_pad(machine: u16) -> Option<(&'static [u8], u32)> {
    match machine {
        o::EM_X86_64 => Some((&ENDBR64, 1)),
        o::EM_AARCH64 => Some((&BTI_C, 4)),
        // the processor never goes there
        o::MACHINE_PORTABLE => Some((&[], 1)),
        _ => None,
    }
}

/// The entries are starts of functions, and their first instruction is the machine's landing pad.
fn check_entries(meta: &Meta, text: &[u8], tables: &Tables) -> Result<(), Error> {
    let entries = [
        ("entry_xdp", meta.entry_xdp),
        ("entry_start", meta.entry_start),
        ("entry_initialize", meta.entry_initialize),
        ("entry_init", meta.entry_init),
    ];
    if (meta.hooks & o::HOOK_XDP != 0) != (meta.entry_xdp != NONE) {
        return Err(meta_error(Code::BadEntry, "entry_xdp"));
    }
    let exports = tables.exports.iter().map(|e| ("exports", e.entry));
    for (name, offset) in entries.into_iter().filter(|(_, e)| *e != NONE).chain(exports) {
        let starts = tables.funcs.binary_search_by_key(&offset, |f| f.text_offset).is_ok();
        let here = text.get(offset as usize..);
        let lands = landing_pad(meta.machine)
            .is_some_and(|(pad, align)| offset.is_multiple_of(align) && here.is_some_and(|t| t.starts_with(pad)));
        if !starts || !lands {
            return Err(meta_error(Code::BadEntry, name));
        }
    }
    Ok(())
}
