//! Addresses of table elements and of passive element segments: part of `bounds`, read every line as well.
//!
//! A table is slots of the instance: its size, if it grows, and then as many elements as it can ever have, one at
//! least, so that a masked index names an element of its own. Masks are not left out for a trusted author: an
//! element decides what is called.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};
use wasmkc_abi::trap::TrapCode;

use super::{super::Symbol, Address, Range, Translator};

impl Translator<'_, '_, '_> {
    /// Where the size of a table is that grows.
    fn table_size_slot(&mut self, table: u32) -> Address {
        let slot = self.module.tables[table as usize].slot.expect("slots of a table that grows");
        self.slot(slot)
    }

    /// Elements of a table now, i64: a constant where it does not grow.
    pub(in crate::translate) fn table_size(&mut self, table: u32) -> Value {
        let declared = &self.module.tables[table as usize];
        if declared.grows {
            let slot = self.table_size_slot(table);
            return self.load(types::I64, slot);
        }
        self.iconst64(declared.elements.len() as u64)
    }

    /// Sets the number of elements. `table.grow` only, which has checked the maximum.
    pub(in crate::translate) fn set_table_size(&mut self, table: u32, size: Value) {
        let slot = self.table_size_slot(table);
        self.store(size, slot);
    }

    fn table_base(&mut self, table: u32) -> Address {
        let slot = self.module.tables[table as usize].slot.expect("slots of a table that is read");
        self.slot(slot + 1)
    }

    /// Address of element `index` (i64, of 32 bits) of a table.
    pub(in crate::translate) fn element(&mut self, table: u32, index: Value) -> Address {
        let size = self.table_size(table);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, size);
        self.trap_if(outside, TrapCode::TableOutOfBounds);
        let index = self.mask_always(outside, index);
        let first = self.table_base(table);
        let distance = self.builder.ins().ishl_imm_u(index, 3);
        Address { base: self.builder.ins().iadd(first.base, distance), ..first }
    }

    /// Range of `len` (i64, of 32 bits) elements at `index` (i64, of 32 bits) of a table; it counts in elements.
    pub(in crate::translate) fn elements(&mut self, table: u32, index: Value, len: Value) -> Range {
        let size = self.table_size(table);
        let first = self.table_base(table);
        let base = self.builder.ins().iadd_imm_s(first.base, i64::from(first.offset));
        self.element_range(base, size, index, len)
    }

    /// The same of passive element segment `segment`; it is empty once dropped.
    pub(in crate::translate) fn segment_elements(&mut self, segment: u32, index: Value, len: Value) -> Range {
        let slot = self.elements_len(segment);
        let size = self.load(types::I64, slot);
        let base = self.rodata(Symbol::Elements(segment));
        self.element_range(base, size, index, len)
    }

    fn element_range(&mut self, base: Value, size: Value, index: Value, len: Value) -> Range {
        let end = self.builder.ins().iadd(index, len);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, size);
        self.trap_if(outside, TrapCode::TableOutOfBounds);
        let index = self.mask_always(outside, index);
        let len = self.mask_always(outside, len);
        let distance = self.builder.ins().ishl_imm_u(index, 3);
        Range { start: self.builder.ins().iadd(base, distance), len }
    }

    /// The end (i64) of `len` elements at `index` (both i64, of 32 bits) of a table, all of them inside.
    pub(in crate::translate) fn end_of_elements(&mut self, table: u32, index: Value, len: Value) -> Value {
        let end = self.builder.ins().iadd(index, len);
        let size = self.table_size(table);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, size);
        self.trap_if(outside, TrapCode::TableOutOfBounds);
        end
    }

    /// Of an element segment that is dropped: only the empty range at 0 is inside.
    pub(in crate::translate) fn no_elements(&mut self, index: Value, len: Value) {
        let end = self.builder.ins().iadd(index, len);
        let zero = self.iconst64(0);
        let outside = self.builder.ins().icmp(IntCC::NotEqual, end, zero);
        self.trap_if(outside, TrapCode::TableOutOfBounds);
    }

    /// `index` as i32, inside a table that nothing changes. It selects a callee and is no part of an address.
    pub(in crate::translate) fn index_of_fixed(&mut self, table: u32, index: Value) -> Value {
        let index = self.narrow(index, TrapCode::TableOutOfBounds);
        let size = self.iconst32(self.module.tables[table as usize].elements.len() as u32);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, size);
        self.trap_if(outside, TrapCode::TableOutOfBounds);
        index
    }

    fn mask_always(&mut self, outside: Value, value: Value) -> Value {
        if !self.target.masks() {
            return value;
        }
        let zero = self.iconst64(0);
        self.builder.ins().select_spectre_guard(outside, zero, value)
    }
}
