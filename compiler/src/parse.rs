//! wasm bytes to [`Module`]: sections in the order of the file, then checks that need all of them.
//!
//! Comes after the validator, so indices are in range and types fit. What is left to check here is
//! what wasm allows and a filter may not have.

mod constant;
mod entries;
mod memory;
mod slots;
mod tables;
mod uses;

use std::collections::HashMap;

use wasmkc_abi::{
    helper::{EFFECT_MOVES_PACKET, Helper},
    limits,
    packet::{PACKET_MEMORY, packet_op},
};
use wasmparser::{ExternalKind, FuncType, KnownCustom, Parser, Payload, TypeRef};

use crate::{
    CompileError, Options,
    module::{Import, Module, is_supported},
    names::{self, NameSection},
};

pub use slots::initial as initial_slots;

/// What the sections say before it is brought together.
#[derive(Default)]
struct Sections<'a> {
    module: Module<'a>,
    names: NameSection,
    exports: Vec<wasmparser::Export<'a>>,
    memories: Vec<(usize, wasmparser::MemoryType)>,
    tables: Vec<wasmparser::Table<'a>>,
    elements: Vec<(usize, wasmparser::Element<'a>)>,
    data: Vec<(usize, wasmparser::Data<'a>)>,
    start: Option<u32>,
    /// First index of each distinct type.
    first: HashMap<FuncType, u32>,
}

/// Reads a module that the validator has passed.
pub fn parse<'a>(wasm: &'a [u8], options: &Options) -> Result<Module<'a>, CompileError> {
    let mut s = Sections::default();
    for payload in Parser::new(0).parse_all(wasm) {
        s.section(payload?)?;
    }
    s.module.moves_packet = s.module.helpers().iter().any(|h| h.effects & EFFECT_MOVES_PACKET != 0);
    s.module.names = std::mem::take(&mut s.names.functions);
    for export in s.exports.iter().filter(|e| e.kind == ExternalKind::Func) {
        s.module.names.entry(export.index).or_insert_with(|| names::printable(export.name));
    }
    let uses = uses::Uses::of(&s)?;
    s.module.target = options.target;
    s.module.tail_calls = uses.tail_calls;
    s.module.memories = memory::memories(&s, &uses, options)?;
    // elements before data, as instantiation has it: of segments outside, the first is named
    tables::fill(&mut s, &uses)?;
    s.module.data = memory::data(&s)?;
    check_imports_have_memory(&s.module)?;
    s.module.entries = entries::entries(&s)?;
    s.module.exports = entries::exports(&s)?;
    if s.module.entries.xdp.is_none() && s.module.exports.is_empty() {
        return Err(CompileError::NoXdp);
    }
    slots::lay_out(&mut s.module, &uses);
    s.module.shadow_sp = entries::shadow_stack_pointer(&s);
    check_counts(&s.module)?;
    Ok(s.module)
}

/// Reads types, functions and exported functions of a module that the compiler itself contains; all else in it
/// is for its own tests to exclude.
pub fn functions(wasm: &'static [u8]) -> Result<Module<'static>, CompileError> {
    let mut s = Sections::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let wanted = matches!(
            payload,
            Payload::TypeSection(_)
                | Payload::FunctionSection(_)
                | Payload::ExportSection(_)
                | Payload::CodeSectionEntry(_)
        );
        if wanted {
            s.section(payload)?;
        }
    }
    s.module.exports = entries::exports(&s)?;
    s.module.names = s.module.exports.iter().map(|e| (e.function, e.name.clone())).collect();
    Ok(s.module)
}

impl<'a> Sections<'a> {
    fn section(&mut self, payload: Payload<'a>) -> Result<(), CompileError> {
        match payload {
            Payload::TypeSection(reader) => {
                for ty in reader.into_iter_err_on_gc_types() {
                    let ty = ty.map_err(|e| unsupported("a type of the GC proposal", e.offset()))?;
                    let index = self.module.types.len() as u32;
                    self.module.canonical.push(*self.first.entry(ty.clone()).or_insert(index));
                    self.module.types.push(ty);
                }
            }
            Payload::ImportSection(reader) => {
                for item in reader.into_imports_with_offsets() {
                    let (offset, import) = item?;
                    self.import(offset, &import)?;
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    self.module.functions.push(ty?);
                }
            }
            Payload::TableSection(reader) => tables::declare(self, reader)?,
            Payload::MemorySection(reader) => {
                for item in reader.into_iter_with_offsets() {
                    self.memories.push(item?);
                }
            }
            Payload::GlobalSection(reader) => {
                for item in reader.into_iter_with_offsets() {
                    let (offset, global) = item?;
                    self.global(offset, &global)?;
                }
            }
            Payload::ExportSection(reader) => {
                for item in reader.into_iter_with_offsets() {
                    let (offset, export) = item?;
                    if export.kind == ExternalKind::Func && export.name.contains('\0') {
                        let what = format!("a zero byte in the name of export `{}`", names::printable(export.name));
                        return Err(CompileError::Unsupported { what, offset, advice: "; a call could not name it" });
                    }
                    self.exports.push(export);
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(reader) => {
                for item in reader.into_iter_with_offsets() {
                    self.elements.push(item?);
                }
            }
            Payload::DataSection(reader) => {
                for item in reader.into_iter_with_offsets() {
                    self.data.push(item?);
                }
            }
            Payload::TagSection(reader) => return Err(unsupported("an exception tag", reader.range().start)),
            Payload::CodeSectionStart { range, .. } => self.module.code_start = range.start,
            Payload::CodeSectionEntry(body) => self.module.bodies.push(body),
            Payload::CustomSection(custom) => {
                if custom.name().starts_with(".debug_") {
                    self.module.debug.insert(custom.name(), custom.data());
                } else if let KnownCustom::Name(reader) = custom.as_known() {
                    self.names = names::name_section(reader);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, offset: usize, import: &wasmparser::Import<'_>) -> Result<(), CompileError> {
        if let ("xdp", PACKET_MEMORY, TypeRef::Memory(ty)) = (import.module, import.name, &import.ty)
            && memory::is_packet(ty)
        {
            self.module.packet_memories += 1;
            return Ok(());
        }
        let (module, name) = (names::printable(import.module), names::printable(import.name));
        let found = match import.module {
            "xdp" => packet_op(import.name).map(|op| (Import::Packet(op), names::packet_type(op))),
            "kernel" => Helper::by_name(import.name).map(|h| (Import::Helper(h), names::helper_type(h))),
            _ => None,
        };
        let Some((import_kind, expected)) = found else {
            if (import.module, import.name) == ("xdp", PACKET_MEMORY) {
                let (found, expected) = (self.import_type(&import.ty), memory::PACKET_TYPE.to_owned());
                return Err(CompileError::ImportSignature { module, name, offset, found, expected });
            }
            let hint = names::import_hint(import.module, import.name);
            return Err(CompileError::UnknownImport { module, name, offset, hint });
        };
        match import.ty {
            TypeRef::Func(index) if self.module.types[index as usize] == expected => {
                self.module.functions.push(index);
                self.module.imports.push(import_kind);
                Ok(())
            }
            other => {
                let (found, expected) = (self.import_type(&other), names::signature(&expected));
                Err(CompileError::ImportSignature { module, name, offset, found, expected })
            }
        }
    }

    /// The type of an import, for people.
    fn import_type(&self, ty: &TypeRef) -> String {
        match ty {
            TypeRef::Func(index) => names::signature(&self.module.types[*index as usize]),
            TypeRef::Memory(ty) => memory::describe(ty),
            TypeRef::Table(_) => "a table".to_owned(),
            TypeRef::Global(_) => "a global".to_owned(),
            _ => "no plain function".to_owned(),
        }
    }

    fn global(&mut self, offset: usize, global: &wasmparser::Global<'_>) -> Result<(), CompileError> {
        let index = self.module.globals.len();
        let ty = global.ty.content_type;
        if !is_supported(ty) {
            let what = format!("global {index} of type {ty}");
            return Err(CompileError::Unsupported { what, offset, advice: "; use numbers, funcref or externref" });
        }
        if global.ty.shared {
            return Err(unsupported("a shared global", offset));
        }
        let init = constant::value(&global.init_expr, &self.module.globals)?;
        self.module.globals.push(crate::module::Global { ty, mutable: global.ty.mutable, init });
        Ok(())
    }
}

fn unsupported(what: &str, offset: usize) -> CompileError {
    CompileError::Unsupported { what: what.to_owned(), offset, advice: "" }
}

fn check_imports_have_memory(module: &Module<'_>) -> Result<(), CompileError> {
    use wasmkc_abi::{helper::Arg, packet::PACKET_OPS, packet::PacketOp};
    if module.memory().is_some() {
        return Ok(());
    }
    for import in &module.imports {
        let (space, name) = match import {
            Import::Packet(op @ (PacketOp::CopyIn | PacketOp::CopyOut)) => {
                ("xdp", PACKET_OPS.iter().find(|(_, o)| o == op).map_or("", |(n, _)| n))
            }
            Import::Helper(h) if h.params.contains(&Arg::MemRead) => ("kernel", h.name),
            _ => continue,
        };
        return Err(CompileError::ImportNeedsMemory { module: space.to_owned(), name: name.to_owned() });
    }
    Ok(())
}

fn check_counts(module: &Module<'_>) -> Result<(), CompileError> {
    let limit = |what: &str, found: usize, limit: u32| CompileError::check_limit(what, found as u64, limit.into());
    limit("functions", module.functions.len(), limits::MAX_FUNCTIONS)?;
    limit("globals", module.globals.len(), limits::MAX_GLOBALS)?;
    limit("slots of an instance", module.slots.total() as usize, limits::MAX_SLOTS)?;
    limit("passive data segments", module.passive().count(), limits::MAX_PASSIVE_SEGMENTS)?;
    limit("active data segments", module.active().count(), limits::MAX_DATA_SEGMENTS)
}
