//! Code is charged by its size: a unit of fuel buys `INSTRUCTIONS_PER_FUEL` instructions.
//!
//! Every instruction takes one from the credit, every charge that was checked adds to it, and what a
//! helper or a bulk operation costs is taken back. From credit 0 at the function's first instruction:
//! - no way around a loop is free of a charge, and none loses credit;
//! - at every call and return no way there is in debt.
//!
//! So a run executes at most its fuel times that number, and one function's way to its next charge
//! beside. One pass over the blocks in the order of a depth-first walk finds the least credit of all
//! ways, since loops, which cannot lose, never lessen it; code with other loops than those with one
//! entry may be refused though it is sound.

use std::collections::BTreeMap;

use wasmkc_abi::limits::INSTRUCTIONS_PER_FUEL;

use crate::descent::Body;
use crate::finding::{Finding, Rule};
use crate::flow::Graph;

/// Checks the blocks of one function; `start` is behind its prologue.
pub fn check(body: &Body<'_>, start: u32, graph: &Graph, findings: &mut Vec<Finding>) {
    let (order, back) = depth_first(graph, start, |_| true);
    let (_, free) = depth_first(graph, start, |units| units == 0);
    if let Some((_, to)) = free.first() {
        findings.push(body.finding(&body.steps[to], Rule::FuelFreeCycle, "a loop comes back here"));
        return;
    }
    let prologue = body.steps.range(..start).count() as i64;
    let mut credit: BTreeMap<u32, i64> = BTreeMap::from([(start, -prologue)]);
    let place: BTreeMap<u32, usize> = order.iter().enumerate().map(|(n, at)| (*at, n)).collect();
    for (n, at) in order.iter().enumerate() {
        let node = &graph[at];
        let before = credit[at];
        if let Some((cost, call)) = node.last_call.filter(|(cost, _)| before < *cost) {
            return in_debt(body, call, "this call", cost - before, findings);
        }
        if node.returns && before < node.cost {
            return in_debt(body, node.last, "this return", node.cost - before, findings);
        }
        for (to, units) in &node.edges {
            let after = before - node.cost + i64::from(*units) * i64::from(INSTRUCTIONS_PER_FUEL);
            if place[to] > n {
                let known = credit.entry(*to).or_insert(after);
                *known = after.min(*known);
            }
        }
    }
    for (from, to) in back {
        let node = &graph[&from];
        let units = node.edges.iter().filter(|(t, _)| *t == to).map(|(_, units)| *units).min().unwrap_or_default();
        let after = credit[&from] - node.cost + i64::from(units) * i64::from(INSTRUCTIONS_PER_FUEL);
        if after < credit[&to] {
            return in_debt(body, to, "the end of this loop", credit[&to] - after, findings);
        }
    }
}

fn in_debt(body: &Body<'_>, at: u32, place: &str, instructions: i64, findings: &mut Vec<Finding>) {
    let detail = format!("a way to {place} has {instructions} instructions more than the charges on it pay for");
    findings.push(body.finding(&body.steps[&at], Rule::Undercharged, detail));
}

/// Nodes from `start` over the edges that `follow` lets through, each behind all that lead to it but
/// for the edges that go back to a node that is still open, which are returned as well. Where `follow`
/// cuts, what lies behind is walked from there.
fn depth_first(graph: &Graph, start: u32, follow: impl Fn(u32) -> bool) -> (Vec<u32>, Vec<(u32, u32)>) {
    #[derive(PartialEq)]
    enum Mark {
        Open,
        Done,
    }
    let mut marks: BTreeMap<u32, Mark> = BTreeMap::new();
    let (mut order, mut back) = (Vec::with_capacity(graph.len()), Vec::new());
    let roots = std::iter::once(start).chain(graph.keys().copied());
    for root in roots {
        if marks.contains_key(&root) {
            continue;
        }
        marks.insert(root, Mark::Open);
        let mut path: Vec<(u32, usize)> = vec![(root, 0)];
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            let Some((to, units)) = graph.get(&at).and_then(|n| n.edges.get(*next)).copied() else {
                marks.insert(at, Mark::Done);
                order.push(at);
                path.pop();
                continue;
            };
            *next += 1;
            match marks.get(&to) {
                _ if !follow(units) => {}
                Some(Mark::Open) => back.push((at, to)),
                Some(Mark::Done) => {}
                None => {
                    marks.insert(to, Mark::Open);
                    path.push((to, 0));
                }
            }
        }
    }
    order.reverse();
    (order, back)
}
