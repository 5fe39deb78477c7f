//! The module of a seed.

use arbitrary::Unstructured;
use fastrand::Rng;

use crate::plan::{Plan, Source};
use crate::{loops, shape, suite};

/// Bytes that wasm-smith gets of a seed: some run out of them early, which gives short modules too.
const BYTES: [usize; 4] = [600, 2000, 6000, 16_000];

/// A module with its plan.
#[derive(Clone, Debug)]
pub struct Case {
    /// The module as it was made, before `prepare`.
    pub wasm: Vec<u8>,
    /// All else.
    pub plan: Plan,
}

/// What `seed` says; `None` if no module comes of it.
#[must_use]
pub fn case(seed: u64) -> Option<Case> {
    let plan = Plan::of(seed);
    let mut rng = Rng::with_seed(seed ^ 0x6d61_6b65);
    let wasm = match plan.source {
        Source::Random => {
            let mut bytes = vec![0; BYTES[rng.usize(..BYTES.len())]];
            rng.fill(&mut bytes);
            random(&bytes, &plan)?
        }
        Source::Suite => suite::mutant(&mut rng)?,
        Source::Loops => loops::module(&mut rng)?,
    };
    Some(Case { wasm, plan })
}

/// The same of bytes that someone else has chosen: eight of seed, then the generator's.
#[must_use]
pub fn case_of(bytes: &[u8]) -> Option<Case> {
    let (seed, rest) = bytes.split_first_chunk()?;
    let plan = Plan { source: Source::Random, ..Plan::of(u64::from_le_bytes(*seed)) };
    Some(Case { wasm: random(rest, &plan)?, plan })
}

fn random(bytes: &[u8], plan: &Plan) -> Option<Vec<u8>> {
    let module = wasm_smith::Module::new(shape::shape(plan), &mut Unstructured::new(bytes)).ok()?;
    Some(module.to_bytes())
}
