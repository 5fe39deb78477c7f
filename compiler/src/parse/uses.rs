//! What function bodies do to memories, tables and functions, read once before anything is laid out.

use std::collections::BTreeSet;

use wasmparser::{ExternalKind, Operator};

use super::Sections;
use crate::CompileError;

/// Indices that some operator names.
#[derive(Default)]
pub struct Uses {
    /// Memories that grow.
    pub grown_memories: BTreeSet<u32>,
    /// Tables that grow.
    pub grown_tables: BTreeSet<u32>,
    /// Tables that may change: by an operator, or because they are exported.
    pub changed_tables: BTreeSet<u32>,
    /// Tables whose elements are read at run time though nothing may change them.
    pub read_tables: BTreeSet<u32>,
    /// Whether some function ends in a call.
    pub tail_calls: bool,
    /// Functions of `ref.func`.
    pub functions: BTreeSet<u32>,
}

impl Uses {
    /// Reads all bodies.
    pub fn of(s: &Sections<'_>) -> Result<Self, CompileError> {
        let mut uses = Self::default();
        for body in &s.module.bodies {
            for op in body.get_operators_reader()? {
                uses.note(&op?);
            }
        }
        let exported = s.exports.iter().filter(|e| e.kind == ExternalKind::Table);
        uses.changed_tables.extend(exported.map(|e| e.index));
        Ok(uses)
    }

    fn note(&mut self, op: &Operator<'_>) {
        match *op {
            Operator::MemoryGrow { mem } => {
                self.grown_memories.insert(mem);
            }
            Operator::TableGrow { table } => {
                self.grown_tables.insert(table);
                self.changed_tables.insert(table);
            }
            Operator::TableSet { table } | Operator::TableFill { table } | Operator::TableInit { table, .. } => {
                self.changed_tables.insert(table);
            }
            Operator::TableCopy { dst_table, src_table } => {
                self.changed_tables.insert(dst_table);
                self.read_tables.insert(src_table);
            }
            Operator::TableGet { table } => {
                self.read_tables.insert(table);
            }
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => self.tail_calls = true,
            Operator::RefFunc { function_index } => {
                self.functions.insert(function_index);
            }
            _ => {}
        }
    }
}
