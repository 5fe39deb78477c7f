//! How many cases each script has, and how many of them need what is refused by design: `expected.txt`.
//!
//! The file is committed, so a case that is lost, and a refusal that is new, is a failure. `wkc-spec --counts`
//! prints what there is now.

use std::collections::BTreeMap;

use super::tally::Tally;

/// Counts of one script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Directives but `register`.
    pub cases: usize,
    /// Those of them that assert.
    pub assertions: usize,
    /// Cases that need what is refused.
    pub refused: usize,
}

impl Counts {
    /// The counts of what was run.
    #[must_use]
    pub const fn of(tally: &Tally) -> Self {
        Self { cases: tally.cases(), assertions: tally.assertions, refused: tally.refused }
    }
}

/// Suite and script.
pub type Key = (String, String);

/// Counts of all scripts.
///
/// # Panics
/// If a line of `expected.txt` is not `SUITE SCRIPT CASES ASSERTIONS REFUSED [REASON]`.
#[must_use]
pub fn expected() -> BTreeMap<Key, Counts> {
    parse(include_str!("expected.txt"))
}

fn parse(text: &str) -> BTreeMap<Key, Counts> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let number = |at: usize| fields.get(at).and_then(|f| f.parse().ok());
            let counts = || Some(Counts { cases: number(2)?, assertions: number(3)?, refused: number(4)? });
            let counts = counts().unwrap_or_else(|| panic!("expected.txt: `{line}` is no line of counts"));
            assert!(counts.refused == 0 || fields.len() > 5, "expected.txt: `{line}` does not say what is refused");
            ((fields[0].to_owned(), fields[1].to_owned()), counts)
        })
        .collect()
}

/// A line of the file; `features` are those that the refused cases need.
#[must_use]
pub fn line(key: &Key, counts: Counts, features: &str) -> String {
    let Counts { cases, assertions, refused } = counts;
    format!("{} {} {cases} {assertions} {refused} {features}", key.0, key.1).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::suites::SUITES;

    #[test]
    fn every_script_of_every_suite_has_its_line_and_nothing_else_has_one() {
        let scripts = SUITES.iter().flat_map(|s| s.scripts().into_iter().map(|(file, _)| (s.name.to_owned(), file)));
        let scripts: Vec<Key> = scripts.collect();
        let mut known: Vec<Key> = expected().into_keys().collect();
        let mut there = scripts;
        there.sort();
        known.sort();
        assert_eq!(known, there);
    }

    #[test]
    fn a_line_reads_as_it_was_written() {
        let (key, counts) = (("2.0".to_owned(), "if".to_owned()), Counts { cases: 9, assertions: 7, refused: 1 });
        assert_eq!(parse(&line(&key, counts, "SIMD")), BTreeMap::from([(key, counts)]));
    }
}
