//! `wkc-spec`: the official WebAssembly suite on one of our engines, with the counts of `src/spec/expected.txt`.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use wasmkc_tests::spec::{report::Report, selection::Selection};

/// Runs the official WebAssembly suite.
#[derive(Debug, Parser)]
#[command(name = "wkc-spec")]
struct Args {
    /// Only this suite (may be given again)
    #[arg(long, value_name = "NAME")]
    suite: Vec<String>,
    /// Only scripts of this name (may be given again)
    #[arg(long, value_name = "NAME")]
    file: Vec<String>,
    /// Print each case that failed or was skipped
    #[arg(long)]
    verbose: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print lines for expected.txt
    #[arg(long)]
    counts: bool,
}

fn main() -> ExitCode {
    match start(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("wkc-spec: {e}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is as it must be.
fn start(args: &Args) -> Result<bool, Box<dyn Error>> {
    let selection = Selection { suites: args.suite.clone(), files: args.file.clone() };
    if selection.scripts().is_empty() {
        return Err("no script of that name is in these suites".into());
    }
    let begun = Instant::now();
    let report = selection.on_host();
    if args.counts {
        for script in &report.scripts {
            println!("{}", script.counts_line());
        }
        return Ok(true);
    }
    print(args, &report)?;
    eprintln!("took {:.1} s", begun.elapsed().as_secs_f64());
    Ok(report.is_good())
}

fn print(args: &Args, report: &Report) -> Result<(), Box<dyn Error>> {
    if let Some(file) = &args.junit {
        std::fs::write(file, report.junit()?)?;
    }
    if args.json {
        println!("{}", report.json());
    } else {
        print!("{}", report.text(args.verbose));
    }
    Ok(())
}
