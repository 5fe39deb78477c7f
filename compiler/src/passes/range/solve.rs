//! Intervals of a whole function: down the dominator tree, again and again until loops say nothing new.
//!
//! Values that come into a loop's header are first taken for what they are before the loop; each walk adds what they
//! are behind a turn. Ends that still move after a few are moved on to the next constant that the function compares
//! with, and in the end as far as they can be. What no walk changes any more holds for every turn.
//!
//! A counter that goes up by one until it is equal to a limit stays below it if it starts there, whatever the limit
//! is and wherever in the loop it is tested: `Counter`.

use std::collections::HashMap;

use cranelift_codegen::{
    dominator_tree::DominatorTree,
    entity::SecondaryMap,
    flowgraph::ControlFlowGraph,
    ir::{
        Block, BlockArg, Function, Inst, InstructionData, Opcode, Value, ValueDef,
        condcodes::{CondCode, IntCC},
    },
};
use rustc_hash::FxBuildHasher;

use super::{
    interval::Interval,
    scope::Scope,
    transfer::{self, bits, block_of, constant},
};

/// Moves of a parameter's ends before they are moved on to constants.
const SMALL_MOVES: u32 = 2;
/// Moves before they are moved as far as they can be.
const MOVES: u32 = 6;
/// Branches that a loop's only way back is followed up.
const MOST_TESTS: usize = 16;
/// Walks before whatever comes into a header may be anything.
const MOST_WALKS: usize = 20;
/// Walks before nothing is said at all, which no function is known to need.
const ALL_WALKS: usize = 24;

/// A parameter of a loop's header that every turn raises by one.
struct Counter {
    /// Which parameter of the header.
    position: usize,
    param: Value,
    limit: Value,
    /// It is so far below the limit in every turn: 1, or 0 if the limit is its last value.
    below: i64,
}

/// What is known of one parameter.
type Incoming = HashMap<Value, Interval, FxBuildHasher>;

/// Who is shown what was found.
type Visit<'v> = &'v mut dyn FnMut(&mut Scope<'_>, Inst);

/// A function ready to be walked.
pub struct Solver<'f> {
    func: &'f Function,
    cfg: ControlFlowGraph,
    domtree: DominatorTree,
    /// Position of each block in reverse postorder.
    order: SecondaryMap<Block, u32>,
    /// Where a way back leads to.
    headers: SecondaryMap<Block, bool>,
    /// What only one branch leads to, with nothing but what it says.
    plain: SecondaryMap<Block, bool>,
    /// Every way back leads to a block that dominates it, as it does in wasm. Else nothing is said.
    reducible: bool,
    stops: Vec<i64>,
    counters: Vec<Counter>,
    /// Which of them are of a header.
    counters_of: HashMap<Block, std::ops::Range<usize>>,
}

/// Where a walk goes next.
enum Step {
    Enter(Block),
    Leave(usize),
}

impl<'f> Solver<'f> {
    /// Of `func`, whose blocks and instructions do not change meanwhile.
    pub fn new(func: &'f Function) -> Self {
        let cfg = ControlFlowGraph::with_function(func);
        let domtree = DominatorTree::with_function(func, &cfg);
        let mut order = SecondaryMap::new();
        domtree.cfg_rpo().zip(0..).for_each(|(block, n)| order[*block] = n);
        let (stops, counters, counters_of) = Default::default();
        let (headers, plain) = (SecondaryMap::new(), SecondaryMap::new());
        let mut solver =
            Self { func, cfg, domtree, order, headers, plain, reducible: true, stops, counters, counters_of };
        for block in solver.domtree.cfg_rpo().copied() {
            solver.headers[block] = solver.cfg.pred_iter(block).any(|pred| solver.is_back(pred.block, block));
            solver.plain[block] = solver.cfg.pred_iter(block).count() == 1 && func.dfg.block_params(block).is_empty();
        }
        solver.reducible = solver.is_reducible();
        solver.stops = solver.compared();
        solver.find_counters();
        solver
    }

    fn is_reducible(&self) -> bool {
        self.domtree.cfg_rpo().all(|block| {
            let mut ways = self.cfg.succ_iter(*block);
            ways.all(|to| self.order[to] > self.order[*block] || self.is_back(*block, to))
        })
    }

    fn is_back(&self, from: Block, to: Block) -> bool {
        self.domtree.block_dominates(to, from)
    }

    fn is_header(&self, block: Block) -> bool {
        self.headers[block]
    }

    /// Numbers that values are compared with, and their neighbours, ascending.
    fn compared(&self) -> Vec<i64> {
        let mut stops = Vec::new();
        for block in self.func.layout.blocks() {
            for inst in self.func.layout.block_insts(block) {
                let InstructionData::IntCompare { args, .. } = self.func.dfg.insts[inst] else { continue };
                for number in args.iter().filter_map(|arg| constant(self.func, *arg)) {
                    for n in [number.smin, number.max.min(i64::MAX as u64) as i64] {
                        stops.extend([n.saturating_sub(1), n, n.saturating_add(1)]);
                    }
                }
            }
        }
        stops.sort_unstable();
        stops.dedup();
        stops
    }

    fn find_counters(&mut self) {
        let headers: Vec<Block> = self.domtree.cfg_rpo().copied().filter(|block| self.is_header(*block)).collect();
        for header in headers {
            let first = self.counters.len();
            let found = self.counters_at(header);
            self.counters.extend(found);
            self.counters_of.insert(header, first..self.counters.len());
        }
    }

    fn counters_at(&self, header: Block) -> Vec<Counter> {
        let mut counters = Vec::new();
        let mut latches = self.cfg.pred_iter(header).filter(|p| self.is_back(p.block, header));
        // With one way back only.
        let (Some(latch), None) = (latches.next(), latches.next()) else { return counters };
        let pool = &self.func.dfg.value_lists;
        let calls = self.func.dfg.insts[latch.inst]
            .branch_destination(&self.func.dfg.jump_tables, &self.func.dfg.exception_tables);
        let mut backs = calls.iter().filter(|call| call.block(pool) == header);
        let (Some(back), None) = (backs.next(), backs.next()) else { return counters };
        let tests = self.tests_before(latch.inst, header);
        for (position, arg) in back.args(pool).enumerate() {
            let (Some(next), Some(&param)) = (arg.as_value(), self.func.dfg.block_params(header).get(position)) else {
                continue;
            };
            let next = self.func.dfg.resolve_aliases(next);
            if self.plus_one(next) != Some(param) {
                continue;
            }
            for (value, cc, limit) in tests.iter().flat_map(|&(cc, a, b)| [(a, cc, b), (b, cc.swap_args(), a)]) {
                let below = match cc {
                    IntCC::NotEqual | IntCC::UnsignedLessThan if value == next => 1,
                    IntCC::NotEqual | IntCC::UnsignedLessThan if value == param => 0,
                    _ => continue,
                };
                if constant(self.func, limit).is_some() || self.is_outside(limit, header) {
                    counters.push(Counter { position, param, limit, below });
                }
            }
        }
        counters
    }

    /// What was compared, and holds, whenever a turn of the loop at `header` comes to `latch`, which goes back to it:
    /// what the latch itself asks, and the branches that lead to blocks that no other way leads to.
    fn tests_before(&self, latch: Inst, header: Block) -> Vec<(IntCC, Value, Value)> {
        let mut tests = Vec::new();
        let (mut to, mut branch) = (header, Some(latch));
        for _ in 0..MOST_TESTS {
            if let Some(branch) = branch
                && let InstructionData::Brif { arg, blocks, .. } = &self.func.dfg.insts[branch]
            {
                let [yes, no] = blocks.map(|call| call.block(&self.func.dfg.value_lists));
                tests.extend((yes != no).then(|| self.condition(*arg, yes == to)).flatten());
            }
            let at = if to == header { self.func.layout.inst_block(latch) } else { self.domtree.idom(to) };
            let Some(block) = at.filter(|block| *block != header) else { break };
            let mut ways = self.cfg.pred_iter(block);
            branch = if let (Some(way), None) = (ways.next(), ways.next()) { Some(way.inst) } else { None };
            to = block;
        }
        tests
    }

    fn counters_of(&self, header: Block) -> std::ops::Range<usize> {
        self.counters_of.get(&header).cloned().unwrap_or_default()
    }

    /// What `condition` compares, as it `holds` or not.
    fn condition(&self, condition: Value, holds: bool) -> Option<(IntCC, Value, Value)> {
        let resolve = |v| self.func.dfg.resolve_aliases(v);
        let inst = self.func.dfg.value_def(transfer::condition(self.func, condition)).inst()?;
        match self.func.dfg.insts[inst] {
            InstructionData::IntCompare { cond, args: [a, b], .. } => {
                Some((if holds { cond } else { cond.complement() }, resolve(a), resolve(b)))
            }
            _ => None,
        }
    }

    fn plus_one(&self, value: Value) -> Option<Value> {
        let inst = self.func.dfg.value_def(value).inst()?;
        let InstructionData::Binary { opcode: Opcode::Iadd, args: [a, b] } = self.func.dfg.insts[inst] else {
            return None;
        };
        (constant(self.func, b)?.only() == Some(1)).then(|| self.func.dfg.resolve_aliases(a))
    }

    /// Whether `value` is the same in all turns of the loop that begins at `header`.
    fn is_outside(&self, value: Value, header: Block) -> bool {
        let block = block_of(self.func, value);
        block.is_some_and(|block| block != header && self.domtree.block_dominates(block, header))
    }

    /// Finds what holds and shows it: `visit` is called at each instruction that is reached, in an order in which
    /// whatever dominates comes first.
    pub fn solve(&self, known: &HashMap<Value, Interval>, branches: bool, visit: Visit<'_>) {
        if !self.reducible {
            return;
        }
        let mut headers = Incoming::default();
        let mut moves: HashMap<Value, u32, FxBuildHasher> = HashMap::default();
        for walk in 0.. {
            if walk == ALL_WALKS {
                return;
            }
            if walk >= MOST_WALKS {
                headers.values_mut().for_each(|interval| *interval = Interval::full(interval.bits));
            }
            let incoming = self.walk(known, branches, &headers, None);
            let mut stable = true;
            for (param, now) in incoming {
                let ValueDef::Param(block, _) = self.func.dfg.value_def(param) else { continue };
                if !self.is_header(block) {
                    continue;
                }
                let Some(before) = headers.get(&param).copied() else {
                    stable = false;
                    headers.insert(param, now);
                    continue;
                };
                if now.is_within(&before) {
                    continue;
                }
                stable = false;
                let joined = before.join(&now);
                let moved = moves.entry(param).or_default();
                *moved += 1;
                let next = if *moved <= SMALL_MOVES {
                    joined
                } else if *moved <= MOVES {
                    joined.widened(&before, &self.stops)
                } else {
                    joined.widened(&before, &[])
                };
                headers.insert(param, next);
            }
            if stable {
                break;
            }
        }
        self.walk(known, branches, &headers, Some(visit));
    }

    /// One walk. `headers` says what comes into headers from anywhere; gives what came.
    fn walk(
        &self,
        known: &HashMap<Value, Interval>,
        branches: bool,
        headers: &Incoming,
        mut visit: Option<Visit<'_>>,
    ) -> Incoming {
        let mut scope = Scope::new(self.func, known, branches);
        let mut incoming = Incoming::default();
        let mut reached: SecondaryMap<Block, bool> = SecondaryMap::new();
        // Whether every way into the loop keeps what the counter promises.
        let mut kept = vec![true; self.counters.len()];
        let Some(entry) = self.func.layout.entry_block() else { return incoming };
        reached[entry] = true;
        let mut steps = vec![Step::Enter(entry)];
        while let Some(step) = steps.pop() {
            let block = match step {
                Step::Leave(mark) => {
                    scope.back_to(mark);
                    continue;
                }
                Step::Enter(block) => block,
            };
            // Nothing comes of an end, most of which are traps, for other blocks.
            if !reached[block] || visit.is_none() && self.cfg.succ_iter(block).next().is_none() {
                continue;
            }
            steps.push(Step::Leave(scope.mark()));
            if !self.enter(&mut scope, block, headers, &incoming, &kept) {
                continue;
            }
            for inst in self.func.layout.block_insts(block) {
                scope.define_result(inst);
                if let Some(visit) = &mut visit {
                    visit(&mut scope, inst);
                }
            }
            self.leave(&mut scope, block, &mut incoming, &mut reached, &mut kept);
            let mut children: Vec<Block> = self.domtree.children(block).collect();
            children.sort_unstable_by_key(|child| std::cmp::Reverse(self.order[*child]));
            steps.extend(children.into_iter().map(Step::Enter));
        }
        incoming
    }

    /// What is known at the start of `block`; false if it is never reached.
    fn enter(
        &self,
        scope: &mut Scope<'_>,
        block: Block,
        headers: &Incoming,
        incoming: &Incoming,
        kept: &[bool],
    ) -> bool {
        let entry = self.func.layout.entry_block() == Some(block);
        for &param in self.func.dfg.block_params(block) {
            let Some(bits) = bits(self.func, param) else { continue };
            let before = incoming.get(&param);
            let interval = match headers.get(&param) {
                _ if entry => Interval::full(bits),
                Some(header) => before.map_or(*header, |before| header.join(before)),
                None => before.copied().unwrap_or(Interval::full(bits)),
            };
            scope.define(param, interval);
        }
        // The way here, where there is only one.
        let mut ways = self.cfg.pred_iter(block);
        if let (Some(way), None) = (ways.next(), ways.next())
            && let InstructionData::Brif { arg, blocks, .. } = &self.func.dfg.insts[way.inst]
        {
            let pool = &self.func.dfg.value_lists;
            let [yes, no] = blocks.map(|call| call.block(pool));
            if yes != no && !scope.assume(*arg, yes == block) {
                return false;
            }
        }
        for number in self.counters_of(block).filter(|number| kept[*number]) {
            let counter = &self.counters[number];
            scope.bound(counter.param, counter.below, counter.limit);
        }
        true
    }

    /// Passes on what is known at the end of `block`.
    fn leave(
        &self,
        scope: &mut Scope<'_>,
        block: Block,
        incoming: &mut Incoming,
        reached: &mut SecondaryMap<Block, bool>,
        kept: &mut [bool],
    ) {
        let Some(last) = self.func.layout.last_inst(block) else { return };
        let data = &self.func.dfg.insts[last];
        let condition = match data {
            InstructionData::Brif { arg, .. } => Some(*arg),
            _ => None,
        };
        let pool = &self.func.dfg.value_lists;
        let calls = data.branch_destination(&self.func.dfg.jump_tables, &self.func.dfg.exception_tables);
        let same = calls.len() == 2 && calls[0].block(pool) == calls[1].block(pool);
        for (position, call) in calls.iter().enumerate() {
            // Whether it is possible is seen where the block is entered.
            if self.plain[call.block(pool)] {
                reached[call.block(pool)] = true;
                continue;
            }
            let mark = scope.mark();
            let possible = match condition {
                Some(condition) if !same => scope.assume(condition, position == 0),
                _ => true,
            };
            if possible {
                let to = call.block(pool);
                reached[to] = true;
                let args: Vec<BlockArg> = call.args(pool).collect();
                for (arg, &param) in args.iter().zip(self.func.dfg.block_params(to)) {
                    let Some(bits) = bits(self.func, param) else { continue };
                    let now = arg.as_value().map_or(Interval::full(bits), |value| scope.interval(value));
                    incoming.entry(param).and_modify(|old| *old = old.join(&now)).or_insert(now);
                }
                for number in self.counters_of(to).filter(|_| !self.is_back(block, to)) {
                    let counter = &self.counters[number];
                    let start = args.get(counter.position).and_then(BlockArg::as_value);
                    kept[number] &= start.is_some_and(|v| scope.is_at_most(v, counter.below, counter.limit));
                }
            }
            scope.back_to(mark);
        }
    }
}
