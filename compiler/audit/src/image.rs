//! Reads an object into what the other stages look at: code bytes, functions, relocations, tables.
//!
//! In: the bytes of a `.kwo`, with or without a signature behind the ELF. Out: an [`Image`] whose
//! offsets all lie inside `.text`. It never trusts a count or an offset of the file.

use std::collections::{BTreeMap, BTreeSet};

use object::read::elf::{ElfFile64, FileHeader as _, SectionHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, elf};
use wasmkc_abi::helper::{CONTEXT_CALL, CONTEXT_INIT, CONTEXT_XDP, Helper};
use wasmkc_abi::limits::{MAX_EXPORTS, MAX_FUNCTIONS, MAX_OBJECT_BYTES, MAX_TEXT_BYTES, MAX_TRAP_SITES};
use wasmkc_abi::object::{
    BYTECODE_VERSION, EM_AARCH64, EM_NONE, EM_X86_64, ExportRow, FuncRow, ImportRow, MACHINE_PORTABLE, MAGIC, Meta,
    NONE, SECTION_EXPORTS, SECTION_FUNCS, SECTION_IMPORTS, SECTION_META, SECTION_STRINGS, SECTION_TRAPS, TrapRow,
};

use crate::finding::{Finding, Rule};
use crate::machine::Machine;
pub use crate::relocations::Target;
use crate::relocations::relocations;

/// One row of `.wkc.funcs`, checked to lie inside `.text`.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name, or its place in the table.
    pub name: String,
    /// First byte in `.text`.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
}

/// An entry point that the meta record or the exports have.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Its first byte in `.text`, if it is right.
    pub offset: u32,
    /// `CONTEXT_*` bit in which it runs.
    pub context: u32,
}

/// What the size of `.text` of bytecode is a multiple of, so that `.rodata` stands right behind it.
const ALIGN: usize = 16;

/// Longest name that is kept of a function.
const MAX_NAME: usize = 256;

/// What the audit needs of an object.
#[derive(Debug, Default)]
pub struct Image<'a> {
    /// The machine that it is for.
    pub machine: Machine,
    /// Bytes of `.text`.
    pub text: &'a [u8],
    /// Bytes of `.rodata`.
    pub rodata: &'a [u8],
    /// Functions, ascending.
    pub functions: Vec<Function>,
    /// Relocations of `.text` by offset.
    pub relocations: BTreeMap<u32, Target>,
    /// The entry points.
    pub entries: Vec<Entry>,
    /// Sites of `.wkc.traps` with their codes.
    pub traps: Vec<(u32, u32)>,
    /// Symbols of the helpers in `.wkc.imports`.
    pub helpers: Vec<&'static str>,
}

/// An object file.
pub type Elf<'a> = ElfFile64<'a, Endianness>;

impl<'a> Image<'a> {
    /// Parses `object`, collecting every finding about sections, tables and relocations.
    pub fn parse(object: &'a [u8]) -> Result<Self, Vec<Finding>> {
        if object.len() > MAX_OBJECT_BYTES as usize {
            return Err(vec![Finding::object(Rule::TooLarge, format!("{} bytes of {MAX_OBJECT_BYTES}", object.len()))]);
        }
        let malformed = |e: object::Error| vec![Finding::object(Rule::Malformed, e.to_string())];
        if let Some(form) = other_form(object) {
            return Err(vec![Finding::object(Rule::Machine, form)]);
        }
        let elf = Elf::parse(object).map_err(malformed)?;
        let number = elf.elf_header().e_machine(elf.endian());
        let Some(machine) = machine(number) else {
            return Err(vec![Finding::object(Rule::Machine, format!("e_machine is {number}"))]);
        };
        let mut findings = Vec::new();
        check_flags(&elf, &mut findings);
        let text = section(&elf, ".text").map_err(|f| vec![f])?;
        limit(".text", text.len(), MAX_TEXT_BYTES, &mut findings);
        let rodata = section(&elf, ".rodata").unwrap_or_default();
        let strings = section(&elf, SECTION_STRINGS).unwrap_or_default();
        let meta = section(&elf, SECTION_META).map_err(|f| vec![f])?;
        let mut entries = entries(meta, machine, &mut findings);
        if machine == Machine::Portable && !text.len().is_multiple_of(ALIGN) {
            let detail = format!(".text has {} bytes, and .rodata must stand behind a multiple of {ALIGN}", text.len());
            findings.push(Finding::object(Rule::Malformed, detail));
        }
        let exports = rows(&elf, SECTION_EXPORTS, ExportRow::SIZE, ExportRow::read, &mut findings);
        limit(SECTION_EXPORTS, exports.len(), MAX_EXPORTS, &mut findings);
        let called = exports.iter().take(MAX_EXPORTS as usize);
        entries.extend(called.map(|row| Entry { name: "export", offset: row.entry, context: CONTEXT_CALL }));
        let functions = functions(&elf, machine, text, strings, &mut findings);
        let relocations = relocations(&elf, &mut findings);
        let traps = rows(&elf, SECTION_TRAPS, TrapRow::SIZE, TrapRow::read, &mut findings);
        limit(SECTION_TRAPS, traps.len(), MAX_TRAP_SITES, &mut findings);
        let imports = rows(&elf, SECTION_IMPORTS, ImportRow::SIZE, ImportRow::read, &mut findings);
        let helpers = imports.iter().filter_map(|r| Helper::by_number(r.number)).map(|h| h.symbol).collect();
        if !findings.is_empty() {
            return Err(findings);
        }
        let traps = traps.iter().map(|r| (r.site, r.code)).collect();
        Ok(Self { machine, text, rodata, functions, relocations, entries, traps, helpers })
    }

    /// The function that holds `offset`.
    pub fn function_at(&self, offset: u32) -> Option<&Function> {
        let i = self.functions.partition_point(|f| f.start <= offset);
        self.functions[..i].last().filter(|f| offset < f.end)
    }

    /// Whether a function starts at `offset`.
    pub fn is_function_start(&self, offset: u64) -> bool {
        u32::try_from(offset).is_ok_and(|o| self.functions.binary_search_by_key(&o, |f| f.start).is_ok())
    }
}

fn machine(number: u16) -> Option<Machine> {
    match number {
        EM_X86_64 => Some(Machine::X86_64),
        EM_AARCH64 => Some(Machine::Aarch64),
        EM_NONE => Some(Machine::Portable),
        _ => None,
    }
}

/// What `Meta` says of the machine, and of the bytecode.
fn in_meta(machine: Machine) -> (u16, u16) {
    match machine {
        Machine::X86_64 => (EM_X86_64, 0),
        Machine::Aarch64 => (EM_AARCH64, 0),
        Machine::Portable => (MACHINE_PORTABLE, BYTECODE_VERSION),
    }
}

/// What is other of an ELF of another width or byte order than all code has, that of bytecode too.
fn other_form(object: &[u8]) -> Option<&'static str> {
    let ident = object.strip_prefix(&elf::ELFMAG)?;
    match (*ident.first()?, *ident.get(1)?) {
        (elf::ELFCLASS32, _) => Some("it is for a width of 32 bits, and all code is of 64"),
        (_, elf::ELFDATA2MSB) => Some("its byte order is big-endian, and all code is little-endian"),
        _ => None,
    }
}

/// Says so if there is more of something than the ABI allows.
pub fn limit(what: &str, count: usize, most: u32, findings: &mut Vec<Finding>) {
    if count > most as usize {
        findings.push(Finding::object(Rule::TooLarge, format!("{what} has {count}, the limit is {most}")));
    }
}

/// No section is writable and executable, only `.text` is executable, `.rodata` is plain.
fn check_flags(elf: &Elf<'_>, findings: &mut Vec<Finding>) {
    let first = elf.elf_section_table().iter().next();
    if first.is_some_and(|h| h.sh_type(elf.endian()) != elf::SHT_NULL) {
        let detail = "section header 0 is in use: some readers see it, some pass over it";
        findings.push(Finding::object(Rule::Malformed, detail));
    }
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for s in elf.sections() {
        let name = s.name().unwrap_or("?");
        let flags = s.elf_section_header().sh_flags(elf.endian());
        let (write, exec) = (flags & u64::from(elf::SHF_WRITE) != 0, flags & u64::from(elf::SHF_EXECINSTR) != 0);
        if write && exec {
            findings.push(Finding::object(Rule::WriteExecute, format!("section {name}")));
        } else if exec != (name == ".text") || write {
            findings.push(Finding::object(Rule::SectionFlags, format!("section {name} has flags {flags:#x}")));
        }
        let single = name == ".text" || name == ".rodata" || name.starts_with(".wkc.");
        if single && !seen.insert(name) {
            findings.push(Finding::object(Rule::Malformed, format!("more than one section {name}")));
        }
    }
}

fn section<'a>(elf: &Elf<'a>, name: &str) -> Result<&'a [u8], Finding> {
    let missing = || Finding::object(Rule::Malformed, format!("no section {name}"));
    let s = elf.section_by_name(name).ok_or_else(missing)?;
    s.data().map_err(|e| Finding::object(Rule::Malformed, format!("section {name}: {e}")))
}

/// The records of section `name`; none if the section is absent.
fn rows<T>(
    elf: &Elf<'_>,
    name: &str,
    size: usize,
    read: impl Fn(&[u8]) -> Option<T>,
    findings: &mut Vec<Finding>,
) -> Vec<T> {
    let data = section(elf, name).unwrap_or_default();
    if !data.len().is_multiple_of(size) {
        findings.push(Finding::object(Rule::Malformed, format!("{name} is no whole number of {size}-byte rows")));
    }
    data.chunks_exact(size).filter_map(read).collect()
}

fn entries(meta: &[u8], machine: Machine, findings: &mut Vec<Finding>) -> Vec<Entry> {
    let Some(meta) = Meta::read(meta).filter(|m| m.magic == u64::from_le_bytes(MAGIC)) else {
        findings.push(Finding::object(Rule::Malformed, format!("{SECTION_META} is no meta record")));
        return Vec::new();
    };
    let (number, bytecode) = in_meta(machine);
    if meta.machine != number {
        findings.push(Finding::object(Rule::Machine, format!("{SECTION_META} says machine {}", meta.machine)));
    }
    if meta.bytecode != bytecode {
        let detail = format!("{SECTION_META} says bytecode version {}, not {bytecode}", meta.bytecode);
        findings.push(Finding::object(Rule::Machine, detail));
    }
    let all = [
        ("xdp", meta.entry_xdp, CONTEXT_XDP),
        ("start", meta.entry_start, CONTEXT_INIT),
        ("_initialize", meta.entry_initialize, CONTEXT_INIT),
        ("init", meta.entry_init, CONTEXT_INIT),
    ];
    let all = all.into_iter().map(|(name, offset, context)| Entry { name, offset, context });
    all.filter(|e| e.offset != NONE).collect()
}

/// `.wkc.funcs`: ascending, apart, inside `.text`.
fn functions(
    elf: &Elf<'_>,
    machine: Machine,
    text: &[u8],
    strings: &[u8],
    findings: &mut Vec<Finding>,
) -> Vec<Function> {
    let rows = rows(elf, SECTION_FUNCS, FuncRow::SIZE, FuncRow::read, findings);
    limit(SECTION_FUNCS, rows.len(), MAX_FUNCTIONS, findings);
    let mut out: Vec<Function> = Vec::new();
    for (i, row) in rows.iter().take(MAX_FUNCTIONS as usize).enumerate() {
        let name = string(strings, row.name).unwrap_or_else(|| format!("#{i}"));
        let bad = |why: &str| Finding {
            function: Some(name.clone()),
            offset: Some(row.text_offset),
            ..Finding::object(Rule::FunctionTable, why)
        };
        let end = row.text_offset.checked_add(row.size).filter(|e| *e as usize <= text.len());
        let (Some(end), true) = (end, row.size > 0) else {
            findings.push(bad("it is empty or does not lie inside .text"));
            continue;
        };
        if !row.text_offset.is_multiple_of(machine.convention().code_alignment) {
            findings.push(bad("it starts where no instruction can"));
            continue;
        }
        if out.last().is_some_and(|last| last.end > row.text_offset) {
            findings.push(bad("it starts before the end of the one before it"));
            continue;
        }
        out.push(Function { name, start: row.text_offset, end });
    }
    out
}

/// The string at `at`, cut to [`MAX_NAME`] bytes: many rows may share one long name.
fn string(strings: &[u8], at: u32) -> Option<String> {
    let bytes = strings.get(at as usize..).filter(|_| at != 0)?;
    let bytes = &bytes[..bytes.len().min(MAX_NAME)];
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}
