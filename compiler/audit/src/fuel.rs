//! Every cycle pays: on the final bytes, each loop and each recursion passes a charge that is checked.
//!
//! A charge is a store of less fuel than there was to the call block, followed by a branch that leaves
//! when it is negative. The branch's other edge is *paid*. Then:
//! - control flow without its paid edges has no cycle, so that no loop turns more often than there is fuel;
//! - the call graph without calls behind a paid edge has no cycle, so that no recursion does either;
//! - a helper is called behind a charge of at least its row's fuel, a bulk operation behind one by length.
//!
//! That holds because nothing else writes the fuel, every callee gets the same call block, and every
//! function gives callee-saved registers back: all three are checked on the way.

use std::collections::{BTreeMap, BTreeSet};

use iced_x86::{ConditionCode, InstructionInfoFactory, Register};
use wasmkc_abi::helper::HELPERS;
use wasmkc_abi::vmctx::{SYMBOL_MEMMOVE, SYMBOL_MEMSET};

use crate::descent::{Body, Flow, Step};
use crate::finding::{Finding, Rule};
use crate::state::{CALLEE_SAVED, State, Value};
use crate::transfer;

/// A call that no paid edge precedes.
#[derive(Clone, Copy, Debug)]
pub struct UnpaidCall {
    /// Start of the caller.
    pub from: u32,
    /// Start of the callee.
    pub to: u32,
    /// Offset of the call.
    pub at: u32,
}

/// Checks one function whose frame is sound; `start` is behind its prologue. Returns its unpaid calls.
pub fn check(body: &Body<'_>, start: u32, findings: &mut Vec<Finding>) -> Vec<UnpaidCall> {
    let leaders = leaders(body, start);
    let mut states: BTreeMap<u32, State> = BTreeMap::from([(start, State::entry())]);
    let mut queue: BTreeSet<u32> = BTreeSet::from([start]);
    while let Some(at) = queue.pop_first() {
        let block = walk(body, at, &leaders, states[&at].clone(), &mut |_, _, _| {});
        for (to, state, _) in block {
            let changed = match states.get_mut(&to) {
                Some(known) => known.join(&state),
                None => states.insert(to, state).is_none(),
            };
            if changed {
                queue.insert(to);
            }
        }
    }
    // The states are final: look once more, and speak.
    let mut unpaid = Vec::new();
    let mut edges: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (at, state) in &states {
        let block = walk(body, *at, &leaders, state.clone(), &mut |step, state, result| {
            let mut say = |rule, detail: String| findings.push(body.finding(step, rule, detail));
            if let Err((rule, detail)) = result {
                say(rule, detail);
            }
            judge(step, state, &mut say);
            if let (Flow::Call(to), false) = (&step.flow, state.paid) {
                unpaid.push(UnpaidCall { from: body.function.start, to: *to, at: step.instruction.ip() as u32 });
            }
        });
        edges.insert(*at, block.into_iter().filter(|(_, _, paid)| !paid).map(|(to, _, _)| to).collect());
    }
    if let Some(at) = cycle(&edges) {
        findings.push(body.finding(&body.steps[&at], Rule::FuelFreeCycle, "a loop comes back here"));
    }
    unpaid
}

/// Functions that call each other in a circle without a charge.
pub fn recursion(bodies: &[Body<'_>], unpaid: &[UnpaidCall], findings: &mut Vec<Finding>) {
    let mut edges: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for call in unpaid {
        edges.entry(call.from).or_default().push(call.to);
        edges.entry(call.to).or_default();
    }
    let Some(to) = cycle(&edges) else { return };
    let site = unpaid.iter().find(|c| c.to == to);
    let body = site.and_then(|c| bodies.iter().find(|b| b.function.start == c.from));
    if let (Some(site), Some(body)) = (site, body) {
        findings.push(body.finding(&body.steps[&site.at], Rule::FuelFreeRecursion, "the callee comes back here"));
    }
}

/// Places where a block starts: the start, branch targets, and what follows a branch.
fn leaders(body: &Body<'_>, start: u32) -> BTreeSet<u32> {
    let branches = body.steps.iter().filter(|(_, s)| matches!(s.flow, Flow::Branch(_) | Flow::Jump(_)));
    branches.flat_map(|(at, _)| body.successors(*at)).chain([start]).collect()
}

type Edge = (u32, State, bool);
type See<'s> = dyn FnMut(&Step, &State, Result<(), (Rule, String)>) + 's;

/// Follows the block at `at` to its end; `see` gets each step, the state before it and what broke.
/// Returns the edges out of it: where to, with which state, and whether paid.
fn walk(body: &Body<'_>, mut at: u32, leaders: &BTreeSet<u32>, mut state: State, see: &mut See<'_>) -> Vec<Edge> {
    let mut factory = InstructionInfoFactory::new();
    loop {
        let step = &body.steps[&at];
        let before = state.clone();
        let result = transfer::apply(&mut state, &step.instruction, factory.info(&step.instruction));
        see(step, &before, result);
        match &step.flow {
            Flow::Call(_) => state.called(),
            Flow::CallSymbol(_) => {
                state.called();
                state.spend();
            }
            Flow::End => return Vec::new(),
            Flow::Branch(to) => {
                let next = step.instruction.next_ip() as u32;
                // Which edge means that the fuel is not negative.
                let paid = match step.instruction.condition_code() {
                    _ if !before.flags_fuel => None,
                    ConditionCode::l | ConditionCode::s => Some(next),
                    ConditionCode::ge | ConditionCode::ns => Some(*to),
                    _ => None,
                };
                let edge = |to: u32| {
                    let mut state = state.clone();
                    let paid = paid == Some(to) && state.checked();
                    (to, state, paid)
                };
                // With one target for both, neither edge says anything.
                return if next == *to { vec![(next, state, false)] } else { vec![edge(next), edge(*to)] };
            }
            Flow::Next | Flow::Jump(_) => {}
        }
        at = match step.flow {
            Flow::Jump(to) => to,
            _ => step.instruction.next_ip() as u32,
        };
        if leaders.contains(&at) {
            return vec![(at, state, false)];
        }
    }
}

/// What must hold where a function is left, for a while or for good.
fn judge(step: &Step, state: &State, say: &mut dyn FnMut(Rule, String)) {
    let passes_call = state.get(Register::RDI) == Some(Value::Call);
    match &step.flow {
        Flow::Call(_) if !passes_call => say(Rule::CallArgument, "the callee gets something else in rdi".to_owned()),
        Flow::CallSymbol(name) => match HELPERS.iter().find(|h| h.symbol == name) {
            Some(_) if !passes_call => say(Rule::CallArgument, format!("{name} gets something else in rdi")),
            Some(h) if state.credit.least < h.fuel => {
                say(Rule::UnchargedHelper, format!("{} of {} units are charged before", state.credit.least, h.fuel));
            }
            None if [SYMBOL_MEMMOVE, SYMBOL_MEMSET].contains(&name.as_str()) => bulk(state, say),
            _ => {}
        },
        Flow::End if step.traps && !passes_call => {
            say(Rule::CallArgument, "wkc_trap gets something else in rdi".to_owned());
        }
        Flow::End if step.instruction.is_jmp_near() => {
            for r in CALLEE_SAVED.into_iter().filter(|r| state.get(*r) != Some(Value::Saved(*r))) {
                say(Rule::CalleeSaved, format!("{r:?} is not what it was at the start"));
            }
        }
        _ => {}
    }
}

/// A bulk operation's length is in rdx.
fn bulk(state: &State, say: &mut dyn FnMut(Rule, String)) {
    let needed = match state.get(Register::RDX) {
        Some(Value::Const(n)) => u32::try_from(n / 8 + 1).ok(),
        _ => None,
    };
    if !(state.credit.by_length || needed.is_some_and(|n| n <= state.credit.least)) {
        say(Rule::UnchargedBulk, format!("the last charge is {} units", state.credit.least));
    }
}

/// A node on a cycle, if there is one.
fn cycle(edges: &BTreeMap<u32, Vec<u32>>) -> Option<u32> {
    // Nodes done, and the path that is open, each with the successors still to visit.
    let mut done: BTreeSet<u32> = BTreeSet::new();
    let mut open: BTreeSet<u32> = BTreeSet::new();
    for root in edges.keys() {
        let mut path: Vec<(u32, &[u32])> = Vec::new();
        if !done.contains(root) {
            path.push((*root, &edges[root]));
            open.insert(*root);
        }
        while let Some((node, rest)) = path.last_mut() {
            match rest.split_first() {
                None => {
                    open.remove(node);
                    done.insert(*node);
                    path.pop();
                }
                Some((to, others)) => {
                    *rest = others;
                    if open.contains(to) {
                        return Some(*to);
                    }
                    if !done.contains(to) {
                        open.insert(*to);
                        path.push((*to, edges.get(to).map_or(&[], Vec::as_slice)));
                    }
                }
            }
        }
    }
    None
}
