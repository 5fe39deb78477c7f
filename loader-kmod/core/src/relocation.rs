// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `.rela.text`: two kinds of relocation, ascending, against allowed symbols only.
#![forbid(unsafe_code)]

use wasmkc_abi::limits::MAX_RELOCATIONS;
use wasmkc_abi::object::{R_X86_64_PC32, R_X86_64_PLT32};

use crate::elf::{Elf, SHT_RELA, SHT_STRTAB, SHT_SYMTAB, Section, name_at, u16_at, u32_at, u64_at};
use crate::error::{Code, Error};
use crate::memory::List;
use crate::parse::Sections;
use crate::platform::Symbol;
use crate::tables::Tables;

const SECTION: &str = ".rela.text";
const ENTRY: usize = 24;
/// Bytes that an instruction may have behind a 32-bit field: an immediate of at most four.
const MAX_BEHIND: i64 = 4;
/// Bytes of the largest constant.
const MAX_CONSTANT: i64 = 8;
const SYMBOL: usize = 24;
const STT_SECTION: u8 = 3;

/// Where a relocation points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A function of the loader.
    Symbol(Symbol),
    /// `.rodata` plus this addend, seen from the field.
    Rodata(i64),
}

/// A 32-bit field in `.text` that gets `target - its own address`.
///
/// # Invariants
/// `offset + 4` lies within `.text`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Offset of the field.
    pub offset: u32,
    /// What it points at.
    pub target: Target,
}

/// The table of symbols and their names.
struct Symbols<'a> {
    rows: &'a [u8],
    names: &'a [u8],
}

enum Referent<'a> {
    Undefined(&'a [u8]),
    SectionStart(u16),
}

impl<'a> Symbols<'a> {
    fn of(elf: &Elf<'a>, rela: &Section<'a>) -> Option<Self> {
        let table = elf.get(rela.link).filter(|s| s.kind == SHT_SYMTAB && s.entry_size == SYMBOL as u64)?;
        let names = elf.get(table.link).filter(|s| s.kind == SHT_STRTAB)?;
        Some(Self { rows: table.bytes, names: names.bytes })
    }

    fn get(&self, index: u32) -> Option<Referent<'a>> {
        let row = self.rows.get((index as usize).checked_mul(SYMBOL)?..)?.get(..SYMBOL)?;
        let kind = row.get(4)? & 15;
        let section = u16_at(row, 6)?;
        let value = u64_at(row, 8)?;
        match (section, kind) {
            (0, _) if index != 0 && value == 0 => Some(Referent::Undefined(name_at(self.names, u32_at(row, 0)?)?)),
            (_, STT_SECTION) if section != 0 && value == 0 => Some(Referent::SectionStart(section)),
            _ => None,
        }
    }
}

pub(crate) fn parse(elf: &Elf<'_>, s: &Sections<'_>, tables: &Tables) -> Result<List<Relocation>, Error> {
    let Some(rela) = s.rela else { return Ok(List::empty()) };
    let malformed = Error::in_section(Code::BadSection, SECTION);
    let whole = rela.bytes.len().is_multiple_of(ENTRY);
    if rela.kind != SHT_RELA || rela.entry_size != ENTRY as u64 || rela.info != u32::from(s.text.index) || !whole {
        return Err(malformed);
    }
    let count = rela.bytes.len() / ENTRY;
    if count > MAX_RELOCATIONS as usize {
        return Err(Error::in_section(Code::LimitExceeded, SECTION));
    }
    let symbols = Symbols::of(elf, &rela).ok_or(malformed)?;
    let mut list = List::with_capacity(count)?;
    let mut free_from = 0u64;
    for i in 0..count {
        let at = i.saturating_mul(ENTRY);
        let row = rela.bytes.get(at..).ok_or(malformed)?;
        let bad = Error::at(Code::BadRelocation, SECTION, at);
        let offset = u64_at(row, 0).ok_or(bad)?;
        let end = offset.checked_add(4).ok_or(bad)?;
        if offset < free_from || end > s.text.bytes.len() as u64 {
            return Err(bad);
        }
        free_from = end;
        let target = target(row, &symbols, s, tables, bad)?;
        let rodata_bytes = s.rodata.map_or(0, |r| r.bytes.len());
        if !fits_instruction(s.text.bytes, offset, target, rodata_bytes) {
            return Err(bad);
        }
        list.push(Relocation { offset: u32::try_from(offset).map_err(|_| bad)?, target })?;
    }
    Ok(list)
}

/// Whether the bytes before the field are those of an instruction that takes it: a jump to `wkc_ret`, a call of
/// anything else, an address relative to the next instruction for data, which must not be read past its end.
/// A field that has slipped by a byte, or a helper called where the code returns, is caught here; the rest is the
/// audit's to prove.
fn fits_instruction(text: &[u8], offset: u64, target: Target, rodata_bytes: usize) -> bool {
    const JMP: u8 = 0xe9;
    const CALL: u8 = 0xe8;
    const LEA: u8 = 0x8d;
    let byte = |back: usize| usize::try_from(offset).ok()?.checked_sub(back).and_then(|at| text.get(at)).copied();
    match target {
        Target::Symbol(Symbol::Ret) => byte(1) == Some(JMP),
        Target::Symbol(_) => byte(1) == Some(CALL),
        Target::Rodata(addend) => {
            let last = i64::try_from(rodata_bytes).unwrap_or(0).saturating_sub(4 + MAX_CONSTANT);
            // ModRM with mod 00 and r/m 101
            byte(1).is_some_and(|modrm| modrm & 0xc7 == 0x05) && (byte(2) == Some(LEA) || addend <= last)
        }
    }
}

fn target(row: &[u8], symbols: &Symbols<'_>, s: &Sections<'_>, tables: &Tables, bad: Error) -> Result<Target, Error> {
    let kind = u32_at(row, 8).ok_or(bad)?;
    let index = u32_at(row, 12).ok_or(bad)?;
    let addend = u64_at(row, 16).ok_or(bad)?.cast_signed();
    let bad_symbol = Error { code: Code::BadSymbol, ..bad };
    let referent = symbols.get(index).ok_or(bad_symbol)?;
    match (kind, referent) {
        (R_X86_64_PLT32, Referent::Undefined(name)) if addend == -4 => {
            let unknown = Error { code: Code::UnknownSymbol, ..bad };
            let symbol = Symbol::by_name(name).ok_or(unknown)?;
            match symbol {
                Symbol::Helper(n) if !tables.imports.iter().any(|r| r.number == n) => Err(unknown),
                _ => Ok(Target::Symbol(symbol)),
            }
        }
        (R_X86_64_PC32, Referent::SectionStart(section)) => {
            let rodata = s.rodata.filter(|r| r.index == section).ok_or(bad_symbol)?;
            let end = i64::try_from(rodata.bytes.len()).map_err(|_| bad)?.saturating_sub(4);
            if addend < -4 - MAX_BEHIND || addend > end {
                return Err(bad);
            }
            Ok(Target::Rodata(addend))
        }
        (R_X86_64_PLT32 | R_X86_64_PC32, _) if addend != -4 => Err(bad),
        (R_X86_64_PLT32 | R_X86_64_PC32, _) => Err(bad_symbol),
        _ => Err(bad),
    }
}
