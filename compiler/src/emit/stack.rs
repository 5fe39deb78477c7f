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

/// Most bytes of stack that a call of one of `entries` can use; `None` if something reachable from one recurses.
pub fn bound(functions: &[Compiled], entries: impl IntoIterator<Item = Symbol>) -> Option<u32> {
    let mut walk = Walk::new(functions);
    entries.into_iter().try_fold(0, |most, entry| Some(walk.from(entry)?.max(most)))
}

/// What is known of the call graph.
struct Walk<'f> {
    index: HashMap<Symbol, &'f Compiled>,
    state: HashMap<Symbol, State>,
    /// How many functions were walked into: each once, however many entries lead to it.
    walked: usize,
}

impl<'f> Walk<'f> {
    fn new(functions: &'f [Compiled]) -> Self {
        Self { index: functions.iter().map(|f| (f.symbol, f)).collect(), state: HashMap::new(), walked: 0 }
    }

    fn callees(&self, symbol: Symbol) -> impl Iterator<Item = Symbol> {
        self.index[&symbol].fixups.iter().filter_map(|f| match f.target {
            Target::Symbol(callee) if self.index.contains_key(&callee) => Some(callee),
            _ => None,
        })
    }

    /// Begins with `symbol`; gives what is to visit below it.
    fn open(&mut self, symbol: Symbol) -> (Symbol, Vec<Symbol>) {
        self.walked += 1;
        self.state.insert(symbol, State::Open);
        (symbol, self.callees(symbol).collect())
    }

    /// Bytes of stack from `entry` on.
    fn from(&mut self, entry: Symbol) -> Option<u32> {
        if let Some(State::Done(bytes)) = self.state.get(&entry) {
            return Some(*bytes);
        }
        // The way down with what is still to visit: no recursion here, the graph is the author's.
        let mut path = vec![self.open(entry)];
        let mut bytes = 0;
        while let Some((symbol, rest)) = path.last_mut() {
            let symbol = *symbol;
            match rest.pop() {
                Some(callee) => match self.state.get(&callee) {
                    Some(State::Open) => return None,
                    Some(State::Done(_)) => {}
                    None => path.push(self.open(callee)),
                },
                None => {
                    let known = |c| if let State::Done(bytes) = self.state[&c] { bytes } else { 0 };
                    let below = self.callees(symbol).map(known).max();
                    bytes = self.index[&symbol].stack.saturating_add(below.unwrap_or(0));
                    self.state.insert(symbol, State::Done(bytes));
                    path.pop();
                }
            }
        }
        debug_assert!(self.walked <= self.index.len());
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Field, Fixup},
        *,
    };

    fn function(n: u32, stack: u32, calls: &[u32]) -> Compiled {
        let fixups = calls
            .iter()
            .map(|c| Fixup {
                at: 0,
                field: Field::Distance32,
                target: Target::Symbol(Symbol::Function(*c)),
                addend: -4,
            })
            .collect();
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
        assert_eq!(bound(&f, [Symbol::Function(0)]), Some(17));
    }

    #[test]
    fn recursion_has_no_bound() {
        assert_eq!(bound(&[function(0, 10, &[1]), function(1, 5, &[0])], [Symbol::Function(0)]), None);
        assert_eq!(bound(&[function(0, 10, &[0])], [Symbol::Function(0)]), None);
    }

    #[test]
    fn recursion_out_of_reach_does_not_matter() {
        assert_eq!(bound(&[function(0, 10, &[]), function(1, 5, &[1])], [Symbol::Function(0)]), Some(10));
    }

    #[test]
    fn a_long_chain_needs_no_stack_of_ours() {
        let f: Vec<_> = (0..60_000).map(|n| function(n, 1, if n < 59_999 { &[0] } else { &[] })).collect();
        let mut f = f;
        for n in 0..59_999u32 {
            f[n as usize].fixups[0].target = Target::Symbol(Symbol::Function(n + 1));
        }
        assert_eq!(bound(&f, [Symbol::Function(0)]), Some(60_000));
    }

    #[test]
    fn each_function_is_walked_once_for_all_entries() {
        let f: Vec<_> = (0..500).map(|n| function(n, 1, if n < 499 { &[499] } else { &[] })).collect();
        let mut walk = Walk::new(&f);
        for n in 0..500 {
            assert_eq!(walk.from(Symbol::Function(n)), Some(if n < 499 { 2 } else { 1 }));
        }
        assert_eq!(walk.walked, 500);
        assert_eq!(bound(&f, (0..500).map(Symbol::Function)), Some(2));
    }
}
