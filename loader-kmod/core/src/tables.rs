// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The tables of an object: functions, trap sites, slots, segments, imports and texts, each checked once.
#![forbid(unsafe_code)]

use wasmkc_abi::helper::Helper;
use wasmkc_abi::limits::{
    MAX_DATA_SEGMENTS, MAX_EXPORT_NAME, MAX_EXPORT_VALUES, MAX_EXPORTS, MAX_FUNCTIONS, MAX_MEMORIES, MAX_MEMORY_PAGES,
    MAX_PASSIVE_SEGMENTS, MAX_SLOTS, MAX_TRAP_SITES, WASM_PAGE,
};
use wasmkc_abi::object::{
    self as o, DataRow, ExportRow, FuncRow, ImportRow, MemoryRow, Meta, NONE, PassiveRow, TrapRow,
};
use wasmkc_abi::trap::TrapCode;

use crate::error::{Code, Error};
use crate::memory::List;
use crate::parse::Sections;

/// Largest cause that generated code may raise; the ones above are the loader's.
const MAX_GENERATED_TRAP: u32 = 15;

/// Bytes of a text that are ever shown: more would be work without a limit for whoever reads the trap log.
const MAX_TEXT: usize = 256;

/// Bytes of the longest signature: letters of parameters and results, a colon between.
const MAX_SIGNATURE: usize = 2 * MAX_EXPORT_VALUES as usize + 1;

/// Zero-terminated texts.
///
/// # Invariants
/// Valid UTF-8 whose first and last byte are zero, or empty.
#[derive(Debug)]
pub struct Strings(List<u8>);

impl Strings {
    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let ends = bytes.is_empty() || (bytes.first() == Some(&0) && bytes.last() == Some(&0));
        if !ends || core::str::from_utf8(bytes).is_err() {
            return Err(Error::in_section(Code::BadString, o::SECTION_STRINGS));
        }
        Ok(Self(List::copy_of(bytes)?))
    }

    /// May a table refer to `offset`? 0 is "no text" even where there are none.
    fn has(&self, offset: u32) -> bool {
        offset == 0 || self.0.get(offset as usize).is_some_and(|b| b & 0xc0 != 0x80)
    }

    /// Does the text at `offset` end after `limit` bytes at most?
    fn ends_within(&self, offset: u32, limit: usize) -> bool {
        let tail = self.0.get(offset as usize..).unwrap_or_default();
        offset == 0 || tail.iter().take(limit.saturating_add(1)).any(|b| *b == 0)
    }

    /// The text at `offset`, cut after [`MAX_TEXT`] bytes; empty for 0 and for an offset that [`Self::has`] refuses.
    #[must_use]
    pub fn get(&self, offset: u32) -> &str {
        self.cut(offset, MAX_TEXT)
    }

    /// The signature at `offset`, which is no longer than [`MAX_SIGNATURE`] where it was checked.
    #[must_use]
    pub fn signature(&self, offset: u32) -> &str {
        self.cut(offset, MAX_SIGNATURE)
    }

    fn cut(&self, offset: u32, limit: usize) -> &str {
        let tail = if offset == 0 { None } else { self.0.get(offset as usize..) };
        let text = tail.and_then(|t| t.get(..limit.min(t.len())).and_then(|t| t.split(|b| *b == 0).next()));
        // a cut inside a character leaves an invalid rest
        text.and_then(|t| t.utf8_chunks().next()).map_or("", |chunk| chunk.valid())
    }
}

/// An export's signature, letters of [`wasmkc_abi::object::VALUE_TYPES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// Types of the parameters.
    pub params: &'a str,
    /// Types of the results.
    pub results: &'a str,
}

impl<'a> Signature<'a> {
    /// Reads "iI:f" and its kin.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (params, results) = text.split_once(':')?;
        let known = |letter: u8| o::VALUE_TYPES.iter().any(|(l, _)| *l == letter);
        let whole = params.bytes().chain(results.bytes()).all(known);
        whole.then_some(Self { params, results })
    }
}

/// All tables that outlive loading.
#[derive(Debug)]
pub struct Tables {
    /// Ascending by `text_offset`, not overlapping, inside `.text`.
    pub funcs: List<FuncRow>,
    /// Strictly ascending by `site`, each inside its function.
    pub traps: List<TrapRow>,
    /// Initial values of the first slots; the others are zero.
    pub slots: List<u64>,
    /// Behind the first; their slots ascend, lie before the transfer area, and overlap neither each other nor an
    /// initial value that is not zero nor the shadow-stack pointer.
    pub memories: List<MemoryRow>,
    /// Their entries start functions; their names and signatures are short enough to be shown whole.
    pub exports: List<ExportRow>,
    /// Inside `.rodata`.
    pub passive: List<PassiveRow>,
    /// `offset` and `size` inside `data_bytes`, targets inside the initial memory.
    pub data: List<DataRow>,
    /// The whole `.wkc.data`.
    pub data_bytes: List<u8>,
    /// Strictly ascending by number; each known here with the same signature and effects.
    pub imports: List<ImportRow>,
    /// All texts.
    pub strings: Strings,
}

/// Reads `count` records of `size` bytes that fill `bytes` exactly.
fn rows<T>(
    bytes: &[u8],
    section: &'static str,
    count: u32,
    limit: u32,
    size: usize,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<List<T>, Error> {
    if count > limit {
        return Err(Error::in_section(Code::LimitExceeded, section));
    }
    let mismatch = Error::in_section(Code::CountMismatch, section);
    let count = usize::try_from(count).map_err(|_| mismatch)?;
    if count.checked_mul(size) != Some(bytes.len()) {
        return Err(mismatch);
    }
    let mut list = List::with_capacity(count)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (row, tail) = rest.split_at_checked(size).ok_or(mismatch)?;
        list.push(read(row).ok_or(mismatch)?)?;
        rest = tail;
    }
    Ok(list)
}

/// Slots of a memory behind the first: address, bytes in use, bytes reserved.
const MEMORY_SLOTS: u32 = 3;

impl Tables {
    pub(crate) fn parse(s: &Sections<'_>, m: &Meta) -> Result<Self, Error> {
        let strings = Strings::parse(s.strings)?;
        for (name, offset) in [("note", m.note), ("name", m.name), ("producer", m.producer)] {
            if !strings.has(offset) {
                return Err(Error::in_section(Code::BadString, o::SECTION_META).about(name));
            }
        }
        let funcs = funcs(s, m, &strings)?;
        let traps = traps(s, m, &funcs, &strings)?;
        let slots = slots(s, m)?;
        let memories = memories(s, m, &slots)?;
        let exports = exports(s, m, &strings)?;
        let passive = passive(s, m)?;
        let data = data(s, m, &memories)?;
        let imports = imports(s, m)?;
        let data_bytes = List::copy_of(s.data)?;
        Ok(Self { funcs, traps, slots, memories, exports, passive, data, data_bytes, imports, strings })
    }

    /// Bytes of heap they take.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        [
            self.funcs.heap_bytes(),
            self.traps.heap_bytes(),
            self.slots.heap_bytes(),
            self.memories.heap_bytes(),
            self.exports.heap_bytes(),
            self.passive.heap_bytes(),
            self.data.heap_bytes(),
            self.data_bytes.heap_bytes(),
            self.imports.heap_bytes(),
            self.strings.0.heap_bytes(),
        ]
        .iter()
        .fold(0, |sum, n| sum.saturating_add(*n))
    }
}

fn funcs(s: &Sections<'_>, m: &Meta, strings: &Strings) -> Result<List<FuncRow>, Error> {
    let section = o::SECTION_FUNCS;
    let funcs = rows(s.funcs, section, m.functions, MAX_FUNCTIONS, FuncRow::SIZE, FuncRow::read)?;
    let mut end = 0u64;
    for (i, f) in funcs.iter().enumerate() {
        let bad = Error::at(Code::BadFunction, section, i.saturating_mul(FuncRow::SIZE));
        let start = u64::from(f.text_offset);
        let next = start.checked_add(u64::from(f.size)).ok_or(bad)?;
        if start < end || f.size == 0 || next > s.text.bytes.len() as u64 {
            return Err(bad);
        }
        if !strings.has(f.name) {
            return Err(Error { code: Code::BadString, ..bad });
        }
        end = next;
    }
    Ok(funcs)
}

fn traps(s: &Sections<'_>, m: &Meta, funcs: &[FuncRow], strings: &Strings) -> Result<List<TrapRow>, Error> {
    let section = o::SECTION_TRAPS;
    let traps = rows(s.traps, section, m.traps, MAX_TRAP_SITES, TrapRow::SIZE, TrapRow::read)?;
    let mut last = 0u32;
    for (i, t) in traps.iter().enumerate() {
        let bad = Error::at(Code::BadTrap, section, i.saturating_mul(TrapRow::SIZE));
        let f = funcs.get(t.function as usize).ok_or(bad)?;
        // a site is a return address: behind the function's first byte, at most at its end
        let within = t.site.checked_sub(f.text_offset).is_some_and(|d| d > 0 && d <= f.size);
        let known = t.code <= MAX_GENERATED_TRAP && TrapCode::from_u32(t.code).is_some();
        if t.site <= last || !within || !known {
            return Err(bad);
        }
        if !strings.has(t.file) {
            return Err(Error { code: Code::BadString, ..bad });
        }
        last = t.site;
    }
    Ok(traps)
}

fn slots(s: &Sections<'_>, m: &Meta) -> Result<List<u64>, Error> {
    let section = o::SECTION_SLOTS;
    if m.slots > MAX_SLOTS {
        return Err(Error::in_section(Code::LimitExceeded, section));
    }
    let given = u32::try_from(s.slots.len() / 8).unwrap_or(u32::MAX);
    if given > m.slots {
        return Err(Error::in_section(Code::CountMismatch, section));
    }
    // What arguments of a call overwrite has no initial value.
    if m.transfer != NONE && given > m.transfer {
        return Err(Error::in_section(Code::BadTransfer, section));
    }
    rows(s.slots, section, given, MAX_SLOTS, 8, |b| b.first_chunk().map(|b| u64::from_le_bytes(*b)))
}

/// The code finds a memory's address and sizes in its slots: nothing else may be there, as far as the object says
/// what is where (a slot that begins as zero may be a global's or nobody's).
fn memories(s: &Sections<'_>, m: &Meta, initial: &[u64]) -> Result<List<MemoryRow>, Error> {
    let section = o::SECTION_MEMORIES;
    let memories = rows(s.memories, section, m.memories, MAX_MEMORIES, MemoryRow::SIZE, MemoryRow::read)?;
    let (mut pages, mut free) = (m.memory_max, 0);
    let last = if m.transfer == NONE { m.slots } else { m.transfer };
    for (i, row) in memories.iter().enumerate() {
        let bad = Error::at(Code::BadMemory, section, i.saturating_mul(MemoryRow::SIZE));
        pages = pages.saturating_add(row.max);
        let end = row.slot.checked_add(MEMORY_SLOTS).ok_or(bad)?;
        let own = row.slot..end;
        let taken = own.clone().any(|slot| initial.get(slot as usize).is_some_and(|value| *value != 0));
        if row.slot < free || end > last || taken || own.contains(&m.shadow_sp_slot) {
            return Err(bad);
        }
        if row.min > row.max || pages > MAX_MEMORY_PAGES || row.reserved != 0 {
            return Err(bad);
        }
        free = end;
    }
    Ok(memories)
}

fn exports(s: &Sections<'_>, m: &Meta, strings: &Strings) -> Result<List<ExportRow>, Error> {
    let section = o::SECTION_EXPORTS;
    let exports = rows(s.exports, section, m.exports, MAX_EXPORTS, ExportRow::SIZE, ExportRow::read)?;
    for (i, row) in exports.iter().enumerate() {
        let bad = Error::at(Code::BadExport, section, i.saturating_mul(ExportRow::SIZE));
        if !strings.has(row.name) || !strings.has(row.signature) {
            return Err(Error { code: Code::BadString, ..bad });
        }
        let name = strings.ends_within(row.name, MAX_EXPORT_NAME as usize);
        if !name || !strings.ends_within(row.signature, MAX_SIGNATURE) {
            return Err(bad);
        }
        // arguments and results share the transfer area
        let room = if m.transfer == NONE { 0 } else { m.slots.saturating_sub(m.transfer) as usize };
        let signature = Signature::parse(strings.signature(row.signature)).ok_or(bad)?;
        let values = signature.params.len().max(signature.results.len());
        if row.reserved != 0 || values > room || values > MAX_EXPORT_VALUES as usize {
            return Err(bad);
        }
    }
    Ok(exports)
}

fn passive(s: &Sections<'_>, m: &Meta) -> Result<List<PassiveRow>, Error> {
    let section = o::SECTION_PASSIVE;
    let passive = rows(s.passive, section, m.passive, MAX_PASSIVE_SEGMENTS, PassiveRow::SIZE, PassiveRow::read)?;
    let rodata = s.rodata.map_or(0, |r| r.bytes.len()) as u64;
    for (i, p) in passive.iter().enumerate() {
        if u64::from(p.offset).saturating_add(u64::from(p.size)) > rodata {
            return Err(Error::at(Code::BadPassive, section, i.saturating_mul(PassiveRow::SIZE)));
        }
    }
    Ok(passive)
}

fn data(s: &Sections<'_>, m: &Meta, memories: &[MemoryRow]) -> Result<List<DataRow>, Error> {
    let section = o::SECTION_DATA;
    let mismatch = Error::in_section(Code::CountMismatch, section);
    if m.data > MAX_DATA_SEGMENTS {
        return Err(Error::in_section(Code::LimitExceeded, section));
    }
    let header = (m.data as usize).checked_mul(DataRow::SIZE).ok_or(mismatch)?;
    let (head, bytes) = s.data.split_at_checked(header).ok_or(mismatch)?;
    if m.data == 0 && !bytes.is_empty() {
        return Err(mismatch);
    }
    let rows = rows(head, section, m.data, MAX_DATA_SEGMENTS, DataRow::SIZE, DataRow::read)?;
    let mut copied = 0u64;
    for (i, d) in rows.iter().enumerate() {
        let bad = Error::at(Code::BadData, section, i.saturating_mul(DataRow::SIZE));
        let size = u64::from(d.size);
        let pages = match d.memory.checked_sub(1) {
            None => m.memory_min,
            Some(further) => memories.get(further as usize).ok_or(bad)?.min,
        };
        let memory = u64::from(pages).saturating_mul(WASM_PAGE);
        let target = d.memory_offset.checked_add(size).is_some_and(|end| end <= memory);
        let source = u64::from(d.offset).saturating_add(size) <= s.data.len() as u64 && d.offset as usize >= header;
        // rows that share bytes could make instantiation copy without bound
        copied = copied.saturating_add(size);
        if !target || !source || copied > bytes.len() as u64 || d.reserved != 0 {
            return Err(bad);
        }
    }
    Ok(rows)
}

fn imports(s: &Sections<'_>, m: &Meta) -> Result<List<ImportRow>, Error> {
    let section = o::SECTION_IMPORTS;
    let limit = wasmkc_abi::helper::HELPERS.len() as u32;
    if m.imports > limit && s.imports.len() as u64 == u64::from(m.imports).saturating_mul(ImportRow::SIZE as u64) {
        return Err(Error::in_section(Code::UnknownHelper, section));
    }
    let imports = rows(s.imports, section, m.imports, limit, ImportRow::SIZE, ImportRow::read)?;
    let mut last = 0u32;
    for (i, row) in imports.iter().enumerate() {
        let at = Error::at(Code::BadImport, section, i.saturating_mul(ImportRow::SIZE));
        if row.number <= last || row.reserved != 0 {
            return Err(at);
        }
        last = row.number;
        let helper = Helper::by_number(row.number).ok_or(Error { code: Code::UnknownHelper, ..at })?;
        if row.signature != helper.signature() || row.effects != helper.effects {
            return Err(Error { code: Code::EffectMismatch, ..at }.about(helper.name));
        }
        if row.fuel < helper.fuel {
            return Err(Error { code: Code::HelperFuel, ..at }.about(helper.name));
        }
    }
    Ok(imports)
}
