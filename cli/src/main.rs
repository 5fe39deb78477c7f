//! The `wasmkc` command: builds, signs, loads, attaches and watches WebAssembly packet filters.
//!
//! 1. `args` says what can be asked; each command is one file of `commands`.
//! 2. Only `kernel::bpf` and `kernel::device` have unsafe code; what is there is one system call a function.
//! 3. Nothing is kept by this command itself: programs live in the loader, attachments in bpffs.
//! 4. Results go to the standard output, all else to the standard error.
#![deny(unsafe_code)]

mod args;
mod attach;
mod capture;
mod commands;
mod error;
mod ingress;
mod kernel;
mod kind;
mod output;
mod pins;
mod policy;
mod progress;
mod sign;
mod signer;
mod targets;
mod values;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        // what to print is not known yet where the command line itself is wrong
        Err(wrong) if wrong.use_stderr() && std::env::args_os().any(|a| a == "--json") => {
            let error = error::Error::usage(wrong.render().to_string().trim_end());
            eprint!("{}", error.render(true));
            return ExitCode::from(error.exit_code());
        }
        Err(wrong) => wrong.exit(),
    };
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", error.render(cli.json));
            ExitCode::from(error.exit_code())
        }
    }
}
