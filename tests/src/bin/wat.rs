//! `wkc-wat`: WebAssembly's text format to binary. Knows what the compiler knows: several memories, page sizes.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;

#[derive(Parser)]
#[command(about = "WebAssembly's text format to binary", version)]
struct Args {
    /// The text.
    input: PathBuf,
    /// The module to write.
    output: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    Ok(std::fs::write(args.output, wat::parse_file(args.input)?)?)
}
