//! `wkc-fuzz`: compares random modules for as long as it is told, and keeps those that differ.
#![forbid(unsafe_code)]

mod worker;
mod workers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use wasmkc_differential::{Case, Plan, Tally, compare, prepared, shrink};

/// What the command takes.
#[derive(Clone, Debug, Parser)]
#[command(about = "Random modules through our code and through wasmtime", version)]
struct Args {
    /// Seconds to run.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// First seed; the next module has the next one.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Processes at the same time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=256))]
    jobs: u64,
    /// Where modules that differ are written.
    #[arg(long, default_value = "build/fuzz")]
    out: PathBuf,
    /// End at the first difference.
    #[arg(long)]
    first: bool,
    /// Seconds to make a module that differs smaller.
    #[arg(long, default_value_t = 20)]
    shrink: u64,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
    /// Run one kept module again instead.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// With --replay: write the module as our compiler gets it.
    #[arg(long, value_name = "FILE", requires = "replay")]
    prepared: Option<PathBuf>,
    /// One of the processes of a run: takes every n-th seed.
    #[arg(long, hide = true)]
    every: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(file) = &args.replay {
        return on_a_large_stack(|| replay(file, &args));
    }
    if let Some(every) = args.every {
        return on_a_large_stack(|| worker::work(&args, every));
    }
    match workers::run(&args) {
        Ok(tally) => report(&args, &tally),
        Err(error) => {
            eprintln!("wkc-fuzz: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Both engines' code may use 16 MiB of it.
fn on_a_large_stack(work: impl FnOnce() -> ExitCode + Send) -> ExitCode {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work);
        thread.ok().and_then(|thread| thread.join().ok()).unwrap_or(ExitCode::FAILURE)
    })
}

fn report(args: &Args, tally: &Tally) -> ExitCode {
    match serde_json::to_string_pretty(tally) {
        Ok(json) if args.json => println!("{json}"),
        _ => println!("{tally}"),
    }
    if tally.differences.is_empty() && tally.modules > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(file: &Path, args: &Args) -> ExitCode {
    let wasm = match std::fs::read(file) {
        Ok(wasm) => wasm,
        Err(error) => {
            eprintln!("wkc-fuzz: {}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    };
    let plan = Plan::read_from(&wasm).unwrap_or(Plan { seed: args.seed, ..Plan::default() });
    println!("{plan:?}");
    let case = Case { wasm, plan };
    if let Some(to) = &args.prepared {
        let written = prepared(&case).and_then(|wasm| std::fs::write(to, wasm).map_err(|e| e.to_string()));
        if let Err(error) = written {
            eprintln!("wkc-fuzz: {}: {error}", to.display());
            return ExitCode::FAILURE;
        }
    }
    match compare(&case) {
        Ok(outcome) => {
            println!("the same: {outcome:?}");
            ExitCode::SUCCESS
        }
        Err(difference) => {
            println!("{difference}");
            if let Some(small) = shrink(&case, Duration::from_secs(args.shrink)) {
                let to = file.with_extension("small.wasm");
                let kept = std::fs::write(&to, small.plan.written_to(&small.wasm));
                println!("{} bytes of {} are in {} ({kept:?})", small.wasm.len(), case.wasm.len(), to.display());
            }
            ExitCode::FAILURE
        }
    }
}
