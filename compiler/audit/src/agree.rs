//! Whether the targets of an object are one filter: what the user is told of one, and what it does to who calls it,
//! holds for the others.
//!
//! In: the object of each target. Out: a finding for each thing that differs. Code, functions, trap sites, the bound of
//! the stack and the transfer area are a target's own, as calling conventions differ; the stages before judge them.

use object::{Object as _, ObjectSection as _};
use wasmkc_abi::limits::{MAX_EXPORTS, MAX_PASSIVE_SEGMENTS};
use wasmkc_abi::object::{
    ExportRow, Meta, NONE, PassiveRow, SECTION_DATA, SECTION_EXPORTS, SECTION_IMPORTS, SECTION_MEMORIES, SECTION_META,
    SECTION_PASSIVE, SECTION_SLOTS, SECTION_STRINGS,
};

use crate::finding::{Finding, Rule};
use crate::image::Elf;
use crate::targets::Part;

/// Longest text that is compared whole; a loader takes none that is longer. Many rows may share one long text.
const MAX_TEXT: usize = 512;

/// What must be the same of all targets, as far as it can be read: what cannot is another stage's finding.
struct Facts<'a> {
    meta: Meta,
    strings: &'a [u8],
    imports: &'a [u8],
    exports: &'a [u8],
    memories: &'a [u8],
    slots: &'a [u8],
    data: &'a [u8],
    passive: &'a [u8],
    rodata: &'a [u8],
}

impl<'a> Facts<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let elf = Elf::parse(bytes).ok()?;
        let section = |name| elf.section_by_name(name).and_then(|section| section.data().ok()).unwrap_or_default();
        Some(Self {
            meta: Meta::read(section(SECTION_META))?,
            strings: section(SECTION_STRINGS),
            imports: section(SECTION_IMPORTS),
            exports: section(SECTION_EXPORTS),
            memories: section(SECTION_MEMORIES),
            slots: section(SECTION_SLOTS),
            data: section(SECTION_DATA),
            passive: section(SECTION_PASSIVE),
            rodata: section(".rodata"),
        })
    }

    /// The string at `at`; none is as good as an empty one.
    fn text(&self, at: u32) -> &'a [u8] {
        let tail = if at == 0 { None } else { self.strings.get(at as usize..) }.unwrap_or_default();
        let tail = &tail[..tail.len().min(MAX_TEXT)];
        tail.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// Which of the entries there are.
    fn entries(&self) -> [bool; 4] {
        let m = &self.meta;
        [m.entry_xdp, m.entry_start, m.entry_initialize, m.entry_init].map(|entry| entry != NONE)
    }

    /// Names and signatures, in their order.
    fn exports(&self) -> Vec<(&'a [u8], &'a [u8])> {
        let rows = self.exports.chunks_exact(ExportRow::SIZE).take(MAX_EXPORTS as usize).filter_map(ExportRow::read);
        rows.map(|row| (self.text(row.name), self.text(row.signature))).collect()
    }

    /// Bytes of the passive data segments; where they lie is the target's own.
    fn passive(&self) -> Vec<Option<&'a [u8]>> {
        let rows = self.passive.chunks_exact(PassiveRow::SIZE).take(MAX_PASSIVE_SEGMENTS as usize);
        let bytes = |row: PassiveRow| self.rodata.get(row.offset as usize..)?.get(..row.size as usize);
        rows.filter_map(PassiveRow::read).map(bytes).collect()
    }

    /// What differs, by names for people.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let (a, b) = (&self.meta, &other.meta);
        let text = |at: fn(&Meta) -> u32| self.text(at(a)) != other.text(at(b));
        let all = [
            ("ABI version", (a.abi_major, a.abi_minor) != (b.abi_major, b.abi_minor)),
            ("flags", a.flags != b.flags),
            ("hooks", a.hooks != b.hooks),
            ("entries", self.entries() != other.entries()),
            ("fuel", a.fuel != b.fuel),
            ("memory", (a.memory_min, a.memory_max) != (b.memory_min, b.memory_max)),
            ("further memories", (a.memories, self.memories) != (b.memories, other.memories)),
            ("shadow stack", a.shadow_sp_slot != b.shadow_sp_slot),
            ("name", text(|m| m.name)),
            ("note", text(|m| m.note)),
            ("producer", text(|m| m.producer)),
            ("imports", (a.imports, self.imports) != (b.imports, other.imports)),
            ("exports", a.exports != b.exports || self.exports() != other.exports()),
            ("initial values", self.slots != other.slots),
            ("data segments", (a.data, self.data) != (b.data, other.data)),
            ("passive segments", a.passive != b.passive || self.passive() != other.passive()),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
    }
}

/// Compares all of `parts` with the first.
pub fn agree(parts: &[Part<'_>], findings: &mut Vec<Finding>) {
    let mut known = parts.iter().filter_map(|part| Some((part.target, Facts::read(part.bytes)?)));
    let Some((first, outer)) = known.next() else { return };
    for (target, inner) in known {
        findings.extend(inner.differences(&outer).into_iter().map(|what| {
            Finding::object(Rule::InnerObject, format!("the code for {target} has other {what} than that for {first}"))
        }));
    }
}
