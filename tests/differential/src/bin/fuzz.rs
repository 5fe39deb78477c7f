//! `wkc-fuzz`: compares random modules for as long as it is told, and keeps those that differ.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use wasmkc_differential::{compare, generate, random_bytes};

#[derive(Parser)]
#[command(about = "Random modules through our code and through wasmtime", version)]
struct Args {
    /// Seconds to run.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// First seed; the next module has the next one.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where modules that differ are written.
    #[arg(long, default_value = ".")]
    out: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let start = Instant::now();
    let (mut modules, mut refused, mut alive, mut calls, mut returned, mut differences) =
        (0u64, 0u64, 0u64, 0u64, 0u64, 0u64);
    let mut seed = args.seed;
    let mut said = Instant::now();
    while start.elapsed() < Duration::from_secs(args.seconds) {
        let bytes = random_bytes(seed, 4096);
        if let Some(wasm) = generate(&bytes) {
            modules += 1;
            match compare(&wasm, seed) {
                Ok(outcome) if outcome.refused.is_some() => refused += 1,
                Ok(outcome) => {
                    alive += u64::from(outcome.returned > 0);
                    calls += outcome.calls;
                    returned += outcome.returned;
                }
                Err(difference) => {
                    differences += 1;
                    let path = args.out.join(format!("difference-{seed}.wasm"));
                    let kept =
                        std::fs::write(&path, &wasm).map_or_else(|e| e.to_string(), |()| path.display().to_string());
                    println!("seed {seed}: {difference} ({kept})");
                }
            }
        }
        seed += 1;
        if said.elapsed() > Duration::from_secs(10) {
            said = Instant::now();
            eprintln!("{modules} modules, {differences} differences, {} s", start.elapsed().as_secs());
        }
    }
    println!(
        "modules {modules} refused {refused} with-a-result {alive} calls {calls} returned {returned} differences {differences} \
         next-seed {seed}"
    );
    if differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
