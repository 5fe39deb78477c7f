//! Bulk memory: ranges checked, fuel charged, then one call of the runtime.
//!
//! Lengths are of 32 bits for the ranges; one of i64 that is longer is longer than any memory.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmkc_abi::trap::TrapCode;
use wasmparser::Operator;

use super::{Symbol, Translator};
use crate::module::Data;

impl Translator<'_, '_, '_> {
    pub(super) fn bulk(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let (len, from, to) = (self.pop_len(), self.pop(), self.pop());
                let to = self.memory_range(*dst_mem, to, len);
                let from = self.memory_range(*src_mem, from, to.len);
                self.charge_bytes(from.len);
                self.call_runtime(Symbol::Memmove, [to.start, from.start, from.len]);
            }
            Operator::MemoryFill { mem } => {
                let (len, byte, to) = (self.pop_len(), self.pop(), self.pop());
                let to = self.memory_range(*mem, to, len);
                self.charge_bytes(to.len);
                let mask = self.iconst32(0xff);
                let byte = self.builder.ins().band(byte, mask);
                self.call_runtime(Symbol::Memset, [to.start, byte, to.len]);
            }
            Operator::MemoryInit { data_index, mem } => {
                let (len, from, to) = (self.pop_len(), self.pop(), self.pop());
                let to = self.memory_range(*mem, to, len);
                match self.module.data[*data_index as usize] {
                    Data::Active { .. } => self.empty_range(from, to.len),
                    Data::Passive { bytes: [], .. } => self.empty_range(from, to.len),
                    Data::Passive { index, .. } => {
                        let from = self.passive_range(index, from, to.len);
                        self.charge_bytes(from.len);
                        self.call_runtime(Symbol::Memmove, [to.start, from.start, from.len]);
                    }
                }
            }
            Operator::DataDrop { data_index } => {
                if let Data::Passive { index, .. } = self.module.data[*data_index as usize] {
                    let slot = self.passive_len(index);
                    let zero = self.builder.ins().iconst(types::I64, 0);
                    self.store(zero, slot);
                }
            }
            _ => return false,
        }
        true
    }

    /// A length, as the ranges take it.
    pub(super) fn pop_len(&mut self) -> Value {
        let len = self.pop();
        let len = self.narrow(len, TrapCode::MemoryOutOfBounds);
        self.zero_extend(len)
    }
}
