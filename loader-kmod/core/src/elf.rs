// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A checked reader of ELF64 little-endian relocatable files: header, section headers, names.
//!
//! In: any bytes. Out: sections whose ranges lie within those bytes. It knows nothing about objects.
#![forbid(unsafe_code)]

use crate::error::{Code, Error};

/// `sh_type`: unused header.
pub const SHT_NULL: u32 = 0;
/// `sh_type`: contents in the file.
pub const SHT_PROGBITS: u32 = 1;
/// `sh_type`: symbol table.
pub const SHT_SYMTAB: u32 = 2;
/// `sh_type`: string table.
pub const SHT_STRTAB: u32 = 3;
/// `sh_type`: relocations with addends.
pub const SHT_RELA: u32 = 4;
/// `sh_type`: no contents in the file.
pub const SHT_NOBITS: u32 = 8;
/// `sh_type`: relocations without addends.
pub const SHT_REL: u32 = 9;
/// Relocations in a compact form.
pub const SHT_CREL: u32 = 0x4000_0014;
/// `sh_flags`: writable.
pub const SHF_WRITE: u64 = 1;
/// `sh_flags`: takes memory.
pub const SHF_ALLOC: u64 = 2;
/// `sh_flags`: executable.
pub const SHF_EXECINSTR: u64 = 4;

const HEADER: usize = 64;
const SECTION_HEADER: usize = 64;
/// Most sections: the object's own, debug information and inner objects.
const MAX_SECTIONS: u16 = 256;

/// Longest name of a section or symbol. Names are looked at again and again: without a limit, 256 sections
/// that share a name of megabytes would keep the parser busy for minutes.
const MAX_NAME: usize = 63;

/// A little-endian u16 at `at`.
#[must_use]
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

/// A little-endian u32 at `at`.
#[must_use]
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

/// A little-endian u64 at `at`.
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}

/// `size` bytes at `offset`; `None` past the end.
#[must_use]
pub fn range(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let len = usize::try_from(size).ok()?;
    bytes.get(start..start.checked_add(len)?)
}

/// The zero-terminated name at `at`; `None` if it has more than [`MAX_NAME`] bytes.
#[must_use]
pub fn name_at(bytes: &[u8], at: u32) -> Option<&[u8]> {
    let tail = bytes.get(at as usize..)?;
    tail.get(..tail.iter().take(MAX_NAME + 1).position(|b| *b == 0)?)
}

/// A section header with its contents.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// Its index.
    pub index: u16,
    /// Its name.
    pub name: &'a [u8],
    /// `sh_type`.
    pub kind: u32,
    /// `sh_flags`.
    pub flags: u64,
    /// `sh_link`.
    pub link: u32,
    /// `sh_info`.
    pub info: u32,
    /// `sh_entsize`.
    pub entry_size: u64,
    /// Its bytes; empty for NOBITS.
    pub bytes: &'a [u8],
    /// `sh_size`.
    pub size: u64,
}

/// A checked ELF file.
///
/// # Invariants
/// Every header from 0 to `count` can be read, and its contents lie within `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct Elf<'a> {
    bytes: &'a [u8],
    table: &'a [u8],
    names: &'a [u8],
    count: u16,
    machine: u16,
}

struct Raw {
    name: u32,
    kind: u32,
    flags: u64,
    offset: u64,
    size: u64,
    link: u32,
    info: u32,
    entry_size: u64,
}

fn raw(table: &[u8], index: u16) -> Option<Raw> {
    let at = usize::from(index).checked_mul(SECTION_HEADER)?;
    let h = table.get(at..)?.get(..SECTION_HEADER)?;
    Some(Raw {
        name: u32_at(h, 0)?,
        kind: u32_at(h, 4)?,
        flags: u64_at(h, 8)?,
        offset: u64_at(h, 24)?,
        size: u64_at(h, 32)?,
        link: u32_at(h, 40)?,
        info: u32_at(h, 44)?,
        entry_size: u64_at(h, 56)?,
    })
}

impl<'a> Elf<'a> {
    /// Checks the header and every section header.
    ///
    /// # Errors
    /// [`Code::NotElf`], [`Code::BadElfHeader`], [`Code::Truncated`], [`Code::BadSectionName`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let header = bytes.get(..HEADER).ok_or(Error::of(Code::NotElf))?;
        // magic, 64 bits, little-endian, version 1, System V, and only zeros after that
        if header.get(..16) != Some(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0") || u16_at(header, 16) != Some(1) {
            return Err(Error::of(Code::NotElf));
        }
        let bad = |at| Error::at(Code::BadElfHeader, "", at);
        let machine = u16_at(header, 18).ok_or(bad(18))?;
        let version = u32_at(header, 20).ok_or(bad(20))?;
        let table_offset = u64_at(header, 40).ok_or(bad(40))?;
        let header_size = u16_at(header, 52).ok_or(bad(52))?;
        let segments = u16_at(header, 56).ok_or(bad(56))?;
        let entry_size = u16_at(header, 58).ok_or(bad(58))?;
        let count = u16_at(header, 60).ok_or(bad(60))?;
        let names_index = u16_at(header, 62).ok_or(bad(62))?;
        if version != 1 {
            return Err(bad(20));
        }
        if usize::from(header_size) != HEADER {
            return Err(bad(52));
        }
        if segments != 0 {
            return Err(bad(56));
        }
        if usize::from(entry_size) != SECTION_HEADER {
            return Err(bad(58));
        }
        if count == 0 || count > MAX_SECTIONS {
            return Err(bad(60));
        }
        if names_index == 0 || names_index >= count {
            return Err(bad(62));
        }
        let table_size = u64::from(count) * SECTION_HEADER as u64;
        let table = range(bytes, table_offset, table_size).ok_or(Error::at(Code::Truncated, "", 40))?;
        // Readers disagree about a first header that is in use: most pass over it.
        if raw(table, 0).is_none_or(|first| first.kind != SHT_NULL) {
            return Err(Error::at(Code::BadElfHeader, "section header 0", 40));
        }
        let names_header = raw(table, names_index).ok_or(bad(62))?;
        if names_header.kind != SHT_STRTAB {
            return Err(bad(62));
        }
        let names = range(bytes, names_header.offset, names_header.size)
            .ok_or(Error::in_section(Code::Truncated, ".shstrtab"))?;
        let elf = Self { bytes, table, names, count, machine };
        for index in 0..count {
            elf.section(index)?;
        }
        Ok(elf)
    }

    /// The whole file.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// `e_machine`.
    #[must_use]
    pub const fn machine(&self) -> u16 {
        self.machine
    }

    /// Section `index`, if there is one.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<Section<'a>> {
        let index = u16::try_from(index).ok()?;
        if index >= self.count { None } else { self.section(index).ok() }
    }

    /// All sections but the unused ones.
    pub fn sections(&self) -> impl Iterator<Item = Section<'a>> + use<'a> {
        let elf = *self;
        (0..elf.count).filter_map(move |i| elf.section(i).ok()).filter(|s| s.kind != SHT_NULL)
    }

    fn section(&self, index: u16) -> Result<Section<'a>, Error> {
        let at = usize::from(index) * SECTION_HEADER;
        let h = raw(self.table, index).ok_or(Error::at(Code::Truncated, "section headers", at))?;
        let name = name_at(self.names, h.name).filter(|n| core::str::from_utf8(n).is_ok());
        let name = name.ok_or(Error::at(Code::BadSectionName, "section headers", at))?;
        let bytes = if h.kind == SHT_NULL || h.kind == SHT_NOBITS {
            &[]
        } else {
            range(self.bytes, h.offset, h.size).ok_or(Error::at(Code::Truncated, "section headers", at))?
        };
        Ok(Section {
            index,
            name,
            kind: h.kind,
            flags: h.flags,
            link: h.link,
            info: h.info,
            entry_size: h.entry_size,
            bytes,
            size: h.size,
        })
    }
}
