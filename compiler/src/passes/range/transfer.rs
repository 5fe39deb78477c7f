//! The interval of an instruction's result from those of its operands.
//!
//! It must hold as well where the processor only guesses that it comes there, as masks are left out by it: so of a
//! division by zero, too.

use cranelift_codegen::ir::{
    Block, Function, Inst, InstructionData, Opcode, Value, ValueDef,
    condcodes::{CondCode, IntCC},
};

use super::interval::Interval;

/// Bits of `value`, if it is an integer of at most 64.
pub fn bits(func: &Function, value: Value) -> Option<u32> {
    let ty = func.dfg.value_type(value);
    (ty.is_int() && ty.bits() <= 64).then(|| ty.bits())
}

fn least(bits: u32, a: &Interval, b: &Interval) -> Interval {
    Interval::unsigned(bits, a.min.min(b.min), a.max.min(b.max))
}

/// The number that `value` is, if an instruction makes it of an immediate.
pub fn constant(func: &Function, value: Value) -> Option<Interval> {
    let value = func.dfg.resolve_aliases(value);
    let inst = func.dfg.value_def(value).inst()?;
    match func.dfg.insts[inst] {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => {
            Some(Interval::constant(bits(func, value)?, imm.bits() as u64))
        }
        _ => None,
    }
}

/// What `condition` is zero or not by: the guest's comparisons are extended to i32.
pub fn condition(func: &Function, condition: Value) -> Value {
    let mut condition = func.dfg.resolve_aliases(condition);
    while let Some(inst) = func.dfg.value_def(condition).inst()
        && let InstructionData::Unary { opcode: Opcode::Uextend, arg } = func.dfg.insts[inst]
    {
        condition = func.dfg.resolve_aliases(arg);
    }
    condition
}

/// The block that makes `value`.
pub fn block_of(func: &Function, value: Value) -> Option<Block> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => func.layout.inst_block(inst),
        ValueDef::Param(block, _) => Some(block),
        ValueDef::Union(..) => None,
    }
}

/// Which of its two values a `select` gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// The smaller one, as unsigned numbers.
    Least,
    /// The larger one.
    Most,
    /// Any.
    Either,
}

/// What `select compared, yes, no` gives: compared are often the very values that are chosen from.
pub fn chosen(func: &Function, compared: Value, yes: Value, no: Value) -> Chosen {
    use IntCC::{UnsignedGreaterThan, UnsignedGreaterThanOrEqual, UnsignedLessThan, UnsignedLessThanOrEqual};
    let Some(inst) = func.dfg.value_def(condition(func, compared)).inst() else { return Chosen::Either };
    let InstructionData::IntCompare { cond, args: [a, b], .. } = func.dfg.insts[inst] else { return Chosen::Either };
    let same = |x: Value, y: Value| {
        func.dfg.resolve_aliases(x) == func.dfg.resolve_aliases(y)
            || constant(func, x).is_some() && constant(func, x) == constant(func, y)
    };
    let less = if same(a, yes) && same(b, no) {
        cond
    } else if same(a, no) && same(b, yes) {
        cond.swap_args()
    } else {
        return Chosen::Either;
    };
    match less {
        UnsignedLessThan | UnsignedLessThanOrEqual => Chosen::Least,
        UnsignedGreaterThan | UnsignedGreaterThanOrEqual => Chosen::Most,
        _ => Chosen::Either,
    }
}

/// Whether [`result`] looks at operands of an instruction like this. One that is missing here is seen as it was where it
/// is defined: less is known, nothing wrong.
pub fn depends(opcode: Opcode) -> bool {
    use Opcode::*;
    matches!(
        opcode,
        Iadd | Isub
            | Imul
            | Band
            | Bor
            | Bxor
            | Ishl
            | Ushr
            | Sshr
            | Uextend
            | Sextend
            | Ireduce
            | Select
            | SelectSpectreGuard
            | Umin
            | Urem
            | Udiv
            | Icmp
    )
}

/// What the only result of `inst` may be, where `of` tells it of operands. None if it is no integer of at most 64
/// bits, or not known how it comes about.
pub fn result(func: &Function, inst: Inst, of: &mut dyn FnMut(Value) -> Interval) -> Option<Interval> {
    use Opcode::*;
    let [value] = *func.dfg.inst_results(inst) else { return None };
    let bits = bits(func, value)?;
    let args = func.dfg.inst_args(inst);
    let opcode = func.dfg.insts[inst].opcode();
    Some(match (opcode, args) {
        (Iconst, _) => constant(func, value)?,
        (Iadd, [a, b]) => of(*a).add(&of(*b)),
        (Isub, [a, b]) => of(*a).sub(&of(*b)),
        (Imul, [a, b]) => of(*a).mul(&of(*b)),
        (Band, [a, b]) => of(*a).and(&of(*b)),
        (Bor, [a, b]) => of(*a).or(&of(*b)),
        (Bxor, [a, b]) => of(*a).xor(&of(*b)),
        (Ishl | Ushr | Sshr, [a, by]) => {
            let value = of(*a);
            // The code generator takes the amount modulo the bits.
            match (opcode, of(*by).only().map(|n| (n % u64::from(bits)) as u32)) {
                (Ishl, Some(by)) => value.shl(by),
                (Ushr, Some(by)) => value.ushr(by),
                (Sshr, Some(by)) => value.sshr(by),
                (Ushr, None) => Interval::unsigned(bits, 0, value.max),
                _ => return None,
            }
        }
        (Uextend, [a]) => of(*a).zero_extended(bits),
        (Sextend, [a]) => of(*a).sign_extended(bits),
        (Ireduce, [a]) => of(*a).truncated(bits),
        (Select, [c, a, b]) if chosen(func, *c, *a, *b) == Chosen::Least => least(bits, &of(*a), &of(*b)),
        (Select | SelectSpectreGuard, [c, a, b]) => match of(*c) {
            condition if condition.min > 0 => of(*a),
            condition if condition.max == 0 => of(*b),
            _ => of(*a).join(&of(*b)),
        },
        (Umin, [a, b]) => least(bits, &of(*a), &of(*b)),
        (Urem, [a, b]) => {
            // By zero is a trap before, but past it the processor may guess what some machines give: the dividend.
            let (a, b) = (of(*a), of(*b));
            Interval::unsigned(bits, 0, if b.min == 0 { a.max } else { a.max.min(b.max - 1) })
        }
        (Udiv, [a, b]) => {
            let least = of(*b).min.max(1);
            Interval::unsigned(bits, 0, of(*a).max / least)
        }
        (Popcnt | Clz | Ctz, [_]) => Interval::unsigned(bits, 0, bits.into()),
        (Icmp, [a, b]) => {
            let InstructionData::IntCompare { cond, .. } = func.dfg.insts[inst] else { return None };
            match of(*a).compare(cond, &of(*b)) {
                Some(is) => Interval::constant(bits, is.into()),
                None => Interval::unsigned(bits, 0, 1),
            }
        }
        (Uload8, _) => Interval::unsigned(bits, 0, u8::MAX.into()),
        (Uload16, _) => Interval::unsigned(bits, 0, u16::MAX.into()),
        (Uload32, _) => Interval::unsigned(bits, 0, u32::MAX.into()),
        (Sload8, _) => Interval::signed(bits, i8::MIN.into(), i8::MAX.into()),
        (Sload16, _) => Interval::signed(bits, i16::MIN.into(), i16::MAX.into()),
        (Sload32, _) => Interval::signed(bits, i32::MIN.into(), i32::MAX.into()),
        _ => return None,
    })
}
