//! Helpers run where they may: from each entry point, over all calls, in its context.

use std::collections::BTreeMap;

use wasmkc_abi::helper::Helper;

use crate::descent::{Body, Flow};
use crate::finding::{Finding, Rule};
use crate::image::Image;

/// Checks the calls of helpers against their `rows`.
pub fn check(image: &Image<'_>, bodies: &[Body<'_>], rows: &[Helper], findings: &mut Vec<Finding>) {
    let callees: BTreeMap<u32, Vec<u32>> = bodies.iter().map(|b| (b.function.start, callees(b))).collect();
    let entries = image.entries.iter().map(|e| (e.offset, e.context));
    let contexts = reached(entries, &callees);
    for body in bodies {
        let here = contexts.get(&body.function.start).copied().unwrap_or_default();
        for step in body.steps.values() {
            let Flow::CallSymbol(name) = &step.flow else { continue };
            let allowed = rows.iter().find(|h| h.symbol == name).map_or(u32::MAX, |h| h.contexts);
            if here & !allowed != 0 {
                let detail = format!("{name} may run in contexts {allowed:#x}, and this function runs in {here:#x}");
                findings.push(body.finding(step, Rule::HelperContext, detail));
            }
        }
    }
}

fn callees(body: &Body<'_>) -> Vec<u32> {
    let mut out: Vec<u32> = body
        .steps
        .values()
        .filter_map(|s| if let Flow::Call(to) | Flow::Tail(to) = s.flow { Some(to) } else { None })
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// The contexts in which each function may run. Each function is visited at most once a context bit.
fn reached(entries: impl Iterator<Item = (u32, u32)>, callees: &BTreeMap<u32, Vec<u32>>) -> BTreeMap<u32, u32> {
    let mut contexts: BTreeMap<u32, u32> = BTreeMap::new();
    let mut work: Vec<(u32, u32)> = entries.collect();
    while let Some((function, more)) = work.pop() {
        let known = contexts.entry(function).or_default();
        if *known | more != *known {
            *known |= more;
            let now = *known;
            work.extend(callees.get(&function).into_iter().flatten().map(|to| (*to, now)));
        }
    }
    contexts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descent::Step;
    use crate::image::{Entry, Function};
    use crate::machine::Machine;
    use wasmkc_abi::helper::{CONTEXT_INIT, CONTEXT_XDP, HELPERS};

    #[test]
    fn a_helper_reached_from_an_entry_of_another_context() {
        // Function 0 (xdp) calls 1, function 2 (init) ends in a jump to 1, and 1 calls the helper.
        let functions: Vec<Function> =
            (0..3).map(|n| Function { name: format!("f{n}"), start: n * 16, end: n * 16 + 16 }).collect();
        let flows = [Flow::Call(16), Flow::CallSymbol(HELPERS[0].symbol.to_owned()), Flow::Tail(16)];
        let bodies: Vec<Body<'_>> = functions
            .iter()
            .zip(flows)
            .map(|(function, flow)| {
                let instruction = Machine::X86_64.decode(&[0x90], function.start);
                let step = Step { instruction, flow, traps: false, constant: None };
                Body { function, steps: BTreeMap::from([(function.start, step)]) }
            })
            .collect();
        let judged = |contexts, entries: &[(u32, u32)]| {
            let image = Image {
                entries: entries
                    .iter()
                    .map(|(offset, context)| Entry { name: "e", offset: *offset, context: *context })
                    .collect(),
                ..Image::default()
            };
            let mut findings = Vec::new();
            check(&image, &bodies, &[Helper { contexts, ..HELPERS[0] }], &mut findings);
            findings.iter().map(|f| (f.rule.name(), f.function.clone().unwrap())).collect::<Vec<_>>()
        };
        let (xdp, init) = ((0, CONTEXT_XDP), (32, CONTEXT_INIT));
        assert_eq!(judged(CONTEXT_XDP | CONTEXT_INIT, &[xdp, init]), []);
        assert_eq!(judged(CONTEXT_XDP, &[xdp, init]), [("helper-context", "f1".to_owned())]);
        assert_eq!(judged(CONTEXT_XDP, &[xdp]), []);
        assert_eq!(judged(CONTEXT_INIT, &[xdp]), [("helper-context", "f1".to_owned())]);
    }
}
