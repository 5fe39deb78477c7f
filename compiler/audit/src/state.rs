//! What is known about registers and frame at one place of a function.
//!
//! ```text
//!   at the start   rdi = Call, callee-saved = Saved(itself), all else Unknown
//!   joins          what both sides know; the weaker of two charges
//! ```
//! It knows where the call block's address is, which values are the fuel in memory less something, and
//! which hold a callee-saved register's first value. Values written through other addresses than
//! rsp, rbp and the call block are taken not to hit the frame or the call block.

use std::collections::BTreeMap;

use iced_x86::Register;

/// Registers that a function gives back as it found them, rsp and rbp aside.
pub const CALLEE_SAVED: [Register; 5] = [Register::RBX, Register::R12, Register::R13, Register::R14, Register::R15];

/// What a 64-bit register or frame slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// The address of the call block.
    Call,
    /// The fuel that memory holds now, less `drop`; exactly that, or more than that subtracted.
    Fuel {
        /// Least number subtracted.
        drop: u32,
        /// Nothing more is subtracted.
        exact: bool,
    },
    /// Any number from `least` to about 2^62.
    Count {
        /// Least value.
        least: u32,
    },
    /// A constant.
    Const(i64),
    /// What the register held at the function's start.
    Saved(Register),
}

/// A charge: how much at least, and whether it grows with a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Least units.
    pub least: u32,
    /// It may be more, by a number known only when it runs.
    pub by_length: bool,
}

impl Charge {
    const NONE: Self = Self { least: 0, by_length: false };

    fn join(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), by_length: self.by_length && other.by_length }
    }
}

/// Everything known at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    registers: [Option<Value>; 16],
    /// Values of 8-byte slots by offset from rbp.
    slots: BTreeMap<i32, Value>,
    /// Bytes between rbp and rsp.
    pub depth: u32,
    /// The flags say whether the fuel in memory is negative.
    pub flags_fuel: bool,
    /// Stored in memory and not compared with zero yet.
    pub pending: Option<Charge>,
    /// The last charge that was compared with zero and not used up by a helper or bulk operation.
    pub credit: Charge,
    /// Some charge was compared with zero on every way here.
    pub paid: bool,
}

impl State {
    /// At a function's start, behind its prologue.
    pub fn entry() -> Self {
        let mut state = Self {
            registers: [None; 16],
            slots: BTreeMap::new(),
            depth: 0,
            flags_fuel: false,
            pending: None,
            credit: Charge::NONE,
            paid: false,
        };
        state.set(Register::RDI, Some(Value::Call));
        for r in CALLEE_SAVED {
            state.set(r, Some(Value::Saved(r)));
        }
        state
    }

    /// Value of the 64-bit register that `r` is or is part of.
    pub fn get(&self, r: Register) -> Option<Value> {
        if r.is_gpr() { self.registers[r.full_register().number()] } else { None }
    }

    /// Sets the 64-bit register that `r` is or is part of.
    pub fn set(&mut self, r: Register, value: Option<Value>) {
        if r.is_gpr() {
            self.registers[r.full_register().number()] = value;
        }
    }

    /// Value of the slot at `at` from rbp.
    pub fn slot(&self, at: i32) -> Option<Value> {
        self.slots.get(&at).copied()
    }

    /// `bytes` bytes at `at` from rbp are written; with a value if they are a whole slot.
    pub fn set_slot(&mut self, at: i32, bytes: i32, value: Option<Value>) {
        self.slots.retain(|o, _| *o + 8 <= at || *o >= at + bytes);
        if let (Some(value), 8) = (value, bytes) {
            self.slots.insert(at, value);
        }
    }

    /// Forgets slots below rsp.
    pub fn cut_slots(&mut self) {
        let rsp = -(self.depth as i32);
        self.slots.retain(|o, _| *o >= rsp);
    }

    /// Memory's fuel becomes the value less `drop` that `from` holds: other values are counted anew.
    pub fn fuel_stored(&mut self, from: Register, drop: u32, exact: bool) {
        self.change_all(|v| match v {
            Value::Fuel { drop: d, exact: e } if e && exact && d >= drop => {
                Some(Value::Fuel { drop: d - drop, exact: true })
            }
            Value::Fuel { .. } => None,
            other => Some(other),
        });
        self.set(from, Some(Value::Fuel { drop: 0, exact: true }));
        self.flags_fuel = false;
        let before = self.pending.unwrap_or(Charge::NONE);
        let charge = Charge { least: before.least.saturating_add(drop), by_length: before.by_length || !exact };
        self.pending = (charge.least > 0).then_some(charge);
    }

    /// Another function ran: caller-saved registers and everything about the fuel are unknown.
    pub fn called(&mut self) {
        for i in [0, 1, 2, 6, 7, 8, 9, 10, 11] {
            self.registers[i] = None;
        }
        self.change_all(|v| if matches!(v, Value::Fuel { .. }) { None } else { Some(v) });
        self.flags_fuel = false;
    }

    /// The fuel was found not negative. Whether that closes a charge.
    pub fn checked(&mut self) -> bool {
        let Some(charge) = self.pending.take() else { return false };
        self.credit = charge;
        self.paid = true;
        true
    }

    /// Uses the credit up.
    pub fn spend(&mut self) -> Charge {
        std::mem::replace(&mut self.credit, Charge::NONE)
    }

    fn change_all(&mut self, change: impl Fn(Value) -> Option<Value>) {
        for r in &mut self.registers {
            *r = r.and_then(&change);
        }
        self.slots = self.slots.iter().filter_map(|(o, v)| Some((*o, change(*v)?))).collect();
    }

    /// Keeps what `other` knows as well. Whether anything was lost.
    pub fn join(&mut self, other: &Self) -> bool {
        let before = self.clone();
        for (a, b) in self.registers.iter_mut().zip(other.registers) {
            *a = join(*a, b);
        }
        self.slots = self.slots.iter().filter_map(|(o, v)| Some((*o, join(Some(*v), other.slot(*o))?))).collect();
        self.flags_fuel &= other.flags_fuel;
        self.pending = match (self.pending, other.pending) {
            (Some(a), Some(b)) => Some(a.join(b)),
            _ => None,
        };
        self.credit = self.credit.join(other.credit);
        self.paid &= other.paid;
        *self != before
    }
}

fn join(a: Option<Value>, b: Option<Value>) -> Option<Value> {
    use Value::{Count, Fuel};
    match (a?, b?) {
        (a, b) if a == b => Some(a),
        (Fuel { drop: d, .. }, Fuel { drop: e, .. }) => Some(Fuel { drop: d.min(e), exact: false }),
        (Count { least: m }, Count { least: n }) => Some(Count { least: m.min(n) }),
        _ => None,
    }
}
