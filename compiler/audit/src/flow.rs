//! Follows what is known along every path of one function, until no path brings anything new.
//!
//! Only places where paths meet keep a state; from there the blocks that have one way in are walked
//! with it. Work and memory are bounded: code that goes round and round to learn one thing at a time
//! is refused, not followed.

use std::collections::{BTreeMap, BTreeSet};

use wasmkc_abi::vmctx::{SYMBOL_MEMMOVE, SYMBOL_MEMSET};

use crate::compare::{Edge, refine};
use crate::descent::{Body, Flow, Step};
use crate::effects::Condition;
use crate::finding::Rule;
use crate::machine::{Machine, Prologue};
use crate::state::{Flags, State};
use crate::transfer;

/// How often an instruction is looked at, on average, at most; compiled code needs three.
const MAX_LOOKS: usize = 16;
/// Beside that, so that small functions may take any form.
const FREE_LOOKS: usize = 4096;
/// Most places, registers and slots, that all states together may know of: some hundred megabytes.
const MAX_PLACES: usize = 8_000_000;

/// One block of the control flow.
#[derive(Debug, Default)]
pub struct Node {
    /// Instructions in it, less what is paid for otherwise.
    pub cost: i64,
    /// The same up to and with its last call, and where that is.
    pub last_call: Option<(i64, u32)>,
    /// Offset of its last instruction.
    pub last: u32,
    /// It ends in a return or in a jump to another function.
    pub returns: bool,
    /// Where control goes, and units charged on the way.
    pub edges: Vec<(u32, u32)>,
}

/// The blocks by their first instruction.
pub type Graph = BTreeMap<u32, Node>;

/// What a look at the final states wants to know: each step, and what is known before it.
pub trait Look {
    /// What the step costs beside being an instruction.
    fn step(&mut self, step: &Step, before: &State) -> i64;
    /// The step breaks a rule.
    fn broken(&mut self, step: &Step, rule: Rule, detail: String);
}

struct Deaf;

impl Look for Deaf {
    fn step(&mut self, _: &Step, _: &State) -> i64 {
        0
    }
    fn broken(&mut self, _: &Step, _: Rule, _: String) {}
}

/// Whether who is called, or returned to, may read or write the call block.
pub fn gets_call_block(flow: &Flow) -> bool {
    match flow {
        Flow::CallSymbol(name) => ![SYMBOL_MEMMOVE, SYMBOL_MEMSET].contains(&name.as_str()),
        Flow::Call(_) | Flow::Return | Flow::Tail(_) => true,
        Flow::Next | Flow::Branch(_) | Flow::Jump(_) | Flow::End => false,
    }
}

struct Explorer<'b> {
    body: &'b Body<'b>,
    /// Where blocks start: where paths meet, and behind branches. A jump to where nothing else leads only skips bytes,
    /// so the block goes on there. Every cycle that is reached has a place where paths meet, so blocks end.
    leaders: BTreeSet<u32>,
    /// Looks left.
    looks: usize,
}

/// Follows `body` from behind its prologue and looks at it when all is known. `None` if that takes too long.
pub fn explore(machine: Machine, body: &Body<'_>, prologue: &Prologue, look: &mut dyn Look) -> Option<Graph> {
    let start = prologue.end;
    let mut entry = State::entry(machine);
    transfer::apply(&mut entry, &prologue.effects).ok()?;
    let mut ways: BTreeMap<u32, u32> = BTreeMap::from([(start, 2)]);
    for (at, step) in &body.steps {
        if matches!(step.flow, Flow::Branch(_) | Flow::Jump(_)) {
            for to in body.successors(*at) {
                *ways.entry(to).or_default() += 1;
            }
        }
    }
    // What is reached by running on as well.
    for step in body.steps.values() {
        let runs_on = matches!(step.flow, Flow::Next | Flow::Call(_) | Flow::CallSymbol(_));
        if let (true, Some(n)) = (runs_on, ways.get_mut(&step.instruction.next())) {
            *n += 1;
        }
    }
    let merges: BTreeSet<u32> = ways.iter().filter(|(_, n)| **n > 1).map(|(at, _)| *at).collect();
    let branches = body.steps.iter().filter(|(_, step)| matches!(step.flow, Flow::Branch(_)));
    let mut explorer = Explorer {
        body,
        leaders: branches.flat_map(|(at, _)| body.successors(*at)).chain(merges.iter().copied()).collect(),
        looks: body.steps.len().saturating_mul(MAX_LOOKS).saturating_add(FREE_LOOKS),
    };
    let mut states: BTreeMap<u32, State> = BTreeMap::from([(start, entry.settled())]);
    let mut queue: BTreeSet<u32> = BTreeSet::from([start]);
    let mut places = 0_usize;
    while let Some(at) = queue.pop_first() {
        let first = states[&at].clone();
        places += first.places();
        let mut waiting = vec![(at, first)];
        while let Some((at, state)) = waiting.pop() {
            places -= state.places();
            let (_, edges) = explorer.block(at, state, &mut Deaf)?;
            for (to, state) in edges {
                let more = state.places();
                if !merges.contains(&to) {
                    waiting.push((to, state));
                    places += more;
                } else if let Some(known) = states.get_mut(&to) {
                    if known.join(&state) {
                        queue.insert(to);
                    }
                } else {
                    states.insert(to, state);
                    queue.insert(to);
                    places += more;
                }
            }
            if places > MAX_PLACES {
                return None;
            }
        }
    }
    let mut graph = Graph::new();
    explorer.looks = usize::MAX;
    for (at, state) in states {
        let mut waiting = vec![(at, state)];
        while let Some((at, state)) = waiting.pop() {
            let (node, edges) = explorer.block(at, state, look)?;
            graph.insert(at, node);
            waiting.extend(edges.into_iter().filter(|(to, _)| !merges.contains(to)));
        }
    }
    Some(graph)
}

impl Explorer<'_> {
    /// Follows the block at `at` to its end. Returns it, and the settled states on its edges.
    fn block(&mut self, mut at: u32, mut state: State, look: &mut dyn Look) -> Option<(Node, Vec<(u32, State)>)> {
        let mut node = Node::default();
        loop {
            self.looks = self.looks.checked_sub(1)?;
            let step = &self.body.steps[&at];
            node.cost += 1 + look.step(step, &state);
            node.last = at;
            if let Err((rule, detail)) = transfer::apply(&mut state, &step.effects()) {
                look.broken(step, rule, detail);
            }
            let next = step.instruction.next();
            let is_check = matches!(step.flow, Flow::Branch(_))
                && state.flags == (Flags::Fuel { of: state.fuel(), with: 0 })
                && matches!(step.instruction.condition(), Condition::Less | Condition::NotLess);
            let after = if let Flow::Jump(to) = step.flow { to } else { next };
            let leads_on = matches!(step.flow, Flow::Next | Flow::Jump(_)) && !self.leaders.contains(&after);
            // A trap ends the run, whatever is owed.
            if state.owes() && !is_check && !leads_on && !step.traps {
                look.broken(
                    step,
                    Rule::UncheckedCharge,
                    "a charge was stored before, and nobody looked at it".to_owned(),
                );
                // Said once is enough.
                state.stored_by_others();
                state.flags = Flags::Unknown;
            }
            match &step.flow {
                Flow::Call(_) | Flow::CallSymbol(_) => {
                    state.called(gets_call_block(&step.flow));
                    node.last_call = Some((node.cost, at));
                }
                Flow::Tail(_) | Flow::Return | Flow::End => {
                    node.returns = step.flow != Flow::End;
                    return Some((node, Vec::new()));
                }
                Flow::Branch(to) => return Some(self.branch(node, step, *to, &state)),
                Flow::Next | Flow::Jump(_) => {}
            }
            at = after;
            if self.leaders.contains(&at) {
                node.edges.push((at, 0));
                return Some((node, vec![(at, state.settled())]));
            }
        }
    }

    fn branch(&self, mut node: Node, step: &Step, to: u32, state: &State) -> (Node, Vec<(u32, State)>) {
        let next = step.instruction.next();
        let mut out = Vec::with_capacity(2);
        for (target, taken) in [(next, false), (to, true)] {
            let mut state = state.clone();
            // With one target for both, neither edge says anything.
            let edge = if next == to { Edge::Open } else { refine(&mut state, step.instruction.condition(), taken) };
            let units = if let Edge::Paid(units) = edge { units } else { 0 };
            let trap = self.body.steps[&target].instruction.is_fault();
            if edge != Edge::Never || !trap {
                node.edges.push((target, units));
                out.push((target, state.settled()));
            }
        }
        (node, out)
    }
}
