//! How much stack the filter can use: the longest path over the call graph, from frame sizes.
//!
//! The graph is the fixups of the final code, dispatchers included, so it misses no call. Helpers are
//! not counted: they use the loader's reserve.

use std::collections::HashMap;

use super::{Compiled, Target};
use crate::translate::Symbol;

enum State {
    /// On the path that is being walked.
    Open,
    /// Bytes of stack from its entry on.
    Done(u32),
}

/// Bytes of stack that a call of `entry` can use; `None` if something reachable from it recurses.
pub fn bound(functions: &[Compiled], entry: Symbol) -> Option<u32> {
    let index: HashMap<Symbol, &Compiled> = functions.iter().map(|f| (f.symbol, f)).collect();
    let callees = |symbol: Symbol| {
        index[&symbol].fixups.iter().filter_map(|f| match f.target {
            Target::Symbol(callee) if index.contains_key(&callee) => Some(callee),
            _ => None,
        })
    };
    let mut state: HashMap<Symbol, State> = HashMap::new();
    // The way down with what is still to visit: no recursion here, the graph is the author's.
    let mut path: Vec<(Symbol, Vec<Symbol>)> = vec![(entry, callees(entry).collect())];
    state.insert(entry, State::Open);
    while let Some((symbol, rest)) = path.last_mut() {
        let symbol = *symbol;
        match rest.pop() {
            Some(callee) => match state.get(&callee) {
                Some(State::Open) => return None,
                Some(State::Done(_)) => {}
                None => {
                    state.insert(callee, State::Open);
                    path.push((callee, callees(callee).collect()));
                }
            },
            None => {
                let below = callees(symbol).map(|c| if let State::Done(bytes) = state[&c] { bytes } else { 0 }).max();
                state.insert(symbol, State::Done(index[&symbol].stack.saturating_add(below.unwrap_or(0))));
                path.pop();
            }
        }
    }
    match state.get(&entry) {
        Some(State::Done(bytes)) => Some(*bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Fixup, *};

    fn function(n: u32, stack: u32, calls: &[u32]) -> Compiled {
        let fixups =
            calls.iter().map(|c| Fixup { at: 0, target: Target::Symbol(Symbol::Function(*c)), addend: -4 }).collect();
        Compiled {
            symbol: Symbol::Function(n),
            code: vec![],
            constants: vec![],
            fixups,
            traps: vec![],
            lines: vec![],
            stack,
        }
    }

    #[test]
    fn the_deepest_path_counts() {
        let f = [function(0, 10, &[1, 2]), function(1, 5, &[]), function(2, 3, &[3]), function(3, 4, &[])];
        assert_eq!(bound(&f, Symbol::Function(0)), Some(17));
    }

    #[test]
    fn recursion_has_no_bound() {
        assert_eq!(bound(&[function(0, 10, &[1]), function(1, 5, &[0])], Symbol::Function(0)), None);
        assert_eq!(bound(&[function(0, 10, &[0])], Symbol::Function(0)), None);
    }

    #[test]
    fn recursion_out_of_reach_does_not_matter() {
        assert_eq!(bound(&[function(0, 10, &[]), function(1, 5, &[1])], Symbol::Function(0)), Some(10));
    }

    #[test]
    fn a_long_chain_needs_no_stack_of_ours() {
        let f: Vec<_> = (0..60_000).map(|n| function(n, 1, if n < 59_999 { &[0] } else { &[] })).collect();
        let mut f = f;
        for n in 0..59_999u32 {
            f[n as usize].fixups[0].target = Target::Symbol(Symbol::Function(n + 1));
        }
        assert_eq!(bound(&f, Symbol::Function(0)), Some(60_000));
    }
}
