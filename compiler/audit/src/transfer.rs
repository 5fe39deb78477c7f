//! What one instruction does to a [`State`].
//!
//! Whatever is not spelled out here makes the registers that it writes unknown: forgetting is always right.

use iced_x86::{Instruction, InstructionInfo, MemorySize, Mnemonic, OpAccess, OpKind, Register, UsedMemory};
use wasmkc_abi::vmctx::Call;

use crate::finding::Rule;
use crate::stack;
use crate::state::{State, Value};

const FUEL: u64 = core::mem::offset_of!(Call, fuel) as u64;

/// Applies `i` to `state`. Calls and branches are the caller's, but for what they write.
pub fn apply(state: &mut State, i: &Instruction, info: &InstructionInfo) -> Result<(), (Rule, String)> {
    let result = value(state, i);
    let mut broken = None;
    let depth = state.depth;
    for m in info.used_memory() {
        let writes =
            !matches!(m.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess | OpAccess::None);
        if writes {
            broken = broken.or(store(state, i, m, depth).err());
        }
    }
    for u in info.used_registers() {
        let r = u.register();
        if !matches!(u.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess) && r.is_gpr() {
            if r.full_register() == Register::RSP {
                state.depth = stack::moved(i, state.depth)?;
                state.cut_slots();
            } else {
                state.set(r, None);
            }
        }
    }
    if let Some((r, value)) = result {
        state.set(r, value);
    }
    if i.rflags_modified() != 0 {
        state.flags_fuel = tests_fuel(state, i);
    }
    broken.map_or(Ok(()), Err)
}

/// Offset from rbp of the 8 bytes that a memory operand through rsp or rbp names.
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
    if state.get(m.base()) == Some(Value::Call) || state.get(m.index()) == Some(Value::Call) {
        return call_block(state, i, m);
    }
    let implied = i.memory_base() == Register::None;
    // iced names what push and call write relative to rsp before it moves.
    if let Some(at) = frame_offset(m.base(), m.displacement(), depth) {
        let bytes = if m.memory_size() == MemorySize::Unknown { 8 } else { m.memory_size().size() as i32 };
        let source = if implied { i.op0_register() } else { i.op1_register() };
        let moves = matches!(i.mnemonic(), Mnemonic::Mov | Mnemonic::Push) && source.is_gpr64();
        let value = if moves { state.get(source) } else { None };
        state.set_slot(at, bytes, value);
    }
    Ok(())
}

/// The only write to the call block: fuel less at least nothing.
fn call_block(state: &mut State, i: &Instruction, m: &UsedMemory) -> Result<(), (Rule, String)> {
    let plain = i.mnemonic() == Mnemonic::Mov && m.index() == Register::None && i.op1_register().is_gpr64();
    match (plain, m.displacement(), state.get(i.op1_register())) {
        (true, FUEL, Some(Value::Fuel { drop, exact })) => {
            state.fuel_stored(i.op1_register(), drop, exact);
            Ok(())
        }
        (_, FUEL, _) => Err((Rule::FuelWrite, "what is stored is not the fuel less a charge".to_owned())),
        (_, at, _) => Err((Rule::CallBlock, format!("byte {at} of it is written"))),
    }
}

/// The register that `i` sets to a value worth knowing.
fn value(state: &State, i: &Instruction) -> Option<(Register, Option<Value>)> {
    if i.op_count() == 0 || i.op0_kind() != OpKind::Register {
        return None;
    }
    let to = i.op0_register();
    if !to.is_gpr64() && !to.is_gpr32() {
        return None;
    }
    let wide = to.is_gpr64();
    let own = if wide { state.get(to) } else { None };
    let small = immediate(i).and_then(|n| i32::try_from(n).ok());
    let known = match i.mnemonic() {
        Mnemonic::Mov if immediate(i).is_some() => {
            immediate(i).map(|n| Value::Const(if wide { n } else { n & 0xffff_ffff }))
        }
        Mnemonic::Mov if wide && i.op1_kind() == OpKind::Register => state.get(i.op1_register()),
        Mnemonic::Mov if wide => load(state, i),
        Mnemonic::Pop if wide => state.slot(-(state.depth as i32)),
        Mnemonic::Xor if i.op1_kind() == OpKind::Register && i.op1_register() == to => Some(Value::Const(0)),
        Mnemonic::Add => small.and_then(|n| plus(own?, n.into())).or_else(|| sum(own?, operand(state, i)?)),
        Mnemonic::Inc => own.and_then(|v| plus(v, 1)),
        Mnemonic::Dec => own.and_then(|v| plus(v, -1)),
        Mnemonic::Sub => small.and_then(|n| plus(own?, -i64::from(n))).or_else(|| minus(own?, operand(state, i)?)),
        Mnemonic::Shr if wide && immediate(i).is_some_and(|n| (2..64).contains(&n)) => Some(Value::Count { least: 0 }),
        Mnemonic::Lea if wide && i.memory_index() == Register::None => {
            state.get(i.memory_base()).and_then(|v| plus(v, i.memory_displacement64() as i64))
        }
        _ => None,
    };
    // Writing 32 bits clears the upper half.
    let known = known.or(if wide { None } else { Some(Value::Count { least: 0 }) });
    known.map(|v| (to, Some(v)))
}

/// The second operand's value: a 64-bit register or the slot it was spilled to.
fn operand(state: &State, i: &Instruction) -> Option<Value> {
    match i.op1_kind() {
        OpKind::Register if i.op1_register().is_gpr64() => state.get(i.op1_register()),
        OpKind::Memory => load(state, i),
        _ => None,
    }
}

/// Eight bytes of the frame, or the fuel.
fn load(state: &State, i: &Instruction) -> Option<Value> {
    if i.memory_index() != Register::None || i.memory_size().size() != 8 {
        return None;
    }
    if state.get(i.memory_base()) == Some(Value::Call) {
        return (i.memory_displacement64() == FUEL).then_some(Value::Fuel { drop: 0, exact: true });
    }
    state.slot(frame_offset(i.memory_base(), i.memory_displacement64(), state.depth)?)
}

fn plus(v: Value, n: i64) -> Option<Value> {
    match (v, u32::try_from(n.unsigned_abs()).ok()?) {
        (Value::Fuel { drop, exact }, m) if n <= 0 => Some(Value::Fuel { drop: drop.checked_add(m)?, exact }),
        (Value::Count { least }, m) if n >= 0 => Some(Value::Count { least: least.saturating_add(m).min(1 << 30) }),
        (Value::Const(c), _) => Some(Value::Const(c.wrapping_add(n))),
        _ => None,
    }
}

/// Cost added to cost.
fn sum(v: Value, w: Value) -> Option<Value> {
    match (v, w) {
        (v, Value::Const(n)) | (Value::Const(n), v) => plus(v, n),
        _ => None,
    }
}

/// Fuel less a cost.
fn minus(v: Value, cost: Value) -> Option<Value> {
    match (v, cost) {
        (v, Value::Const(n)) => plus(v, n.checked_neg()?),
        (Value::Fuel { drop, .. }, Value::Count { least }) => {
            Some(Value::Fuel { drop: drop.checked_add(least)?, exact: false })
        }
        _ => None,
    }
}

/// The constant operand, extended as the instruction does it.
fn immediate(i: &Instruction) -> Option<i64> {
    let n = i.op_count().checked_sub(1)?;
    let is_immediate = matches!(
        i.op_kind(n),
        OpKind::Immediate8
            | OpKind::Immediate32
            | OpKind::Immediate64
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64
    );
    is_immediate.then(|| i.immediate(n) as i64)
}

/// `test r, r` or `cmp r, 0` of the fuel that memory holds.
fn tests_fuel(state: &State, i: &Instruction) -> bool {
    let compares = match i.mnemonic() {
        Mnemonic::Test => i.op0_register() == i.op1_register() && i.op1_kind() == OpKind::Register,
        Mnemonic::Cmp => immediate(i) == Some(0),
        _ => false,
    };
    compares
        && i.op0_kind() == OpKind::Register
        && i.op0_register().is_gpr64()
        && state.get(i.op0_register()) == Some(Value::Fuel { drop: 0, exact: true })
}
