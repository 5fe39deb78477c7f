//! What the programs here have in common.

use std::process::ExitCode;

use anyhow::Result;

/// How `program` ends: an error is said with its causes.
pub fn ended(program: &str, result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
