//! A run: what all systems make of the packets is compared, then they are timed in turns.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use wasmkc_compiler::Pass;

use crate::instructions;
use crate::machine::Machine;
use crate::results::{Code, LeftOut, Results, Row, Sample, Unit, means};
use crate::systems::{self, Kind, Ours, System, sha256};
use crate::toolchain::Toolchain;
use crate::trace::Trace;
use crate::workload::Workload;

/// What a run does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is measured.
    pub workloads: Vec<&'static Workload>,
    /// In what.
    pub systems: Vec<Kind>,
    /// Sizes of frames.
    pub sizes: Vec<usize>,
    /// Rounds; 0 only compares what the systems make of the packets.
    pub rounds: usize,
    /// Time of one system in one round.
    pub slice: Duration,
    /// Packets of a trace.
    pub packets: usize,
    /// What they are made of.
    pub seed: u64,
    /// The `wasmkc` whose objects must be those that are measured.
    pub command: Option<PathBuf>,
    /// Passes of our compiler to leave out.
    pub without: Vec<Pass>,
    /// This runs in valgrind, which counts the calls of [`crate::instructions`].
    pub counted: bool,
}

impl Plan {
    fn ours(&self) -> Ours<'_> {
        Ours { command: self.command.as_deref(), without: &self.without }
    }
}

type Running = Vec<(Kind, Box<dyn System>)>;

/// Measures.
///
/// # Errors
/// If a system cannot be built, but for those that the machine may not allow, or if two do not agree.
pub fn run(plan: &Plan) -> Result<Results> {
    // without rounds nobody asks for times
    let toolchain = Toolchain::new(if plan.rounds > 0 { 3 } else { 1 })?;
    let mut results = Results {
        machine: Machine::here(&toolchain),
        unit: Unit::Nanoseconds,
        seed: plan.seed,
        packets: plan.packets,
        systems: plan.systems.clone(),
        rows: Vec::new(),
        code: Vec::new(),
        left_out: Vec::new(),
        means: Vec::new(),
    };
    let bar = ProgressBar::new((plan.workloads.len() * plan.sizes.len()) as u64);
    let style = "{elapsed_precise} {bar:30} {pos}/{len} {msg}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    for workload in &plan.workloads {
        bar.set_message(format!("{}: compiling", workload.name));
        let mut running = build(plan, workload, &toolchain, &mut results)?;
        for size in &plan.sizes {
            bar.set_message(format!("{}, {size} bytes", workload.name));
            let trace = Trace::new(workload, *size, plan.packets, plan.seed);
            let row = measure(plan, workload, &trace, &mut running);
            results.rows.push(row.with_context(|| format!("{}, {size} bytes", workload.name))?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    results.means = means(&results.rows, &results.systems);
    Ok(results)
}

fn build(plan: &Plan, workload: &Workload, toolchain: &Toolchain, results: &mut Results) -> Result<Running> {
    let mut running = Vec::new();
    for kind in &plan.systems {
        if let Some(reason) = kind.missing_here() {
            let reason = reason.to_owned();
            results.left_out.push(LeftOut { workload: workload.name.to_owned(), system: *kind, reason });
            continue;
        }
        match systems::build(*kind, workload, toolchain, plan.ours()) {
            Ok(system) => {
                let built = system.built().clone();
                results.code.push(Code { workload: workload.name.to_owned(), system: *kind, built });
                running.push((*kind, system));
            }
            Err(error) if *kind == Kind::Ebpf => {
                let reason = format!("{error:#}");
                results.left_out.push(LeftOut { workload: workload.name.to_owned(), system: *kind, reason });
            }
            Err(error) => return Err(error.context(format!("{}, {}", workload.name, kind.name()))),
        }
    }
    Ok(running)
}

/// What a system has made of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    verdicts: u64,
    packets: String,
}

/// Compares, then measures.
fn measure(plan: &Plan, workload: &Workload, trace: &Trace, running: &mut Running) -> Result<Row> {
    let mut first: Option<(Kind, Made)> = None;
    let mut pass = Vec::new();
    for (kind, system) in running.iter_mut() {
        system.place(trace).with_context(|| kind.name())?;
        // the second pass over packets that are changed already must do the same, and is warm
        let cold = system.run(1).with_context(|| kind.name())?;
        let warm = system.run(1).with_context(|| kind.name())?;
        let packets = sha256(&system.trace().with_context(|| kind.name())?);
        let made = Made { verdicts: cold.digest, packets };
        if warm.digest != cold.digest {
            bail!("{}: a second pass gives other verdicts", kind.name());
        }
        let (other, agreed) = first.get_or_insert_with(|| (*kind, made.clone()));
        if *agreed != made {
            bail!("{} and {} do not do the same work: {agreed:?}, {made:?}", other.name(), kind.name());
        }
        pass.push(warm.time);
    }
    if plan.counted {
        for (kind, system) in running.iter_mut() {
            instructions::call(&mut **system, trace).with_context(|| kind.name())?;
        }
    }
    let (_, made) = first.with_context(|| format!("{}: no system is left", workload.name))?;
    let mut rounds: BTreeMap<Kind, Vec<f64>> = BTreeMap::new();
    for round in 0..plan.rounds {
        // each round begins with another one, so that none is always behind the same
        for turn in 0..running.len() {
            let turn = (turn + round) % running.len();
            let (kind, system) = &mut running[turn];
            let passes = plan.slice.as_nanos() / pass[turn].as_nanos().max(1);
            let passes = u32::try_from(passes).unwrap_or(u32::MAX).clamp(1, 100_000);
            let ran = system.run(passes).with_context(|| kind.name())?;
            if ran.digest != made.verdicts {
                bail!("{}: verdicts changed while it was measured", kind.name());
            }
            let packets = f64::from(passes) * trace.count as f64;
            rounds.entry(*kind).or_default().push(ran.time.as_nanos() as f64 / packets);
        }
    }
    Ok(Row {
        workload: workload.name.to_owned(),
        size: trace.len - workload.room,
        verdicts: format!("{:016x}", made.verdicts),
        packets: made.packets,
        systems: rounds.into_iter().map(|(kind, rounds)| (kind, Sample::of(rounds))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::by_name;

    fn plan() -> Plan {
        Plan {
            workloads: Vec::new(),
            systems: Vec::new(),
            sizes: Vec::new(),
            rounds: 0,
            slice: Duration::ZERO,
            packets: 64,
            seed: 1,
            command: None,
            without: Vec::new(),
            counted: false,
        }
    }

    /// What `measure` says of the first workload as clang has it and the second as gcc has it.
    fn side_by_side(first: &str, second: &str, size: usize) -> Result<Row> {
        let toolchain = Toolchain::new(1)?;
        let of = |name: &str, kind| systems::build(kind, by_name(name).context("a name")?, &toolchain, Ours::default());
        let mut running = vec![(Kind::Clang, of(first, Kind::Clang)?), (Kind::Gcc, of(second, Kind::Gcc)?)];
        let workload = by_name(first).context("a name")?;
        measure(&plan(), workload, &Trace::new(workload, size, 64, 1), &mut running)
    }

    #[test]
    fn systems_that_give_other_verdicts_are_an_error() {
        assert!(side_by_side("rules", "rules", 64).is_ok());
        let error = side_by_side("rules", "blocklist", 64).expect_err("other verdicts").to_string();
        assert!(error.starts_with("clang and gcc do not do the same work"), "{error}");
    }

    #[test]
    fn an_object_that_is_not_the_commands_is_an_error() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let command = folder.path().join("other");
        // build --author trusted --output OBJECT WASM
        std::fs::write(&command, "#!/bin/sh\necho other >\"$5\"\n").expect("written");
        std::fs::set_permissions(&command, std::fs::Permissions::from_mode(0o755)).expect("set");
        let toolchain = Toolchain::new(1).expect("compilers");
        let empty = by_name("empty").expect("a name");
        let error = systems::build(Kind::Wasmkc, empty, &toolchain, Ours { command: Some(&command), without: &[] })
            .err()
            .expect("another object");
        assert!(error.to_string().contains("makes another object than what would be measured"), "{error:#}");
    }
}
