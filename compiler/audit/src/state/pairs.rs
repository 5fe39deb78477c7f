//! Values of two states that places share on both sides, as values of the state that both lead to.

use std::collections::BTreeMap;

use crate::value::Id;

/// No pair.
const NONE: Id = Id::MAX;

/// Pairs of values, numbered in the order in which they were first asked for.
pub struct Pairs {
    /// The pairs by their numbers.
    pub all: Vec<(Id, Id)>,
    /// The number of the first pair that a value of the left side is in: mostly it is in no other.
    first: Vec<Id>,
    /// The numbers of the others.
    further: BTreeMap<(Id, Id), Id>,
}

impl Pairs {
    /// None yet, of so many values on the left side.
    pub fn new(values: usize) -> Self {
        Self { all: Vec::with_capacity(values), first: vec![NONE; values], further: BTreeMap::new() }
    }

    /// The number of `a` and `b`, a new one if they have none.
    pub fn number(&mut self, a: Id, b: Id) -> Id {
        let next = self.all.len() as Id;
        let number = match &mut self.first[a as usize] {
            first if *first == NONE => {
                *first = next;
                next
            }
            first if self.all[*first as usize].1 == b => *first,
            _ => *self.further.entry((a, b)).or_insert(next),
        };
        if number == next {
            self.all.push((a, b));
        }
        number
    }

    /// The number of `a` and `b`, if they have one.
    pub fn get(&self, a: Id, b: Id) -> Option<Id> {
        let first = *self.first.get(a as usize)?;
        match self.all.get(first as usize) {
            Some((_, of)) if *of == b => Some(first),
            Some(_) => self.further.get(&(a, b)).copied(),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_keeps_its_number() {
        let mut pairs = Pairs::new(4);
        let asked = [(3, 0), (3, 1), (0, 1), (3, 0), (3, 1), (3, 2), (0, 1)];
        assert_eq!(asked.map(|(a, b)| pairs.number(a, b)), [0, 1, 2, 0, 1, 3, 2]);
        assert_eq!(pairs.all, [(3, 0), (3, 1), (0, 1), (3, 2)]);
        let found = [(3, 0), (3, 2), (0, 1), (0, 0), (1, 1), (3, 3), (9, 0)].map(|(a, b)| pairs.get(a, b));
        assert_eq!(found, [Some(0), Some(3), Some(2), None, None, None, None]);
    }
}
