//! What the sections of a module say, for those who must know it before they come to the code.

use std::collections::BTreeSet;

use wasmkc_abi::limits::{MAX_MEMORY_PAGES, WASM_PAGE};
use wasmparser::{
    ConstExpr, DataKind, ElementItems, ElementKind, FuncType, GlobalType, MemoryType, Operator, Parser, Payload,
    RefType, Result, TableType,
};

use super::{filter, limits};
use crate::plan::Plan;

/// An element segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Its length.
    pub len: u32,
    /// Whether it is there until it is dropped.
    pub passive: bool,
    /// Type of its elements.
    pub ty: RefType,
}

/// The sections of a module without imports.
#[derive(Debug, Default)]
pub struct Facts {
    /// Function types.
    pub types: Vec<FuncType>,
    /// Type of each function.
    pub functions: Vec<u32>,
    /// The memories.
    pub memories: Vec<MemoryType>,
    /// The tables.
    pub tables: Vec<TableType>,
    /// Tables that some operator reads or changes.
    pub used_tables: BTreeSet<u32>,
    /// The globals.
    pub globals: Vec<GlobalType>,
    /// The start function.
    pub start: Option<u32>,
    /// The element segments.
    pub elements: Vec<Segment>,
    /// Length of each data segment, and whether it is passive.
    pub data: Vec<(u32, bool)>,
    /// Whether memories and tables are to have something in them.
    pub tame: bool,
    /// Whether the ABI's imports come before the functions.
    pub filter: bool,
    /// What active segments with constant offsets put into tables: table, index, function.
    pub entries: Vec<(u32, u64, u32)>,
}

impl Facts {
    pub fn of(wasm: &[u8], plan: &Plan) -> Result<Self> {
        let mut facts = Self { tame: plan.tamed > 0, filter: plan.filter, ..Self::default() };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(reader) => {
                    facts.types = reader.into_iter_err_on_gc_types().collect::<Result<_>>()?;
                }
                Payload::FunctionSection(reader) => facts.functions = reader.into_iter().collect::<Result<_>>()?,
                Payload::TableSection(reader) => {
                    facts.tables = reader.into_iter().map(|table| Ok(table?.ty)).collect::<Result<_>>()?;
                }
                Payload::MemorySection(reader) => facts.memories = reader.into_iter().collect::<Result<_>>()?,
                Payload::GlobalSection(reader) => {
                    facts.globals = reader.into_iter().map(|global| Ok(global?.ty)).collect::<Result<_>>()?;
                }
                Payload::StartSection { func, .. } => facts.start = Some(func),
                Payload::ElementSection(reader) => {
                    for element in reader {
                        facts.element(&element?)?;
                    }
                }
                Payload::DataSection(reader) => {
                    for data in reader {
                        let data = data?;
                        facts.data.push((data.data.len() as u32, matches!(data.kind, DataKind::Passive)));
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    for op in body.get_operators_reader()? {
                        facts.note(&op?);
                    }
                }
                _ => {}
            }
        }
        Ok(facts)
    }

    fn element(&mut self, element: &wasmparser::Element<'_>) -> Result<()> {
        let items: Vec<Option<u32>> = match &element.items {
            ElementItems::Functions(reader) => {
                reader.clone().into_iter().map(|f| f.map(Some)).collect::<Result<_>>()?
            }
            ElementItems::Expressions(_, reader) => {
                reader.clone().into_iter().map(|e| Ok(function(&e?))).collect::<Result<_>>()?
            }
        };
        let ty = match element.items {
            ElementItems::Functions(_) => RefType::FUNCREF,
            ElementItems::Expressions(ty, _) => ty,
        };
        let passive = matches!(element.kind, ElementKind::Passive);
        self.elements.push(Segment { len: items.len() as u32, passive, ty });
        if let ElementKind::Active { table_index, offset_expr } = &element.kind
            && let Some(start) = offset(offset_expr)
        {
            let table = table_index.unwrap_or(0);
            let at = |(n, item): (usize, Option<u32>)| Some((table, start.checked_add(n as u64)?, item?));
            self.entries.extend(items.into_iter().enumerate().filter_map(at));
        }
        Ok(())
    }

    fn note(&mut self, op: &Operator<'_>) {
        match *op {
            Operator::TableGrow { table }
            | Operator::TableSet { table }
            | Operator::TableGet { table }
            | Operator::TableFill { table }
            | Operator::TableInit { table, .. } => {
                self.used_tables.insert(table);
            }
            Operator::TableCopy { dst_table, src_table } => self.used_tables.extend([dst_table, src_table]),
            _ => {}
        }
    }

    /// Index of a function behind the imports.
    pub fn function_index(&self, index: u32) -> u32 {
        if self.filter { index + filter::imports(self).len() as u32 } else { index }
    }

    /// Bytes of a memory at start; at most what our compiler takes, as all else is refused.
    pub fn memory_bytes(&self, index: u32) -> u64 {
        let pages = self.memories.get(index as usize).map_or(0, |memory| limits::minimum(memory.initial, self.tame));
        pages.min(MAX_MEMORY_PAGES.into()) * WASM_PAGE
    }

    /// Elements of a table at start.
    pub fn table_elements(&self, index: u32) -> u64 {
        self.tables.get(index as usize).map_or(0, |table| limits::minimum(table.initial, self.tame))
    }

    /// Type of function `index`.
    pub fn function_type(&self, index: usize) -> Option<&FuncType> {
        self.types.get(*self.functions.get(index)? as usize)
    }
}

/// The function that an expression is.
fn function(expr: &ConstExpr<'_>) -> Option<u32> {
    match expr.get_operators_reader().read() {
        Ok(Operator::RefFunc { function_index }) => Some(function_index),
        _ => None,
    }
}

/// The value of an offset that is one constant.
fn offset(expr: &ConstExpr<'_>) -> Option<u64> {
    let mut reader = expr.get_operators_reader();
    let value = match reader.read().ok()? {
        Operator::I32Const { value } => u64::from(value.cast_unsigned()),
        Operator::I64Const { value } => value.cast_unsigned(),
        _ => return None,
    };
    matches!(reader.read(), Ok(Operator::End)).then_some(value)
}
