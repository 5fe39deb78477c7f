//! `wkc-bench-compile`: what `wasmkc build` takes for modules of some sizes.
#![forbid(unsafe_code)]

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use wasmkc_bench::compile::{Plan, run, text};
use wasmkc_bench::program;
use wasmkc_bench::report::Style;

const EXAMPLES: &str = "Examples:
  wkc-bench-compile                        all sizes
  wkc-bench-compile --size 10000           a filter of 10 KB
  wkc-bench-compile --json | jq '.[].one'

The modules are made from a seed: many functions of some hundred bytes, or large ones of 64 KiB. `make bench-compile`
builds all it needs and runs it, with BENCH=OPTIONS.";

/// What the command takes.
#[derive(Debug, Parser)]
#[command(name = "wkc-bench-compile", version, after_help = EXAMPLES)]
#[command(about = "Time and memory of `wasmkc build`, the whole command, for modules of some sizes")]
struct Args {
    /// Bytes of the modules (again for more)
    #[arg(long, default_values_t = [10_000, 100_000, 300_000, 900_000])]
    size: Vec<usize>,
    /// Runs of each build; the fastest counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Threads, besides one
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    jobs: usize,
    /// The command that is measured
    #[arg(long, value_name = "FILE", default_value = "build/bin/wasmkc")]
    wasmkc: PathBuf,
    /// Print the figures as JSON instead of a table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::ended("wkc-bench-compile", work(&Args::parse()))
}

fn work(args: &Args) -> Result<()> {
    let mut sizes = args.size.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let plan = Plan { wasmkc: args.wasmkc.clone(), sizes, rounds: args.rounds as usize, jobs: args.jobs };
    let rows = run(&plan, |what| {
        if std::io::stderr().is_terminal() {
            eprintln!("wkc-bench-compile: {what}");
        }
    })?;
    if args.json {
        println!("{}", serde_json::to_string(&rows)?);
    } else {
        let style = if std::io::stdout().is_terminal() { Style::Lines } else { Style::Markdown };
        print!("{}", text(&rows, args.jobs, style));
    }
    Ok(())
}
