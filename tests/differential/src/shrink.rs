//! Makes a module that differs smaller, as long as it differs.

use std::time::{Duration, Instant};

use wasm_shrink::WasmShrink;

use crate::compare::compare;
use crate::make::Case;
use crate::plan::{Nans, Plan};

/// Attempts without success after which it is small enough.
const ATTEMPTS: u32 = 300;

/// The smallest module found within `time` that still differs, with its plan; `None` if it does not differ once
/// `prepare` closes NaNs itself, as it must when the generator's way of doing that is cut to pieces.
#[must_use]
pub fn shrink(case: &Case, time: Duration) -> Option<Case> {
    let plan = Plan { nans: Nans::Leaks, ..case.plan.clone() };
    let differs = |wasm: &[u8]| compare(&Case { wasm: wasm.to_vec(), plan: plan.clone() }).is_err();
    if !differs(&case.wasm) {
        return None;
    }
    let begun = Instant::now();
    let shrink = WasmShrink::default().attempts(ATTEMPTS);
    let done = shrink.run(case.wasm.clone(), |wasm: &[u8]| Ok(begun.elapsed() < time && differs(wasm)));
    Some(Case { wasm: done.ok()?.output, plan })
}
