//! Tables and their elements. No instruction changes a table (those that could are refused), so
//! after this stage every element is known.

use wasmparser::{ElementItems, ElementKind, RefType, TableInit, TableSectionReader};

use super::{Sections, constant, unsupported};
use crate::{CompileError, module::Table};

/// Elements that a module's tables may have together; each costs compile time and code.
const MAX_ELEMENTS: u64 = 65_536;

/// Declares the tables, filled with their initial value.
pub fn declare<'a>(s: &mut Sections<'a>, reader: TableSectionReader<'a>) -> Result<(), CompileError> {
    for item in reader.into_iter_with_offsets() {
        let (offset, table) = item?;
        if table.ty.table64 {
            return Err(unsupported("a 64-bit table", offset));
        }
        if table.ty.element_type != RefType::FUNCREF {
            return Err(unsupported(&format!("a table of {}", table.ty.element_type), offset));
        }
        CompileError::check_limit("elements of a table", table.ty.initial, MAX_ELEMENTS)?;
        let init = match &table.init {
            TableInit::RefNull => None,
            TableInit::Expr(expr) => constant::reference(expr)?,
        };
        s.module.tables.push(Table { elements: vec![init; table.ty.initial as usize] });
    }
    let total: usize = s.module.tables.iter().map(|t| t.elements.len()).sum();
    CompileError::check_limit("elements of all tables", total as u64, MAX_ELEMENTS)
}

/// Applies the active element segments. Passive and declared ones have no effect: nothing can read them.
pub fn fill(s: &mut Sections<'_>) -> Result<(), CompileError> {
    for (index, (offset, element)) in s.elements.iter().enumerate() {
        let ElementKind::Active { table_index, offset_expr } = &element.kind else { continue };
        let functions: Vec<Option<u32>> = match &element.items {
            ElementItems::Functions(reader) => {
                reader.clone().into_iter().map(|f| f.map(Some)).collect::<Result<_, _>>()?
            }
            ElementItems::Expressions(_, reader) => {
                reader.clone().into_iter().map(|e| constant::reference(&e?)).collect::<Result<_, _>>()?
            }
        };
        let start = constant::number(offset_expr, &s.module.globals)?;
        let end = start + functions.len() as u64;
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
        elements[start as usize..end as usize].copy_from_slice(&functions);
    }
    Ok(())
}
