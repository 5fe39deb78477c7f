// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `.rela.text`: few kinds of relocation a machine, ascending, against allowed symbols only. What is particular to a
//! machine stands in `relocation/`.
#![forbid(unsafe_code)]

mod aarch64;
mod x86_64;

use core::ops::RangeInclusive;

use wasmkc_abi::limits::MAX_RELOCATIONS;
use wasmkc_abi::object::{EM_AARCH64, EM_X86_64};

use crate::elf::{Elf, SHT_RELA, SHT_STRTAB, SHT_SYMTAB, Section, name_at, u16_at, u32_at, u64_at};
use crate::error::{Code, Error};
use crate::memory::List;
use crate::parse::Sections;
use crate::platform::Symbol;
use crate::tables::Tables;

const SECTION: &str = ".rela.text";
const ENTRY: usize = 24;
const SYMBOL: usize = 24;
const STT_SECTION: u8 = 3;
/// Bytes of a field, on every machine.
const FIELD: u64 = 4;

/// Where a relocation points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A function of the loader.
    Symbol(Symbol),
    /// `.rodata`.
    Rodata,
}

/// Which bits of four bytes of `.text` tell the target, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// x86_64: all of them, the distance from the field.
    Distance32,
    /// aarch64, `bl`: the distance in instructions.
    Branch26,
    /// aarch64, `adrp`: the distance in pages of 4 KiB.
    Page21,
    /// aarch64, `add`: the target's place in its page.
    Low12,
}

impl Field {
    /// The four bytes at `place` when they have to tell `target`; `None` if it is out of their reach.
    #[must_use]
    pub fn apply(self, bytes: [u8; 4], place: u64, target: u64) -> Option<[u8; 4]> {
        match self {
            Self::Distance32 => x86_64::distance32(place, target).map(i32::to_le_bytes),
            Self::Branch26 => aarch64::branch26(u32::from_le_bytes(bytes), place, target).map(u32::to_le_bytes),
            Self::Page21 => aarch64::page21(u32::from_le_bytes(bytes), place, target).map(u32::to_le_bytes),
            Self::Low12 => Some(aarch64::low12(u32::from_le_bytes(bytes), target).to_le_bytes()),
        }
    }
}

/// A field in `.text` that gets to tell `target + addend`.
///
/// # Invariants
/// `offset + 4` lies within `.text`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Offset of the field.
    pub offset: u32,
    /// Its form.
    pub field: Field,
    /// What it points at.
    pub target: Target,
    /// Added to the target's address.
    pub addend: i64,
}

/// What a relocation of one number may be.
struct Kind {
    field: Field,
    /// Whether it points into `.rodata`; at a function of the loader otherwise.
    rodata: bool,
    addends: RangeInclusive<i64>,
}

/// The kind of number `number`, with `rodata` bytes of constants.
fn kind(machine: u16, number: u32, rodata: i64) -> Option<Kind> {
    match machine {
        EM_X86_64 => x86_64::kind(number, rodata),
        EM_AARCH64 => aarch64::kind(number, rodata),
        _ => None,
    }
}

/// Whether the bytes around the field of relocation `n` are those of an instruction that takes it. A field that has
/// slipped, or a helper called where the code returns, is caught here; the rest is the audit's to prove.
fn fits_instruction(machine: u16, text: &[u8], all: &[Relocation], n: usize, rodata: i64) -> bool {
    let Some(this) = all.get(n) else { return false };
    match machine {
        EM_X86_64 => x86_64::fits_instruction(text, this, rodata),
        EM_AARCH64 => aarch64::fits_instruction(text, all, n),
        _ => false,
    }
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
    let rodata = i64::try_from(s.rodata.map_or(0, |r| r.bytes.len())).map_err(|_| malformed)?;
    let mut list = List::with_capacity(count)?;
    let mut free_from = 0u64;
    for i in 0..count {
        let at = i.saturating_mul(ENTRY);
        let row = rela.bytes.get(at..).ok_or(malformed)?;
        let bad = Error::at(Code::BadRelocation, SECTION, at);
        let offset = u64_at(row, 0).ok_or(bad)?;
        let end = offset.checked_add(FIELD).ok_or(bad)?;
        if offset < free_from || end > s.text.bytes.len() as u64 {
            return Err(bad);
        }
        free_from = end;
        let kind = u32_at(row, 8).and_then(|number| kind(elf.machine(), number, rodata)).ok_or(bad)?;
        let addend = u64_at(row, 16).ok_or(bad)?.cast_signed();
        if !kind.addends.contains(&addend) {
            return Err(bad);
        }
        let referent = u32_at(row, 12).and_then(|index| symbols.get(index));
        let target = target(&kind, referent.ok_or(Error { code: Code::BadSymbol, ..bad })?, s, tables, bad)?;
        let offset = u32::try_from(offset).map_err(|_| bad)?;
        list.push(Relocation { offset, field: kind.field, target, addend })?;
    }
    match (0..count).find(|n| !fits_instruction(elf.machine(), s.text.bytes, &list, *n, rodata)) {
        Some(n) => Err(Error::at(Code::BadRelocation, SECTION, n.saturating_mul(ENTRY))),
        None => Ok(list),
    }
}

fn target(kind: &Kind, referent: Referent<'_>, s: &Sections<'_>, tables: &Tables, bad: Error) -> Result<Target, Error> {
    let bad_symbol = Error { code: Code::BadSymbol, ..bad };
    match (kind.rodata, referent) {
        (false, Referent::Undefined(name)) => {
            let unknown = Error { code: Code::UnknownSymbol, ..bad };
            let symbol = Symbol::by_name(name).ok_or(unknown)?;
            match symbol {
                Symbol::Helper(n) if !tables.imports.iter().any(|r| r.number == n) => Err(unknown),
                _ => Ok(Target::Symbol(symbol)),
            }
        }
        (true, Referent::SectionStart(section)) => {
            s.rodata.filter(|r| r.index == section).map(|_| Target::Rodata).ok_or(bad_symbol)
        }
        _ => Err(bad_symbol),
    }
}
