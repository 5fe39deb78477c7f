//! `wkc-spec`: the official WebAssembly suite on one of our engines, with the counts of `src/spec/expected.txt`.
//!
//! On the host it does all at once. For the kernel it writes plans and objects (`--emit`), the objects are signed, and
//! in the VM the plans are carried out (`--run-plan`); the answer to a nonce tells that the objects did run there.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use wasmkc_compiler::Target;
use wasmkc_tests::spec::{emit, host::Code, report::Report, selection::Selection};
#[cfg(feature = "kernel")]
use wasmkc_tests::spec::{kernel::Kernel, selection::run_plans};

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
    /// Write plans and unsigned objects there, instead of running them
    #[arg(long, value_name = "DIR", requires = "keys")]
    emit: Option<PathBuf>,
    /// Machine of these objects
    #[arg(long, value_name = "NAME", requires = "emit", default_value = "x86_64")]
    target: String,
    /// File of the objects' keys, written by --emit, read by --check
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Carry out the plans there
    #[cfg(feature = "kernel")]
    #[arg(long, value_name = "DIR", requires = "engine")]
    run_plan: Option<PathBuf>,
    /// What runs the suite, or carries out plans
    #[arg(long, default_value = "host")]
    engine: EngineName,
    /// Number that passes through all objects
    #[arg(long, value_name = "N", default_value_t = 0)]
    nonce: u64,
    /// Whether this is the answer of the objects with --keys to --nonce
    #[arg(long, value_name = "ANSWER", requires = "keys")]
    check: Option<u64>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum EngineName {
    /// This process, with its processor's code
    Host,
    /// This process, with bytecode
    Bytecode,
    /// The kernel module, through /dev/wasmkc: carries out plans
    #[cfg(feature = "kernel")]
    Kernel,
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
    if let (Some(answer), Some(keys)) = (args.check, &args.keys) {
        return check(answer, args.nonce, &std::fs::read_to_string(keys)?);
    }
    let begun = Instant::now();
    #[cfg(feature = "kernel")]
    if let (Some(dir), EngineName::Kernel) = (&args.run_plan, args.engine) {
        let (report, answer) = run_plans(&mut Kernel::open()?, "KERNEL", dir, args.nonce)?;
        eprintln!("nonce {} answer {answer}", args.nonce);
        return tell(args, &report, begun);
    }
    let selection = Selection { suites: args.suite.clone(), files: args.file.clone() };
    if selection.scripts().is_empty() {
        return Err("no script of that name is in these suites".into());
    }
    if let (Some(dir), Some(keys)) = (&args.emit, &args.keys) {
        let target = Target::by_name(&args.target);
        let target = target.ok_or_else(|| format!("there is no target `{}`", args.target))?;
        std::fs::write(keys, selection.emit(dir, target)?)?;
        return Ok(true);
    }
    let code = match args.engine {
        EngineName::Host => Code::Native,
        EngineName::Bytecode => Code::Bytecode,
        #[cfg(feature = "kernel")]
        EngineName::Kernel => return Err("the kernel carries out plans (--run-plan)".into()),
    };
    tell(args, &selection.on_host(code), begun)
}

/// Prints what came of it; whether it is good.
fn tell(args: &Args, report: &Report, begun: Instant) -> Result<bool, Box<dyn Error>> {
    if args.counts {
        for script in &report.scripts {
            println!("{}", script.counts_line());
        }
        return Ok(true);
    }
    print(args, report)?;
    eprintln!("took {:.1} s", begun.elapsed().as_secs_f64());
    Ok(report.is_good())
}

fn check(answer: u64, nonce: u64, keys: &str) -> Result<bool, Box<dyn Error>> {
    let objects = keys.lines().count();
    let right = objects > 0 && emit::answer(keys, nonce)? == answer;
    println!("{answer} is {} of {objects} objects to {nonce}", if right { "the answer" } else { "not the answer" });
    Ok(right)
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
