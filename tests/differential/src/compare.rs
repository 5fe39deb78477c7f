//! One module through both engines.

use std::collections::BTreeMap;
use std::fmt;

use fastrand::Rng;

use crate::arguments::{arguments, same};
use crate::loops;
use crate::make::Case;
use crate::ours::{NoInstance, Ours};
use crate::plan::{Nans, Plan, Source};
use crate::prepare::{Side, prepare};
use crate::surface::Surface;
use crate::theirs::Theirs;
use crate::{End, Engine, Export};

/// Calls of each export.
const ROUNDS: usize = 3;

/// What became of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Why our compiler refused it, if it did; nothing was compared then.
    pub refused: Option<String>,
    /// Why the comparison ended early, if it did.
    pub gave_up: Option<String>,
    /// Why there was no instance, if both engines agree that there is none.
    pub no_instance: Option<&'static str>,
    /// Calls that were compared.
    pub calls: u64,
    /// Those that came back.
    pub returned: u64,
    /// Traps by their cause.
    pub traps: BTreeMap<&'static str, u64>,
    /// Accesses of loops, each with a check, and the checks that the passes took away.
    pub checks: (u64, u64),
}

/// Something that an observer can see is not the same.
#[derive(Clone, Debug)]
pub struct Difference(pub String);

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prepares a module and runs it on both engines.
///
/// # Errors
/// The first difference.
pub fn compare(case: &Case) -> Result<Outcome, Difference> {
    if case.plan.source == Source::Loops {
        return loops::compare(&case.wasm, &case.plan);
    }
    let of = |side| prepare(&case.wasm, &case.plan, side);
    match (of(Side::Ours), of(Side::Theirs)) {
        (Ok(ours), Ok(theirs)) => compare_two(&ours, &theirs, &case.plan),
        (Err(why), _) | (_, Err(why)) => {
            Ok(Outcome { refused: Some(format!("cannot be prepared: {why}")), ..Outcome::default() })
        }
    }
}

/// The module as our compiler gets it.
///
/// # Errors
/// Why it cannot be prepared.
pub fn prepared(case: &Case) -> Result<Vec<u8>, String> {
    if case.plan.source == Source::Loops {
        return Ok(case.wasm.clone());
    }
    prepare(&case.wasm, &case.plan, Side::Ours)
}

/// Runs a module for each engine, as they are.
///
/// # Errors
/// The first difference.
pub fn compare_two(ours: &[u8], theirs: &[u8], plan: &Plan) -> Result<Outcome, Difference> {
    let surface = Surface::of(ours).map_err(|e| Difference(format!("the module cannot be read: {e}")))?;
    let mut outcome = Outcome::default();
    let started = (Ours::new(ours, plan), Theirs::new(theirs, plan, &surface));
    let (mut ours, mut theirs) = match started {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(NoInstance::Refused(text)), _) => {
            outcome.refused = Some(text);
            return Ok(outcome);
        }
        (Err(NoInstance::WouldTrap(cause) | NoInstance::Trap(cause)), Err(End::Trap(other))) if cause == other => {
            outcome.no_instance = Some(cause);
            return Ok(outcome);
        }
        (Err(NoInstance::Trap(why @ ("out-of-fuel" | "stack-overflow"))), _) | (_, Err(End::GaveUp(why))) => {
            outcome.gave_up = Some(format!("at start: {why}"));
            return Ok(outcome);
        }
        (Err(NoInstance::Bug(text)), _) => return Err(Difference(format!("our compiler fails: {text}"))),
        (Err(error), Err(end)) => return Err(Difference(format!("start: ours {error:?}, wasmtime {end:?}"))),
        (Err(error), Ok(_)) => return Err(Difference(format!("start: ours {error:?}, wasmtime starts"))),
        (Ok(_), Err(end)) => return Err(Difference(format!("start: ours starts, wasmtime {end:?}"))),
    };
    let shadow = surface.globals.iter().find(|global| Some(global.index) == ours.restored());
    if let Some(global) = shadow {
        theirs.restore(global);
    }
    let mut pair = Pair { ours: &mut ours, theirs: &mut theirs, surface: &surface, any_nan: plan.nans == Nans::Leaks };
    if pair.calls(plan.seed, &mut outcome)? {
        pair.state()?;
    }
    Ok(outcome)
}

/// Two instances of one module.
struct Pair<'a> {
    ours: &'a mut Ours,
    theirs: &'a mut Theirs,
    surface: &'a Surface,
    any_nan: bool,
}

impl Pair<'_> {
    /// All calls; whether the instances can still be compared.
    fn calls(&mut self, seed: u64, outcome: &mut Outcome) -> Result<bool, Difference> {
        let mut rng = Rng::with_seed(seed);
        for _ in 0..ROUNDS {
            for export in &self.surface.functions {
                if let Some(steps) = &self.surface.steps {
                    self.both(steps, &[])?;
                }
                let arguments = arguments(&export.params, self.surface, &mut rng);
                let short = rng.u8(..24) == 0;
                let mut packet = vec![0; if short { rng.usize(..16) } else { rng.usize(60..200) }];
                rng.fill(&mut packet);
                match self.both_with(export, &arguments, packet)? {
                    End::GaveUp(why) => {
                        outcome.gave_up = Some(why.to_owned());
                        return Ok(false);
                    }
                    End::Trap(cause) => *outcome.traps.entry(cause).or_default() += 1,
                    _ => outcome.returned += 1,
                }
                outcome.calls += 1;
            }
        }
        Ok(true)
    }

    /// One call on both: how it ended, if it ended the same.
    fn both(&mut self, export: &Export, arguments: &[u64]) -> Result<End, Difference> {
        self.both_with(export, arguments, Vec::new())
    }

    /// The same with a packet at hand, which must be the same too afterwards.
    fn both_with(&mut self, export: &Export, arguments: &[u64], packet: Vec<u8>) -> Result<End, Difference> {
        let (mut our_packet, mut their_packet) = (packet.clone(), packet);
        let ours = self.ours.call(export, arguments, &mut our_packet);
        if matches!(ours, End::GaveUp(_)) {
            return Ok(ours);
        }
        let theirs = self.theirs.call(export, arguments, &mut their_packet);
        let equal = match (&ours, &theirs) {
            (_, End::GaveUp(_)) => return Ok(theirs),
            (End::Back(x), End::Back(y)) => {
                let mut pairs = export.results.chars().zip(x.iter().zip(y));
                x.len() == y.len() && pairs.all(|(letter, (x, y))| same(letter, self.any_nan, *x, *y))
            }
            (End::Trap(x), End::Trap(y)) => x == y,
            _ => false,
        };
        if equal && our_packet == their_packet {
            return Ok(ours);
        }
        if equal {
            return Err(Difference(format!(
                "{}: ours leaves packet {our_packet:x?}, wasmtime {their_packet:x?}",
                export.name
            )));
        }
        Err(Difference(format!(
            "{}({}) -> ({}) of {arguments:x?}: ours {ours:x?}, wasmtime {theirs:x?}",
            export.name, export.params, export.results
        )))
    }

    /// Memories, segments, globals, tables.
    fn state(&mut self) -> Result<(), Difference> {
        let (a, b) = (self.ours.memory(), self.theirs.memory());
        if a != b {
            let at = a.iter().zip(&b).position(|(x, y)| x != y);
            return Err(Difference(format!("memory: {} and {} bytes, first difference at {at:x?}", a.len(), b.len())));
        }
        for look in self.surface.digests.iter().chain(&self.surface.probes) {
            self.both(look, &[])?;
        }
        for global in &self.surface.globals {
            let (a, b) = (self.ours.global(global), self.theirs.global(global));
            if !a.zip(b).is_some_and(|(a, b)| same(global.letter, self.any_nan, a, b)) {
                return Err(Difference(format!("global {}: ours {a:x?}, wasmtime {b:x?}", global.name)));
            }
        }
        for table in &self.surface.tables {
            let End::Back(size) = self.both(&table.size, &[])? else { continue };
            for index in 0..size.first().copied().unwrap_or(0) {
                self.both(&table.element, &[index])?;
            }
        }
        Ok(())
    }
}
