//! `wkc-bench`: measures and writes tables, figures as JSON and a chart.
#![forbid(unsafe_code)]

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Parser, ValueEnum};
use wasmkc_bench::measure::{Plan, run};
use wasmkc_bench::report::{Style, text};
use wasmkc_bench::systems::Kind;
use wasmkc_bench::{chart, trace, workload};

const EXAMPLES: &str = "Examples:
  wkc-bench                                   everything
  wkc-bench --workload scan --workload dns    two workloads in all systems
  wkc-bench --system clang --system wasmkc --size 64 --rounds 25
  wkc-bench --rounds 0                        only whether all systems do the same work
  wkc-bench --json | jq '.means'

Figures of a machine that does other things meanwhile are good as ratios only. `docs/PERFORMANCE.md` says how it is
measured. eBPF needs CAP_BPF and CAP_NET_ADMIN, so root; where it cannot be had it is named as left out.";

/// What the command takes.
#[derive(Debug, Parser)]
#[command(about = "The same filters in wasmkc, native code, eBPF, wasmtime and wasmi, measured side by side", version)]
#[command(after_help = EXAMPLES)]
struct Args {
    /// Measure this workload (again for more); all without
    #[arg(long, value_parser = PossibleValuesParser::new(workload::ALL.map(|workload| workload.name)))]
    workload: Vec<String>,
    /// Measure this system (again for more); all without
    #[arg(long, value_enum)]
    system: Vec<Kind>,
    /// Bytes of the frames (again for more)
    #[arg(long, default_values_t = trace::SIZES, value_parser = size)]
    size: Vec<usize>,
    /// Rounds; each measures every system once
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Milliseconds of one system in one round
    #[arg(long, default_value_t = 20, value_name = "MS")]
    slice: u64,
    /// What the packets are made of
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The wasmkc whose objects are measured: they are compared byte by byte
    #[arg(long, value_name = "FILE")]
    wasmkc: Option<PathBuf>,
    /// Folder of results.json, results.md and chart.svg
    #[arg(long, default_value = "build/bench")]
    out: PathBuf,
    /// Print the figures as JSON instead of tables
    #[arg(long)]
    json: bool,
}

fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().map_err(|_| format!("{text} is no number"))?;
    if (64..=1500).contains(&size) { Ok(size) } else { Err("a frame has 64 to 1500 bytes here".to_owned()) }
}

fn main() -> ExitCode {
    match work(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wkc-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work(args: &Args) -> Result<()> {
    let named =
        |workload: &&&'static str| args.workload.is_empty() || args.workload.iter().any(|name| name == *workload);
    let names = workload::ALL.map(|workload| workload.name);
    let mut systems = args.system.clone();
    systems.sort_unstable();
    systems.dedup();
    let plan = Plan {
        workloads: names.iter().filter(named).filter_map(|name| workload::by_name(name)).collect(),
        systems: if systems.is_empty() { Kind::value_variants().to_vec() } else { systems },
        sizes: args.size.clone(),
        rounds: args.rounds,
        slice: Duration::from_millis(args.slice),
        packets: trace::PACKETS,
        seed: args.seed,
        command: args.wasmkc.clone(),
    };
    if cfg!(debug_assertions) {
        eprintln!("wkc-bench: this is a debug build: interpreters and the way into filters are slow in it");
    }
    let results = run(&plan)?;
    let json = serde_json::to_string_pretty(&results)?;
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let write = |name: &str, text: &str| {
        let path = args.out.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    };
    write("results.json", &json)?;
    write("results.md", &text(&results, Style::Markdown))?;
    let chart = args.out.join("chart.svg");
    if args.rounds > 0 && plan.systems.contains(&Kind::Clang) {
        chart::draw(&results, &chart).with_context(|| chart.display().to_string())?;
    }
    if args.json {
        println!("{json}");
    } else {
        print!("{}", text(&results, Style::Lines));
        if std::io::stdout().is_terminal() {
            eprintln!("wkc-bench: {} has the figures, and a chart", args.out.display());
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
    fn an_unknown_workload_or_system_is_refused_with_those_there_are() {
        assert!(refused(&["--workload", "none"]).contains("blocklist"));
        assert!(refused(&["--system", "none"]).contains("wasmkc-masked"));
    }
}
