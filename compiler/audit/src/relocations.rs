//! Relocations of `.text`: which kinds there are, and what each may point to.

use std::collections::BTreeMap;

use object::elf;
use object::read::elf::{FileHeader as _, SectionHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags, RelocationTarget};
use wasmkc_abi::limits::MAX_RELOCATIONS;
use wasmkc_abi::object::{
    EM_AARCH64, EM_X86_64, R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_ADR_PREL_PG_HI21, R_AARCH64_CALL26, R_X86_64_PC32,
    R_X86_64_PLT32,
};
use wasmkc_abi::vmctx::{RUNTIME_SYMBOLS, SYMBOL_RET};

use crate::finding::{Finding, Rule};
use crate::image::{Elf, limit};

/// What a relocation of `.text` points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// R_X86_64_PLT32 with addend -4, or R_AARCH64_CALL26 with addend 0, against an undefined symbol of the ABI.
    Symbol(String),
    /// R_X86_64_PC32 against the `.rodata` section, with its addend.
    Rodata(i64),
    /// R_AARCH64_ADR_PREL_PG_HI21 against it: the page of a byte.
    RodataPage(i64),
    /// R_AARCH64_ADD_ABS_LO12_NC against it: the byte's place in the page.
    RodataLow(i64),
}

/// Refuses tables of symbols and relocations that a loader may read otherwise than it is done here: another symbol
/// table than the first, another form of relocations than SHT_RELA, rows that are passed over here.
fn check_tables(elf: &Elf<'_>, findings: &mut Vec<Finding>) {
    let (endian, symbols) = (elf.endian(), elf.elf_symbol_table().section());
    for s in elf.sections() {
        let header = s.elf_section_header();
        let is_read = match header.sh_type(endian) {
            elf::SHT_SYMTAB => s.index() == symbols,
            elf::SHT_RELA => {
                let rows = header.rela(endian, elf.data());
                header.sh_info(endian) != 0 && matches!(rows, Ok(Some((_, link))) if link == symbols)
            }
            elf::SHT_REL | elf::SHT_CREL => false,
            _ => true,
        };
        if !is_read {
            let detail = format!("section {}: a loader may read it otherwise", s.name().unwrap_or("?"));
            findings.push(Finding::object(Rule::Relocation, detail));
        }
    }
}

/// Relocations of `.text`; none may apply to any other section that the loader reads.
pub fn relocations(elf: &Elf<'_>, findings: &mut Vec<Finding>) -> BTreeMap<u32, Target> {
    check_tables(elf, findings);
    let mut out = BTreeMap::new();
    let most = MAX_RELOCATIONS as usize;
    for s in elf.sections() {
        let name = s.name().unwrap_or("?");
        if name != ".text" {
            if !name.starts_with(".debug_") && s.relocations().next().is_some() {
                findings.push(Finding::object(Rule::Relocation, format!("relocations apply to section {name}")));
            }
            continue;
        }
        limit(".rela.text", s.relocations().take(most + 1).count(), MAX_RELOCATIONS, findings);
        for (offset, r) in s.relocations().take(most) {
            let target = match (r.flags(), r.target()) {
                (RelocationFlags::Elf { r_type }, RelocationTarget::Symbol(i)) => elf
                    .symbol_by_index(i)
                    .map_err(|e| e.to_string())
                    .and_then(|sym| target(elf, r_type, &sym, r.addend())),
                _ => Err("it is against no symbol".to_owned()),
            };
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            let target = target.and_then(|t| match out.insert(offset, t) {
                None => Ok(()),
                Some(_) => Err("two relocations at one place".to_owned()),
            });
            if let Err(why) = target {
                findings.push(Finding { offset: Some(offset), ..Finding::object(Rule::Relocation, why) });
            }
        }
    }
    out
}

fn target<'a>(
    elf: &Elf<'a>,
    r_type: u32,
    sym: &object::read::elf::ElfSymbol64<'a, '_, Endianness>,
    addend: i64,
) -> Result<Target, String> {
    let is_rodata = || {
        let section = sym.section_index().and_then(|i| elf.section_by_index(i).ok());
        sym.kind() == object::SymbolKind::Section && section.is_some_and(|s| s.name() == Ok(".rodata"))
    };
    match (elf.elf_header().e_machine(elf.endian()), r_type) {
        (EM_X86_64, R_X86_64_PLT32) if sym.is_undefined() => symbol(sym, addend, -4),
        (EM_X86_64, R_X86_64_PC32) if is_rodata() => Ok(Target::Rodata(addend)),
        (EM_AARCH64, R_AARCH64_CALL26) if sym.is_undefined() => match symbol(sym, addend, 0) {
            Ok(Target::Symbol(name)) if name == SYMBOL_RET => Err(format!("{name} does not exist for this machine")),
            other => other,
        },
        (EM_AARCH64, R_AARCH64_ADR_PREL_PG_HI21) if is_rodata() => Ok(Target::RodataPage(addend)),
        (EM_AARCH64, R_AARCH64_ADD_ABS_LO12_NC) if is_rodata() => Ok(Target::RodataLow(addend)),
        _ => Err(format!("type {r_type} is not allowed against this symbol")),
    }
}

/// An undefined symbol that a call names.
fn symbol(
    sym: &object::read::elf::ElfSymbol64<'_, '_, Endianness>,
    addend: i64,
    expected: i64,
) -> Result<Target, String> {
    let name = sym.name().map_err(|e| e.to_string())?;
    let known = RUNTIME_SYMBOLS.contains(&name) || wasmkc_abi::helper::HELPERS.iter().any(|h| h.symbol == name);
    match known {
        true if addend == expected => Ok(Target::Symbol(name.to_owned())),
        true => Err(format!("addend {addend} against {name}, where a call has {expected}")),
        false => Err(format!("symbol {name} is none of the ABI's")),
    }
}
