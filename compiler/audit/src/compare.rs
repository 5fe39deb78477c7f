//! Comparisons and what the two edges of a branch know by them.

use iced_x86::{ConditionCode, Mnemonic, OpKind, Register};

use crate::descent::Step;
use crate::operand::immediate;
use crate::state::{Apart, Flags, State};
use crate::transfer::operand;
use crate::value::{Charge, Fact, Id, Kind, Special};

/// What `step`, which writes flags, makes them say.
pub fn flags(state: &State, step: &Step) -> Flags {
    let i = &step.instruction;
    let r = i.op0_register();
    if !matches!(i.mnemonic(), Mnemonic::Test | Mnemonic::Cmp) || i.op0_kind() != OpKind::Register {
        return Flags::Unknown;
    }
    let same = i.op1_kind() == OpKind::Register && i.op1_register() == r;
    if i.mnemonic() == Mnemonic::Test && r.is_gpr8() && i.op1_kind() == OpKind::Register {
        return both(state, r, i.op1_register());
    }
    if !r.is_gpr64() && !r.is_gpr32() || matches!(r, Register::RSP | Register::RBP | Register::ESP | Register::EBP) {
        return Flags::Unknown;
    }
    let (of, wide) = (state.id(r), r.is_gpr64());
    let with = match i.mnemonic() {
        Mnemonic::Test if same => Some(0),
        Mnemonic::Test => None,
        _ if i.op1_kind() == OpKind::Register || i.op1_kind() == OpKind::Memory => {
            let second = operand(state, step);
            if let (Kind::Frame(depth), Some(Fact { kind: Kind::Limit, .. }), true) =
                (state.fact(of).kind, second, wide)
            {
                return Flags::Stack(depth);
            }
            second.and_then(|f| f.constant())
        }
        _ => immediate(i).map(|n| n as u64),
    };
    let Some(with) = with else { return Flags::Unknown };
    if wide && with == 0 && state.fact(of).kind == Kind::Fuel(Charge::default()) && state.pending.is_some() {
        return Flags::Fuel;
    }
    Flags::Compared { of, with, wide }
}

/// `test a, b` of two bytes that `sete` wrote.
fn both(state: &State, a: Register, b: Register) -> Flags {
    let low = |r: Register| {
        let is =
            !matches!(r, Register::AH | Register::BH | Register::CH | Register::DH | Register::SPL | Register::BPL)
                && matches!(state.get(r).kind, Kind::Is { .. });
        is.then(|| state.id(r))
    };
    low(a).zip(low(b)).map_or(Flags::Unknown, |(a, b)| Flags::Both(a, b))
}

/// What `sete` writes.
pub fn is(state: &State) -> Option<Kind> {
    let Flags::Compared { of, with, wide } = state.flags else { return None };
    Some(Kind::Is { of, number: Special::of(with, wide)?, wide })
}

/// What the edge of a branch knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Control may go there.
    Open,
    /// The same, and the fuel was found not negative.
    Paid,
    /// The condition contradicts what was known.
    Never,
}

/// Adds to `state` what holds where the condition is `taken` or not.
pub fn refine(state: &mut State, condition: ConditionCode, taken: bool) -> Edge {
    use ConditionCode as C;
    match state.flags {
        Flags::Unknown => {}
        Flags::Fuel => {
            let negative = match condition {
                C::l | C::s => Some(true),
                C::ge | C::ns => Some(false),
                _ => None,
            };
            if negative.is_some_and(|n| n != taken) {
                return Edge::Paid;
            }
        }
        Flags::Stack(depth) => {
            let below = match condition {
                C::b => Some(true),
                C::ae => Some(false),
                _ => None,
            };
            if below.is_some_and(|b| b != taken) {
                state.checked = Some(depth);
            }
        }
        Flags::Compared { of, with, wide } => {
            let equal = match condition {
                C::e => taken,
                C::ne => !taken,
                _ => return Edge::Open,
            };
            return compared(state, of, with, wide, equal);
        }
        Flags::Both(a, b) => {
            let both = match condition {
                C::ne => taken,
                C::e => !taken,
                _ => return Edge::Open,
            };
            if !both {
                not_both(state, a, b);
            }
        }
    }
    Edge::Open
}

fn compared(state: &mut State, of: Id, with: u64, wide: bool, equal: bool) -> Edge {
    let fact = *state.fact(of);
    let number = Special::of(with, wide);
    match (equal, number) {
        (true, Some(n)) if fact.is_not(n, wide) => return Edge::Never,
        (false, Some(n)) => state.fact_mut(of).exclude(n, wide),
        _ => {}
    }
    Edge::Open
}

fn not_both(state: &mut State, a: Id, b: Id) {
    let (Kind::Is { of: x, number: n, wide: v }, Kind::Is { of: y, number: m, wide: w }) =
        (state.fact(a).kind, state.fact(b).kind)
    else {
        return;
    };
    match (n, m) {
        _ if v != w => {}
        (Special::Smallest, Special::MinusOne) => state.set_apart(Apart { dividend: x, divisor: y, wide: w }),
        (Special::MinusOne, Special::Smallest) => state.set_apart(Apart { dividend: y, divisor: x, wide: w }),
        _ if a == b => state.fact_mut(x).exclude(n, w),
        _ => {}
    }
}
