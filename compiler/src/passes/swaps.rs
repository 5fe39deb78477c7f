//! `swaps`: what is compared with a constant is compared in the order of bytes that it was loaded in.
//!
//! Packets are big-endian, so a filter swaps what it loads and compares that with a constant. The constant can be
//! swapped instead, here and now: `swap(x) == c` is `x == swap(c)`, and `swap(x) & m == c` is `x & swap(m) == swap(c)`.
//!
//! Gain: without it the filters of `make bench` take 2 % more instructions (512 bytes, the way in taken off).

use cranelift_codegen::{
    cursor::{Cursor, FuncCursor},
    ir::{Function, Inst, InstBuilder, InstructionData, Opcode, Type, Value, condcodes::IntCC, types},
};

use super::range::constant;

/// Swaps constants instead of values in `func`.
pub fn run(func: &mut Function) {
    for block in func.layout.blocks().collect::<Vec<_>>() {
        for inst in func.layout.block_insts(block).collect::<Vec<_>>() {
            if let Some(comparison) = comparison(func, inst) {
                comparison.apply(func, inst);
            }
        }
    }
}

/// `swap(value) & mask cc number`, where the swap is of `bytes`.
struct Comparison {
    cc: IntCC,
    /// What is swapped, of no more bits than `ty`.
    value: Value,
    bytes: u32,
    mask: Option<u64>,
    number: u64,
    /// The type compared in.
    ty: Type,
}

fn comparison(func: &Function, inst: Inst) -> Option<Comparison> {
    let (cc, left, number) = match func.dfg.insts[inst] {
        InstructionData::IntCompare { cond: cc @ (IntCC::Equal | IntCC::NotEqual), args: [a, b], .. } => {
            (cc, a, constant(func, b)?.min)
        }
        // A mask by itself: whether some bit is set.
        InstructionData::Brif { arg, .. } => (IntCC::NotEqual, masked(func, arg)?, 0),
        _ => return None,
    };
    let ty = func.dfg.value_type(left);
    let (swapped, mask) = match operands(func, left, Opcode::Band) {
        Some([a, b]) => (a, Some(constant(func, b)?.min)),
        None => (left, None),
    };
    let whole = operand(func, swapped, Opcode::Uextend).unwrap_or(swapped);
    let value = operand(func, whole, Opcode::Bswap)?;
    let bytes = func.dfg.value_type(value).bytes();
    let most = u64::MAX >> (64 - 8 * bytes);
    // Bits above the swap's are zeros, so another number is never equal: others' business.
    (number <= most && ty.bytes() <= 8).then_some(Comparison {
        cc,
        value,
        bytes,
        mask: mask.map(|m| m & most),
        number,
        ty,
    })
}

fn masked(func: &Function, value: Value) -> Option<Value> {
    operands(func, value, Opcode::Band).map(|_| func.dfg.resolve_aliases(value))
}

fn operands(func: &Function, value: Value, opcode: Opcode) -> Option<[Value; 2]> {
    let inst = func.dfg.value_def(func.dfg.resolve_aliases(value)).inst()?;
    match func.dfg.insts[inst] {
        InstructionData::Binary { opcode: found, args } if found == opcode => Some(args),
        _ => None,
    }
}

fn operand(func: &Function, value: Value, opcode: Opcode) -> Option<Value> {
    let inst = func.dfg.value_def(func.dfg.resolve_aliases(value)).inst()?;
    match func.dfg.insts[inst] {
        InstructionData::Unary { opcode: found, arg } if found == opcode => Some(arg),
        _ => None,
    }
}

/// The lowest `bytes` bytes of `number` the other way round.
const fn swap(number: u64, bytes: u32) -> u64 {
    number.swap_bytes() >> (64 - 8 * bytes)
}

impl Comparison {
    fn apply(&self, func: &mut Function, inst: Inst) {
        let mut cursor = FuncCursor::new(func).at_inst(inst);
        cursor.use_srcloc(inst);
        let narrow = cursor.func.dfg.value_type(self.value) != self.ty;
        let mut value = if narrow { cursor.ins().uextend(self.ty, self.value) } else { self.value };
        if let Some(mask) = self.mask {
            let mask = cursor.ins().iconst(self.ty, immediate(self.ty, swap(mask, self.bytes)));
            value = cursor.ins().band(value, mask);
        }
        match &mut cursor.func.dfg.insts[inst] {
            InstructionData::Brif { arg, .. } => *arg = value,
            _ => {
                let number = cursor.ins().iconst(self.ty, immediate(self.ty, swap(self.number, self.bytes)));
                cursor.func.replace(inst).icmp(self.cc, value, number);
            }
        }
    }
}

/// A constant as the code generator wants it: of a type's bits, the rest zeros.
fn immediate(ty: Type, number: u64) -> i64 {
    debug_assert!(ty == types::I64 || number >> ty.bits() == 0);
    number as i64
}

#[cfg(test)]
mod tests {
    use super::swap;

    #[test]
    fn the_lowest_bytes_are_swapped() {
        assert_eq!((swap(0x0800, 2), swap(0x1234_5678, 4), swap(1, 8)), (8, 0x7856_3412, 1 << 56));
    }
}
