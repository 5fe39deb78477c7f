//! What is known about registers and frame at one place of a function.
//!
//! ```text
//!   at the start   first argument = Call, callee-saved = Saved(itself), all else unknown
//!   joins          what both sides know: equal values stay equal only if they are so on both sides
//! ```
//! Values have numbers of their own, so that what a branch finds out about one holds in every place that
//! has a copy. Values written through other addresses than the stack pointer, the frame pointer and the call
//! block are taken not to hit the frame or the call block.

mod fuel;
mod pairs;

use std::collections::BTreeMap;

use wasmkc_abi::limits::MAX_FRAME_BYTES;

use crate::effects::Register;
use crate::machine::Machine;
use crate::value::{Charge, Fact, Id, Kind};
use pairs::Pairs;

/// Most pairs of a dividend and a divisor that are remembered at one place.
const MAX_APART: usize = 8;

/// What the flags say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flags {
    /// Nothing.
    Unknown,
    /// A value, or its low half, was compared with a number.
    Compared {
        /// Which value.
        of: Id,
        /// With what.
        with: u64,
        /// All 64 bits of it.
        wide: bool,
    },
    /// Two values of kind `Is` were anded.
    Both(Id, Id),
    /// The stack pointer of a frame this deep was compared with the limit.
    Stack(u32),
    /// A value of kind `Fuel` was compared with a number.
    Fuel {
        /// Which value.
        of: Id,
        /// With what.
        with: i64,
    },
}

/// One value is not the smallest integer, or the other is not -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apart {
    /// The dividend.
    pub dividend: Id,
    /// The divisor.
    pub divisor: Id,
    /// In 64 bits, or in the low 32.
    pub wide: bool,
}

/// Everything known at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    machine: Machine,
    /// Those of the frame hold nothing here: what they are is known by the depth.
    registers: Vec<Id>,
    /// Eight-byte slots of the frame by their offset from the frame pointer.
    slots: BTreeMap<i32, Id>,
    /// What memory holds where the fuel belongs.
    fuel: Id,
    facts: Vec<Fact>,
    apart: Vec<Apart>,
    /// Bytes from the stack pointer to the frame pointer.
    pub depth: u32,
    /// What the flags say.
    pub flags: Flags,
    /// Depth at which the stack was checked on every way here.
    pub checked: Option<u32>,
    /// The last charge on every way here that nothing has used up.
    pub charge: Charge,
    /// Some charge was paid on every way here.
    pub paid: bool,
}

impl State {
    /// At a function's start, behind its prologue.
    pub fn entry(machine: Machine) -> Self {
        let convention = machine.convention();
        let mut state = Self {
            machine,
            registers: (0..convention.registers as Id).collect(),
            slots: BTreeMap::new(),
            fuel: 0,
            facts: vec![Fact::ANY; convention.registers],
            apart: Vec::new(),
            depth: 0,
            flags: Flags::Unknown,
            checked: convention.checks_stack.then_some(MAX_FRAME_BYTES),
            charge: Charge::default(),
            paid: false,
        };
        state.stored_by_others();
        state.set(convention.arguments[0], Fact::new(Kind::Call));
        for r in convention.callee_saved {
            state.set(*r, Fact::new(Kind::Saved(*r)));
        }
        state
    }

    /// How many places it knows of.
    pub fn places(&self) -> usize {
        self.registers.len() + self.slots.len() + 1
    }

    /// The machine whose registers these are.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// Number of the value in register `r`, which is none of the frame's.
    pub fn id(&self, r: Register) -> Id {
        self.registers[usize::from(r)]
    }

    /// What is known about a value.
    pub fn fact(&self, id: Id) -> &Fact {
        &self.facts[id as usize]
    }

    /// The same, to add to it.
    pub fn fact_mut(&mut self, id: Id) -> &mut Fact {
        &mut self.facts[id as usize]
    }

    /// What register `r` holds.
    pub fn get(&self, r: Register) -> &Fact {
        self.fact(self.id(r))
    }

    /// The register gets a new value.
    pub fn set(&mut self, r: Register, fact: Fact) {
        let id = self.new_value(fact);
        self.copy(r, id);
    }

    /// The register gets a value that there is already.
    pub fn copy(&mut self, r: Register, id: Id) {
        self.registers[usize::from(r)] = id;
    }

    /// A value that no place holds yet.
    pub fn new_value(&mut self, fact: Fact) -> Id {
        self.facts.push(fact);
        (self.facts.len() - 1) as Id
    }

    /// Value of the slot at `at` from the frame pointer.
    pub fn slot(&self, at: i32) -> Option<Id> {
        self.slots.get(&at).copied()
    }

    /// `bytes` bytes at `at` from the frame pointer are written; with a value if they are a whole slot.
    pub fn set_slot(&mut self, at: i32, bytes: i32, value: Option<Id>) {
        let hit = at.saturating_sub(7)..at.saturating_add(bytes.max(1));
        while let Some((o, _)) = self.slots.range(hit.clone()).next() {
            let o = *o;
            self.slots.remove(&o);
        }
        if let (Some(value), 8) = (value, bytes) {
            self.slots.insert(at, value);
        }
    }

    /// Forgets slots below the stack pointer.
    pub fn cut_slots(&mut self) {
        self.slots = self.slots.split_off(&-(self.depth as i32));
    }

    /// Another function ran: caller-saved registers and the flags are unknown, charges are used up. One that `charges`
    /// leaves fuel that is unknown.
    pub fn called(&mut self, charges: bool) {
        let convention = self.machine.convention();
        for n in 0..convention.registers {
            if !convention.callee_saved.contains(&(n as Register)) {
                self.registers[n] = self.new_value(Fact::ANY);
            }
        }
        self.flags = Flags::Unknown;
        self.charge = Charge::default();
        if charges {
            self.stored_by_others();
        }
    }

    /// Notes that two values cannot overflow a division.
    pub fn set_apart(&mut self, apart: Apart) {
        if self.apart.len() < MAX_APART && !self.apart.contains(&apart) {
            self.apart.push(apart);
        }
    }

    /// Whether it is known that they cannot.
    pub fn is_apart(&self, apart: Apart) -> bool {
        self.apart.contains(&apart)
    }

    /// As it enters a block: values that no place holds are forgotten, and the flags.
    pub fn settled(&self) -> Self {
        self.meet(self)
    }

    /// Keeps what `other` knows as well. Whether anything was lost. Both are settled.
    pub fn join(&mut self, other: &Self) -> bool {
        let joined = self.meet(other);
        let changed = joined != *self;
        *self = joined;
        changed
    }

    fn meet(&self, other: &Self) -> Self {
        // A value of the result is a pair: places share one if they do so on both sides. Numbered in the
        // order of the places, so that equal knowledge looks equal.
        let mut pairs = Pairs::new(self.facts.len());
        let registers = self.registers.iter().zip(&other.registers).map(|(a, b)| pairs.number(*a, *b)).collect();
        let slots = self.slots.iter().filter_map(|(o, a)| Some((*o, pairs.number(*a, other.slot(*o)?)))).collect();
        let fuel = pairs.number(self.fuel, other.fuel);
        let name = |a: Id, b: Id| pairs.get(a, b);
        let facts = pairs.all.iter().map(|(a, b)| self.fact(*a).join(other.fact(*b), &name)).collect();
        let mut apart: Vec<Apart> = Vec::new();
        for (a, b) in self.apart.iter().flat_map(|a| other.apart.iter().map(move |b| (a, b))) {
            if let (Some(dividend), Some(divisor), true) =
                (name(a.dividend, b.dividend), name(a.divisor, b.divisor), a.wide == b.wide)
            {
                apart.push(Apart { dividend, divisor, wide: a.wide });
            }
        }
        apart.sort_unstable_by_key(|a| (a.dividend, a.divisor, a.wide));
        apart.dedup();
        apart.truncate(MAX_APART);
        let (a, b) = (self.charge, other.charge);
        Self {
            machine: self.machine,
            registers,
            slots,
            fuel,
            facts,
            apart,
            depth: self.depth,
            flags: Flags::Unknown,
            checked: self.checked.zip(other.checked).map(|(a, b)| a.min(b)),
            charge: Charge { units: a.units.min(b.units), of: a.of.zip(b.of).and_then(|(a, b)| name(a, b)) },
            paid: self.paid && other.paid,
        }
    }
}
