//! What is known at one place of a function: intervals of values, and which value is at most which other.
//!
//! ```text
//!   intervals   at the definition, narrowed by the branches on the way here
//!   relations   int(a) + n <= int(b) as unsigned numbers, by the same branches
//! ```
//! Going down the dominator tree adds to it, going back up takes that away again.
//!
//! A value is seen as its root and two distances: `int(v) = (int(root) + inner) mod 2^bits + outer`, where `outer` is
//! what was added without leaving the type, and `inner` what may have left it. Two values of one root are compared
//! by their distances where the way from one to the other does not wrap, which the intervals tell.

use std::{cell::Cell, collections::HashMap};

use cranelift_codegen::{
    entity::SecondaryMap,
    ir::{
        Function, InstructionData, Opcode, Value,
        condcodes::{CondCode, IntCC},
    },
};
use rustc_hash::FxBuildHasher;

use super::{
    interval::{Interval, to_signed, unsigned_max},
    transfer::{self, Chosen, bits, chosen, constant},
};

/// How far definitions are followed to narrow what a branch says about their result.
const DEPTH: u32 = 5;
/// How many relations are chained.
const CHAIN: u32 = 5;
/// Steps of one proof, each a pair of values or a relation that is looked at: relations may branch.
const STEPS: usize = 200;
/// Steps of all proofs of one walk.
const STEPS_AN_INSTRUCTION: usize = 8;
/// The same of a function without any.
const FEW_STEPS: usize = 2000;
/// Relations remembered of one root.
const RELATIONS: usize = 12;

/// `int(of) + distance <= int(to)`.
#[derive(Clone, Copy, Debug)]
struct Relation {
    of: Value,
    distance: i64,
    to: Value,
}

/// See the module's text.
#[derive(Clone, Copy, Debug)]
struct Term {
    root: Value,
    bits: u32,
    inner: u64,
    outer: i64,
}

/// What is known of one value.
#[derive(Clone, Copy, Default)]
struct Known {
    /// What it may be, if that was said.
    interval: Option<Interval>,
    /// When it was defined, and when a branch last narrowed it: what is older than both cannot narrow it again.
    defined: u32,
    narrowed: u32,
}

/// What to take away again.
enum Undo {
    Interval(Value, Known),
    Relation(Value),
}

/// See the module's text.
pub struct Scope<'f> {
    /// The function.
    pub func: &'f Function,
    /// What is known of loads whose place means something.
    known: &'f HashMap<Value, Interval>,
    /// Whether branches say something.
    branches: bool,
    values: SecondaryMap<Value, Known>,
    /// Goes up with every definition and every narrowing.
    time: u32,
    relations: HashMap<Value, Vec<Relation>, FxBuildHasher>,
    undo: Vec<Undo>,
    /// Steps of proofs left: what a function may take grows with its size.
    steps: Cell<usize>,
}

impl<'f> Scope<'f> {
    /// Knows of nothing but `known`.
    pub fn new(func: &'f Function, known: &'f HashMap<Value, Interval>, branches: bool) -> Self {
        Self {
            func,
            known,
            branches,
            values: SecondaryMap::with_capacity(func.dfg.num_values()),
            time: 0,
            relations: HashMap::default(),
            undo: Vec::new(),
            steps: Cell::new(FEW_STEPS + STEPS_AN_INSTRUCTION * func.dfg.num_insts()),
        }
    }

    /// A mark to come back to.
    pub fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Forgets what was learnt since `mark`.
    pub fn back_to(&mut self, mark: usize) {
        while self.undo.len() > mark {
            match self.undo.pop() {
                Some(Undo::Interval(value, old)) => self.values[value] = old,
                Some(Undo::Relation(root)) => drop(self.relations.get_mut(&root).and_then(Vec::pop)),
                None => {}
            }
        }
    }

    /// Says what `value` may be wherever it is defined.
    pub fn define(&mut self, value: Value, interval: Interval) {
        self.time += 1;
        self.values[value] = Known { interval: Some(interval), defined: self.time, narrowed: 0 };
    }

    /// Computes what the result of `inst` may be.
    pub fn define_result(&mut self, inst: cranelift_codegen::ir::Inst) {
        let [value] = *self.func.dfg.inst_results(inst) else { return };
        let Some(bits) = bits(self.func, value) else { return };
        let computed = transfer::result(self.func, inst, &mut |operand| self.interval_within(operand, 1));
        let mut interval = computed.unwrap_or(Interval::full(bits));
        if let Some(known) = self.known.get(&value) {
            interval = interval.meet(known).unwrap_or(interval);
        }
        self.define(value, interval);
    }

    /// What `value`, an integer, may be here.
    pub fn interval(&self, value: Value) -> Interval {
        self.interval_within(self.func.dfg.resolve_aliases(value), 3)
    }

    fn interval_within(&self, value: Value, depth: u32) -> Interval {
        let value = self.func.dfg.resolve_aliases(value);
        // A constant is the same wherever it is made, further down, too.
        let full = || constant(self.func, value).unwrap_or(Interval::full(bits(self.func, value).unwrap_or(64)));
        let mut out = self.values[value].interval.unwrap_or_else(full);
        // Operands may be known better by now than they were then.
        if depth > 0
            && out.only().is_none()
            && self.is_made_of_newer(value, depth)
            && let Some(inst) = self.func.dfg.value_def(value).inst()
            && let Some(now) = transfer::result(self.func, inst, &mut |v| self.interval_within(v, depth - 1))
        {
            out = out.meet(&now).unwrap_or(out);
        }
        out
    }

    /// Whether something that `value` is made of was narrowed behind the definition of what is made of it, or `value` is
    /// further down and has no definition yet.
    fn is_made_of_newer(&self, value: Value, depth: u32) -> bool {
        let Some(inst) = self.func.dfg.value_def(value).inst() else { return false };
        if !transfer::depends(self.func.dfg.insts[inst].opcode()) {
            return false;
        }
        let defined = self.values[value].defined;
        defined == 0
            || self.func.dfg.inst_args(inst).iter().any(|operand| {
                let operand = self.func.dfg.resolve_aliases(*operand);
                self.values[operand].narrowed > defined || depth > 1 && self.is_made_of_newer(operand, depth - 1)
            })
    }

    // ---- branches ----

    /// Learns that `condition` is not zero, or that it is. Gives false if that cannot be.
    pub fn assume(&mut self, condition: Value, holds: bool) -> bool {
        !self.branches || self.assume_within(condition, holds, DEPTH)
    }

    fn assume_within(&mut self, condition: Value, holds: bool, depth: u32) -> bool {
        let condition = self.func.dfg.resolve_aliases(condition);
        let Some(bits) = bits(self.func, condition) else { return true };
        let cc = if holds { IntCC::NotEqual } else { IntCC::Equal };
        if !self.narrow_where(condition, cc, Interval::constant(bits, 0)) {
            return false;
        }
        let Some(inst) = self.func.dfg.value_def(condition).inst().filter(|_| depth > 0) else { return true };
        let data = self.func.dfg.insts[inst];
        match data {
            InstructionData::IntCompare { cond, args: [a, b], .. } => {
                let cond = if holds { cond } else { cond.complement() };
                self.assume_compares(a, cond, b, depth - 1)
            }
            InstructionData::Unary { opcode: Opcode::Uextend | Opcode::Sextend, arg } => {
                self.assume_within(arg, holds, depth - 1)
            }
            InstructionData::Binary { opcode: Opcode::Band, args: [a, b] } if holds => {
                self.assume_within(a, true, depth - 1) && self.assume_within(b, true, depth - 1)
            }
            InstructionData::Binary { opcode: Opcode::Bor, args: [a, b] } if !holds => {
                self.assume_within(a, false, depth - 1) && self.assume_within(b, false, depth - 1)
            }
            _ => true,
        }
    }

    fn assume_compares(&mut self, a: Value, cc: IntCC, b: Value, depth: u32) -> bool {
        let (left, right) = (self.interval(a), self.interval(b));
        if !self.narrow_where(a, cc, right) || !self.narrow_where(b, cc.swap_args(), left) {
            return false;
        }
        if right.only() == Some(0) && matches!(cc, IntCC::Equal | IntCC::NotEqual) && left.max == 1 {
            return self.assume_within(a, cc == IntCC::NotEqual, depth);
        }
        if let Some((a, below, b)) = self.order(a, cc, b) {
            self.relate(a, below, b);
        }
        match cc {
            IntCC::Equal => {
                self.relate(a, 0, b);
                self.relate(b, 0, a);
            }
            IntCC::NotEqual => {
                if self.is_at_most(a, 0, b) {
                    self.relate(a, 1, b);
                } else if self.is_at_most(b, 0, a) {
                    self.relate(b, 1, a);
                }
            }
            _ => {}
        }
        true
    }

    /// Learns that `a` is below `b`, by at least one where `below` is 1, as a branch would say it.
    pub fn bound(&mut self, a: Value, below: i64, b: Value) {
        let cc = if below > 0 { IntCC::UnsignedLessThan } else { IntCC::UnsignedLessThanOrEqual };
        if self.branches {
            self.assume_compares(a, cc, b, DEPTH);
        }
    }

    fn narrow_where(&mut self, value: Value, cc: IntCC, than: Interval) -> bool {
        match self.interval(value).where_compares(cc, &than) {
            Some(interval) => self.narrow(value, interval, DEPTH),
            None => false,
        }
    }

    /// Learns that `value` is in `interval` here, and what follows for what it is made of.
    fn narrow(&mut self, value: Value, interval: Interval, depth: u32) -> bool {
        let value = self.func.dfg.resolve_aliases(value);
        let before = self.interval(value);
        let Some(now) = before.meet(&interval) else { return false };
        if now == before || constant(self.func, value).is_some() {
            return true;
        }
        self.undo.push(Undo::Interval(value, self.values[value]));
        self.time += 1;
        let known = &mut self.values[value];
        (known.interval, known.narrowed) = (Some(now), self.time);
        let Some(inst) = self.func.dfg.value_def(value).inst().filter(|_| depth > 0) else { return true };
        use Opcode::{Band, Iadd, Ireduce, Ishl, Isub, Uextend, Ushr};
        match self.func.dfg.insts[inst] {
            InstructionData::Binary { opcode, args: [a, b] } => {
                let Some(right) = constant(self.func, b) else { return true };
                let number = right.only().unwrap_or_default();
                let of = self.interval(a);
                let by = (number % u64::from(now.bits)) as u32;
                let operand = match opcode {
                    Iadd => now.sub(&right),
                    Isub => now.add(&right),
                    Ushr if now.max <= unsigned_max(now.bits) >> by => {
                        Interval::unsigned(now.bits, now.min << by, now.max << by | ((1 << by) - 1))
                    }
                    Ishl if of.max <= unsigned_max(now.bits) >> by => {
                        Interval::unsigned(now.bits, now.min >> by, now.max >> by)
                    }
                    // All but the lowest bits.
                    Band if (!number & unsigned_max(now.bits)).wrapping_add(1).is_power_of_two() => {
                        Interval::unsigned(now.bits, now.min, now.max | !number & unsigned_max(now.bits))
                    }
                    _ => return true,
                };
                self.narrow(a, operand, depth - 1)
            }
            InstructionData::Unary { opcode: Uextend, arg } => {
                let Some(bits) = bits(self.func, arg) else { return true };
                self.narrow(arg, now.truncated(bits), depth - 1)
            }
            InstructionData::Unary { opcode: Ireduce, arg } => {
                let whole = self.interval(arg);
                if whole.max > unsigned_max(now.bits) {
                    return true;
                }
                self.narrow(arg, now.zero_extended(whole.bits), depth - 1)
            }
            _ => true,
        }
    }

    // ---- relations ----

    /// Which of both is below the other, if `a cc b` holds: by at least so much. Signs matter not where there are none.
    pub fn order(&self, a: Value, cc: IntCC, b: Value) -> Option<(Value, i64, Value)> {
        use IntCC::{
            SignedGreaterThan, SignedGreaterThanOrEqual, SignedLessThan, SignedLessThanOrEqual, UnsignedGreaterThan,
            UnsignedGreaterThanOrEqual, UnsignedLessThan, UnsignedLessThanOrEqual,
        };
        let positive = || self.interval(a).smin >= 0 && self.interval(b).smin >= 0;
        match cc {
            UnsignedLessThan => Some((a, 1, b)),
            UnsignedLessThanOrEqual => Some((a, 0, b)),
            UnsignedGreaterThan => Some((b, 1, a)),
            UnsignedGreaterThanOrEqual => Some((b, 0, a)),
            SignedLessThan if positive() => Some((a, 1, b)),
            SignedLessThanOrEqual if positive() => Some((a, 0, b)),
            SignedGreaterThan if positive() => Some((b, 1, a)),
            SignedGreaterThanOrEqual if positive() => Some((b, 0, a)),
            _ => None,
        }
    }

    /// Learns that `int(a) + distance <= int(b)`.
    fn relate(&mut self, a: Value, distance: i64, b: Value) {
        if constant(self.func, a).is_some() || constant(self.func, b).is_some() || !self.branches {
            return;
        }
        let root = self.term(a).root;
        let known = self.relations.entry(root).or_default();
        if known.len() < RELATIONS {
            known.push(Relation { of: a, distance, to: b });
            self.undo.push(Undo::Relation(root));
        }
    }

    /// Whether `int(a) + distance <= int(b)` is sure.
    pub fn is_at_most(&self, a: Value, distance: i64, b: Value) -> bool {
        let most = STEPS.min(self.steps.get());
        let mut left = most;
        let proven = self.proves(a, distance.into(), b, CHAIN, &mut left);
        self.steps.set(self.steps.get() - (most - left));
        proven
    }

    fn proves(&self, a: Value, distance: i128, b: Value, chain: u32, steps: &mut usize) -> bool {
        if *steps == 0 {
            return false;
        }
        *steps -= 1;
        let (left, right) = (self.interval(a), self.interval(b));
        if i128::from(left.max) + distance <= i128::from(right.min) {
            return true;
        }
        let (from, to) = (self.term(a), self.term(b));
        if let Some(apart) = self.apart(&from, &left, &to, &right)
            && apart + distance <= 0
        {
            return true;
        }
        if chain == 0 {
            return false;
        }
        for relation in self.relations.get(&from.root).into_iter().flatten().rev() {
            if *steps == 0 {
                return false;
            }
            *steps -= 1;
            let (of, of_interval) = (self.term(relation.of), self.interval(relation.of));
            let Some(apart) = self.apart(&from, &left, &of, &of_interval) else { continue };
            if self.proves(relation.to, distance + apart - i128::from(relation.distance), b, chain - 1, steps) {
                return true;
            }
        }
        self.proves_by_parts(a, distance, b, chain, steps)
    }

    /// By what `a` or `b` is made of.
    fn proves_by_parts(&self, a: Value, distance: i128, b: Value, chain: u32, steps: &mut usize) -> bool {
        let whole = self.stripped(a);
        if let Some(inst) = self.func.dfg.value_def(whole).inst() {
            let args = self.func.dfg.inst_args(inst);
            let opcode = self.func.dfg.insts[inst].opcode();
            let mut less = |v: Value, distance| self.proves(v, distance, b, chain - 1, steps);
            let holds = match (opcode, args) {
                (Opcode::Select, [c, x, y]) if chosen(self.func, *c, *x, *y) == Chosen::Least => {
                    less(*x, distance) || less(*y, distance)
                }
                (Opcode::Select | Opcode::SelectSpectreGuard, [_, x, y]) => less(*x, distance) && less(*y, distance),
                (Opcode::Umin | Opcode::Band, [x, y]) => less(*x, distance) || less(*y, distance),
                (Opcode::Ushr, [x, _]) => less(*x, distance),
                (Opcode::Iadd, [x, y]) => {
                    let (p, q) = (self.interval(*x), self.interval(*y));
                    let fits = u128::from(p.max) + u128::from(q.max) <= unsigned_max(p.bits).into();
                    fits && (less(*x, distance + i128::from(q.max))
                        || less(*y, distance + i128::from(p.max))
                        || self.proves_by_rest([*x, *y], distance, b, chain, steps)
                        || self.proves_by_rest([*y, *x], distance, b, chain, steps))
                }
                (Opcode::Isub, [x, y]) => {
                    let (p, q) = (self.interval(*x), self.interval(*y));
                    q.max <= p.min && less(*x, distance - i128::from(q.min))
                }
                _ => false,
            };
            if holds {
                return true;
            }
        }
        let whole = self.stripped(b);
        let Some(inst) = self.func.dfg.value_def(whole).inst() else { return false };
        let args = self.func.dfg.inst_args(inst);
        let mut more = |v: Value, distance| self.proves(a, distance, v, chain - 1, steps);
        match (self.func.dfg.insts[inst].opcode(), args) {
            (Opcode::Select, [c, x, y]) if chosen(self.func, *c, *x, *y) == Chosen::Most => {
                more(*x, distance) || more(*y, distance)
            }
            (Opcode::Select, [_, x, y]) => more(*x, distance) && more(*y, distance),
            (Opcode::Iadd, [x, y]) => {
                let (p, q) = (self.interval(*x), self.interval(*y));
                let fits = u128::from(p.max) + u128::from(q.max) <= unsigned_max(p.bits).into();
                fits && (more(*x, distance - i128::from(q.min)) || more(*y, distance - i128::from(p.min)))
            }
            _ => false,
        }
    }

    /// Of `x + y`, which does not wrap, by what is known of `y` and what is left of something less `x`:
    /// `y + n <= p - x - c` says that `x + y + n + c <= p`.
    fn proves_by_rest(&self, [x, y]: [Value; 2], distance: i128, b: Value, chain: u32, steps: &mut usize) -> bool {
        let (y_term, y_interval) = (self.term(y), self.interval(y));
        for relation in self.relations.get(&y_term.root).into_iter().flatten().rev() {
            if *steps == 0 {
                return false;
            }
            *steps -= 1;
            let (of, of_interval) = (self.term(relation.of), self.interval(relation.of));
            let Some(above) = self.apart(&y_term, &y_interval, &of, &of_interval) else { continue };
            let Some((whole, taken, also)) = self.rest(relation.to, chain, steps) else { continue };
            let (x_term, taken_term) = (self.term(x), self.term(taken));
            let Some(apart) = self.apart(&x_term, &self.interval(x), &taken_term, &self.interval(taken)) else {
                continue;
            };
            let left = distance + above + apart - i128::from(relation.distance) - i128::from(also);
            if self.proves(whole, left, b, chain - 1, steps) {
                return true;
            }
        }
        false
    }

    /// `p`, `q` and `c` of a value that is `p - q - c` without wrapping.
    fn rest(&self, value: Value, chain: u32, steps: &mut usize) -> Option<(Value, Value, u64)> {
        let mut value = self.stripped(value);
        let mut also = 0_u64;
        if let Some((of, n)) = self.added(value) {
            let taken = to_signed(bits(self.func, value)?, n).checked_neg()?;
            also = u64::try_from(taken).ok()?;
            value = self.stripped(of);
        }
        let inst = self.func.dfg.value_def(value).inst()?;
        let InstructionData::Binary { opcode: Opcode::Isub, args: [p, q] } = self.func.dfg.insts[inst] else {
            return None;
        };
        self.proves(q, also.into(), p, chain - 1, steps).then_some((p, q, also))
    }

    /// What has the same number in another width.
    fn stripped(&self, value: Value) -> Value {
        let mut value = self.func.dfg.resolve_aliases(value);
        for _ in 0..4 {
            let Some(inst) = self.func.dfg.value_def(value).inst() else { break };
            match self.func.dfg.insts[inst] {
                InstructionData::Unary { opcode: Opcode::Uextend, arg } => value = self.func.dfg.resolve_aliases(arg),
                InstructionData::Unary { opcode: Opcode::Ireduce, arg }
                    if self.interval(arg).max <= unsigned_max(bits(self.func, value).unwrap_or(1)) =>
                {
                    value = self.func.dfg.resolve_aliases(arg);
                }
                _ => break,
            }
        }
        value
    }

    /// What is added, if `value` is a sum of something and a constant.
    fn added(&self, value: Value) -> Option<(Value, u64)> {
        let inst = self.func.dfg.value_def(value).inst()?;
        let InstructionData::Binary { opcode, args: [a, b] } = self.func.dfg.insts[inst] else { return None };
        let number = |v| constant(self.func, v).and_then(|c| c.only());
        match (opcode, number(a), number(b)) {
            (Opcode::Iadd, _, Some(n)) => Some((a, n)),
            (Opcode::Iadd, Some(n), _) => Some((b, n)),
            (Opcode::Isub, _, Some(n)) => Some((a, n.wrapping_neg())),
            _ => None,
        }
    }

    fn term(&self, value: Value) -> Term {
        let (mut value, mut outer) = (self.stripped(value), 0_i64);
        for _ in 0..8 {
            let Some((of, n)) = self.added(value) else { break };
            let interval = self.interval(of);
            let n = to_signed(interval.bits, n);
            let fits = if n < 0 {
                interval.min >= n.unsigned_abs()
            } else {
                u128::from(interval.max) + n as u128 <= unsigned_max(interval.bits).into()
            };
            let Some(sum) = outer.checked_add(n).filter(|_| fits) else { break };
            (outer, value) = (sum, self.stripped(of));
        }
        let bits = bits(self.func, value).unwrap_or(64);
        let (mut root, mut inner) = (value, 0_u64);
        for _ in 0..8 {
            let Some((of, n)) = self.added(root) else { break };
            inner = inner.wrapping_add(n) & unsigned_max(bits);
            root = self.func.dfg.resolve_aliases(of);
        }
        // In the type that the sum is made in its number is the same, however wide the root is.
        Term { root: self.stripped(root), bits, inner, outer }
    }

    /// `int(a) - int(b)`, if both have one root and the way from one to the other does not wrap.
    fn apart(&self, a: &Term, a_interval: &Interval, b: &Term, b_interval: &Interval) -> Option<i128> {
        if a.root != b.root || a.inner != 0 && b.inner != 0 && a.bits != b.bits {
            return None;
        }
        let bits = if a.inner == 0 { b.bits } else { a.bits };
        let outer = i128::from(a.outer) - i128::from(b.outer);
        let inner = to_signed(bits, a.inner.wrapping_sub(b.inner));
        if inner == 0 {
            return Some(outer);
        }
        // The inner part of one, taken `by` further, must stay in the type: then it is that of the other.
        let stays = |interval: &Interval, outer: i64, by: i128| {
            let (min, max) =
                (i128::from(interval.min) - i128::from(outer), i128::from(interval.max) - i128::from(outer));
            min + by >= 0 && max + by <= unsigned_max(bits).into()
        };
        let by = i128::from(inner);
        (stays(a_interval, a.outer, -by) || stays(b_interval, b.outer, by)).then_some(by + outer)
    }
}
