//! What came of the suites: for people, as JSON, as JUnit XML.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::{
    expected::{self, Counts, Key},
    plan::Planned,
    tally::{Status, Tally, percent},
};

/// What came of one script.
#[derive(Clone, Debug)]
pub struct Script {
    /// Suite and name.
    pub key: Key,
    /// All cases: line, directive, status.
    pub cases: Vec<(usize, String, Status)>,
    /// Cases that the engine carried out; the others were decided before.
    pub ran: usize,
    /// Time it took.
    pub time: Duration,
}

impl Script {
    /// Brings cases and statuses together.
    #[must_use]
    pub fn new(key: Key, cases: &[Planned], statuses: Vec<Status>, time: Duration) -> Self {
        let ran = cases.iter().filter(|case| case.step.object().is_some()).count();
        let cases = cases.iter().zip(statuses).map(|(case, status)| (case.line, case.kind.clone(), status)).collect();
        Self { key, cases, ran, time }
    }

    /// The sums.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally { ran: self.ran, ..Tally::default() };
        for (_, kind, status) in &self.cases {
            tally.count(kind, status);
        }
        tally
    }

    /// Its line of `expected.txt` as it is now.
    #[must_use]
    pub fn counts_line(&self) -> String {
        let feature = |status: &Status| match status {
            Status::Refused(text) => text.split(':').next().map(str::to_owned),
            _ => None,
        };
        let features: BTreeSet<String> = self.cases.iter().filter_map(|(_, _, status)| feature(status)).collect();
        let features: Vec<String> = features.into_iter().collect();
        expected::line(&self.key, Counts::of(&self.tally()), &features.join(","))
    }

    fn bad(&self) -> impl Iterator<Item = &(usize, String, Status)> {
        self.cases.iter().filter(|(_, _, status)| matches!(status, Status::Failed(_) | Status::Skipped(_)))
    }

    fn text(&self, (line, kind, status): &(usize, String, Status)) -> String {
        let (suite, file) = &self.key;
        format!("{} {suite}/{file}.wast:{line} {kind}: {}", status.name(), short(status.reason()))
    }
}

/// What came of all that was run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Engine, as it is printed.
    pub engine: &'static str,
    /// The scripts.
    pub scripts: Vec<Script>,
    /// What differs from `expected.txt`.
    pub differences: Vec<String>,
}

impl Report {
    /// Compares `scripts` with what is `expected` of them.
    #[must_use]
    pub fn new(engine: &'static str, scripts: Vec<Script>, expected: &BTreeMap<Key, Counts>) -> Self {
        let difference = |script: &Script| {
            let found = Counts::of(&script.tally());
            let wanted = expected.get(&script.key).copied().unwrap_or_default();
            (found != wanted)
                .then(|| format!("{}/{}: {found:?}, expected.txt has {wanted:?}", script.key.0, script.key.1))
        };
        let differences = scripts.iter().filter_map(difference).collect();
        Self { engine, scripts, differences }
    }

    /// Whether every case that is not refused passed, and none is missing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.differences.is_empty() && !self.scripts.is_empty() && self.scripts.iter().all(|s| s.bad().next().is_none())
    }

    fn suites(&self) -> BTreeMap<&str, Tally> {
        let mut out: BTreeMap<&str, Tally> = BTreeMap::new();
        for script in &self.scripts {
            *out.entry(&script.key.0).or_default() += script.tally();
        }
        out
    }

    /// Reasons of what was not tried, with how often.
    fn reasons(&self) -> BTreeMap<String, usize> {
        let mut out = BTreeMap::new();
        for (_, _, status) in self.scripts.iter().flat_map(|s| &s.cases) {
            if let Status::Skipped(text) | Status::Refused(text) = status {
                *out.entry(format!("{}: {}", status.name(), general(text))).or_default() += 1;
            }
        }
        out
    }

    /// For people; `verbose` names each case that did not pass.
    #[must_use]
    pub fn text(&self, verbose: bool) -> String {
        let mut out = String::new();
        for script in &self.scripts {
            let shown = if verbose { usize::MAX } else { 3 };
            for case in script.bad().filter(|c| verbose || matches!(c.2, Status::Failed(_))).take(shown) {
                let _ = writeln!(out, "{}", script.text(case));
            }
        }
        for (reason, count) in self.reasons() {
            let _ = writeln!(out, "{count:6} {reason}");
        }
        for difference in &self.differences {
            let _ = writeln!(out, "counts differ: {difference}");
        }
        for (suite, tally) in self.suites() {
            let engine = self.engine;
            let _ = writeln!(out, "SPEC-COMPLIANCE {engine} {suite}: {}", figures(&tally));
        }
        out
    }

    /// As JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let scripts: Vec<Value> = self.scripts.iter().map(|script| {
            let bad: Vec<Value> = script.cases.iter().filter(|(_, _, status)| *status != Status::Passed).map(
                |(line, kind, status)| json!({ "line": line, "kind": kind, "status": status.name(), "reason": status.reason() }),
            ).collect();
            json!({
                "suite": script.key.0, "script": script.key.1, "seconds": script.time.as_secs_f64(),
                "tally": script.tally(), "not_passed": bad,
            })
        }).collect();
        json!({
            "engine": self.engine, "good": self.is_good(), "suites": self.suites(), "differences": self.differences,
            "reasons": self.reasons(), "scripts": scripts,
        })
    }

    /// As JUnit XML: a test case a script.
    ///
    /// # Errors
    /// The writer's.
    pub fn junit(&self) -> Result<String, quick_junit::SerializeError> {
        let mut report = quick_junit::Report::new(format!("spec-{}", self.engine));
        for suite in self.suites().keys() {
            let mut out = TestSuite::new(*suite);
            for script in self.scripts.iter().filter(|s| s.key.0 == *suite) {
                let lines: Vec<String> = script.bad().map(|case| script.text(case)).collect();
                let tally = script.tally();
                let mut status = TestCaseStatus::success();
                if !lines.is_empty() {
                    status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(figures(&tally)).set_description(lines.join("\n"));
                } else if tally.refused == tally.cases() {
                    status = TestCaseStatus::skipped();
                    status.set_message("all of it needs what is refused by design");
                }
                let mut case = TestCase::new(script.key.1.clone(), status);
                case.set_classname(format!("{}.{suite}", self.engine)).set_time(script.time);
                case.set_system_out(figures(&tally));
                out.add_test_case(case);
            }
            report.add_test_suite(out);
        }
        report.to_string()
    }
}

/// Numbers of a tally; the percentage is of what is not refused.
fn figures(tally: &Tally) -> String {
    let Tally { passed, failed, skipped, refused, ran, assertions, assertions_passed } = *tally;
    let percent = percent(passed, tally.cases() - refused);
    let beside = if refused == 0 { String::new() } else { format!(", beside {refused} refused by design") };
    format!(
        "{percent}% ({passed} passed, {failed} failed, {skipped} skipped{beside}; assertions {assertions_passed} of {assertions}; {ran} cases ran on it)"
    )
}

/// The first lines of a reason, as one.
fn short(text: &str) -> String {
    text.lines().take(2).collect::<Vec<_>>().join(" ")
}

/// A reason without what differs from place to place: names in quotes, and numbers.
fn general(text: &str) -> String {
    let outside = short(text);
    let first: String = outside.split('`').step_by(2).collect::<Vec<_>>().join("`...`");
    let mut out = String::new();
    let mut digits = false;
    for c in first.replace("0x", "0").chars() {
        let digit = c.is_ascii_digit() || (digits && ('a'..='f').contains(&c));
        if !digit {
            out.push(c);
        } else if !digits {
            out.push('N');
        }
        digits = digit;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(statuses: Vec<Status>, expected: Counts) -> Report {
        let key = ("1.0".to_owned(), "tiny".to_owned());
        let cases = statuses.into_iter().enumerate().map(|(n, s)| (n, "assert_return".to_owned(), s)).collect();
        let scripts = vec![Script { key: key.clone(), cases, ran: 2, time: Duration::ZERO }];
        Report::new("HOST", scripts, &BTreeMap::from([(key, expected)]))
    }

    #[test]
    fn lost_cases_and_new_refusals_are_failures() {
        let two = || vec![Status::Passed, Status::Passed];
        assert!(report(two(), Counts { cases: 2, assertions: 2, refused: 0 }).is_good());
        assert!(!report(two(), Counts { cases: 3, assertions: 3, refused: 0 }).is_good());
        let refused = || vec![Status::Passed, Status::Refused("SIMD: v128".to_owned())];
        assert!(report(refused(), Counts { cases: 2, assertions: 2, refused: 1 }).is_good());
        assert!(!report(refused(), Counts { cases: 2, assertions: 2, refused: 0 }).is_good());
    }

    #[test]
    fn what_failed_and_what_was_skipped_is_in_every_form() {
        let statuses = vec![Status::Passed, Status::Failed("came 8".to_owned()), Status::Skipped("no way".to_owned())];
        let report = report(statuses, Counts { cases: 3, assertions: 3, refused: 0 });
        assert!(!report.is_good());
        let (text, xml) = (report.text(false), report.junit().expect("xml"));
        assert!(
            text.contains("33.33% (1 passed, 1 failed, 1 skipped; assertions 1 of 3; 2 cases ran on it)"),
            "{text}"
        );
        assert!(text.contains("failed 1.0/tiny.wast:1 assert_return: came 8"), "{text}");
        assert!(text.contains("1 skipped: no way"), "{text}");
        assert!(xml.contains("failures=\"1\"") && xml.contains("came 8") && xml.contains("no way"), "{xml}");
        assert_eq!(report.json()["scripts"][0]["not_passed"][0]["line"], 1);
    }
}
