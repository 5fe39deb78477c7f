//! Whether the targets of an object are one filter: what the user is told of one, and what it does to who calls it,
//! holds for the others.
//!
//! In: the object of each target. Out: a finding for each thing that differs. Code, functions, trap sites, the bound of
//! the stack and the transfer area are a target's own, as calling conventions differ; the stages before judge them.

use object::read::elf::FileHeader as _;
use object::{Object as _, ObjectSection as _};
use wasmkc_abi::limits::{MAX_EXPORTS, MAX_PASSIVE_SEGMENTS};
use wasmkc_abi::object::{
    EM_X86_64, ExportRow, Meta, NONE, PassiveRow, SECTION_DATA, SECTION_EXPORTS, SECTION_IMPORTS, SECTION_MEMORIES,
    SECTION_META, SECTION_PASSIVE, SECTION_SLOTS, SECTION_STRINGS,
};

use crate::finding::{Finding, Rule};
use crate::image::Elf;
use crate::relocations::{Target, relocations};
use crate::targets::Part;

/// Longest text that is compared whole; a loader takes none that is longer. Many rows may share one long text.
const MAX_TEXT: usize = 512;

/// What passive segments are called, of data and of elements.
const SEGMENTS: &str = "passive segments";

/// What of `.rodata` is passive segments.
enum Segments {
    /// All of it: this machine has no constants there.
    All,
    /// Constants stand before them.
    Behind {
        /// Lowest byte that an instruction takes the address of; it loads a constant instead.
        named: Option<i64>,
    },
}

impl Segments {
    fn read(elf: &Elf<'_>, text: &[u8]) -> Self {
        if elf.elf_header().e_machine(elf.endian()) != EM_X86_64 {
            return Self::All;
        }
        // `lea` is its opcode and one byte before the field, which ends it. What is wrong with a relocation is found by
        // the stage that judges them.
        let is_lea = |field: u32| text.get((field as usize).wrapping_sub(2)) == Some(&0x8d);
        let named = relocations(elf, &mut Vec::new()).into_iter().filter_map(|(field, target)| match target {
            Target::Rodata(addend) if is_lea(field) => addend.checked_add(4),
            _ => None,
        });
        Self::Behind { named: named.min() }
    }
}

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
    segments: Segments,
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
            segments: Segments::read(&elf, section(".text")),
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

    /// Whether all passive segments have the same bytes, those of elements too, which have no rows.
    fn same_segments(&self, other: &Self) -> bool {
        self.passive() == other.passive()
            && match (&self.segments, &other.segments) {
                (Segments::Behind { .. }, Segments::All) => self.ends_in(other.rodata),
                (Segments::All, Segments::Behind { .. }) => other.ends_in(self.rodata),
                _ => self.rodata == other.rodata,
            }
    }

    /// Whether the segments behind the constants are `segments`: what is before them is not taken the address of.
    fn ends_in(&self, segments: &[u8]) -> bool {
        let first = self.rodata.len().checked_sub(segments.len());
        let named = match self.segments {
            Segments::All => Some(0),
            Segments::Behind { named } => named,
        };
        self.rodata.ends_with(segments) && first.is_some_and(|first| named.is_none_or(|named| named >= first as i64))
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
            (SEGMENTS, a.passive != b.passive || !self.same_segments(other)),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
    }
}

/// Compares all of `parts` with the first.
pub fn agree(parts: &[Part<'_>], findings: &mut Vec<Finding>) {
    let mut known = parts.iter().filter_map(|part| Some((part.target, Facts::read(part.bytes)?)));
    let Some((first, outer)) = known.next() else { return };
    let mut before: Option<(&str, Facts<'_>)> = None;
    for (target, inner) in known {
        let mut differs = |what: &str, from: &str| {
            let detail = format!("the code for {target} has other {what} than that for {from}");
            findings.push(Finding::object(Rule::InnerObject, detail));
        };
        let differences = inner.differences(&outer);
        differences.iter().for_each(|what| differs(what, first));
        // Behind the constants of the outer one there may be room for more than one has.
        if let Some((before, facts)) = &before
            && !differences.contains(&SEGMENTS)
            && !inner.same_segments(facts)
        {
            differs(SEGMENTS, before);
        }
        before = Some((target, inner));
    }
}
