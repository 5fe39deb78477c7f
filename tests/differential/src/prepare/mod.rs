//! Makes of any module one that can be compared: it ends, everything in it can be called and looked at, and nothing
//! that the specification leaves open shows.
//!
//! | file     | what it does                                                                              |
//! |----------|-------------------------------------------------------------------------------------------|
//! | `facts`  | reads what the others must know                                                           |
//! | `body`   | steps at function entries and loops; NaNs; operands that would trap, made ones that do not |
//! | `tame`   | which operands, and how                                                                   |
//! | `filter` | imports of the ABI, and calls of them                                                    |
//! | `looks`  | functions that look at tables and memories                                                |
//! | `limits` | the maxima of memories and tables, which an engine may choose                             |

mod body;
mod facts;
mod filter;
mod limits;
mod looks;
mod tame;

use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, ExportKind, ExportSection, FunctionSection,
    GlobalSection, GlobalType, ImportSection, MemArg, MemorySection, Module, StartSection, TableSection, TypeSection,
    ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{FunctionBody, Parser, Payload};

use crate::plan::Plan;
use body::Bodies;
use facts::Facts;
pub use looks::{DIGEST, ELEMENT, OWN, PROBE, SIZE, STEPS};

/// Whose module it is: they differ in maxima only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Ours.
    Ours,
    /// wasmtime's, with the maxima that ours sets itself.
    Theirs,
}

/// The sections of the module to be.
#[derive(Default)]
struct Sections {
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    globals: GlobalSection,
    exports: ExportSection,
    start: Option<StartSection>,
    elements: ElementSection,
    data_count: Option<DataCountSection>,
    code: CodeSection,
    data: DataSection,
}

/// The prepared module.
///
/// # Errors
/// What in it cannot be prepared: it is not valid, imports something, or has types of the GC proposal.
pub fn prepare(wasm: &[u8], plan: &Plan, side: Side) -> Result<Vec<u8>, String> {
    let facts = Facts::of(wasm, plan).map_err(|e| e.to_string())?;
    let mut bodies = Bodies::new(&facts, plan, side);
    let mut s = Sections::default();
    s.read(wasm, &mut bodies).map_err(|e| e.to_string())?;
    // the steps that a call has left
    let steps = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    s.globals.global(steps, &ConstExpr::i32_const(plan.steps.cast_signed()));
    filter::import(&facts, &mut s);
    s.export(&facts, plan);
    // probes name data, which asks for their number
    s.data_count = Some(DataCountSection { count: s.data.len() });
    looks::add(&facts, plan, &mut s);
    if plan.keeps_start {
        s.start = facts.start.map(|index| StartSection { function_index: facts.function_index(index) });
    }
    Ok(s.module())
}

impl Sections {
    fn read(&mut self, wasm: &[u8], bodies: &mut Bodies<'_>) -> Result<(), reencode::Error<String>> {
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(reader) => bodies.parse_type_section(&mut self.types, reader)?,
                Payload::ImportSection(reader) if reader.count() > 0 => {
                    return Err(reencode::Error::UserError("it imports something".to_owned()));
                }
                Payload::FunctionSection(reader) => bodies.parse_function_section(&mut self.functions, reader)?,
                Payload::TableSection(reader) => bodies.parse_table_section(&mut self.tables, reader)?,
                Payload::MemorySection(reader) => bodies.parse_memory_section(&mut self.memories, reader)?,
                Payload::TagSection(reader) if reader.count() > 0 => {
                    return Err(reencode::Error::UserError("it has exceptions".to_owned()));
                }
                Payload::GlobalSection(reader) => bodies.parse_global_section(&mut self.globals, reader)?,
                Payload::ElementSection(reader) => bodies.parse_element_section(&mut self.elements, reader)?,
                Payload::CodeSectionEntry(body) => bodies.parse_function_body(&mut self.code, body)?,
                Payload::DataSection(reader) => bodies.parse_data_section(&mut self.data, reader)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Everything is exported, under names that mean nothing to our compiler.
    fn export(&mut self, facts: &Facts, plan: &Plan) {
        let mut all = |letter: char, kind: ExportKind, count: usize| {
            for index in 0..count as u32 {
                let new = if kind == ExportKind::Func { facts.function_index(index) } else { index };
                self.exports.export(&format!("{letter}{index}"), kind, new);
            }
        };
        all('f', ExportKind::Func, facts.functions.len());
        all('g', ExportKind::Global, facts.globals.len());
        all('m', ExportKind::Memory, facts.memories.len());
        if plan.exports_tables {
            all('t', ExportKind::Table, facts.tables.len());
        }
        // what a table may hold has a name
        for index in 0..facts.function_index(0) {
            self.exports.export(&format!("import{index}"), ExportKind::Func, index);
        }
    }

    fn module(&self) -> Vec<u8> {
        let mut module = Module::new();
        module.section(&self.types);
        if !self.imports.is_empty() {
            module.section(&self.imports);
        }
        module.section(&self.functions).section(&self.tables).section(&self.memories);
        module.section(&self.globals).section(&self.exports);
        if let Some(start) = &self.start {
            module.section(start);
        }
        module.section(&self.elements);
        if let Some(count) = &self.data_count {
            module.section(count);
        }
        module.section(&self.code).section(&self.data);
        module.finish()
    }
}

impl Reencode for Bodies<'_> {
    type Error = String;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), reencode::Error<String>> {
        let function = self.function(&body)?;
        code.function(&function);
        Ok(())
    }

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error<String>> {
        Ok(self.facts.function_index(index))
    }

    fn mem_arg(&mut self, arg: wasmparser::MemArg) -> Result<MemArg, reencode::Error<String>> {
        utils::mem_arg(self, self.tame_offset(arg))
    }

    fn memory_type(&mut self, ty: wasmparser::MemoryType) -> Result<wasm_encoder::MemoryType, reencode::Error<String>> {
        Ok(limits::memory(utils::memory_type(self, ty), self.plan, self.side))
    }

    fn table_type(&mut self, ty: wasmparser::TableType) -> Result<wasm_encoder::TableType, reencode::Error<String>> {
        Ok(limits::table(utils::table_type(self, ty)?, self.plan, self.side))
    }
}
