//! What one instruction does to a [`State`].
//!
//! Whatever its effects do not spell out makes the registers that it writes unknown: forgetting is always right.

use wasmkc_abi::vmctx::Call;

use crate::effects::{Access, Effects, Operand, Place, Register, Set, Value, Width};
use crate::finding::Rule;
use crate::machine::Broken;
use crate::state::State;
use crate::value::{Charge, Fact, Id, Kind};
use crate::{compare, stack};

const FUEL: i64 = core::mem::offset_of!(Call, fuel) as i64;
const STACK_LIMIT: i64 = core::mem::offset_of!(Call, stack_limit) as i64;

/// What a register gets.
enum New {
    /// A copy of a value.
    Copy(Id),
    /// Another value.
    Fact(Fact),
}

/// Applies the effects of one instruction to `state`. Calls and branches are the caller's, but for what they write.
pub fn apply(state: &mut State, effects: &Effects) -> Result<(), Broken> {
    let new: Vec<(Register, New)> = effects.sets.iter().filter_map(|s| Some((s.to, new(state, s)?))).collect();
    let flags = effects.compare.filter(|c| !compare::is_of_result(c)).map(|c| compare::flags(state, c));
    let mut broken = effects.memory.iter().find_map(|m| through_copy(state, m).err());
    for m in effects.memory.iter().filter(|m| m.writes) {
        broken = broken.or(store(state, m).err());
    }
    for r in (0..32).filter(|r| effects.written >> r & 1 != 0) {
        state.set(r, Fact::ANY);
    }
    if let Some(to) = effects.stack {
        state.depth = stack::moved(state.machine(), to, state.depth)?;
        state.cut_slots();
    }
    for (r, new) in new {
        match new {
            New::Copy(id) => state.copy(r, id),
            New::Fact(fact) => state.set(r, fact),
        }
    }
    if let Some(flags) = flags.or_else(|| effects.compare.map(|c| compare::flags(state, c))) {
        state.flags = flags;
    }
    broken.map_or(Ok(()), Err)
}

/// A copy of the stack pointer is good for the stack check only.
fn through_copy(state: &State, m: &Access) -> Result<(), Broken> {
    let is_copy = |r: Register| !is_frame(state, r) && matches!(state.get(r).kind, Kind::Frame(_));
    match m.base.is_some_and(is_copy) || m.index.is_some_and(is_copy) {
        true => Err((Rule::StackAccess, "the address is a copy of the stack pointer".to_owned())),
        false => Ok(()),
    }
}

fn is_frame(state: &State, r: Register) -> bool {
    let convention = state.machine().convention();
    r == convention.stack_pointer || r == convention.frame_pointer
}

/// Offset from the frame pointer of a place in the frame.
fn frame_offset(state: &State, base: Register, displacement: i64) -> Option<i32> {
    let from = match base {
        r if r == state.machine().convention().stack_pointer => -i64::from(state.depth),
        r if r == state.machine().convention().frame_pointer => 0,
        _ => return None,
    };
    i32::try_from(from.checked_add(displacement)?).ok()
}

/// A write to the frame or to the call block.
fn store(state: &mut State, m: &Access) -> Result<(), Broken> {
    let is_call = |r: Register| !is_frame(state, r) && state.get(r).kind == Kind::Call;
    if m.base.is_some_and(is_call) || m.index.is_some_and(is_call) {
        return call_block(state, m);
    }
    if let Some(at) = m.base.and_then(|base| frame_offset(state, base, m.displacement)) {
        let bytes = m.size.map_or(8, |n| i32::try_from(n).unwrap_or(i32::MAX));
        let value = m.value.map(|r| state.id(r));
        state.set_slot(at, bytes, value);
    }
    Ok(())
}

/// The only write to the call block: the fuel, or less; never more, as values of before a payment are.
fn call_block(state: &mut State, m: &Access) -> Result<(), Broken> {
    if m.displacement != FUEL {
        return Err((Rule::CallBlock, format!("byte {} of it is written", m.displacement)));
    }
    let stored = match (m.value, m.less) {
        _ if m.index.is_some() => None,
        (Some(source), _) => Some((state.id(source), *state.get(source))),
        (None, Some(n)) => {
            n.checked_neg().and_then(|n| plus(*state.fact(state.fuel()), n)).map(|f| (state.new_value(f), f))
        }
        (None, None) => None,
    };
    let Some((id, Fact { kind: Kind::Fuel(Charge { units: 0.., .. }), .. })) = stored else {
        return Err((
            Rule::FuelWrite,
            "what is stored is not known to be the fuel, or the fuel less a charge".to_owned(),
        ));
    };
    if state.owes() {
        return Err((Rule::UncheckedCharge, "the charge before this one was not compared with zero".to_owned()));
    }
    state.store_fuel(id);
    Ok(())
}

/// What a register gets, if that is worth knowing.
fn new(state: &State, set: &Set) -> Option<New> {
    if let Value::Same(operand) = set.value
        && let Some(id) = place(state, operand)
    {
        let fact = state.fact(id);
        return Some(if !set.narrow || fact.is_short() { New::Copy(id) } else { New::Fact(fact.low_half()) });
    }
    let fact = known(state, set).unwrap_or(Fact::ANY);
    let fact = if set.narrow { fact.low_half() } else { fact };
    (fact != Fact::ANY).then_some(New::Fact(fact))
}

/// The value that a register, a slot or the fuel's field holds, of which an operand may be the low half.
fn place(state: &State, operand: Operand) -> Option<Id> {
    match operand {
        Operand::Register(r, _) if !is_frame(state, r) => Some(state.id(r)),
        Operand::Memory(place) => held(state, place),
        _ => None,
    }
}

/// The value of eight bytes that are known, those of a slot or of the fuel.
pub fn held(state: &State, place: Place) -> Option<Id> {
    if is_frame(state, place.base) {
        return state.slot(frame_offset(state, place.base, place.displacement)?);
    }
    (state.get(place.base).kind == Kind::Call && place.displacement == FUEL).then(|| state.fuel())
}

/// Eight bytes of the call block, or of a slot.
fn load(state: &State, place: Place) -> Option<Fact> {
    if let Some(id) = held(state, place) {
        return Some(*state.fact(id));
    }
    let is_limit =
        !is_frame(state, place.base) && state.get(place.base).kind == Kind::Call && place.displacement == STACK_LIMIT;
    is_limit.then(|| Fact::new(Kind::Limit))
}

/// What is known about an operand; nothing said is nothing known.
pub fn operand(state: &State, operand: Operand) -> Option<Fact> {
    let convention = state.machine().convention();
    match operand {
        Operand::Unknown => None,
        Operand::Const(n) => Some(Fact::new(Kind::Const(n))),
        Operand::Register(r, Width::Wide) if r == convention.stack_pointer => Some(Fact::new(Kind::Frame(state.depth))),
        Operand::Register(r, Width::Wide) if r == convention.frame_pointer => Some(Fact::new(Kind::Frame(0))),
        Operand::Register(r, Width::Wide) => Some(*state.get(r)),
        Operand::Register(r, Width::Narrow) => Some(state.get(r).low_half()),
        Operand::Memory(place) => load(state, place),
    }
}

/// Whether both are the same part of one value.
fn is_one(state: &State, a: Operand, b: Operand) -> bool {
    match (a, b) {
        (Operand::Register(r, v), Operand::Register(s, w)) if !is_frame(state, r) && !is_frame(state, s) => {
            v == w && state.id(r) == state.id(s)
        }
        _ => false,
    }
}

fn known(state: &State, set: &Set) -> Option<Fact> {
    let fact = |o: Operand| operand(state, o);
    match set.value {
        Value::Any => None,
        Value::Short => Some(Fact::SHORT),
        Value::Same(o) => fact(o),
        Value::Sum(a, b) => sum(fact(a)?, fact(b)?),
        // The register allocator may have put one value into two registers.
        Value::Difference(a, b) | Value::Xor(a, b) if is_one(state, a, b) => Some(Fact::new(Kind::Const(0))),
        Value::Difference(a, b) => minus(fact(a)?, fact(b)?),
        Value::Xor(..) => None,
        Value::And(a, b) | Value::Least(a, b) => (fact(a)?.is_short() || fact(b)?.is_short()).then_some(Fact::SHORT),
        Value::Either(a, b) => Some(fact(a)?.either(&fact(b)?)),
        Value::Masked(o, mask, bits) => Some(Fact::new(Kind::Const(fact(o)?.constant()? & mask | bits))),
        Value::ShiftRight(of, by) => match state.get(of).is_short() {
            true if by == Some(3) => Some(Fact::new(Kind::Count { of: state.id(of), plus: 0 })),
            true => Some(Fact::SHORT),
            false => set.narrow.then_some(Fact::SHORT),
        },
        Value::Sign { of, wide } => Some(Fact::new(Kind::Sign { of: state.id(of), wide })),
        Value::Equal => compare::is(state).map(Fact::new),
    }
}

fn plus(v: Fact, n: i64) -> Option<Fact> {
    let small = u32::try_from(n.unsigned_abs()).ok().filter(|m| *m <= i32::MAX as u32)?;
    let kind = match v.kind {
        Kind::Fuel(Charge { units, of }) if n <= 0 => {
            Kind::Fuel(Charge { units: units.checked_add(small.into())?, of })
        }
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
            Some(Fact::new(Kind::Fuel(Charge { units: units.checked_add(plus.into())?, of: Some(of) })))
        }
        _ => None,
    }
}
