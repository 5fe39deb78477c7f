//! What one instruction does, in the terms of `effects`.
//!
//! Whatever is not spelled out here makes the registers that it writes unknown: forgetting is always right.

use iced_x86::{Instruction, InstructionInfoFactory, MemorySize, Mnemonic, OpAccess, OpKind, Register, UsedMemory};

use super::operand::immediate;
use super::{allowed, frame, number};
use crate::effects::{Access, Compare, Effects, Move, Operand, Place, Set, Value, Width};

/// What `i` does; `constant` is what its memory operand is, if that is known.
pub fn effects(i: &Instruction, constant: Option<u64>) -> Effects {
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(i);
    let mut out = Effects {
        memory: info.used_memory().iter().map(|m| access(i, m)).collect(),
        sets: set(i, constant).into_iter().collect(),
        compare: (i.rflags_modified() != 0).then(|| compare(i, constant)),
        ..Effects::default()
    };
    for u in info.used_registers().iter().filter(|u| writes(u.access()) && u.register().is_gpr()) {
        match u.register().full_register() {
            Register::RSP => out.stack = Some(moved(i)),
            r => out.written |= 1 << number(r),
        }
    }
    out
}

fn writes(access: OpAccess) -> bool {
    !matches!(access, OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess | OpAccess::None)
}

fn is_frame(r: Register) -> bool {
    matches!(r.full_register(), Register::RSP | Register::RBP)
}

/// What an instruction that writes rsp does to it.
fn moved(i: &Instruction) -> Move {
    let constant = |to: fn(u32) -> Move| small(i).map_or(Move::Unknown, to);
    match i.mnemonic() {
        // What the callee pops is what the call pushed.
        Mnemonic::Call => Move::Deeper(0),
        Mnemonic::Mov if frame::takes_down(i) => Move::ToRecord,
        Mnemonic::Pop if frame::pops_rbp(i) => Move::Record,
        Mnemonic::Push if i.stack_pointer_increment() == -8 => Move::Deeper(8),
        Mnemonic::Pop if i.stack_pointer_increment() == 8 && i.op0_register() != Register::RSP => Move::Flatter(8),
        Mnemonic::Sub if i.op0_register() == Register::RSP => constant(Move::Deeper),
        Mnemonic::Add if i.op0_register() == Register::RSP => constant(Move::Flatter),
        _ => Move::Unknown,
    }
}

/// The second operand, if it is a constant of up to 31 bits.
fn small(i: &Instruction) -> Option<u32> {
    let is_imm = matches!(
        i.op1_kind(),
        OpKind::Immediate8to64 | OpKind::Immediate32to64 | OpKind::Immediate8 | OpKind::Immediate32
    );
    let value = if is_imm && i.op_count() == 2 { i.immediate(1) as i64 } else { -1 };
    u32::try_from(value).ok().filter(|v| *v <= i32::MAX as u32)
}

fn access(i: &Instruction, m: &UsedMemory) -> Access {
    let register = |r: Register| r.is_gpr().then(|| number(r.full_register()));
    let unnamed = i.memory_base() == Register::None;
    // iced names what push and call write relative to rsp before it moves.
    let source = if unnamed { i.op0_register() } else { i.op1_register() };
    let moves = matches!(i.mnemonic(), Mnemonic::Mov | Mnemonic::Push) && source.is_gpr64() && !is_frame(source);
    let implied =
        unnamed && m.base() == Register::RSP && matches!(i.mnemonic(), Mnemonic::Push | Mnemonic::Pop | Mnemonic::Call);
    let size = (m.memory_size() != MemorySize::Unknown).then(|| m.memory_size().size() as u32);
    let writes = writes(m.access());
    Access {
        base: register(m.base()),
        index: register(m.index()),
        displacement: m.displacement() as i64,
        size,
        writes,
        value: (writes && moves).then(|| number(source)),
        less: subtracted(i),
        implied,
    }
}

/// The register that `i` sets to a value worth knowing.
fn set(i: &Instruction, constant: Option<u64>) -> Option<Set> {
    let to = i.op0_register();
    if i.op_count() == 0 || i.op0_kind() != OpKind::Register {
        // What cdq and cqo say of rax is in rdx.
        let wide = match i.mnemonic() {
            Mnemonic::Cdq => false,
            Mnemonic::Cqo => true,
            _ => return None,
        };
        let value = Value::Sign { of: number(Register::RAX), wide };
        return Some(Set { to: number(Register::RDX), value, narrow: false });
    }
    if is_frame(to) {
        return None;
    }
    let register = number(to.full_register());
    if i.mnemonic() == Mnemonic::Sete {
        let high = matches!(to, Register::AH | Register::BH | Register::CH | Register::DH);
        return (!high).then_some(Set { to: register, value: Value::Equal, narrow: false });
    }
    if !to.is_gpr64() && !to.is_gpr32() {
        return None;
    }
    let value = value(i, constant, to);
    // Writing 32 bits clears the upper half.
    let narrow = to.is_gpr32() && writes_all(i);
    (narrow || value != Value::Any).then_some(Set { to: register, value, narrow })
}

fn value(i: &Instruction, constant: Option<u64>, to: Register) -> Value {
    let own = Operand::Register(number(to.full_register()), width(to));
    let second = operand(i, constant);
    match i.mnemonic() {
        Mnemonic::Mov => Value::Same(second),
        Mnemonic::Pop if to.is_gpr64() => {
            Value::Same(Operand::Memory(Place { base: number(Register::RSP), displacement: 0 }))
        }
        Mnemonic::Add => Value::Sum(own, second),
        Mnemonic::Inc => Value::Sum(own, Operand::Const(1)),
        Mnemonic::Dec => Value::Difference(own, Operand::Const(1)),
        Mnemonic::Sub => Value::Difference(own, second),
        Mnemonic::Shr => {
            let by = immediate(i).and_then(|n| u32::try_from(n).ok());
            Value::ShiftRight(number(to.full_register()), by)
        }
        Mnemonic::And => Value::And(own, second),
        Mnemonic::Xor => Value::Xor(own, second),
        Mnemonic::Movzx => Value::Short,
        Mnemonic::Lea if i.memory_index() == Register::None && i.memory_base().is_gpr64() => {
            let base = Operand::Register(number(i.memory_base()), Width::Wide);
            Value::Sum(base, Operand::Const(i.memory_displacement64()))
        }
        m if allowed::is_cmov(m) => Value::Either(own, second),
        _ => Value::Any,
    }
}

fn width(r: Register) -> Width {
    if r.is_gpr64() { Width::Wide } else { Width::Narrow }
}

/// The second operand.
fn operand(i: &Instruction, constant: Option<u64>) -> Operand {
    let r = i.op1_register();
    match i.op1_kind() {
        OpKind::Register if r.is_gpr64() || r.is_gpr32() => Operand::Register(number(r.full_register()), width(r)),
        OpKind::Register => Operand::Unknown,
        OpKind::Memory => constant.map_or_else(|| memory(i), Operand::Const),
        _ => immediate(i).map_or(Operand::Unknown, |n| Operand::Const(n as u64)),
    }
}

/// Eight bytes that the memory operand names.
fn memory(i: &Instruction) -> Operand {
    of_memory(i).map_or(Operand::Unknown, Operand::Memory)
}

fn of_memory(i: &Instruction) -> Option<Place> {
    let base = i.memory_base();
    let is_place = i.memory_index() == Register::None && i.memory_size().size() == 8 && base.is_gpr64();
    is_place.then(|| Place { base: number(base), displacement: i.memory_displacement64() as i64 })
}

/// Whether a 32-bit form always writes its destination, and with that clears the upper half.
fn writes_all(i: &Instruction) -> bool {
    let m = i.mnemonic();
    // With one operand imul writes rdx and rax instead.
    allowed::sets_first_operand(m) || allowed::is_cmov(m) || m == Mnemonic::Imul && i.op_count() > 1
}

/// The constant that `i` subtracts from eight bytes of memory.
fn subtracted(i: &Instruction) -> Option<i64> {
    let from_memory = i.op0_kind() == OpKind::Memory && i.memory_size().size() == 8;
    immediate(i).filter(|_| i.mnemonic() == Mnemonic::Sub && from_memory)
}

/// What the flags say behind `i`, which writes them.
fn compare(i: &Instruction, constant: Option<u64>) -> Compare {
    let r = i.op0_register();
    use Mnemonic::{Add, And, Or, Sub, Xor};
    if subtracted(i).is_some() {
        return of_memory(i).map_or(Compare::Unknown, Compare::Stored);
    }
    if i.op0_kind() != OpKind::Register {
        return Compare::Unknown;
    }
    if i.mnemonic() == Mnemonic::Test && r.is_gpr8() && i.op1_kind() == OpKind::Register {
        return both(r, i.op1_register());
    }
    if i.mnemonic() == Mnemonic::Cmp && r == Register::RSP {
        return Compare::StackPointer(operand(i, constant));
    }
    if !r.is_gpr64() && !r.is_gpr32() || is_frame(r) {
        return Compare::Unknown;
    }
    let first = number(r.full_register());
    let second = i.op1_register();
    match i.mnemonic() {
        Mnemonic::Cmp => Compare::With(first, width(r), operand(i, constant)),
        Mnemonic::Test if i.op1_kind() == OpKind::Register && !is_frame(second) => {
            Compare::Anded(first, number(second.full_register()), width(r))
        }
        // By the sign and by zero only: whether the result is right where it does not fit is asked by no branch that
        // says anything of it.
        Add | And | Or | Sub | Xor => Compare::Result(first, width(r)),
        _ => Compare::Unknown,
    }
}

/// `test a, b` of two low bytes.
fn both(a: Register, b: Register) -> Compare {
    let high = |r: Register| {
        matches!(r, Register::AH | Register::BH | Register::CH | Register::DH | Register::SPL | Register::BPL)
    };
    if high(a) || high(b) {
        return Compare::Unknown;
    }
    Compare::Both(number(a.full_register()), number(b.full_register()))
}
