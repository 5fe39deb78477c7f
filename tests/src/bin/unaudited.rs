//! `wkc-unaudited`: compiles for a machine that the audit does not know, unsigned. For the tests in the VM, where what it
//! makes harms nobody.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use wasmkc_compiler::{Options, Target, compile};

#[derive(Parser)]
#[command(about = "Compiles for a machine that the audit does not know, for tests", version)]
struct Args {
    /// The machine.
    machine: String,
    /// The filter.
    input: PathBuf,
    /// The object to write.
    output: PathBuf,
    /// Name of the program.
    #[arg(long)]
    name: String,
    /// Fuel ceiling of one run.
    #[arg(long, default_value_t = Options::default().fuel)]
    fuel: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let target = Target::by_name(&args.machine).ok_or_else(|| format!("no machine `{}`", args.machine))?;
    let options = Options { target, name: args.name, fuel: args.fuel, unaudited: true, ..Options::default() };
    let object =
        compile(&std::fs::read(&args.input)?, &options).map_err(|e| format!("{}: {e}", args.input.display()))?;
    Ok(std::fs::write(args.output, object.bytes)?)
}
