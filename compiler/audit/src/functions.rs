//! The functions of all targets, judged by as many threads as there may be, and each target once its functions are.
//!
//! In: what was read of each target's object. Out: the findings about each, in the order of its code, or a report. A
//! function is judged by itself, so its findings are the same whatever else was found; which of them count is decided
//! in their order. No function is passed over but behind [`MAX_FINDINGS`].

use std::collections::BTreeMap;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use crate::descent::{Body, descend};
use crate::finding::{Finding, MAX_FINDINGS, Rule, enough};
use crate::image::{Function, Image};
use crate::jobs::Jobs;
use crate::{Report, judge, stack};

/// What a thread should be worth, in bytes of code: judging so many takes ten times as long as to begin one.
const BYTES_A_JOB: usize = 512;

/// One target's object while its functions are judged.
pub struct Part<'i> {
    image: &'i Image<'i>,
    /// Codes of the trap table by site.
    traps: BTreeMap<u32, u32>,
    state: Mutex<State<'i>>,
}

/// A function and what was found in it.
type Judged<'i> = (Body<'i>, Vec<Finding>);

struct State<'i> {
    /// What was found of the object as a whole.
    findings: Vec<Finding>,
    judged: Vec<Option<Judged<'i>>>,
    /// How many are not.
    left: usize,
    /// How many have none before them that is not, and what was found in those.
    settled: usize,
    found: usize,
    verdict: Option<Result<Report, Vec<Finding>>>,
}

impl<'i> Part<'i> {
    /// Of `image`, of which as a whole `findings` are known.
    pub fn new(image: &'i Image<'i>, findings: Vec<Finding>) -> Self {
        let (left, found) = (image.functions.len(), findings.len());
        let judged = image.functions.iter().map(|_| None).collect();
        let state = State { findings, judged, left, settled: 0, found, verdict: None };
        Self { image, traps: image.traps.iter().copied().collect(), state: Mutex::new(state) }
    }

    fn is_refused(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).found >= MAX_FINDINGS
    }

    fn judge(&self, number: usize, function: &'i Function) {
        let mut findings = Vec::new();
        let machine = self.image.machine;
        let body = descend(self.image, function, &mut findings);
        // The frame can be followed only through instructions that are understood.
        if findings.is_empty() {
            stack::check(machine, &body, &mut findings);
        }
        if let (true, Some(prologue)) = (findings.is_empty(), machine.prologue(&body)) {
            judge::check(machine, &body, &prologue, &self.traps, &mut findings);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.judged[number] = Some((body, findings));
        state.left -= 1;
        while let Some(Some((_, findings))) = state.judged.get(state.settled) {
            let found = findings.len();
            state.settled += 1;
            state.found += found;
        }
        if state.left == 0 {
            let (findings, judged) = state.take();
            drop(state);
            // Here, so that the functions' instructions need not wait in memory for the other targets'.
            let verdict = self.verdict(findings, judged);
            self.state.lock().unwrap_or_else(PoisonError::into_inner).verdict = Some(verdict);
        }
    }

    fn verdict(&self, mut findings: Vec<Finding>, judged: Vec<Option<Judged<'i>>>) -> Result<Report, Vec<Finding>> {
        let mut bodies = Vec::with_capacity(judged.len());
        for function in judged {
            if enough(&findings) {
                return Err(findings);
            }
            let Some((body, found)) = function else {
                findings.push(Finding::object(Rule::TooLarge, "a function was not judged"));
                return Err(findings);
            };
            findings.extend(found.into_iter().take(MAX_FINDINGS - findings.len()));
            bodies.push(body);
        }
        crate::whole(self.image, &bodies, findings)
    }

    fn into_verdict(self) -> Result<Report, Vec<Finding>> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.verdict.take() {
            Some(verdict) => verdict,
            // It has no functions, or too many findings.
            None => {
                let (findings, judged) = state.take();
                let rest = Self { image: self.image, traps: self.traps, state: Mutex::new(state) };
                rest.verdict(findings, judged)
            }
        }
    }
}

impl<'i> State<'i> {
    fn take(&mut self) -> (Vec<Finding>, Vec<Option<Judged<'i>>>) {
        (std::mem::take(&mut self.findings), std::mem::take(&mut self.judged))
    }
}

/// Judges all functions of `parts`, then each part. `tell` gets the bytes of code judged so far, and of all.
pub fn judge_all(
    parts: Vec<Part<'_>>,
    jobs: Jobs,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Result<Report, Vec<Finding>>> {
    let size = |function: &Function| (function.end - function.start) as usize;
    let functions = || parts.iter().flat_map(|part| part.image.functions.iter().enumerate().map(move |f| (part, f)));
    let all = functions().map(|(_, (_, function))| size(function)).sum();
    let done = AtomicUsize::new(0);
    let mut items = functions();
    jobs.at_most(all, BYTES_A_JOB).at_most(functions().count(), 1).each(
        || items.find(|(part, _)| !part.is_refused()),
        || (),
        |(), (part, (number, function))| {
            part.judge(number, function);
            tell(done.fetch_add(size(function), Ordering::Relaxed) + size(function), all);
        },
    );
    drop(items);
    parts.into_iter().map(Part::into_verdict).collect()
}
