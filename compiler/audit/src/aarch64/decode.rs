//! The list of allowed instructions, by their place in the encoding.
//!
//! ```text
//!   bits 28 to 25    100x  with an immediate        101x  branches and what is beside them
//!                    x1x0  loads and stores         x101  on registers
//! ```
//! Every bit of a word is looked at. What the code generator never writes is not on the list even where every CPU
//! has it: other write-backs than those of the stack pointer, conditions that are always true.

use super::fields::{Fields, ZERO};
use super::{BTI_C, BYTES, RET, arithmetic, memory};
use crate::effects::{Compare, Condition, Control, Effects, Operand, Register, Set, Value, Width};

/// What a word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The name of what it does.
    pub name: &'static str,
    /// Where control goes.
    pub control: Control,
    /// When a branch is taken.
    pub condition: Condition,
    /// What it does beside.
    pub effects: Effects,
    /// Registers that it names, one bit each; 31 may be either that there is.
    pub named: u32,
}

impl Meaning {
    /// An instruction that names these registers and does nothing yet.
    pub fn new(name: &'static str, named: &[Register]) -> Self {
        Self {
            name,
            control: Control::Next,
            condition: Condition::Other,
            effects: Effects::default(),
            named: named.iter().fold(0, |all, r| all | 1 << r),
        }
    }

    /// A register, which is no stack pointer, gets a value.
    pub fn sets(mut self, to: Register, value: Value, width: Width) -> Self {
        if to != ZERO {
            self.effects.written |= 1 << to;
            let narrow = width == Width::Narrow;
            if narrow || value != Value::Any {
                self.effects.sets.push(Set { to, value, narrow });
            }
        }
        self
    }

    /// The flags say something else.
    pub fn compares(mut self, compare: Compare) -> Self {
        self.effects.compare = Some(compare);
        self
    }

    fn goes(mut self, control: Control) -> Self {
        self.control = control;
        self
    }
}

/// Reads `word`, which stands at offset `at` of `.text`; `None` for what is not on the list.
pub fn decode(word: u32, at: u32) -> Option<Meaning> {
    let w = Fields(word);
    if word >> 16 == 0 {
        return Some(Meaning::new("udf", &[]).goes(Control::Fault));
    }
    match w.field(25, 4) {
        0b1000 | 0b1001 => arithmetic::immediate(w),
        0b1010 | 0b1011 => branch(w, at),
        0b0100 | 0b0110 | 0b1100 | 0b1110 => memory::access(w),
        0b0101 | 0b1101 => arithmetic::registers(w),
        _ => None,
    }
}

fn branch(w: Fields, at: u32) -> Option<Meaning> {
    let to = |field, bits| u64::from(at).wrapping_add_signed(w.signed(field, bits) * i64::from(BYTES));
    let meaning = match w.0 {
        RET => Meaning::new("ret", &[super::LR]).goes(Control::Return),
        0xd503_201f => Meaning::new("nop", &[]),
        // Holds back what the CPU guesses, where an index is masked.
        0xd503_229f => Meaning::new("csdb", &[]),
        BTI_C => Meaning::new("bti", &[]),
        _ if w.is(0xfc00_0000, 0x1400_0000) => Meaning::new("b", &[]).goes(Control::Jump(to(0, 26))),
        _ if w.is(0xfc00_0000, 0x9400_0000) => Meaning::new("bl", &[]).goes(Control::Call(to(0, 26))),
        _ if w.is(0xff00_0010, 0x5400_0000) => {
            let condition = condition(w.field(0, 4))?;
            Meaning { condition, ..Meaning::new("b.cond", &[]) }.goes(Control::Branch(to(5, 19)))
        }
        _ if w.is(0x7e00_0000, 0x3400_0000) => {
            let (name, condition) = match w.bit(24) {
                false => ("cbz", Condition::Equal),
                true => ("cbnz", Condition::NotEqual),
            };
            let named = Meaning { condition, ..Meaning::new(name, &[w.rd()]) }.goes(Control::Branch(to(5, 19)));
            named.compares(compare(w.rd(), w.width(), Operand::Const(0)))
        }
        _ if w.is(0x7e00_0000, 0x3600_0000) => {
            let name = if w.bit(24) { "tbnz" } else { "tbz" };
            Meaning::new(name, &[w.rd()]).goes(Control::Branch(to(5, 14))).compares(Compare::Unknown)
        }
        _ => return None,
    };
    Some(meaning)
}

/// What a condition code asks of a comparison; 14 and 15 ask nothing.
pub fn condition(code: u32) -> Option<Condition> {
    Some(match code {
        0 => Condition::Equal,
        1 => Condition::NotEqual,
        2 => Condition::NotBelow,
        3 => Condition::Below,
        // Of the fuel with a charge, which is all that is asked this, the sign is the order: neither is near the ends.
        4 | 11 => Condition::Less,
        5 | 10 => Condition::NotLess,
        14 | 15 => return None,
        _ => Condition::Other,
    })
}

/// The comparison of register `r`, where 31 is zero.
pub fn compare(r: Register, width: Width, with: Operand) -> Compare {
    if r == ZERO { Compare::Unknown } else { Compare::With(r, width, with) }
}
