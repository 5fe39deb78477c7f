//! What came of a case, and sums of that.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is as the specification says.
    Passed,
    /// It is not: what came instead.
    Failed(String),
    /// It could not be tried: why.
    Skipped(String),
    /// It needs a feature that is refused by design: which.
    Refused(String),
}

impl Status {
    /// The status of a case that needs what has this status, and says what that is.
    #[must_use]
    pub fn of_dependent(&self, what: &str) -> Self {
        match self {
            Self::Refused(feature) => Self::Refused(feature.clone()),
            Self::Passed => Self::Passed,
            Self::Failed(reason) | Self::Skipped(reason) if reason.starts_with(what) => Self::Skipped(reason.clone()),
            Self::Failed(reason) | Self::Skipped(reason) => Self::Skipped(format!("{what}: {reason}")),
        }
    }

    /// The text that it has.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Passed => "",
            Self::Failed(text) | Self::Skipped(text) | Self::Refused(text) => text,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
            Self::Refused(_) => "refused",
        }
    }
}

/// Cases by status, and how many of all are assertions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// As the specification says.
    pub passed: usize,
    /// Not as it says.
    pub failed: usize,
    /// Not tried.
    pub skipped: usize,
    /// Of features refused by design.
    pub refused: usize,
    /// Cases that the engine carried out; the others were decided without running code.
    pub ran: usize,
    /// Cases that are assertions.
    pub assertions: usize,
    /// Assertions that passed.
    pub assertions_passed: usize,
}

impl Tally {
    /// Counts a case.
    pub fn count(&mut self, kind: &str, status: &Status) {
        *match status {
            Status::Passed => &mut self.passed,
            Status::Failed(_) => &mut self.failed,
            Status::Skipped(_) => &mut self.skipped,
            Status::Refused(_) => &mut self.refused,
        } += 1;
        if kind.starts_with("assert_") {
            self.assertions += 1;
            self.assertions_passed += usize::from(*status == Status::Passed);
        }
    }

    /// All cases.
    #[must_use]
    pub const fn cases(&self) -> usize {
        self.passed + self.failed + self.skipped + self.refused
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.refused += other.refused;
        self.ran += other.ran;
        self.assertions += other.assertions;
        self.assertions_passed += other.assertions_passed;
    }
}

/// Percent of `cases` that `passed`, rounded down to hundredths: 100.00 means all.
#[must_use]
pub fn percent(passed: usize, cases: usize) -> String {
    let hundredths = (passed * 10_000).checked_div(cases).unwrap_or(0);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_never_rounded_up() {
        assert_eq!(percent(99_999, 100_000), "99.99");
        assert_eq!(percent(100_000, 100_000), "100.00");
        assert_eq!((percent(0, 0), percent(1, 3)), ("0.00".to_owned(), "33.33".to_owned()));
    }

    #[test]
    fn assertions_are_counted_beside_all_cases() {
        let mut tally = Tally::default();
        tally.count("module", &Status::Passed);
        tally.count("assert_return", &Status::Passed);
        tally.count("assert_return", &Status::Failed(String::new()));
        assert_eq!((tally.cases(), tally.assertions, tally.assertions_passed), (3, 2, 1));
    }
}
