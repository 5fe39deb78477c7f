//! Instructions a packet, counted by valgrind's callgrind: the same from run to run, whatever else the machine does.
//!
//! This program runs itself in valgrind, where it compares what the systems make of the packets, as always, and then
//! calls [`counted`] for each. Callgrind writes a part of its profile at each end of that function: what was executed
//! since the end before. A pass over all packets less one over none is what packets take. What is around them is not
//! in it: it depends on where the heap has put a name.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::measure::Plan;
use crate::results::{Results, Sample, Unit, means};
use crate::systems::{Kind, System};
use crate::trace::Trace;

/// What is counted when nothing else is asked for.
pub const SYSTEMS: [Kind; 3] = [Kind::Clang, Kind::Wasmkc, Kind::WasmkcMemory];
/// Packets of a trace: all run in valgrind, where everything takes some fifty times as long.
pub const PACKETS: usize = 512;

/// Calls of [`counted`] for one system: over all packets, then over none, each twice; the first ends what was before.
const CALLS: usize = 4;

/// What callgrind looks for.
#[inline(never)]
fn counted(system: &mut dyn System) -> Result<()> {
    // no stopwatch: what it takes depends on the time. Something must be left to do, or the call becomes a jump
    std::hint::black_box(system.pass()?);
    Ok(())
}

/// The calls that are counted, where this program runs in valgrind.
pub(crate) fn call(system: &mut dyn System, trace: &Trace) -> Result<()> {
    for trace in [trace, &trace.without_packets()] {
        system.place(trace)?;
        counted(system)?;
        counted(system)?;
    }
    Ok(())
}

/// What the packets took of each system in turn, of callgrind's profile.
fn passes(profile: &str) -> Result<Vec<u64>> {
    let parts: Vec<u64> = profile
        .lines()
        .filter_map(|line| line.strip_prefix("summary: "))
        .map(|count| count.trim().parse().with_context(|| format!("callgrind's summary is {count}")))
        .collect::<Result<_>>()?;
    // the last part is that of the end of the program
    let (_, parts) = parts.split_last().context("callgrind's profile has no part")?;
    let calls = parts.chunks(CALLS);
    calls
        .map(|call| match call {
            [_, all, _, none] => all.checked_sub(*none).context("all packets take less than none"),
            _ => bail!("callgrind's profile has {} parts", parts.len()),
        })
        .collect()
}

/// What tells `wkc-bench`, in valgrind, the same plan.
fn arguments(plan: &Plan) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["--instructions", "--counted"].map(OsString::from).into();
    let mut add = |option: &str, value: &OsStr| arguments.extend([option.into(), value.to_owned()]);
    plan.workloads.iter().for_each(|workload| add("--workload", workload.name.as_ref()));
    plan.systems.iter().for_each(|kind| add("--system", kind.name().as_ref()));
    plan.sizes.iter().for_each(|size| add("--size", size.to_string().as_ref()));
    add("--seed", plan.seed.to_string().as_ref());
    plan.without.iter().for_each(|pass| add("-Z", pass.switch().as_ref()));
    plan.command.iter().for_each(|command| add("--wasmkc", command.as_ref()));
    arguments
}

/// Counts what `plan` names, but for its packets, which are [`PACKETS`]; `program` is `wkc-bench`.
///
/// # Errors
/// If there is no valgrind, if the program fails in it, or if two systems do not agree.
pub fn count(plan: &Plan, program: &Path) -> Result<Results> {
    ensure!(!plan.systems.contains(&Kind::Ebpf), "eBPF runs in the kernel, where callgrind does not see it");
    let folder = tempfile::tempdir()?;
    let profile = folder.path().join("profile");
    let child = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--combine-dumps=yes", "--dump-after=*instructions::counted*"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program)
        .args(arguments(plan))
        .stderr(Stdio::inherit())
        .output()
        .context("no valgrind: `scripts/setup bench` installs it")?;
    ensure!(child.status.success(), "counting in valgrind failed: {}", child.status);
    let mut results: Results = serde_json::from_slice(&child.stdout).context("what the program said in valgrind")?;
    let profile = std::fs::read(&profile).context("callgrind's profile")?;
    let mut passes = passes(&String::from_utf8_lossy(&profile))?.into_iter();
    for row in &mut results.rows {
        let out =
            |kind: &&Kind| results.left_out.iter().any(|out| out.workload == row.workload && out.system == **kind);
        for kind in plan.systems.iter().filter(|kind| !out(kind)) {
            let pass = passes.next().context("callgrind's profile ends too early")?;
            row.systems.insert(*kind, Sample::of(vec![pass as f64 / results.packets as f64]));
        }
    }
    ensure!(passes.next().is_none(), "callgrind's profile has more than was asked for");
    results.unit = Unit::Instructions;
    // it was compiled in valgrind: the time says nothing
    results.code.clear();
    results.means = means(&results.rows, &results.systems);
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_the_packets_is_taken_off() {
        let profile =
            "events: Ir\nsummary: 900\nfn=(1) f\n0 7\ntotals: 900\nsummary: 55\nsummary: 70\nsummary: 30\nsummary: 4\n";
        assert_eq!(passes(profile).expect("one system"), [25]);
    }

    #[test]
    fn a_profile_that_is_cut_off_is_an_error() {
        assert!(passes("").is_err());
        assert!(passes("summary: 1\nsummary: 2\nsummary: 3\n").is_err());
        assert!(passes("summary: 1\nsummary: x\nsummary: 3\nsummary: 3\n").is_err());
    }
}
