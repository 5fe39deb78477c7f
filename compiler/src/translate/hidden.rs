//! Values that the optimiser must not look through. They go through a place in the frame; in bytecode, where no address
//! of the frame is a value, through the smaller of two numbers.
//!
//! - Constants of the author, in a function whose code would have the bytes of a landing pad otherwise
//!   (`emit/landing.rs`). Each is put together from halves of 16 bits and loaded whole, so that no
//!   instruction holds more than two of the four bytes.
//! - Operands of a division that may fault, so that the very value that is tested is the one that is divided by: the
//!   audit wants to see that, and the optimiser likes to test what the value was made of instead.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Type, Value, types};

use super::Translator;

/// Where a value is put whose address must not look like the place's own.
const UPPER: i32 = 8;

/// What a function hides, and where.
#[derive(Default)]
pub struct Hidden {
    /// Whether the author's constants are hidden.
    pub constants: bool,
    /// The place in the frame, once there is one.
    pub slot: Option<StackSlot>,
}

impl Translator<'_, '_, '_> {
    /// A constant that the author chose; an i32 is in the low half of `bits`.
    pub(super) fn author_constant(&mut self, ty: Type, bits: u64) -> Value {
        if !self.hidden.constants {
            let bits = if ty == types::I32 { i64::from(bits as u32) } else { bits as i64 };
            return self.builder.ins().iconst(ty, bits);
        }
        let slot = self.hiding_place();
        for at in (0..ty.bytes() as i32).step_by(2) {
            let half = self.builder.ins().iconst(types::I16, (bits >> (at * 8) & 0xffff) as i64);
            self.builder.ins().stack_store(types::I64, half, slot, at);
        }
        self.builder.ins().stack_load(types::I64, ty, slot, 0)
    }

    /// The same value, of which the optimiser knows nothing: a load that it does not forward to. That is an atomic one
    /// where it is a plain one in machine code, and elsewhere one whose address has another form than the store's.
    pub(super) fn opaque(&mut self, value: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(value);
        if !self.target.addresses_frame() {
            return self.below_4_gib(ty, value);
        }
        let slot = self.hiding_place();
        let flags = MemFlagsData::trusted();
        if self.target.loads_are_ordered() {
            self.builder.ins().stack_store(types::I64, value, slot, 0);
            let place = self.builder.ins().stack_addr(types::I64, slot, 0);
            self.builder.ins().atomic_load(ty, flags, place)
        } else {
            self.builder.ins().stack_store(types::I64, value, slot, UPPER);
            let place = self.builder.ins().stack_addr(types::I64, slot, 0);
            self.builder.ins().load(ty, flags, place, UPPER)
        }
    }

    /// A length, which has at most 32 bits, as such a number: so says the audit of the smaller of it and another.
    fn below_4_gib(&mut self, ty: Type, value: Value) -> Value {
        if ty != types::I64 {
            return value;
        }
        let most = self.iconst64(u32::MAX.into());
        self.builder.ins().umin(value, most)
    }

    fn hiding_place(&mut self) -> StackSlot {
        let (builder, ordered) = (&mut self.builder, self.target.loads_are_ordered());
        *self.hidden.slot.get_or_insert_with(|| {
            let bytes = if ordered { 8 } else { UPPER.cast_unsigned() + 8 };
            builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3))
        })
    }
}
