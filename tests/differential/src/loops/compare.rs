//! A module of loops on our engine without any pass, with all, with some, and on wasmtime.

use fastrand::Rng;
use wasmkc_abi::packet::PACKET_OPS;
use wasmkc_compiler::Pass;
use wasmparser::{Operator, Parser, Payload};

use super::expr::{edge, one};
use crate::compare::{Difference, Outcome};
use crate::ours::{NoInstance, Ours};
use crate::plan::Plan;
use crate::surface::Surface;
use crate::theirs::Theirs;
use crate::{End, Engine, Export};

/// Calls of each export.
const ROUNDS: usize = 10;
/// Far beyond what a module takes that counts its turns; for those that no longer do, made smaller.
const FUEL: u64 = 100_000;
/// Longest packet.
const LONGEST: usize = 81;

/// Runs `wasm`, which imports nothing but `xdp`.
///
/// # Errors
/// The first difference.
pub fn compare(wasm: &[u8], plan: &Plan) -> Result<Outcome, Difference> {
    let mut outcome = Outcome::default();
    let surface = Surface::of(wasm).map_err(|e| Difference(format!("the module cannot be read: {e}")))?;
    let mut plain = match Ours::without(wasm, plan, &Pass::ALL) {
        Ok(plain) => plain,
        Err(NoInstance::Refused(text)) => {
            outcome.refused = Some(text);
            return Ok(outcome);
        }
        Err(other) => return Err(Difference(format!("without passes: {other:?}"))),
    };
    let mut rng = Rng::with_seed(plan.seed ^ 0x7475_726e);
    let mut others = Vec::new();
    let mut sets = vec![Vec::new()];
    if rng.u8(..4) == 0 {
        sets.extend(Pass::ALL.map(|pass| vec![pass]));
    }
    for without in sets {
        let made = Ours::without(wasm, plan, &without);
        let other = made.map_err(|e| Difference(format!("without {without:?} there is no instance: {e:?}")))?;
        others.push((format!("without {without:?}"), other));
    }
    outcome.checks = (accesses(wasm), plain.traps().saturating_sub(others[0].1.traps()).into());
    let mut theirs = match Theirs::new(wasm, plan, &surface) {
        Ok(theirs) => theirs,
        Err(end) => return Err(Difference(format!("wasmtime does not start: {end:?}"))),
    };
    for _ in 0..ROUNDS {
        for export in &surface.functions {
            let packet = packet(&mut rng);
            let arguments: Vec<u64> = export.params.chars().map(|_| argument(&mut rng, packet.len())).collect();
            let run = Run { export, arguments: &arguments, packet: &packet };
            let (end, left) = run.on_ours(&mut plain, &mut others)?;
            if let End::GaveUp(why) = end {
                outcome.gave_up = Some(why.to_owned());
                return Ok(outcome);
            }
            run.on_theirs(&plain, &end, &left, &mut theirs)?;
            outcome.calls += 1;
            match end {
                End::Trap(cause) => *outcome.traps.entry(cause).or_default() += 1,
                _ => outcome.returned += 1,
            }
        }
    }
    Ok(outcome)
}

/// Accesses of packet and memory: each has a check.
fn accesses(wasm: &[u8]) -> u64 {
    let last = PACKET_OPS.len() as u32 - 3;
    let is = |op: &Operator<'_>| match op {
        // The first two imports give a length.
        Operator::Call { function_index } => (2..=last).contains(function_index),
        op => format!("{op:?}").contains("memarg"),
    };
    let sections = Parser::new(0).parse_all(wasm).filter_map(Result::ok);
    let bodies = sections.filter_map(|section| match section {
        Payload::CodeSectionEntry(body) => body.get_operators_reader().ok(),
        _ => None,
    });
    bodies.map(|operators| operators.into_iter().filter_map(Result::ok).filter(is).count() as u64).sum()
}

fn packet(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = vec![0; rng.usize(..LONGEST)];
    rng.fill(&mut bytes);
    // Small ones are what counters count to.
    bytes.iter_mut().for_each(|byte| *byte >>= rng.u8(..8));
    bytes
}

fn argument(rng: &mut Rng, len: usize) -> u64 {
    let n = match rng.u8(..4) {
        0 => edge(rng),
        1 => (len as i32).wrapping_add(one(rng, &[-8, -4, -2, -1, 0, 1, 2])),
        2 => rng.i32(0..80),
        _ => rng.i32(..),
    };
    n.cast_unsigned().into()
}

/// One call of all.
struct Run<'a> {
    export: &'a Export,
    arguments: &'a [u64],
    packet: &'a [u8],
}

impl Run<'_> {
    fn differs(&self, what: &str) -> Difference {
        let Self { export, arguments, packet } = self;
        Difference(format!("{} of {arguments:x?} on {} bytes: {what}", export.name, packet.len()))
    }

    /// How it ends on ours, with passes as without, and the packet that it leaves.
    fn on_ours(&self, plain: &mut Ours, others: &mut [(String, Ours)]) -> Result<(End, Vec<u8>), Difference> {
        let mut left = self.packet.to_vec();
        let expected = plain.call_for(&self.export.name, self.arguments, &mut left, FUEL);
        for (name, other) in others {
            let mut packet = self.packet.to_vec();
            let found = other.call_for(&self.export.name, self.arguments, &mut packet, FUEL);
            if found != expected {
                return Err(self.differs(&format!("{name} {found:?}, without any pass {expected:?}")));
            }
            if packet != left {
                return Err(self.differs(&format!("{name} leaves packet {packet:x?}, without any pass {left:x?}")));
            }
            if other.seen() != plain.seen() {
                return Err(self.differs(&format!("{name} memory is another than without any pass")));
            }
        }
        Ok((expected.0, left))
    }

    /// Whether wasmtime does what `ours` did.
    fn on_theirs(&self, ours: &Ours, end: &End, left: &[u8], theirs: &mut Theirs) -> Result<(), Difference> {
        let mut packet = self.packet.to_vec();
        let found = theirs.call(self.export, self.arguments, &mut packet);
        let low = |end: &End| match end {
            // All results are of 32 bits.
            End::Back(results) => End::Back(results.iter().map(|n| n & u64::from(u32::MAX)).collect()),
            end => end.clone(),
        };
        if low(&found) != low(end) {
            return Err(self.differs(&format!("ours {end:?}, wasmtime {found:?}")));
        }
        if packet != left {
            return Err(self.differs(&format!("ours leaves packet {left:x?}, wasmtime {packet:x?}")));
        }
        if theirs.memory() != ours.seen() {
            return Err(self.differs("memory: ours and wasmtime's are not the same"));
        }
        Ok(())
    }
}
