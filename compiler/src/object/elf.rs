//! The ELF file: sections, symbols and relocations, as `readelf` and `objdump -dr` read them.

use std::collections::{BTreeMap, HashSet};

use gimli::write::RelocationTarget;
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
    elf::{R_AARCH64_ABS32, R_AARCH64_ABS64, R_X86_64_32, R_X86_64_64},
    write::{Object, Relocation, SectionId, StandardSection, Symbol, SymbolId, SymbolSection},
};
use wasmkc_abi::object as abi;

use super::Tables;
use crate::{
    CompileError, Target,
    debug::Section,
    emit::{Field, Image, RelocationKind},
};

/// Where the ELF header tells the machine.
const E_MACHINE: usize = 18;

/// Alignment of every section that the loader reads.
const ALIGN: u64 = 16;

/// Writes the file.
pub fn write(image: &Image, tables: &Tables, debug: &[Section]) -> Result<Vec<u8>, CompileError> {
    let mut out = Object::new(BinaryFormat::Elf, architecture(image.target), Endianness::Little);
    let text = out.section_id(StandardSection::Text);
    out.append_section_data(text, &image.text, ALIGN);
    add_functions(&mut out, text, image, tables);
    add_relocations(&mut out, text, image)?;

    let mut section = |name: &str, bytes: &[u8]| {
        if !bytes.is_empty() {
            let id = out.add_section(Vec::new(), name.as_bytes().to_vec(), SectionKind::Metadata);
            out.append_section_data(id, bytes, 8);
        }
    };
    section(abi::SECTION_META, &tables.meta.write());
    section(abi::SECTION_IMPORTS, &rows(tables.imports.iter().map(abi::ImportRow::write)));
    section(abi::SECTION_FUNCS, &rows(tables.functions.iter().map(abi::FuncRow::write)));
    section(abi::SECTION_TRAPS, &rows(tables.traps.iter().map(abi::TrapRow::write)));
    section(abi::SECTION_SLOTS, &rows(tables.slots.iter().map(|g| g.to_le_bytes())));
    section(abi::SECTION_MEMORIES, &rows(tables.memories.iter().map(abi::MemoryRow::write)));
    section(abi::SECTION_EXPORTS, &rows(tables.exports.iter().map(abi::ExportRow::write)));
    section(abi::SECTION_PASSIVE, &rows(tables.passive.iter().map(abi::PassiveRow::write)));
    section(abi::SECTION_DATA, &tables.data);
    section(abi::SECTION_STRINGS, &tables.strings);
    add_debug(&mut out, image.target, text, debug)?;
    let mut bytes = out.write().map_err(|e| CompileError::internal("object", e))?;
    bytes[E_MACHINE..E_MACHINE + 2].copy_from_slice(&image.target.elf_machine().to_le_bytes());
    Ok(bytes)
}

const fn architecture(target: Target) -> Architecture {
    match target {
        Target::X86_64 => Architecture::X86_64,
        Target::Aarch64 => Architecture::Aarch64,
        // Any of 64 bits: there are no relocations, and the file says that it is for no machine.
        Target::Portable => Architecture::Bpf,
    }
}

/// The relocation that fills `field`; bytecode has none.
const fn relocation_type(field: Field, kind: RelocationKind) -> Option<u32> {
    Some(match (field, kind) {
        (Field::Distance32, RelocationKind::Undefined(_)) => abi::R_X86_64_PLT32,
        (Field::Distance32, RelocationKind::Rodata) => abi::R_X86_64_PC32,
        (Field::Branch26, _) => abi::R_AARCH64_CALL26,
        (Field::Page21, _) => abi::R_AARCH64_ADR_PREL_PG_HI21,
        (Field::Low12, _) => abi::R_AARCH64_ADD_ABS_LO12_NC,
        (Field::FromInstruction | Field::HostCall, _) => return None,
    })
}

/// The relocation of `size` bytes of a debug section. For no machine there is none: what the bytes tell is right as
/// long as sections start at 0, as they do in the file.
const fn debug_relocation_type(target: Target, size: u8) -> Option<u32> {
    Some(match (target, size) {
        (Target::X86_64, 8) => R_X86_64_64,
        (Target::X86_64, _) => R_X86_64_32,
        (Target::Aarch64, 8) => R_AARCH64_ABS64,
        (Target::Aarch64, _) => R_AARCH64_ABS32,
        (Target::Portable, _) => return None,
    })
}

fn rows<const N: usize>(rows: impl Iterator<Item = [u8; N]>) -> Vec<u8> {
    rows.flatten().collect()
}

/// Local symbols `wasm.NAME`, made unique by the function's row.
fn add_functions(out: &mut Object<'_>, text: SectionId, image: &Image, tables: &Tables) {
    let mut taken: HashSet<String> = HashSet::new();
    for (row, (function, name)) in image.functions.iter().zip(&tables.names).enumerate() {
        let mut symbol = format!("wasm.{name}");
        while !taken.insert(symbol.clone()) {
            symbol = format!("{symbol}.{row}");
        }
        out.add_symbol(Symbol {
            name: symbol.into_bytes(),
            value: function.offset.into(),
            size: function.size.into(),
            kind: SymbolKind::Text,
            scope: SymbolScope::Compilation,
            weak: false,
            section: SymbolSection::Section(text),
            flags: SymbolFlags::None,
        });
    }
}

fn add_relocations(out: &mut Object<'_>, text: SectionId, image: &Image) -> Result<(), CompileError> {
    let rodata = (!image.rodata.is_empty()).then(|| {
        let id = out.section_id(StandardSection::ReadOnlyData);
        out.append_section_data(id, &image.rodata, ALIGN);
        out.section_symbol(id)
    });
    let mut undefined: BTreeMap<&str, SymbolId> = BTreeMap::new();
    for relocation in &image.relocations {
        let symbol = match relocation.kind {
            RelocationKind::Rodata => {
                rodata.ok_or_else(|| CompileError::internal("object", "constant without .rodata"))?
            }
            RelocationKind::Undefined(name) => *undefined.entry(name).or_insert_with(|| {
                out.add_symbol(Symbol {
                    name: name.as_bytes().to_vec(),
                    value: 0,
                    size: 0,
                    kind: SymbolKind::Unknown,
                    scope: SymbolScope::Unknown,
                    weak: false,
                    section: SymbolSection::Undefined,
                    flags: SymbolFlags::None,
                })
            }),
        };
        let r_type = relocation_type(relocation.field, relocation.kind);
        let r_type = r_type.ok_or_else(|| CompileError::internal("object", "relocation of bytecode"))?;
        let flags = RelocationFlags::Elf { r_type };
        let offset = relocation.at.into();
        out.add_relocation(text, Relocation { offset, symbol, addend: relocation.addend, flags })
            .map_err(|e| CompileError::internal("object", e))?;
    }
    Ok(())
}

/// The debug sections, which refer to `.text` and to each other.
fn add_debug(out: &mut Object<'_>, target: Target, text: SectionId, debug: &[Section]) -> Result<(), CompileError> {
    let text = out.section_symbol(text);
    let ids: Vec<SectionId> = debug
        .iter()
        .map(|s| {
            let id = out.add_section(Vec::new(), s.id.name().as_bytes().to_vec(), SectionKind::Debug);
            out.append_section_data(id, &s.bytes, 1);
            id
        })
        .collect();
    for (section, id) in debug.iter().zip(&ids) {
        for relocation in &section.relocations {
            let symbol = match relocation.target {
                RelocationTarget::Symbol(_) => text,
                RelocationTarget::Section(other) => {
                    let at = debug.iter().position(|s| s.id == other);
                    let at = at.ok_or_else(|| CompileError::internal("object", format!("no {}", other.name())))?;
                    out.section_symbol(ids[at])
                }
            };
            let Some(r_type) = debug_relocation_type(target, relocation.size) else { continue };
            let (offset, addend) = (relocation.offset as u64, relocation.addend);
            out.add_relocation(*id, Relocation { offset, symbol, addend, flags: RelocationFlags::Elf { r_type } })
                .map_err(|e| CompileError::internal("object", e))?;
        }
    }
    Ok(())
}
