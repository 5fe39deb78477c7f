//! `versions`: what is reached through one pointer is checked once, where the pointer is known.
//!
//! A filter that reads many fields of something in its memory has a check for each, and none says anything of the next
//! one: further fields are further out, and may not be read at all. So the code behind the pointer is there twice. One
//! comparison, with what the furthest of all those fields needs, leads to the version that checks nothing through this
//! pointer, or else to the other one, which is as it was and out of the way:
//!
//! ```text
//!   p = ...                          p = ...
//!   p + 12 inside? load              p inside by 1500?  ── no ──▶  the code on the left, cold
//!   p + 23 inside? load        ->    load p + 12
//!   each turn: p + i inside? load    load p + 23, each turn: load p + i
//! ```
//! All that the comparison dominates is copied, so values go from one version to what is behind both only as
//! arguments of branches. Which checks then fall is left to `checks`, which comes behind. Only where nothing is masked:
//! past a wrong guess the pointer may be anything.
//!
//! Gain: without it the filters of `make bench` that have packets in memory take 6 % more instructions (512 bytes, the
//! way in taken off), `checksum` 26 %; what others have in memory is at known places.

use std::collections::{BTreeMap, HashMap, HashSet};

use cranelift_codegen::{
    cursor::{Cursor, FuncCursor},
    dominator_tree::DominatorTree,
    flowgraph::ControlFlowGraph,
    ir::{Block, Function, Inst, InstBuilder, InstructionData, Opcode, Value, condcodes::IntCC, types},
    loop_analysis::LoopAnalysis,
};

use super::{
    range::{Interval, Scope, Solver, block_of, constant},
    rename,
};

/// Pointers of one function that get two versions of what is behind them.
const MOST_POINTERS: usize = 3;
/// Instructions of one function beside its own.
const MOST_COPIED: usize = 2000;
/// Checks that it takes, one in a loop counted as this many.
const FEWEST_CHECKS: usize = 3;
/// See `FEWEST_CHECKS`.
const IN_A_LOOP: usize = 3;
/// Furthest from a pointer that something is taken to belong to it.
const MOST_APART: i64 = 1 << 16;
/// Summands of an index.
const MOST_SUMMANDS: usize = 6;

/// A check of something that is reached through a pointer.
struct Check {
    block: Block,
    /// Largest number that the pointer may be.
    most: u64,
}

/// Makes versions in `func`, which has no masks. `known` says what loads give, those of copies too afterwards.
pub fn run(func: &mut Function, known: &mut HashMap<Value, Interval>) {
    if !has_checks(func) {
        return;
    }
    func.dfg.resolve_all_aliases();
    let mut done: HashSet<Value> = HashSet::new();
    let mut room = MOST_COPIED;
    for _ in 0..MOST_POINTERS {
        let places = Places::of(func);
        let pointers = pointers(func, known);
        let weighted = pointers.into_iter().filter(|(pointer, _)| !done.contains(pointer)).map(|(pointer, checks)| {
            let weight = checks.iter().map(|check| places.weight(func, pointer, check.block)).sum::<usize>();
            (weight, pointer, checks)
        });
        // The first of the best, so that the result is always the same.
        let best = weighted.filter(|(weight, ..)| *weight >= FEWEST_CHECKS).rev().max_by_key(|(weight, ..)| *weight);
        let Some((_, pointer, checks)) = best else { return };
        done.insert(pointer);
        let Some(place) = places.place(func, pointer, &checks) else { continue };
        let region = places.region(func, place);
        let size: usize = region.iter().map(|block| func.layout.block_insts(*block).count()).sum();
        if size > room || has_table(func, place, &region) {
            continue;
        }
        room -= size;
        let most = checks.iter().map(|check| check.most).min().unwrap_or_default();
        split(func, known, place, &region, pointer, most);
    }
}

/// Whether there is anything to do, said at little cost.
fn has_checks(func: &Function) -> bool {
    let mut ends = func.layout.blocks().filter_map(|block| func.layout.last_inst(block));
    ends.any(|end| checked(func, end).is_some())
}

/// An index, and the largest that it may be, if `end` traps where it is larger.
fn checked(func: &Function, end: Inst) -> Option<(Value, u64)> {
    let InstructionData::Brif { arg, blocks: [yes, _], .. } = func.dfg.insts[end] else { return None };
    let compare = func.dfg.value_def(func.dfg.resolve_aliases(arg)).inst()?;
    let InstructionData::IntCompare { cond: IntCC::UnsignedGreaterThan, args: [index, most], .. } =
        func.dfg.insts[compare]
    else {
        return None;
    };
    // Nothing else leads to where a trap is, and nothing but traps is cold so far: `translate/trap.rs`.
    let is_check = func.layout.is_cold(yes.block(&func.dfg.value_lists)) && func.dfg.value_type(index) == types::I32;
    Some((func.dfg.resolve_aliases(index), constant(func, most).filter(|_| is_check)?.min))
}

/// Checks by the pointer that they are of, those that are out of the way aside.
fn pointers(func: &Function, known: &HashMap<Value, Interval>) -> BTreeMap<Value, Vec<Check>> {
    let mut found: BTreeMap<Value, Vec<Check>> = BTreeMap::new();
    Solver::new(func).solve(known, true, &mut |scope, inst| {
        let Some((index, most)) = checked(func, inst) else { return };
        let Some(block) = func.layout.inst_block(inst).filter(|block| !func.layout.is_cold(*block)) else { return };
        if scope.interval(index).max > most
            && let Some((pointer, further)) = pointer(scope, index)
            && let Some(most) = most.checked_sub(further)
        {
            found.entry(pointer).or_default().push(Check { block, most });
        }
    });
    found
}

/// The summand of `index` that may be largest, and how much the others are at most, which must be little.
fn pointer(scope: &Scope<'_>, index: Value) -> Option<(Value, u64)> {
    let mut found: Vec<(Interval, Value)> = Vec::new();
    let mut summands = vec![index];
    while let Some(summand) = summands.pop() {
        let summand = scope.func.dfg.resolve_aliases(summand);
        match scope.func.dfg.value_def(summand).inst().map(|inst| scope.func.dfg.insts[inst]) {
            Some(InstructionData::Binary { opcode: Opcode::Iadd, args }) => summands.extend(args),
            _ => found.push((scope.interval(summand), summand)),
        }
        if found.len() + summands.len() > MOST_SUMMANDS {
            return None;
        }
    }
    let variable = |(interval, _): &&(Interval, Value)| interval.only().is_none();
    let (_, pointer) = *found.iter().filter(variable).max_by_key(|(interval, _)| interval.max)?;
    let others = || found.iter().filter(|(_, summand)| *summand != pointer).map(|(interval, _)| interval);
    if found.len() != others().count() + 1 || others().any(|i| i.smin < -MOST_APART || i.smax > MOST_APART) {
        return None;
    }
    let least: i64 = others().map(|interval| interval.smin).sum();
    let most: i64 = others().map(|interval| interval.smax).sum();
    Some((pointer, u64::try_from(most).ok().filter(|_| least >= 0)?))
}

/// Where things are in a function.
struct Places {
    domtree: DominatorTree,
    loops: LoopAnalysis,
}

impl Places {
    fn of(func: &Function) -> Self {
        let cfg = ControlFlowGraph::with_function(func);
        let domtree = DominatorTree::with_function(func, &cfg);
        let mut loops = LoopAnalysis::new();
        loops.compute(func, &cfg, &domtree);
        Self { domtree, loops }
    }

    fn depth(&self, block: Block) -> usize {
        self.loops.loop_level(block).level()
    }

    fn weight(&self, func: &Function, pointer: Value, block: Block) -> usize {
        let made = block_of(func, pointer);
        if made.is_some_and(|made| self.depth(block) > self.depth(made)) { IN_A_LOOP } else { 1 }
    }

    /// The last block before all checks, in no loop that the pointer is not made in.
    fn place(&self, func: &Function, pointer: Value, checks: &[Check]) -> Option<Block> {
        let made = block_of(func, pointer)?;
        let mut place = checks.first()?.block;
        for check in checks {
            while !self.domtree.block_dominates(place, check.block) {
                place = self.domtree.idom(place)?;
            }
        }
        while place != made && self.depth(place) > self.depth(made) {
            place = self.domtree.idom(place)?;
        }
        // Not so for a parameter of a block that is not reached, or the like.
        self.domtree.block_dominates(made, place).then_some(place)
    }

    /// All blocks that only `place` leads to.
    fn region(&self, func: &Function, place: Block) -> Vec<Block> {
        let dominated = |block: &Block| *block != place && self.domtree.block_dominates(place, *block);
        func.layout.blocks().filter(dominated).collect()
    }
}

/// Whether a table of branches would have to be copied.
fn has_table(func: &Function, place: Block, region: &[Block]) -> bool {
    let mut ends = region.iter().chain([&place]).filter_map(|block| func.layout.last_inst(*block));
    ends.any(|end| func.dfg.insts[end].opcode() == Opcode::BrTable)
}

/// Compares `pointer` at the end of `place` and copies what is behind.
fn split(
    func: &mut Function,
    known: &mut HashMap<Value, Interval>,
    place: Block,
    region: &[Block],
    pointer: Value,
    most: u64,
) {
    let Some(end) = func.layout.last_inst(place) else { return };
    let checked = func.dfg.make_block();
    func.layout.insert_block_after(checked, place);
    func.layout.remove_inst(end);
    func.layout.append_inst(end, checked);
    let blocks: Vec<Block> = [checked].into_iter().chain(region.iter().copied()).collect();
    let other = copy(func, known, &blocks);
    let mut cursor = FuncCursor::new(func).at_bottom(place);
    cursor.use_srcloc(end);
    let most = cursor.ins().iconst(types::I32, most as i64);
    let outside = cursor.ins().icmp(IntCC::UnsignedGreaterThan, pointer, most);
    cursor.ins().brif(outside, other, &[], checked, &[]);
}

/// Copies `blocks`, which branches lead into at the first only. Gives the copy of that, all of them cold.
fn copy(func: &mut Function, known: &mut HashMap<Value, Interval>, blocks: &[Block]) -> Block {
    let mut copies: HashMap<Block, Block> = HashMap::new();
    let mut values: HashMap<Value, Value> = HashMap::new();
    let mut insts = Vec::new();
    for &block in blocks {
        let copy = func.dfg.make_block();
        copies.insert(block, copy);
        func.layout.append_block(copy);
        func.layout.set_cold(copy);
        for param in func.dfg.block_params(block).to_vec() {
            let ty = func.dfg.value_type(param);
            values.insert(param, func.dfg.append_block_param(copy, ty));
        }
        for inst in func.layout.block_insts(block).collect::<Vec<_>>() {
            let new = func.dfg.clone_inst(inst);
            let mut cursor = FuncCursor::new(func).at_bottom(copy);
            cursor.use_srcloc(inst);
            cursor.insert_inst(new);
            let results = func.dfg.inst_results(inst).iter().zip(func.dfg.inst_results(new));
            values.extend(results.map(|(old, new)| (*old, *new)));
            insts.push(new);
        }
    }
    for inst in insts {
        rename(func, inst, &values);
        let dfg = &mut func.dfg;
        for call in dfg.insts[inst].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables) {
            if let Some(to) = copies.get(&call.block(&dfg.value_lists)) {
                call.set_block(*to, &mut dfg.value_lists);
            }
        }
    }
    let loads: Vec<_> = known.iter().filter_map(|(old, now)| Some((*values.get(old)?, *now))).collect();
    known.extend(loads);
    copies[&blocks[0]]
}
