//! One process of a run: compares module after module and says on its standard output what it does, a line each:
//! `begin SEED`, `found JSON`, `tally JSON`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::Serialize;
use wasmkc_differential::{Case, Found, Tally, case, compare, shrink};

use crate::Args;

/// How often counts are handed over: what a crash loses.
const HANDED_OVER: Duration = Duration::from_secs(2);

/// Works until its time is over.
pub fn work(args: &Args, every: u64) -> ExitCode {
    match all(args, every) {
        Ok(()) => ExitCode::SUCCESS,
        // whoever has started it is gone
        Err(_) => ExitCode::FAILURE,
    }
}

fn all(args: &Args, every: u64) -> io::Result<()> {
    let begun = Instant::now();
    let (mut tally, mut handed_over) = (Tally::default(), Instant::now());
    let mut seed = args.seed;
    while begun.elapsed() < Duration::from_secs(args.seconds) {
        tell("begin", &seed)?;
        tally.seeds += 1;
        if let Some(case) = case(seed) {
            match compare(&case) {
                Ok(outcome) => tally.add(&case.plan, &outcome),
                Err(difference) => {
                    let file = kept(&case, &args.out);
                    tell("found", &Found { seed, what: difference.0, after: 0, file })?;
                    tally.modules += 1;
                    if args.first {
                        break;
                    }
                    smaller(&case, args);
                }
            }
        }
        seed = seed.wrapping_add(every);
        if handed_over.elapsed() > HANDED_OVER {
            tell("tally", &std::mem::take(&mut tally))?;
            handed_over = Instant::now();
        }
    }
    tell("tally", &tally)
}

fn tell(what: &str, value: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_string(value)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{what} {json}")?;
    out.flush()
}

/// Writes a module that differs; gives where it is.
pub fn kept(case: &Case, out: &Path) -> String {
    let path = out.join(format!("difference-{}.wasm", case.plan.seed));
    let written = std::fs::create_dir_all(out).and_then(|()| std::fs::write(&path, case.plan.written_to(&case.wasm)));
    written.map_or_else(|e| format!("{}: {e}", path.display()), |()| path.display().to_string())
}

fn smaller(case: &Case, args: &Args) {
    if let Some(small) = shrink(case, Duration::from_secs(args.shrink)) {
        let path = args.out.join(format!("difference-{}.small.wasm", case.plan.seed));
        // the module itself is kept, so nothing is lost with this one
        let _ = std::fs::write(path, small.plan.written_to(&small.wasm));
    }
}
