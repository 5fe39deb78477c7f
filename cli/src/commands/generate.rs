//! `completions` and `man`: files made of the command's own definition.

use crate::args::{Cli, Completions, Man};
use crate::error::{Error, Result};
use crate::output::{emit, print};
use clap::CommandFactory;
use serde_json::json;

/// Prints a shell's completion script.
pub fn completions(args: &Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wasmkc", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Writes `wasmkc.1` and a page a command.
pub fn man(args: &Man, json: bool) -> Result<()> {
    if !args.dir.is_dir() {
        return Err(Error::new(format_args!("{} is no folder", args.dir.display())).help("`mkdir -p` makes it"));
    }
    clap_mangen::generate_to(Cli::command(), &args.dir).map_err(|e| Error::file("write to", &args.dir, &e))?;
    emit(json, &json!({ "dir": args.dir }), || format!("wrote the manual pages to {}\n", args.dir.display()))
}
