//! The instances of a group as one module.
//!
//! All index spaces are laid end to end in the order of instantiation; an import is the item that it was
//! resolved to. Names and other custom sections are left out.

use std::convert::Infallible;

use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, Instruction as I, MemorySection, StartSection, TableSection, TagSection,
    TypeSection, ValType,
    reencode::{Error, Reencode},
};
use wasmparser::{DataKind, ElementItems, ElementKind, Parser, Payload};

use super::{
    link::{Defined, Grown, Instance, Linker},
    module::{Space, Type},
    names,
    places::{Map, Places},
};

type Result<T> = std::result::Result<T, Error<Infallible>>;

/// What the merged module exports beside `nonce` and the init functions.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Name of the export.
    pub name: String,
    /// A function; or a global, through a function that gets it.
    pub item: Defined,
}

/// How instances come to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// As the merged module is instantiated: for a group of one instance.
    AtOnce,
    /// By init functions.
    #[default]
    ByCalls,
}

/// Makes one module of the instances `group`.
///
/// # Errors
/// What the parser or the encoder has against a module.
pub fn merge(linker: &Linker, group: &[usize], start: Start, wanted: &[Wanted], key: u64) -> Result<Vec<u8>> {
    let places = Places::new(linker, group);
    let (types_before, functions_before) = (places.end.types, places.end.items[Space::Function as usize]);
    let mut out = Merged { start, types_before, functions_before, ..Merged::default() };
    for number in group {
        out.instance(&mut places.map(*number), &linker.instances[*number])?;
    }
    for wanted in wanted {
        out.export(&places, wanted)?;
    }
    out.nonce(key);
    Ok(out.finish())
}

/// The sections so far.
#[derive(Default)]
struct Merged {
    start: Start,
    types: TypeSection,
    functions: FunctionSection,
    tables: TableSection,
    memories: MemorySection,
    tags: TagSection,
    globals: GlobalSection,
    exports: ExportSection,
    entry: Option<u32>,
    elements: ElementSection,
    data: DataSection,
    code: CodeSection,
    /// Functions that are made here, with their types, come behind all others.
    made: Vec<(Vec<ValType>, Vec<ValType>, Function)>,
    functions_before: u32,
    types_before: u32,
    /// Functions whose reference may be taken because an instance exports them.
    referable: Vec<u32>,
}

impl Merged {
    fn instance(&mut self, map: &mut Map<'_>, instance: &Instance) -> Result<()> {
        let by_calls = self.start == Start::ByCalls && !instance.spectest;
        let mut init = Function::new([]);
        for grown in &instance.resolved.grown {
            require(&mut init, map.places.of(grown.item), grown);
        }
        for payload in Parser::new(0).parse_all(&instance.module.bytes) {
            match payload? {
                Payload::TypeSection(reader) => map.parse_type_section(&mut self.types, reader)?,
                Payload::FunctionSection(reader) => map.parse_function_section(&mut self.functions, reader)?,
                Payload::TableSection(reader) => map.parse_table_section(&mut self.tables, reader)?,
                Payload::MemorySection(reader) => map.parse_memory_section(&mut self.memories, reader)?,
                Payload::TagSection(reader) => map.parse_tag_section(&mut self.tags, reader)?,
                Payload::GlobalSection(reader) => map.parse_global_section(&mut self.globals, reader)?,
                Payload::ElementSection(reader) if by_calls => {
                    for (index, element) in (map.base().elements..).zip(reader) {
                        self.element(map, index, element?, &mut init)?;
                    }
                }
                Payload::ElementSection(reader) => map.parse_element_section(&mut self.elements, reader)?,
                Payload::DataSection(reader) if by_calls => {
                    for (index, data) in (map.base().data..).zip(reader) {
                        self.data(map, index, data?, &mut init)?;
                    }
                }
                Payload::DataSection(reader) => map.parse_data_section(&mut self.data, reader)?,
                Payload::CodeSectionEntry(body) => map.parse_function_body(&mut self.code, body)?,
                _ => {}
            }
        }
        if instance.module.takes_references {
            let exported = instance.module.exports.iter().filter(|e| e.space == Space::Function);
            self.referable.extend(exported.map(|e| map.item(Space::Function, e.index)));
        }
        let start = instance.module.start.map(|index| map.item(Space::Function, index));
        if by_calls {
            if let Some(start) = start {
                init.instruction(&I::Call(start));
            }
            let index = self.made(&[], &[], init);
            self.exports.export(&names::init(map.number), ExportKind::Func, index);
        } else if start.is_some() {
            self.entry = start;
        }
        Ok(())
    }

    /// A segment that the init function writes.
    fn element(
        &mut self,
        map: &mut Map<'_>,
        index: u32,
        element: wasmparser::Element<'_>,
        init: &mut Function,
    ) -> Result<()> {
        let count = match &element.items {
            ElementItems::Functions(reader) => reader.count(),
            ElementItems::Expressions(_, reader) => reader.count(),
        };
        let items = map.element_items(element.items)?;
        match element.kind {
            ElementKind::Passive => {
                self.elements.passive(items);
            }
            ElementKind::Declared => {
                self.elements.declared(items);
            }
            ElementKind::Active { table_index, offset_expr } => {
                self.elements.passive(items);
                let table = map.table_index(table_index.unwrap_or(0))?;
                init.raw(bytes_of(&map.const_expr(offset_expr)?));
                init.instruction(&I::I32Const(0)).instruction(&I::I32Const(count as i32));
                init.instruction(&I::TableInit { elem_index: index, table }).instruction(&I::ElemDrop(index));
            }
        }
        Ok(())
    }

    fn data(&mut self, map: &mut Map<'_>, index: u32, data: wasmparser::Data<'_>, init: &mut Function) -> Result<()> {
        if let DataKind::Active { memory_index, offset_expr } = data.kind {
            let mem = map.memory_index(memory_index)?;
            init.raw(bytes_of(&map.const_expr(offset_expr)?));
            init.instruction(&I::I32Const(0)).instruction(&I::I32Const(data.data.len() as i32));
            init.instruction(&I::MemoryInit { mem, data_index: index }).instruction(&I::DataDrop(index));
        }
        self.data.passive(data.data.iter().copied());
        Ok(())
    }

    fn export(&mut self, places: &Places<'_>, wanted: &Wanted) -> Result<()> {
        let mut index = places.of(wanted.item);
        let module = &places.linker.instances[wanted.item.instance].module;
        let ty = &module.items[wanted.item.space as usize][wanted.item.index as usize];
        if let Type::Global(ty) = ty {
            let ty = places.map(wanted.item.instance).val_type(ty.content_type)?;
            let mut body = Function::new([]);
            body.instruction(&I::GlobalGet(index));
            index = self.made(&[], &[ty], body);
        }
        self.exports.export(&wanted.name, ExportKind::Func, index);
        Ok(())
    }

    fn nonce(&mut self, key: u64) {
        let mut body = Function::new([]);
        body.instruction(&I::LocalGet(0)).instruction(&I::I64Const(key as i64)).instruction(&I::I64Xor);
        let index = self.made(&[ValType::I64], &[ValType::I64], body);
        self.exports.export(names::NONCE, ExportKind::Func, index);
    }

    /// Adds a function of ours, whose body lacks its end.
    fn made(&mut self, params: &[ValType], results: &[ValType], mut body: Function) -> u32 {
        body.instruction(&I::End);
        self.made.push((params.to_vec(), results.to_vec(), body));
        self.functions_before + self.made.len() as u32 - 1
    }

    fn finish(mut self) -> Vec<u8> {
        for (ty, (params, results, body)) in (self.types_before..).zip(self.made) {
            self.types.ty().function(params, results);
            self.functions.function(ty);
            self.code.function(&body);
        }
        if !self.referable.is_empty() {
            self.elements.declared(Elements::Functions(self.referable.into()));
        }
        let mut module = wasm_encoder::Module::new();
        module.section(&self.types).section(&self.functions).section(&self.tables).section(&self.memories);
        if !self.tags.is_empty() {
            module.section(&self.tags);
        }
        module.section(&self.globals).section(&self.exports);
        if let Some(function_index) = self.entry {
            module.section(&StartSection { function_index });
        }
        module.section(&self.elements);
        if !self.data.is_empty() {
            module.section(&DataCountSection { count: self.data.len() });
        }
        module.section(&self.code).section(&self.data);
        module.finish()
    }
}

fn bytes_of(expr: &ConstExpr) -> Vec<u8> {
    let mut bytes = Vec::new();
    wasm_encoder::Encode::encode(expr, &mut bytes);
    bytes.pop();
    bytes
}

/// Traps unless the table or memory `index` has grown enough.
fn require(body: &mut Function, index: u32, grown: &Grown) {
    body.instruction(&match grown.item.space {
        Space::Memory => I::MemorySize(index),
        _ => I::TableSize(index),
    });
    if grown.wide {
        body.instruction(&I::I64Const(grown.size as i64)).instruction(&I::I64LtU);
    } else {
        body.instruction(&I::I32Const(grown.size as i32)).instruction(&I::I32LtU);
    }
    body.instruction(&I::If(wasm_encoder::BlockType::Empty)).instruction(&I::Unreachable).instruction(&I::End);
}
