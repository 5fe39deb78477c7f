//! Constants of the author, which must not become the bytes of a landing pad (`emit/landing.rs`).
//!
//! In a function that would have such bytes every constant is put together in the frame, from halves of
//! 16 bits, and loaded whole: the optimiser does not look through that, and no instruction holds more than
//! two of the four bytes.

use cranelift_codegen::ir::{InstBuilder, StackSlot, StackSlotData, StackSlotKind, Type, Value, types};

use super::Translator;

/// The place in the frame where constants are put together, once there is one.
#[derive(Default)]
pub struct Hidden {
    /// Whether this function hides its constants.
    pub on: bool,
    /// That place.
    pub slot: Option<StackSlot>,
}

impl Translator<'_, '_, '_> {
    /// A constant that the author chose; an i32 is in the low half of `bits`.
    pub(super) fn author_constant(&mut self, ty: Type, bits: u64) -> Value {
        if !self.hidden.on {
            let bits = if ty == types::I32 { i64::from(bits as u32) } else { bits as i64 };
            return self.builder.ins().iconst(ty, bits);
        }
        let slot = match self.hidden.slot {
            Some(slot) => slot,
            None => self.builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3)),
        };
        self.hidden.slot = Some(slot);
        for at in (0..ty.bytes() as i32).step_by(2) {
            let half = self.builder.ins().iconst(types::I16, (bits >> (at * 8) & 0xffff) as i64);
            self.builder.ins().stack_store(types::I64, half, slot, at);
        }
        self.builder.ins().stack_load(types::I64, ty, slot, 0)
    }
}
