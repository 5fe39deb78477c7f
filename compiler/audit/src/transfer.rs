//! What one instruction does to a [`State`].
//!
//! Whatever is not spelled out here makes the registers that it writes unknown: forgetting is always right.

use iced_x86::{Instruction, InstructionInfo, MemorySize, Mnemonic, OpAccess, OpKind, Register, UsedMemory};
use wasmkc_abi::vmctx::Call;

use crate::descent::Step;
use crate::finding::Rule;
use crate::operand::immediate;
use crate::state::State;
use crate::value::{Charge, Fact, Id, Kind};
use crate::{compare, instruction, stack};

const FUEL: u64 = core::mem::offset_of!(Call, fuel) as u64;
const STACK_LIMIT: u64 = core::mem::offset_of!(Call, stack_limit) as u64;

/// What a register gets.
enum New {
    /// A copy of a value.
    Copy(Id),
    /// Another value.
    Fact(Fact),
}

/// Applies `step` to `state`. Calls and branches are the caller's, but for what they write.
pub fn apply(state: &mut State, step: &Step, info: &InstructionInfo) -> Result<(), (Rule, String)> {
    let i = &step.instruction;
    let result = result(state, step);
    let flags = (i.rflags_modified() != 0).then(|| compare::flags(state, step));
    let mut broken = through_copy(state, info).err();
    let depth = state.depth;
    for m in info.used_memory().iter().filter(|m| writes(m.access())) {
        broken = broken.or(store(state, i, m, depth).err());
    }
    for u in info.used_registers().iter().filter(|u| writes(u.access()) && u.register().is_gpr()) {
        if u.register().full_register() == Register::RSP {
            state.depth = stack::moved(i, state.depth)?;
            state.cut_slots();
        } else {
            state.set(u.register(), Fact::ANY);
        }
    }
    match result {
        Some((r, New::Copy(id))) => state.copy(r, id),
        Some((r, New::Fact(fact))) => state.set(r, fact),
        None => {}
    }
    if let Some(flags) = flags {
        state.flags = flags;
    }
    broken.map_or(Ok(()), Err)
}

/// A copy of the stack pointer is good for the stack check only.
fn through_copy(state: &State, info: &InstructionInfo) -> Result<(), (Rule, String)> {
    let is_copy = |r: Register| r.is_gpr64() && matches!(state.get(r).kind, Kind::Frame(_));
    match info.used_memory().iter().any(|m| is_copy(m.base()) || is_copy(m.index())) {
        true => Err((Rule::StackAccess, "the address is a copy of the stack pointer".to_owned())),
        false => Ok(()),
    }
}

fn writes(access: OpAccess) -> bool {
    !matches!(access, OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess | OpAccess::None)
}

/// Offset from rbp of the bytes that a memory operand through rsp or rbp names.
fn frame_offset(base: Register, displacement: u64, depth: u32) -> Option<i32> {
    let from = match base {
        Register::RSP => -i64::from(depth),
        Register::RBP => 0,
        _ => return None,
    };
    i32::try_from(from.checked_add(displacement as i64)?).ok()
}

/// A write to the frame or to the call block.
fn store(state: &mut State, i: &Instruction, m: &UsedMemory, depth: u32) -> Result<(), (Rule, String)> {
    let is_call = |r: Register| r.is_gpr() && state.get(r).kind == Kind::Call;
    if is_call(m.base()) || is_call(m.index()) {
        return call_block(state, i, m);
    }
    let implied = i.memory_base() == Register::None;
    // iced names what push and call write relative to rsp before it moves.
    if let Some(at) = frame_offset(m.base(), m.displacement(), depth) {
        let bytes = if m.memory_size() == MemorySize::Unknown { 8 } else { m.memory_size().size() as i32 };
        let source = if implied { i.op0_register() } else { i.op1_register() };
        let moves = matches!(i.mnemonic(), Mnemonic::Mov | Mnemonic::Push) && source.is_gpr64();
        let value = (moves && !is_frame(source)).then(|| state.id(source));
        state.set_slot(at, bytes, value);
    }
    Ok(())
}

fn is_frame(r: Register) -> bool {
    matches!(r, Register::RSP | Register::RBP)
}

/// The only write to the call block: fuel less a charge.
fn call_block(state: &mut State, i: &Instruction, m: &UsedMemory) -> Result<(), (Rule, String)> {
    let source = i.op1_register();
    let plain = i.mnemonic() == Mnemonic::Mov && m.index() == Register::None && source.is_gpr64() && !is_frame(source);
    if m.displacement() != FUEL {
        return Err((Rule::CallBlock, format!("byte {} of it is written", m.displacement())));
    }
    let Some(Kind::Fuel(charge)) = plain.then(|| state.get(source).kind) else {
        return Err((Rule::FuelWrite, "what is stored is not the fuel less one charge".to_owned()));
    };
    if state.pending.is_some() {
        return Err((Rule::UncheckedCharge, "the charge before this one was not compared with zero".to_owned()));
    }
    let source = state.id(source);
    state.forget_fuel();
    *state.fact_mut(source) = Fact::new(Kind::Fuel(Charge::default()));
    state.pending = Some(charge);
    Ok(())
}

/// The register that `i` sets to a value worth knowing.
fn result(state: &State, step: &Step) -> Option<(Register, New)> {
    let i = &step.instruction;
    let to = i.op0_register();
    if i.op_count() == 0 || i.op0_kind() != OpKind::Register {
        // What cdq and cqo say of rax is in rdx.
        let wide = match i.mnemonic() {
            Mnemonic::Cdq => false,
            Mnemonic::Cqo => true,
            _ => return None,
        };
        return Some((Register::RDX, New::Fact(Fact::new(Kind::Sign { of: state.id(Register::RAX), wide }))));
    }
    if is_frame(to.full_register()) {
        return None;
    }
    if i.mnemonic() == Mnemonic::Sete && matches!(to, Register::AH | Register::BH | Register::CH | Register::DH) {
        return None;
    }
    if i.mnemonic() == Mnemonic::Sete {
        return Some((to, New::Fact(Fact::new(compare::is(state)?))));
    }
    if !to.is_gpr64() && !to.is_gpr32() {
        return None;
    }
    let wide = to.is_gpr64();
    if let (Mnemonic::Mov, Some(id)) = (i.mnemonic(), source(state, i)) {
        let fact = state.fact(id);
        return Some((to, if wide || fact.is_short() { New::Copy(id) } else { New::Fact(fact.low_half()) }));
    }
    let fact = known(state, step, to, wide).unwrap_or(Fact::ANY);
    // Writing 32 bits clears the upper half.
    let fact = if wide || !writes_all(i) { fact } else { fact.low_half() };
    (fact != Fact::ANY).then_some((to, New::Fact(fact)))
}

/// The value that the second operand copies: a 64-bit register's or a slot's, or its low half.
fn source(state: &State, i: &Instruction) -> Option<Id> {
    match i.op1_kind() {
        OpKind::Register if !is_frame(i.op1_register().full_register()) => Some(state.id(i.op1_register())),
        OpKind::Memory if i.memory_size().size() == 8 => slot(state, i),
        _ => None,
    }
}

fn slot(state: &State, i: &Instruction) -> Option<Id> {
    let at = frame_offset(i.memory_base(), i.memory_displacement64(), state.depth)?;
    state.slot(at).filter(|_| i.memory_index() == Register::None)
}

/// Eight bytes of the call block, or of a slot.
pub fn load(state: &State, i: &Instruction) -> Option<Fact> {
    if i.memory_index() != Register::None || i.memory_size().size() != 8 {
        return None;
    }
    if i.memory_base().is_gpr64() && state.get(i.memory_base()).kind == Kind::Call {
        return match i.memory_displacement64() {
            FUEL => Some(Fact::new(Kind::Fuel(Charge::default()))),
            STACK_LIMIT => Some(Fact::new(Kind::Limit)),
            _ => None,
        };
    }
    slot(state, i).map(|id| *state.fact(id))
}

/// The second operand's value.
pub fn operand(state: &State, step: &Step) -> Option<Fact> {
    let i = &step.instruction;
    match i.op1_kind() {
        OpKind::Register if i.op1_register() == Register::RSP => Some(Fact::new(Kind::Frame(state.depth))),
        OpKind::Register if i.op1_register() == Register::RBP => Some(Fact::new(Kind::Frame(0))),
        OpKind::Register if i.op1_register().is_gpr64() => Some(*state.get(i.op1_register())),
        OpKind::Register if i.op1_register().is_gpr32() => Some(state.get(i.op1_register()).low_half()),
        OpKind::Memory => step.constant.map(|n| Fact::new(Kind::Const(n))).or_else(|| load(state, i)),
        _ => Some(Fact::new(Kind::Const(immediate(i)? as u64))),
    }
}

fn known(state: &State, step: &Step, to: Register, wide: bool) -> Option<Fact> {
    let i = &step.instruction;
    let own = *state.get(to);
    let own = if wide { own } else { own.low_half() };
    let second = || operand(state, step);
    // The register allocator may have put one value into two registers.
    let same = i.op_count() == 2
        && i.op1_kind() == OpKind::Register
        && !is_frame(i.op1_register().full_register())
        && state.id(i.op1_register()) == state.id(to);
    match i.mnemonic() {
        Mnemonic::Mov => second(),
        Mnemonic::Pop if wide => state.slot(-(state.depth as i32)).map(|id| *state.fact(id)),
        Mnemonic::Xor | Mnemonic::Sub if same => Some(Fact::new(Kind::Const(0))),
        Mnemonic::Add => sum(own, second()?),
        Mnemonic::Inc => plus(own, 1),
        Mnemonic::Dec => plus(own, -1),
        Mnemonic::Sub => minus(own, second()?),
        Mnemonic::Shr if state.get(to).is_short() && immediate(i) == Some(3) => {
            Some(Fact::new(Kind::Count { of: state.id(to), plus: 0 }))
        }
        Mnemonic::Shr if own.is_short() => Some(Fact::SHORT),
        Mnemonic::And if own.is_short() || second()?.is_short() => Some(Fact::SHORT),
        Mnemonic::Movzx => Some(Fact::SHORT),
        Mnemonic::Lea if i.memory_index() == Register::None && i.memory_base().is_gpr64() => {
            let base = (!is_frame(i.memory_base())).then(|| *state.get(i.memory_base()))?;
            plus(base, i.memory_displacement64() as i64)
        }
        _ if instruction::is_cmov(i.mnemonic()) => Some(own.either(&second()?)),
        _ => None,
    }
}

/// Whether a 32-bit form always writes its destination, and with that clears the upper half.
fn writes_all(i: &Instruction) -> bool {
    let m = i.mnemonic();
    // With one operand imul writes rdx and rax instead.
    instruction::sets_first_operand(m) || instruction::is_cmov(m) || m == Mnemonic::Imul && i.op_count() > 1
}

fn plus(v: Fact, n: i64) -> Option<Fact> {
    let small = u32::try_from(n.unsigned_abs()).ok().filter(|m| *m <= i32::MAX as u32)?;
    let kind = match v.kind {
        Kind::Fuel(Charge { units, of }) if n <= 0 => Kind::Fuel(Charge { units: units.checked_add(small)?, of }),
        Kind::Count { of, plus } if n >= 0 => {
            Kind::Count { of, plus: plus.checked_add(small).filter(|p| *p <= MAX_PLUS)? }
        }
        Kind::Const(c) => Kind::Const(c.wrapping_add(n as u64)),
        _ => return None,
    };
    Some(Fact::new(kind))
}

/// Most that is added to a length's eighth, so that it stays far below 2^32.
const MAX_PLUS: u32 = 1 << 30;

/// Cost added to cost.
fn sum(v: Fact, w: Fact) -> Option<Fact> {
    match (v.constant(), w.constant()) {
        (_, Some(n)) => plus(v, n as i64),
        (Some(n), _) => plus(w, n as i64),
        _ => None,
    }
}

/// Fuel less a cost. A length is charged once.
fn minus(v: Fact, cost: Fact) -> Option<Fact> {
    match (v.kind, cost.kind) {
        (_, Kind::Const(n)) => plus(v, (n as i64).checked_neg()?),
        (Kind::Fuel(Charge { units, of: None }), Kind::Count { of, plus }) => {
            Some(Fact::new(Kind::Fuel(Charge { units: units.checked_add(plus)?, of: Some(of) })))
        }
        _ => None,
    }
}
