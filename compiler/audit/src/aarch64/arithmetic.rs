//! Instructions that compute: with an immediate, and on registers.

use super::SP;
use super::decode::{Meaning, compare, condition};
use super::fields::{Fields, ZERO};
use crate::effects::{Compare, Move, Operand, Value, Width};

/// Those with an immediate.
pub fn immediate(w: Fields) -> Option<Meaning> {
    match w.field(23, 3) {
        // adr has bit 31 clear. What the address is nobody follows; `operand` sees to its relocation.
        0 | 1 if w.wide() => Some(Meaning::new("adrp", &[w.rd()]).sets(w.rd(), Value::Any, Width::Wide)),
        2 => add_immediate(w),
        4 => logical_immediate(w),
        5 => move_wide(w),
        6 => bitfield(w),
        7 => extract(w),
        _ => None,
    }
}

/// Those on registers.
pub fn registers(w: Fields) -> Option<Meaning> {
    match (w.field(24, 5), w.field(21, 3)) {
        (0b01010, _) => logical(w),
        (0b01011, _) if w.bit(21) => add_extended(w),
        (0b01011, _) => add_shifted(w),
        (0b11010, 0b000) => with_carry(w),
        (0b11010, 0b010) => conditional_compare(w),
        (0b11010, 0b100) => select(w),
        (0b11010, 0b110) if w.bit(30) => one_source(w),
        (0b11010, 0b110) => two_sources(w),
        (0b11011, _) => three_sources(w),
        _ => None,
    }
}

/// `add`, `sub` and those that set flags.
fn sum_name(w: Fields) -> &'static str {
    match (w.bit(30), w.bit(29)) {
        (false, false) => "add",
        (false, true) => "adds",
        (true, false) => "sub",
        (true, true) => "subs",
    }
}

fn sum(w: Fields, a: Operand, b: Operand) -> Value {
    match (w.bit(30), b) {
        (_, Operand::Const(0)) => Value::Same(a),
        (false, _) => Value::Sum(a, b),
        (true, _) => Value::Difference(a, b),
    }
}

/// The operand of an instruction in which 31 is the stack pointer.
fn with_stack(w: Fields) -> Operand {
    Operand::Register(w.rn(), w.width())
}

fn add_immediate(w: Fields) -> Option<Meaning> {
    let number = w.field(10, 12) << if w.bit(22) { 12 } else { 0 };
    let (subtracts, flags, b) = (w.bit(30), w.bit(29), Operand::Const(u64::from(number)));
    let meaning = Meaning::new(sum_name(w), &[w.rd(), w.rn()]);
    if !flags && w.rd() == SP {
        let by = if subtracts { Move::Deeper(number) } else { Move::Flatter(number) };
        let follows = w.wide() && w.rn() == SP;
        return Some(to_stack(meaning, if follows { by } else { Move::Unknown }));
    }
    let meaning = meaning.sets(w.rd(), sum(w, with_stack(w), b), w.width());
    Some(if flags { meaning.compares(compared(w, b)) } else { meaning })
}

/// What the flags of `adds` and `subs` say; only those of comparisons matter.
fn compared(w: Fields, b: Operand) -> Compare {
    if w.bit(30) && w.rd() == ZERO { compare(w.rn(), w.width(), b) } else { Compare::Unknown }
}

fn to_stack(mut meaning: Meaning, to: Move) -> Meaning {
    meaning.effects.stack = Some(to);
    meaning
}

fn logical_immediate(w: Fields) -> Option<Meaning> {
    let mask = Operand::Const(w.mask()?);
    let a = w.operand(w.rn());
    let (name, value) = match w.field(29, 2) {
        0 => ("and", Value::And(a, mask)),
        1 if w.rn() == ZERO => ("orr", Value::Same(mask)),
        1 => ("orr", Value::Any),
        2 => ("eor", Value::Any),
        _ => {
            let meaning = Meaning::new("ands", &[w.rd(), w.rn()]).compares(Compare::Unknown);
            return Some(meaning.sets(w.rd(), Value::And(a, mask), w.width()));
        }
    };
    let meaning = Meaning::new(name, &[w.rd(), w.rn()]);
    Some(if w.rd() == SP { to_stack(meaning, Move::Unknown) } else { meaning.sets(w.rd(), value, w.width()) })
}

fn move_wide(w: Fields) -> Option<Meaning> {
    if !w.wide() && w.bit(22) {
        return None;
    }
    let shift = w.field(21, 2) * 16;
    let bits = u64::from(w.field(5, 16)) << shift;
    let (name, value) = match w.field(29, 2) {
        0 => ("movn", Value::Same(Operand::Const(!bits))),
        2 => ("movz", Value::Same(Operand::Const(bits))),
        3 => ("movk", Value::Masked(w.operand(w.rd()), !(0xffff << shift), bits)),
        _ => return None,
    };
    Some(Meaning::new(name, &[w.rd()]).sets(w.rd(), value, w.width()))
}

fn bitfield(w: Fields) -> Option<Meaning> {
    let (from, to) = (w.field(16, 6), w.field(10, 6));
    let top = if w.wide() { 63 } else { 31 };
    if w.bit(22) != w.wide() || from > top || to > top {
        return None;
    }
    let (name, value) = match w.field(29, 2) {
        0 => ("sbfm", Value::Any),
        1 => ("bfm", Value::Any),
        2 if w.rn() != ZERO && to == top && from < 32 => ("ubfm", Value::ShiftRight(w.rn(), Some(from))),
        2 if w.rn() == ZERO || to >= from && to - from < 32 => ("ubfm", Value::Short),
        2 => ("ubfm", Value::Any),
        _ => return None,
    };
    Some(Meaning::new(name, &[w.rd(), w.rn()]).sets(w.rd(), value, w.width()))
}

fn extract(w: Fields) -> Option<Meaning> {
    let fits = w.field(29, 2) == 0 && w.bit(22) == w.wide() && !w.bit(21) && (w.wide() || !w.bit(15));
    fits.then(|| Meaning::new("extr", &[w.rd(), w.rn(), w.rm()]).sets(w.rd(), Value::Any, w.width()))
}

/// Whether the shift of the second register is one that there is.
fn shift_fits(w: Fields) -> bool {
    w.wide() || !w.bit(15)
}

fn logical(w: Fields) -> Option<Meaning> {
    if !shift_fits(w) {
        return None;
    }
    const NAMES: [&str; 8] = ["and", "bic", "orr", "orn", "eor", "eon", "ands", "bics"];
    let which = w.field(29, 2) << 1 | w.field(21, 1);
    let plain = w.field(10, 6) == 0;
    let (a, b) = (w.operand(w.rn()), w.operand(w.rm()));
    let value = match which {
        0 | 6 if plain => Value::And(a, b),
        2 if plain && w.rn() == ZERO => Value::Same(b),
        4 if plain => Value::Xor(a, b),
        _ => Value::Any,
    };
    let meaning = Meaning::new(NAMES[which as usize], &[w.rd(), w.rn(), w.rm()]).sets(w.rd(), value, w.width());
    Some(if which >= 6 { meaning.compares(Compare::Unknown) } else { meaning })
}

fn add_shifted(w: Fields) -> Option<Meaning> {
    if !shift_fits(w) || w.field(22, 2) == 3 {
        return None;
    }
    let b = if w.field(10, 6) == 0 { w.operand(w.rm()) } else { Operand::Unknown };
    let meaning = Meaning::new(sum_name(w), &[w.rd(), w.rn(), w.rm()]);
    let meaning = meaning.sets(w.rd(), sum(w, w.operand(w.rn()), b), w.width());
    Some(if w.bit(29) { meaning.compares(compared(w, b)) } else { meaning })
}

/// The second register is extended: nothing is known of the result, and 31 is the stack pointer.
fn add_extended(w: Fields) -> Option<Meaning> {
    if w.field(22, 2) != 0 || w.field(10, 3) > 4 {
        return None;
    }
    let meaning = Meaning::new(sum_name(w), &[w.rd(), w.rn(), w.rm()]);
    if w.bit(29) {
        return Some(meaning.sets(w.rd(), Value::Any, w.width()).compares(Compare::Unknown));
    }
    Some(if w.rd() == SP { to_stack(meaning, Move::Unknown) } else { meaning.sets(w.rd(), Value::Any, w.width()) })
}

fn with_carry(w: Fields) -> Option<Meaning> {
    const NAMES: [&str; 4] = ["adc", "adcs", "sbc", "sbcs"];
    let meaning = Meaning::new(NAMES[w.field(29, 2) as usize], &[w.rd(), w.rn(), w.rm()]);
    let meaning = meaning.sets(w.rd(), Value::Any, w.width());
    let meaning = if w.bit(29) { meaning.compares(Compare::Unknown) } else { meaning };
    (w.field(10, 6) == 0).then_some(meaning)
}

fn conditional_compare(w: Fields) -> Option<Meaning> {
    condition(w.field(12, 4))?;
    let registers = if w.bit(11) { vec![w.rn()] } else { vec![w.rn(), w.rm()] };
    let name = if w.bit(30) { "ccmp" } else { "ccmn" };
    (w.bit(29) && !w.bit(10) && !w.bit(4)).then(|| Meaning::new(name, &registers).compares(Compare::Unknown))
}

fn select(w: Fields) -> Option<Meaning> {
    condition(w.field(12, 4))?;
    if w.bit(29) {
        return None;
    }
    let (a, b) = (w.operand(w.rn()), w.operand(w.rm()));
    let (name, value) = match (w.bit(30), w.field(10, 2)) {
        (false, 0) => ("csel", Value::Either(a, b)),
        // cset
        (false, 1) if w.rn() == ZERO && w.rm() == ZERO => ("csinc", Value::Short),
        (false, 1) => ("csinc", Value::Any),
        (true, 0) => ("csinv", Value::Any),
        (true, 1) => ("csneg", Value::Any),
        _ => return None,
    };
    Some(Meaning::new(name, &[w.rd(), w.rn(), w.rm()]).sets(w.rd(), value, w.width()))
}

fn one_source(w: Fields) -> Option<Meaning> {
    let name = match (w.field(10, 6), w.wide()) {
        (0, _) => "rbit",
        (1, _) => "rev16",
        (2, false) | (3, true) => "rev",
        (2, true) => "rev32",
        (4, _) => "clz",
        (5, _) => "cls",
        _ => return None,
    };
    let meaning = || Meaning::new(name, &[w.rd(), w.rn()]).sets(w.rd(), Value::Any, w.width());
    (!w.bit(29) && w.rm() == 0).then(meaning)
}

fn two_sources(w: Fields) -> Option<Meaning> {
    let (name, value) = match w.field(10, 6) {
        2 => ("udiv", Value::Any),
        3 => ("sdiv", Value::Any),
        8 => ("lslv", Value::Any),
        9 if w.rn() != ZERO => ("lsrv", Value::ShiftRight(w.rn(), None)),
        9 => ("lsrv", Value::Short),
        10 => ("asrv", Value::Any),
        11 => ("rorv", Value::Any),
        _ => return None,
    };
    (!w.bit(29)).then(|| Meaning::new(name, &[w.rd(), w.rn(), w.rm()]).sets(w.rd(), value, w.width()))
}

fn three_sources(w: Fields) -> Option<Meaning> {
    let ra = w.register(10);
    let name = match (w.wide(), w.field(21, 3), w.bit(15)) {
        (_, 0, false) => "madd",
        (_, 0, true) => "msub",
        (true, 1, false) => "smaddl",
        (true, 1, true) => "smsubl",
        (true, 2, false) if ra == ZERO => "smulh",
        (true, 5, false) => "umaddl",
        (true, 5, true) => "umsubl",
        (true, 6, false) if ra == ZERO => "umulh",
        _ => return None,
    };
    let meaning = || Meaning::new(name, &[w.rd(), w.rn(), w.rm(), ra]).sets(w.rd(), Value::Any, w.width());
    (w.field(29, 2) == 0).then(meaning)
}
