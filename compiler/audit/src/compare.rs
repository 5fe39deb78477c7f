//! Comparisons and what the two edges of a branch know by them.

use crate::effects::{Compare, Condition, Operand, Register, Width};
use crate::state::{Apart, Flags, State};
use crate::transfer::{held, operand};
use crate::value::{Fact, Id, Kind, Special};

/// What a comparison makes the flags say, where `state` is that before the instruction or, of what compares its own
/// result, that behind it.
pub fn flags(state: &State, compare: Compare) -> Flags {
    let zero = operand(state, Operand::Const(0));
    let (of, width, second) = match compare {
        Compare::Unknown => return Flags::Unknown,
        Compare::Both(a, b) => return both(state, a, b),
        Compare::With(r, width, second) => (state.id(r), width, operand(state, second)),
        Compare::Result(r, width) => (state.id(r), width, zero),
        Compare::Stored(place) => match held(state, place) {
            Some(id) => (id, Width::Wide, zero),
            None => return Flags::Unknown,
        },
        Compare::StackPointer(second) => {
            let limit = matches!(operand(state, second), Some(Fact { kind: Kind::Limit, .. }));
            return if limit { Flags::Stack(state.depth) } else { Flags::Unknown };
        }
        // The register allocator may have put one value into two registers.
        Compare::Anded(a, b, width) if state.id(a) == state.id(b) => (state.id(a), width, zero),
        Compare::Anded(..) => return Flags::Unknown,
    };
    let wide = width == Width::Wide;
    if let (Kind::Frame(depth), Some(Fact { kind: Kind::Limit, .. }), true) = (state.fact(of).kind, second, wide) {
        return Flags::Stack(depth);
    }
    let Some(with) = second.and_then(|f| f.constant()) else { return Flags::Unknown };
    if let (Kind::Fuel(_), true) = (state.fact(of).kind, wide) {
        return Flags::Fuel { of, with: with as i64 };
    }
    Flags::Compared { of, with, wide }
}

/// Whether the flags are of what the instruction itself computes.
pub fn is_of_result(compare: &Compare) -> bool {
    matches!(compare, Compare::Result(..) | Compare::Stored(_))
}

/// Two bytes that each tell whether something was equal.
fn both(state: &State, a: Register, b: Register) -> Flags {
    let told = |r: Register| matches!(state.get(r).kind, Kind::Is { .. }).then(|| state.id(r));
    told(a).zip(told(b)).map_or(Flags::Unknown, |(a, b)| Flags::Both(a, b))
}

/// What a register gets that is to tell whether what was compared was equal.
pub fn is(state: &State) -> Option<Kind> {
    let Flags::Compared { of, with, wide } = state.flags else { return None };
    Some(Kind::Is { of, number: Special::of(with, wide)?, wide })
}

/// What the edge of a branch knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Control may go there.
    Open,
    /// The same, and so many units were paid.
    Paid(u32),
    /// The condition contradicts what was known.
    Never,
}

/// Adds to `state` what holds where the condition is `taken` or not.
pub fn refine(state: &mut State, condition: Condition, taken: bool) -> Edge {
    use Condition as C;
    match state.flags {
        Flags::Unknown => {}
        Flags::Fuel { of, with } => {
            let less = match condition {
                C::Less => Some(true),
                C::NotLess => Some(false),
                _ => None,
            };
            if less.is_some_and(|l| l != taken) {
                return Edge::Paid(state.pay(of, with));
            }
        }
        Flags::Stack(depth) => {
            let below = match condition {
                C::Below => Some(true),
                C::NotBelow => Some(false),
                _ => None,
            };
            if below.is_some_and(|b| b != taken) {
                state.checked = Some(depth);
            }
        }
        Flags::Compared { of, with, wide } => {
            let equal = match condition {
                C::Equal => taken,
                C::NotEqual => !taken,
                _ => return Edge::Open,
            };
            return compared(state, of, with, wide, equal);
        }
        Flags::Both(a, b) => {
            let both = match condition {
                C::NotEqual => taken,
                C::Equal => !taken,
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
