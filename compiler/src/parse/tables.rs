//! Tables and element segments. Active segments are applied here, so the elements at start are known.

use wasmkc_abi::limits::{MAX_GROWN_ELEMENTS, MAX_TABLE_ELEMENTS};
use wasmparser::{ElementItems, ElementKind, RefType, TableInit, TableSectionReader, ValType};

use super::{Sections, constant, unsupported, uses::Uses};
use crate::{
    CompileError,
    module::{Elements, Reference, Table, function_reference, is_reference, referenced_function},
};

/// Declares the tables, filled with their initial value.
pub fn declare<'a>(s: &mut Sections<'a>, reader: TableSectionReader<'a>) -> Result<(), CompileError> {
    for item in reader.into_iter_with_offsets() {
        let (offset, table) = item?;
        supported(table.ty.element_type, "a table", offset)?;
        CompileError::check_limit("elements of a table", table.ty.initial, MAX_TABLE_ELEMENTS.into())?;
        s.module.tables.push(Table { wide: table.ty.table64, ..Table::default() });
        s.tables.push(table);
    }
    let total: u64 = s.tables.iter().map(|t| t.ty.initial).sum();
    CompileError::check_limit("elements of all tables", total, MAX_TABLE_ELEMENTS.into())
}

fn supported(ty: RefType, what: &str, offset: usize) -> Result<(), CompileError> {
    if is_reference(ValType::Ref(ty)) {
        return Ok(());
    }
    Err(unsupported(&format!("{what} of {ty}"), offset))
}

/// Fills the tables and applies the active element segments.
pub fn fill(s: &mut Sections<'_>, uses: &Uses) -> Result<(), CompileError> {
    for (index, declared) in s.tables.iter().enumerate() {
        let (index, initial) = (index as u32, declared.ty.initial as u32);
        let init = match &declared.init {
            TableInit::RefNull => 0,
            TableInit::Expr(expr) => constant::value(expr, &s.module.globals)?,
        };
        let grows = uses.grown_tables.contains(&index);
        let most = declared.ty.maximum.map_or(MAX_GROWN_ELEMENTS, |max| max.min(MAX_GROWN_ELEMENTS.into()) as u32);
        let table = &mut s.module.tables[index as usize];
        table.elements = vec![init; initial as usize];
        table.max = if grows { most.max(initial) } else { initial };
        table.grows = table.max > initial;
        table.changes = uses.changed_tables.contains(&index);
    }
    let mut passive = 0;
    for (index, (offset, element)) in s.elements.iter().enumerate() {
        let items = items(s, *offset, &element.items)?;
        s.module.elements.push(match &element.kind {
            ElementKind::Passive => {
                passive += 1;
                Elements::Passive { index: passive - 1, items: items.clone() }
            }
            ElementKind::Active { .. } | ElementKind::Declared => Elements::Dropped,
        });
        s.module.referenced.extend(items.iter().copied().filter_map(referenced_function));
        let ElementKind::Active { table_index, offset_expr } = &element.kind else { continue };
        let start = constant::value(offset_expr, &s.module.globals)?;
        let end = start.saturating_add(items.len() as u64);
        let elements = &mut s.module.tables[table_index.unwrap_or(0) as usize].elements;
        let size = elements.len() as u64;
        if end > size {
            return Err(CompileError::SegmentOutOfBounds {
                kind: "element",
                index,
                offset: *offset,
                start,
                end,
                what: "table",
                size,
                unit: "elements",
            });
        }
        elements[start as usize..end as usize].copy_from_slice(&items);
    }
    referenced(s, uses);
    Ok(())
}

fn items(s: &Sections<'_>, offset: usize, items: &ElementItems<'_>) -> Result<Vec<Reference>, CompileError> {
    match items {
        ElementItems::Functions(reader) => reader.clone().into_iter().map(|f| Ok(function_reference(f?))).collect(),
        ElementItems::Expressions(ty, reader) => {
            supported(*ty, "an element segment", offset)?;
            reader.clone().into_iter().map(|e| constant::value(&e?, &s.module.globals)).collect()
        }
    }
}

/// Collects the functions that a reference may be: of segments, of tables and globals at start, of `ref.func`.
fn referenced(s: &mut Sections<'_>, uses: &Uses) {
    let module = &mut s.module;
    let tables = module.tables.iter().flat_map(|t| t.elements.iter().copied());
    let globals = module.globals.iter().filter(|g| g.ty.is_reference_type()).map(|g| g.init);
    // A table's first elements may have hidden under a segment's; naming them costs a comparison at most.
    let found: Vec<u32> = tables.chain(globals).filter_map(referenced_function).collect();
    module.referenced.extend(found.into_iter().chain(uses.functions.iter().copied()));
    module.referenced.sort_unstable();
    module.referenced.dedup();
}
