//! Loads and stores of linear memory, its size, and globals.

use cranelift_codegen::ir::{InstBuilder, Type, Value, condcodes::IntCC, types};
use wasmkc_abi::limits::WASM_PAGE;
use wasmparser::{MemArg, Operator};

use super::Translator;
use crate::module::MemoryRef;

/// How a narrow value fills its register.
#[derive(Clone, Copy)]
pub enum Widen {
    /// With zeros.
    Zero,
    /// With its highest bit.
    Sign,
}

/// What a load or store does at its address.
#[derive(Clone, Copy)]
pub enum Access {
    /// Of a whole value.
    Load(Type),
    /// Of so many bits, widened to a value.
    NarrowLoad(Type, u32, Widen),
    /// Of a whole value.
    Store,
    /// Of a value's low part.
    NarrowStore(Type),
}

/// The immediate of a load or store, and what it does; none for any other operator.
pub fn access<'o>(op: &'o Operator<'_>) -> Option<(&'o MemArg, Access)> {
    use Access::{Load, NarrowLoad, NarrowStore, Store};
    use Operator as O;
    use Widen::{Sign, Zero};
    use types::{I8, I16, I32, I64};
    Some(match op {
        O::I32Load { memarg } | O::F32Load { memarg } => (memarg, Load(I32)),
        O::I64Load { memarg } | O::F64Load { memarg } => (memarg, Load(I64)),
        O::I32Load8U { memarg } => (memarg, NarrowLoad(I32, 8, Zero)),
        O::I32Load8S { memarg } => (memarg, NarrowLoad(I32, 8, Sign)),
        O::I32Load16U { memarg } => (memarg, NarrowLoad(I32, 16, Zero)),
        O::I32Load16S { memarg } => (memarg, NarrowLoad(I32, 16, Sign)),
        O::I64Load8U { memarg } => (memarg, NarrowLoad(I64, 8, Zero)),
        O::I64Load8S { memarg } => (memarg, NarrowLoad(I64, 8, Sign)),
        O::I64Load16U { memarg } => (memarg, NarrowLoad(I64, 16, Zero)),
        O::I64Load16S { memarg } => (memarg, NarrowLoad(I64, 16, Sign)),
        O::I64Load32U { memarg } => (memarg, NarrowLoad(I64, 32, Zero)),
        O::I64Load32S { memarg } => (memarg, NarrowLoad(I64, 32, Sign)),
        O::I32Store { memarg } | O::F32Store { memarg } => (memarg, Store),
        O::I64Store { memarg } | O::F64Store { memarg } => (memarg, Store),
        O::I32Store8 { memarg } | O::I64Store8 { memarg } => (memarg, NarrowStore(I8)),
        O::I32Store16 { memarg } | O::I64Store16 { memarg } => (memarg, NarrowStore(I16)),
        O::I64Store32 { memarg } => (memarg, NarrowStore(I32)),
        _ => return None,
    })
}

impl Translator<'_, '_, '_> {
    pub(super) fn memory(&mut self, op: &Operator<'_>) -> bool {
        if let Some((memarg, access)) = access(op) {
            match access {
                Access::Load(ty) => self.full_load(memarg, ty),
                Access::NarrowLoad(ty, bits, widen) => self.narrow_load(memarg, ty, bits, widen),
                Access::Store => self.memory_store(memarg, None),
                Access::NarrowStore(ty) => self.memory_store(memarg, Some(ty)),
            }
            return true;
        }
        match op {
            Operator::MemorySize { mem } => {
                let size = self.memory_size(*mem);
                let pages = self.pages(*mem, size);
                self.push(pages);
            }
            Operator::MemoryGrow { mem } => self.memory_grow(*mem),
            _ => return false,
        }
        true
    }

    fn full_load(&mut self, memarg: &MemArg, ty: Type) {
        let index = self.pop();
        let address = self.memory_address(memarg.memory, index, memarg.offset, ty.bytes());
        let value = self.load(ty, address);
        self.push(value);
    }

    fn narrow_load(&mut self, memarg: &MemArg, ty: Type, bits: u32, extend: Widen) {
        let index = self.pop();
        let a = self.memory_address(memarg.memory, index, memarg.offset, bits / 8);
        let ins = self.builder.ins();
        let value = match (bits, extend) {
            (8, Widen::Zero) => ins.uload8(ty, a.flags, a.base, a.offset),
            (8, Widen::Sign) => ins.sload8(ty, a.flags, a.base, a.offset),
            (16, Widen::Zero) => ins.uload16(ty, a.flags, a.base, a.offset),
            (16, Widen::Sign) => ins.sload16(ty, a.flags, a.base, a.offset),
            (_, Widen::Zero) => ins.uload32(a.flags, a.base, a.offset),
            (_, Widen::Sign) => ins.sload32(a.flags, a.base, a.offset),
        };
        self.push(value);
    }

    fn memory_store(&mut self, memarg: &MemArg, narrow: Option<Type>) {
        let value = self.pop();
        let index = self.pop();
        let ty = narrow.unwrap_or_else(|| self.builder.func.dfg.value_type(value));
        let address = self.memory_address(memarg.memory, index, memarg.offset, ty.bytes());
        let value = if narrow.is_some() { self.builder.ins().ireduce(ty, value) } else { value };
        self.store(value, address);
    }

    /// Pages of so many bytes, in the type of the memory's addresses.
    fn pages(&mut self, memory: u32, bytes: Value) -> Value {
        let pages = match self.module.memory_at(memory) {
            MemoryRef::Packet => bytes,
            MemoryRef::Linear(_) => self.builder.ins().ushr_imm_u(bytes, i64::from(WASM_PAGE.trailing_zeros())),
        };
        if self.module.is_wide(memory) { pages } else { self.builder.ins().ireduce(types::I32, pages) }
    }

    /// The memory is reserved to its maximum at load, so growing is a comparison and a store. The packet never
    /// grows by more than nothing.
    fn memory_grow(&mut self, number: u32) {
        let delta = self.pop();
        let old = self.memory_size(number);
        let old_pages = self.pages(number, old);
        let MemoryRef::Linear(linear) = self.module.memory_at(number) else {
            let zero = self.iconst32(0);
            let fits = self.builder.ins().icmp(IntCC::Equal, delta, zero);
            let result = self.or_failed(fits, old_pages);
            return self.push(result);
        };
        let memory = self.module.memories[linear as usize];
        let delta = self.clamped(delta);
        let delta = self.builder.ins().ishl_imm_u(delta, i64::from(WASM_PAGE.trailing_zeros()));
        let new = self.builder.ins().iadd(old, delta);
        let max = self.iconst64(u64::from(memory.max) * WASM_PAGE);
        let fits = self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, new, max);
        if memory.grows {
            let size = self.builder.ins().select(fits, new, old);
            self.set_memory_size(linear, size);
        }
        let result = self.or_failed(fits, old_pages);
        self.push(result);
    }

    /// By how much something is to grow, as i64 of 32 bits: more than that is always too much.
    pub(super) fn clamped(&mut self, delta: Value) -> Value {
        if self.builder.func.dfg.value_type(delta) == types::I32 {
            return self.zero_extend(delta);
        }
        let most = self.iconst64(u32::MAX.into());
        self.builder.ins().umin(delta, most)
    }

    /// `value`, or -1 of its type unless it `fits`.
    pub(super) fn or_failed(&mut self, fits: Value, value: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(value);
        let failed = self.builder.ins().iconst(ty, if ty == types::I32 { u32::MAX.into() } else { -1 });
        self.builder.ins().select(fits, value, failed)
    }

    pub(super) fn global_get(&mut self, index: u32) {
        let global = self.module.globals[index as usize];
        let ty = super::clif_type(global.ty).expect("parse lets globals of types that have one through only");
        let value = if global.mutable {
            let address = self.global(index);
            self.load(ty, address)
        } else {
            self.author_constant(ty, global.init)
        };
        self.push(value);
    }

    pub(super) fn global_set(&mut self, index: u32) {
        let value = self.pop();
        let address = self.global(index);
        self.store(value, address);
    }
}
