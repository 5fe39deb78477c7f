//! References, tables and element segments.
//!
//! A reference is a number (`module::Reference`), so these are loads and stores of slots. What takes time by a
//! length charges for it: copies as bulk memory does, a fill as it goes.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};
use wasmkc_abi::trap::TrapCode;
use wasmparser::{HeapType, Operator, RefType, ValType};

use super::{Symbol, Translator, fuel};
use crate::module::{Elements, function_reference, is_reference};

/// Whether references of this heap type are compiled.
pub fn is_supported(hty: HeapType) -> bool {
    RefType::new(true, hty).is_some_and(|ty| is_reference(ValType::Ref(ty)))
}

impl Translator<'_, '_, '_> {
    pub(super) fn table(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::RefNull { .. } => {
                let null = self.iconst64(0);
                self.push(null);
            }
            Operator::RefFunc { function_index } => {
                let reference = self.iconst64(function_reference(function_index));
                self.push(reference);
            }
            Operator::RefIsNull => {
                let reference = self.pop();
                let zero = self.iconst64(0);
                let null = self.builder.ins().icmp(IntCC::Equal, reference, zero);
                let null = self.builder.ins().uextend(types::I32, null);
                self.push(null);
            }
            Operator::TableGet { table } => {
                let index = self.pop_index();
                let element = self.element(table, index);
                let value = self.load(types::I64, element);
                self.push(value);
            }
            Operator::TableSet { table } => {
                let value = self.pop();
                let index = self.pop_index();
                let element = self.element(table, index);
                self.store(value, element);
            }
            Operator::TableSize { table } => {
                let size = self.table_size(table);
                let size = self.of_table(table, size);
                self.push(size);
            }
            Operator::TableGrow { table } => self.table_grow(table),
            Operator::TableFill { table } => self.table_fill(table),
            Operator::TableCopy { dst_table, src_table } => {
                let (len, from, to) = (self.pop_index(), self.pop_index(), self.pop_index());
                let to = self.elements(dst_table, to, len);
                let from = self.elements(src_table, from, to.len);
                self.copy_elements(to.start, from.start, from.len);
            }
            Operator::TableInit { elem_index, table } => self.table_init(table, elem_index),
            Operator::ElemDrop { elem_index } => {
                if let Elements::Passive { index, .. } = self.module.elements[elem_index as usize] {
                    let slot = self.elements_len(index);
                    let zero = self.iconst64(0);
                    self.store(zero, slot);
                }
            }
            _ => return false,
        }
        true
    }

    /// An index into a table or a number of elements, as i64 of 32 bits.
    pub(super) fn pop_index(&mut self) -> Value {
        let index = self.pop();
        let index = self.narrow(index, TrapCode::TableOutOfBounds);
        self.zero_extend(index)
    }

    /// A number of elements in the type of the table's indices.
    fn of_table(&mut self, table: u32, count: Value) -> Value {
        let wide = self.module.tables[table as usize].wide;
        if wide { count } else { self.builder.ins().ireduce(types::I32, count) }
    }

    /// Copies `len` (i64) elements, which both ranges have.
    fn copy_elements(&mut self, to: Value, from: Value, len: Value) {
        // In 32 bits, and not looked through: so the audit sees that the charge is an eighth of the length. Nor is a
        // constant made of it, which would be stored from no register.
        let len = self.builder.ins().ireduce(types::I32, len);
        let len = self.opaque(len);
        let bytes = self.builder.ins().ishl_imm_u(len, 3);
        let bytes = self.zero_extend(bytes);
        let bytes = self.opaque(bytes);
        self.charge_bytes(bytes);
        self.call_runtime(Symbol::Memmove, [to, from, bytes]);
    }

    fn table_init(&mut self, table: u32, segment: u32) {
        let (len, from, to) = (self.pop_index(), self.pop_index(), self.pop_index());
        let to = self.elements(table, to, len);
        match &self.module.elements[segment as usize] {
            Elements::Passive { index, items } if !items.is_empty() => {
                let from = self.segment_elements(*index, from, to.len);
                self.copy_elements(to.start, from.start, from.len);
            }
            _ => self.no_elements(from, to.len),
        }
    }

    fn table_fill(&mut self, table: u32) {
        let len = self.pop_index();
        let value = self.pop();
        let from = self.pop_index();
        let end = self.end_of_elements(table, from, len);
        self.fill_elements(table, from, end, value);
    }

    /// The slots are there to the table's maximum, so growing is a comparison, a store and a fill.
    fn table_grow(&mut self, table: u32) {
        let delta = self.pop();
        let value = self.pop();
        let old = self.table_size(table);
        let delta = self.clamped(delta);
        let new = self.builder.ins().iadd(old, delta);
        let max = self.iconst64(self.module.tables[table as usize].max.into());
        let fits = self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, new, max);
        if self.module.tables[table as usize].grows {
            let end = self.builder.ins().select(fits, new, old);
            self.set_table_size(table, end);
            self.fill_elements(table, old, end, value);
        }
        let old = self.of_table(table, old);
        let result = self.or_failed(fits, old);
        self.push(result);
    }

    /// Sets the elements from `from` to before `end`; each is checked again, so that no speculation runs past them.
    fn fill_elements(&mut self, table: u32, from: Value, end: Value, value: Value) {
        let header = self.builder.create_block();
        let (body, after) = (self.builder.create_block(), self.builder.create_block());
        let index = self.builder.append_block_param(header, types::I64);
        self.builder.ins().jump(header, &[from.into()]);
        self.builder.switch_to_block(header);
        self.paths_meet();
        let more = self.builder.ins().icmp(IntCC::UnsignedLessThan, index, end);
        self.builder.ins().brif(more, body, &[], after, &[]);
        self.builder.seal_block(body);
        self.builder.seal_block(after);
        self.builder.switch_to_block(body);
        self.charge(fuel::ELEMENT);
        let element = self.element(table, index);
        self.store(value, element);
        let one = self.iconst64(1);
        let next = self.builder.ins().iadd(index, one);
        self.builder.ins().jump(header, &[next.into()]);
        self.builder.seal_block(header);
        self.builder.switch_to_block(after);
        self.paths_meet();
    }
}
