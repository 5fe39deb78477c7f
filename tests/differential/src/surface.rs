//! What of a module can be called and looked at.

use std::collections::BTreeSet;

use wasmkc_abi::object::VALUE_TYPES;
use wasmparser::{
    ConstExpr, ElementItems, ExternalKind, FuncType, Operator, OperatorsReader, Parser, Payload, Result, TableInit,
    ValType,
};

use crate::prepare::{DIGEST, ELEMENT, OWN, PROBE, SIZE, STEPS};
use crate::{Export, Global};

/// A table that can be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Gives its size.
    pub size: Export,
    /// Gives an element.
    pub element: Export,
}

/// The exports, and what may be referred to.
#[derive(Clone, Debug, Default)]
pub struct Surface {
    /// The module's own functions that are exported.
    pub functions: Vec<Export>,
    /// Names of the exported functions by index, imports among them.
    pub names: Vec<(u32, String)>,
    /// The globals that are exported.
    pub globals: Vec<Global>,
    /// Gives the next call its steps.
    pub steps: Option<Export>,
    /// Give a number made of all bytes of a memory.
    pub digests: Vec<Export>,
    /// Come back unless a segment is dropped.
    pub probes: Vec<Export>,
    /// The tables that can be looked at.
    pub tables: Vec<Table>,
    /// Functions that a reference may be, says the ABI: of element segments, of `ref.func`, of initial values.
    pub referenced: BTreeSet<u32>,
}

fn letter(ty: &ValType) -> char {
    VALUE_TYPES.iter().find(|(_, name)| *name == ty.to_string()).map_or('?', |(letter, _)| char::from(*letter))
}

fn letters(types: &[ValType]) -> String {
    types.iter().map(letter).collect()
}

impl Surface {
    /// The surface of `wasm`, which is valid and imports nothing.
    pub fn of(wasm: &[u8]) -> Result<Self> {
        let mut surface = Self::default();
        let (mut types, mut functions, mut globals) = (Vec::<FuncType>::new(), Vec::<u32>::new(), Vec::new());
        let (mut exports, mut imports) = (Vec::new(), 0);
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(reader) => types = reader.into_iter_err_on_gc_types().collect::<Result<_>>()?,
                // functions only, says `prepare`
                Payload::ImportSection(reader) => imports = reader.into_imports().count() as u32,
                Payload::FunctionSection(reader) => functions = reader.into_iter().collect::<Result<_>>()?,
                Payload::TableSection(reader) => {
                    for table in reader {
                        if let TableInit::Expr(expr) = &table?.init {
                            surface.expression(expr)?;
                        }
                    }
                }
                Payload::GlobalSection(reader) => {
                    for global in reader {
                        let global = global?;
                        surface.expression(&global.init_expr)?;
                        globals.push(global.ty.content_type);
                    }
                }
                Payload::ExportSection(reader) => exports = reader.into_iter().collect::<Result<_>>()?,
                Payload::ElementSection(reader) => {
                    for element in reader {
                        surface.items(&element?.items)?;
                    }
                }
                Payload::CodeSectionEntry(body) => surface.operators(body.get_operators_reader()?)?,
                _ => {}
            }
        }
        for export in exports {
            match export.kind {
                ExternalKind::Func if export.index < imports => {
                    surface.names.push((export.index, export.name.to_owned()));
                }
                ExternalKind::Func => {
                    let ty: &FuncType = &types[functions[(export.index - imports) as usize] as usize];
                    let (params, results) = (letters(ty.params()), letters(ty.results()));
                    surface.function(export.index, Export { name: export.name.to_owned(), params, results });
                }
                ExternalKind::Global => surface.globals.push(Global {
                    index: export.index,
                    name: export.name.to_owned(),
                    letter: letter(&globals[export.index as usize]),
                }),
                _ => {}
            }
        }
        Ok(surface)
    }

    fn function(&mut self, index: u32, export: Export) {
        if export.name == STEPS {
            self.steps = Some(export);
        } else if export.name.starts_with(DIGEST) {
            self.digests.push(export);
        } else if export.name.starts_with(PROBE) {
            self.probes.push(export);
        } else if export.name.starts_with(SIZE) {
            self.tables.push(Table { size: export.clone(), element: export });
        } else if export.name.starts_with(ELEMENT) {
            // it comes behind the size of the same table
            if let Some(table) = self.tables.last_mut() {
                table.element = export;
            }
        } else if !export.name.starts_with(OWN) {
            self.names.push((index, export.name.clone()));
            self.functions.push(export);
        }
    }

    fn items(&mut self, items: &ElementItems<'_>) -> Result<()> {
        match items {
            ElementItems::Functions(reader) => {
                for function in reader.clone() {
                    self.referenced.insert(function?);
                }
            }
            ElementItems::Expressions(_, reader) => {
                for expr in reader.clone() {
                    self.expression(&expr?)?;
                }
            }
        }
        Ok(())
    }

    fn expression(&mut self, expr: &ConstExpr<'_>) -> Result<()> {
        self.operators(expr.get_operators_reader())
    }

    fn operators(&mut self, reader: OperatorsReader<'_>) -> Result<()> {
        for op in reader {
            if let Operator::RefFunc { function_index } = op? {
                self.referenced.insert(function_index);
            }
        }
        Ok(())
    }
}
