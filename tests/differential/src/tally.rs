//! What a run has seen, for people and for scripts.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::compare::Outcome;
use crate::plan::{Plan, Source};

/// A module that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its seed.
    pub seed: u64,
    /// What differs.
    pub what: String,
    /// Seconds from the start of the run.
    pub after: u64,
    /// The file that it was written to.
    pub file: String,
}

/// Counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Seconds that it took.
    pub seconds: f64,
    /// Seeds tried.
    pub seeds: u64,
    /// Modules made of them.
    pub modules: u64,
    /// Those of the official suite, mutated.
    pub from_suite: u64,
    /// Those of loops.
    pub loops: u64,
    /// Accesses of loops, each with a check.
    pub checks: u64,
    /// Checks that the passes take away.
    pub checks_gone: u64,
    /// Modules an hour.
    pub modules_per_hour: u64,
    /// Modules that our compiler refused.
    pub refused: u64,
    /// Why, with how many.
    pub reasons: BTreeMap<String, u64>,
    /// Modules that both engines agree have no instance: a segment or the start function traps.
    pub no_instance: u64,
    /// Modules with at least one call that came back.
    pub alive: u64,
    /// Their share of the modules that were compared.
    pub alive_share: f64,
    /// Modules whose comparison ended early, with why.
    pub gave_up: BTreeMap<String, u64>,
    /// Calls that were compared.
    pub calls: u64,
    /// Those that came back.
    pub returned: u64,
    /// Traps by their cause.
    pub traps: BTreeMap<String, u64>,
    /// Modules compiled without masks.
    pub trusted: u64,
    /// Modules compiled twice, with the same bytes.
    pub twice: u64,
    /// Modules run as bytecode.
    pub portable: u64,
    /// What differs.
    pub differences: Vec<Found>,
}

impl Tally {
    /// Adds a module that is the same.
    pub fn add(&mut self, plan: &Plan, outcome: &Outcome) {
        self.modules += 1;
        self.from_suite += u64::from(plan.source == Source::Suite);
        self.loops += u64::from(plan.source == Source::Loops);
        self.checks += outcome.checks.0;
        self.checks_gone += outcome.checks.1;
        self.calls += outcome.calls;
        self.returned += outcome.returned;
        if let Some(reason) = &outcome.refused {
            self.refused += 1;
            *self.reasons.entry(reason.clone()).or_default() += 1;
            return;
        }
        self.trusted += u64::from(plan.trusted);
        self.twice += u64::from(plan.twice);
        self.portable += u64::from(plan.portable);
        self.no_instance += u64::from(outcome.no_instance.is_some());
        self.alive += u64::from(outcome.returned > 0);
        if let Some(why) = &outcome.gave_up {
            *self.gave_up.entry(why.clone()).or_default() += 1;
        }
        for (cause, count) in &outcome.traps {
            *self.traps.entry((*cause).to_owned()).or_default() += count;
        }
    }

    /// Adds what another run has seen at the same time.
    pub fn merge(&mut self, other: Self) {
        let add = |into: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>| {
            for (key, count) in from {
                *into.entry(key).or_default() += count;
            }
        };
        self.seeds += other.seeds;
        self.modules += other.modules;
        self.from_suite += other.from_suite;
        self.loops += other.loops;
        self.checks += other.checks;
        self.checks_gone += other.checks_gone;
        self.refused += other.refused;
        self.no_instance += other.no_instance;
        self.alive += other.alive;
        self.calls += other.calls;
        self.returned += other.returned;
        self.trusted += other.trusted;
        self.twice += other.twice;
        self.portable += other.portable;
        add(&mut self.reasons, other.reasons);
        add(&mut self.gave_up, other.gave_up);
        add(&mut self.traps, other.traps);
        self.differences.extend(other.differences);
    }

    /// Modules that were compared.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.modules - self.refused
    }

    /// Works out the shares.
    pub fn finish(&mut self, seconds: f64) {
        self.seconds = seconds;
        self.modules_per_hour = (self.modules as f64 * 3600.0 / seconds.max(0.001)) as u64;
        self.alive_share = self.alive as f64 / (self.compared().max(1)) as f64;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: u64, of: u64| 100.0 * part as f64 / of.max(1) as f64;
        writeln!(
            f,
            "{} modules in {:.0} s, {} an hour; {} of the official suite, mutated",
            self.modules, self.seconds, self.modules_per_hour, self.from_suite
        )?;
        writeln!(
            f,
            "loops    {:>8}  {} checks, passes take away {:.1} %",
            self.loops,
            self.checks,
            percent(self.checks_gone, self.checks)
        )?;
        writeln!(f, "refused  {:>8}  {:.1} %", self.refused, percent(self.refused, self.modules))?;
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (reason, count) in reasons {
            writeln!(f, "         {count:>8}  {reason}")?;
        }
        writeln!(
            f,
            "alive    {:>8}  {:.1} % of those compared have a call that came back",
            self.alive,
            100.0 * self.alive_share
        )?;
        writeln!(f, "no instance {:>5}  both engines say so", self.no_instance)?;
        writeln!(f, "calls    {:>8}  {:.1} % came back", self.calls, percent(self.returned, self.calls))?;
        for (cause, count) in &self.traps {
            writeln!(f, "         {count:>8}  {cause}")?;
        }
        for (why, count) in &self.gave_up {
            writeln!(f, "gave up  {count:>8}  {why}")?;
        }
        writeln!(f, "without masks {}, compiled twice {}, bytecode {}", self.trusted, self.twice, self.portable)?;
        for found in &self.differences {
            writeln!(f, "seed {} after {} s: {} ({})", found.seed, found.after, found.what, found.file)?;
        }
        write!(f, "differences {}", self.differences.len())
    }
}
