//! Debug information for objdump, gdb and perf: function names and line rows (`.debug_info`, `.debug_line`)
//! and how to unwind (`.debug_frame`). The loader reads none of it.
//!
//! A row names the source line where the wasm has DWARF of its own, otherwise the byte of the wasm file.

mod frame;

use std::collections::HashMap;

use gimli::{
    Encoding, Format, LineEncoding, LittleEndian, SectionId, constants as dw,
    write::{
        Address, AttributeValue, CallFrameInstruction, CommonInformationEntry, DebugFrame, DwarfUnit, EndianVec,
        FileId, FrameDescriptionEntry, FrameTable, LineProgram, LineString, RelocateWriter, Relocation, Sections,
    },
};

use crate::{CompileError, emit::Image, lines::Lines};

/// Version 4: binutils 2.40 reads the file table of version 5 one off.
const ENCODING: Encoding = Encoding { address_size: 8, format: Format::Dwarf32, version: 4 };

/// A section with its relocations; those with a symbol are against `.text`.
#[derive(Clone)]
pub struct Section {
    /// Which one.
    pub id: SectionId,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What the addresses in it refer to.
    pub relocations: Vec<Relocation>,
}

/// Makes all debug sections. `names` are the functions', `unit` is the module's name.
pub fn sections(image: &Image, names: &[String], unit: &str, lines: &Lines) -> Result<Vec<Section>, CompileError> {
    let internal = |e: gimli::write::Error| CompileError::internal("debug", e);
    let unit = if unit.is_empty() { "filter.wasm".to_owned() } else { format!("{unit}.wasm") };
    let mut dwarf = DwarfUnit::new(ENCODING);
    dwarf.unit.line_program = line_program(image, &unit, lines);
    entries(&mut dwarf, image, names, &unit);
    let mut sections = Sections::new(Recorder::default());
    dwarf.write(&mut sections).map_err(internal)?;
    let mut out = Vec::new();
    sections
        .for_each(|id, w| -> Result<(), CompileError> {
            out.extend(w.section(id));
            Ok(())
        })
        .map_err(|e| CompileError::internal("debug", e))?;
    if let Some(frame) = frame::of(image.target) {
        let mut frames = DebugFrame::from(Recorder::default());
        frame_table(image, &frame)?.write_debug_frame(&mut frames).map_err(internal)?;
        out.extend(frames.0.section(SectionId::DebugFrame));
    }
    Ok(out)
}

fn text(offset: u32) -> Address {
    Address::Symbol { symbol: 0, addend: offset.into() }
}

fn line_program(image: &Image, unit: &str, lines: &Lines) -> LineProgram {
    let name = LineString::String(unit.as_bytes().to_vec());
    let here = LineString::String(b".".to_vec());
    let mut program = LineProgram::new(ENCODING, LineEncoding::default(), here, None, name.clone(), None);
    let directory = program.default_directory();
    let own = program.add_file(name, directory, None);
    let mut files: HashMap<&str, FileId> = HashMap::new();
    for function in &image.functions {
        program.begin_sequence(Some(text(function.offset)));
        let mut last = None;
        for row in &function.function.lines {
            if row.wasm_offset == u32::MAX {
                continue;
            }
            let (file, line) = match lines.at(row.wasm_offset) {
                Some((file, line)) if !file.is_empty() => {
                    let id = *files.entry(file).or_insert_with(|| {
                        program.add_file(LineString::String(file.as_bytes().to_vec()), directory, None)
                    });
                    (id, line)
                }
                _ => (own, row.wasm_offset),
            };
            if last.replace((file, line)) == Some((file, line)) {
                continue;
            }
            let out = program.row();
            out.address_offset = row.at.into();
            out.file = file;
            out.line = line.into();
            program.generate_row();
        }
        program.end_sequence(function.size.into());
    }
    program
}

fn entries(dwarf: &mut DwarfUnit, image: &Image, names: &[String], unit: &str) {
    let string = |text: &str| AttributeValue::String(text.bytes().filter(|b| *b != 0).collect());
    let root = dwarf.unit.root();
    let entry = dwarf.unit.get_mut(root);
    entry.set(dw::DW_AT_producer, string(crate::PRODUCER));
    entry.set(dw::DW_AT_language, AttributeValue::Language(dw::DW_LANG_C11));
    entry.set(dw::DW_AT_name, string(unit));
    entry.set(dw::DW_AT_comp_dir, string("."));
    entry.set(dw::DW_AT_low_pc, AttributeValue::Address(text(0)));
    entry.set(dw::DW_AT_high_pc, AttributeValue::Udata(image.text.len() as u64));
    for (function, name) in image.functions.iter().zip(names) {
        let child = dwarf.unit.add(root, dw::DW_TAG_subprogram);
        let entry = dwarf.unit.get_mut(child);
        entry.set(dw::DW_AT_name, string(name));
        entry.set(dw::DW_AT_low_pc, AttributeValue::Address(text(function.offset)));
        entry.set(dw::DW_AT_high_pc, AttributeValue::Udata(function.size.into()));
    }
}

/// Every function has the same frame; only landing pads may stand before it.
fn frame_table(image: &Image, frame: &frame::Frame) -> Result<FrameTable, CompileError> {
    let mut table = FrameTable::default();
    let mut common = CommonInformationEntry::new(ENCODING, frame.code_unit, -8, frame.return_address);
    common.add_instruction(CallFrameInstruction::Cfa(frame.stack_pointer, frame.above));
    frame.at_start.iter().for_each(|i| common.add_instruction(i.clone()));
    let common = table.add_cie(common);
    for function in &image.functions {
        let code = &image.text[function.offset as usize..][..function.size as usize];
        let start = code.windows(frame.prologue.len()).take(5).position(|w| w == frame.prologue);
        let start =
            start.ok_or_else(|| CompileError::internal("debug", format!("no frame at {:#x}", function.offset)))?;
        let mut entry = FrameDescriptionEntry::new(text(function.offset), function.size);
        for (behind, instruction) in &frame.instructions {
            entry.add_instruction(start as u32 + behind, instruction.clone());
        }
        table.add_fde(common, entry);
    }
    Ok(table)
}

/// Bytes of one section, with the relocations that gimli asks for.
#[derive(Clone)]
struct Recorder {
    bytes: EndianVec<LittleEndian>,
    relocations: Vec<Relocation>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { bytes: EndianVec::new(LittleEndian), relocations: Vec::new() }
    }
}

impl Recorder {
    fn section(&self, id: SectionId) -> Option<Section> {
        let bytes = self.bytes.slice().to_vec();
        (!bytes.is_empty()).then(|| Section { id, bytes, relocations: self.relocations.clone() })
    }
}

impl RelocateWriter for Recorder {
    type Writer = EndianVec<LittleEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.bytes
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.bytes
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.relocations.push(relocation);
    }
}
