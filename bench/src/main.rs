//! `wkc-bench`: measures and writes tables, figures as JSON and a chart.
#![forbid(unsafe_code)]

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Parser, ValueEnum};
use wasmkc_bench::instructions;
use wasmkc_bench::measure::{Plan, run};
use wasmkc_bench::report::{Style, text};
use wasmkc_bench::systems::Kind;
use wasmkc_bench::workload::Workload;
use wasmkc_bench::{chart, program, trace, workload};
use wasmkc_compiler::Pass;

const EXAMPLES: &str = "Examples:
  wkc-bench                                   everything
  wkc-bench --workload scan --workload dns    two workloads in all systems
  wkc-bench --system clang --system wasmkc --size 64 --rounds 25
  wkc-bench --rounds 0                        only whether all systems do the same work
  wkc-bench --instructions --workload scan    what it takes whatever else the machine does
  wkc-bench --json | jq '.means'

Figures of a machine that does other things meanwhile are good as ratios only. `docs/PERFORMANCE.md` says how it is
measured. eBPF needs CAP_BPF and CAP_NET_ADMIN, so root; where it cannot be had it is named as left out.";

/// What the command takes.
#[derive(Debug, Parser)]
#[command(about = "The same filters in wasmkc, native code, eBPF, wasmtime and wasmi, measured side by side", version)]
#[command(after_help = EXAMPLES)]
struct Args {
    /// Measure this workload (again for more); all without
    #[arg(long, value_parser = workloads())]
    workload: Vec<String>,
    /// Measure this system (again for more); all without, or with --instructions clang, wasmkc and wasmkc-memory
    #[arg(long, value_enum)]
    system: Vec<Kind>,
    /// Bytes of the frames (again for more)
    #[arg(long, default_values_t = trace::SIZES, value_parser = trace::size)]
    size: Vec<usize>,
    /// Rounds; each measures every system once
    #[arg(long, default_value_t = 9, conflicts_with = "instructions")]
    rounds: usize,
    /// Milliseconds of one system in one round
    #[arg(long, default_value_t = 20, value_name = "MS", conflicts_with = "instructions")]
    slice: u64,
    /// What the packets are made of
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The wasmkc whose objects are measured: they are compared byte by byte
    #[arg(long, value_name = "FILE")]
    wasmkc: Option<PathBuf>,
    /// Count instructions in valgrind instead of time; repeats to the last one
    #[arg(long)]
    instructions: bool,
    /// This runs in valgrind
    #[arg(long, hide = true, requires = "instructions")]
    counted: bool,
    /// Leave out a pass of our compiler, as `wasmkc build` does (again for more)
    #[arg(short = 'Z', value_name = "no-PASS", value_parser = pass())]
    without: Vec<Pass>,
    /// Folder of results.json, results.md and chart.svg; with --instructions of instructions.json and instructions.md
    #[arg(long, default_value = "build/bench")]
    out: PathBuf,
    /// Print the figures as JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// Names of the workloads, with what they are for the help.
fn workloads() -> PossibleValuesParser {
    PossibleValuesParser::new(
        workload::ALL.each_ref().map(|workload| PossibleValue::new(workload.name).help(workload.what)),
    )
}

/// Sorted, each once, or `all` of nothing.
fn chosen<T: Ord + Clone>(some: &[T], all: &[T]) -> Vec<T> {
    let mut some = some.to_vec();
    some.sort_unstable();
    some.dedup();
    if some.is_empty() { all.to_vec() } else { some }
}

fn plan(args: &Args) -> Plan {
    let named =
        |workload: &&Workload| args.workload.is_empty() || args.workload.iter().any(|name| name == workload.name);
    let systems = if args.instructions { &instructions::SYSTEMS } else { Kind::value_variants() };
    Plan {
        workloads: workload::ALL.iter().filter(named).collect(),
        systems: chosen(&args.system, systems),
        sizes: chosen(&args.size, &[]),
        rounds: if args.instructions { 0 } else { args.rounds },
        slice: Duration::from_millis(args.slice),
        packets: if args.instructions { instructions::PACKETS } else { trace::PACKETS },
        seed: args.seed,
        command: args.wasmkc.clone(),
        without: args.without.clone(),
        counted: args.counted,
    }
}

/// Parses the switch that leaves out a pass.
fn pass() -> impl TypedValueParser<Value = Pass> {
    PossibleValuesParser::new(Pass::ALL.map(Pass::switch))
        .try_map(|switch| Pass::by_switch(&switch).ok_or("the compiler has no such pass"))
}

fn main() -> ExitCode {
    program::ended("wkc-bench", work(&Args::parse()))
}

fn work(args: &Args) -> Result<()> {
    let plan = plan(args);
    if args.counted {
        println!("{}", serde_json::to_string(&run(&plan)?)?);
        return Ok(());
    }
    if cfg!(debug_assertions) {
        eprintln!("wkc-bench: this is a debug build: interpreters and the way into filters are slow in it");
    }
    let (results, name) = if args.instructions {
        let program = std::env::current_exe().context("where this program is")?;
        (instructions::count(&plan, &program)?, "instructions")
    } else {
        (run(&plan)?, "results")
    };
    let json = serde_json::to_string_pretty(&results)?;
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let write = |name: &str, text: &str| {
        let path = args.out.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    };
    write(&format!("{name}.json"), &json)?;
    write(&format!("{name}.md"), &text(&results, Style::Markdown))?;
    let chart = args.out.join("chart.svg");
    if plan.rounds > 0 && plan.systems.contains(&Kind::Clang) {
        chart::draw(&results, &chart).with_context(|| chart.display().to_string())?;
    }
    if args.json {
        println!("{json}");
    } else {
        print!("{}", text(&results, Style::Lines));
        if std::io::stdout().is_terminal() {
            eprintln!("wkc-bench: the same is in {}", args.out.join(name).with_extension("md").display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        let all = ["wkc-bench"].iter().chain(arguments);
        Args::try_parse_from(all).expect_err("it is refused").to_string()
    }

    #[test]
    fn a_size_that_no_frame_has_is_refused() {
        assert!(refused(&["--size", "63"]).contains("a frame has 64 to 1500 bytes here"));
        assert!(refused(&["--size", "1501"]).contains("a frame has 64 to 1500 bytes here"));
        assert!(refused(&["--size", "long"]).contains("long is no number"));
    }

    #[test]
    fn rounds_of_what_is_counted_once_are_refused() {
        assert!(refused(&["--instructions", "--rounds", "3"]).contains("--rounds"));
    }

    #[test]
    fn what_is_named_twice_is_measured_once() {
        let args = Args::try_parse_from(["wkc-bench", "--size", "512", "--size", "64", "--size", "512"]);
        assert_eq!(plan(&args.expect("sizes")).sizes, [64, 512]);
    }

    #[test]
    fn an_unknown_workload_or_system_is_refused_with_those_there_are() {
        assert!(refused(&["--workload", "none"]).contains("blocklist"));
        assert!(refused(&["--system", "none"]).contains("wasmkc-masked"));
    }
}
