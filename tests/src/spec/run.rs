//! A plan carried out on an engine.

use wasmkc_abi::trap::TrapCode;

use super::{
    chain::Chain,
    names,
    plan::{Expect, Plan, Step},
    tally::Status,
};

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It came back with these results.
    Results(Vec<u64>),
    /// It trapped.
    Trap(TrapCode),
    /// It could not be made.
    Error(String),
}

/// What carries out plans.
pub trait Engine {
    /// An instance of an object.
    type Instance;

    /// Loads object `number` of the current plan and makes an instance.
    ///
    /// # Errors
    /// Why not.
    fn start(&mut self, plan: &Plan, number: usize) -> Result<Self::Instance, String>;

    /// Calls an export.
    fn call(&mut self, instance: &mut Self::Instance, export: &str, args: &[u64]) -> Outcome;
}

/// Carries out `plan`; gives a status for each case. Each object answers a link of `chain` when it is started.
pub fn run<E: Engine>(engine: &mut E, plan: &Plan, chain: &mut Chain) -> Vec<Status> {
    let mut instances: Vec<Option<Result<E::Instance, String>>> = plan.objects.iter().map(|_| None).collect();
    let mut last = vec![0; instances.len()];
    for (number, object) in plan.cases.iter().enumerate().filter_map(|(n, case)| Some((n, case.step.object()?))) {
        last[object] = number;
    }
    let mut out = Vec::with_capacity(plan.cases.len());
    for (number, case) in plan.cases.iter().enumerate() {
        let Some(object) = case.step.object() else {
            if let Step::Decided(status) = &case.step {
                out.push(status.clone());
            }
            continue;
        };
        let slot = instances[object].get_or_insert_with(|| begin(engine, plan, object, chain));
        out.push(match (slot, &case.step) {
            (Err(e), Step::Call { .. }) => Status::Skipped(e.clone()),
            (Err(e), _) => Status::Failed(e.clone()),
            (Ok(instance), Step::Call { export, args, expect, .. }) => {
                judge(expect, engine.call(instance, export, args))
            }
            (Ok(_), _) => Status::Passed,
        });
        if last[object] == number {
            instances[object] = None;
        }
    }
    out
}

fn begin<E: Engine>(engine: &mut E, plan: &Plan, object: usize, chain: &mut Chain) -> Result<E::Instance, String> {
    let mut instance = engine.start(plan, object)?;
    match engine.call(&mut instance, names::NONCE, &[chain.question()]) {
        Outcome::Results(results) if results.len() == 1 => chain.answer(results[0]),
        other => return Err(format!("`nonce` gave {other:?}")),
    }
    Ok(instance)
}

/// Whether the call did what it must.
fn judge(expect: &Expect, outcome: Outcome) -> Status {
    let right = match (expect, &outcome) {
        (Expect::Return, Outcome::Results(_)) => true,
        (Expect::Results(patterns), Outcome::Results(results)) => {
            patterns.len() == results.len() && patterns.iter().zip(results).all(|(p, r)| p.matches(*r))
        }
        (Expect::Trap(text), Outcome::Trap(code)) => trap_codes(text).contains(code),
        (Expect::Exhaustion, Outcome::Trap(code)) => *code == TrapCode::StackOverflow,
        _ => false,
    };
    if right { Status::Passed } else { Status::Failed(format!("expected {expect:x?}, came {outcome:x?}")) }
}

/// The causes that the suite calls by `text`. Where it tells fewer or more apart than the ABI, the kind counts.
fn trap_codes(text: &str) -> &'static [TrapCode] {
    match text {
        "unreachable" => &[TrapCode::Unreachable],
        "integer divide by zero" => &[TrapCode::DivisionByZero],
        "integer overflow" => &[TrapCode::IntegerOverflow],
        "invalid conversion to integer" => &[TrapCode::BadConversion],
        "indirect call type mismatch" => &[TrapCode::BadSignature],
        "out of bounds memory access" => &[TrapCode::MemoryOutOfBounds],
        "out of bounds table access" | "undefined element" => &[TrapCode::TableOutOfBounds],
        // The suite appends the element's index in some places.
        _ if text.starts_with("uninitialized") => &[TrapCode::IndirectCallToNull],
        _ => &[],
    }
}
