//! `run --invoke`: one export of a filter, in this process.

use super::here;
use crate::args::Run;
use crate::error::{Error, Result};
use crate::output::emit;
use crate::values;
use serde_json::json;
use std::path::Path;
use wasmkc_abi::limits::FUEL_CALL_MAX;
use wasmkc_compiler::printable;
use wasmkc_host::{CallError, Grant, Instance};

/// Calls the export that `args.invoke` begins with, with the rest as arguments, and prints the results.
pub fn run(file: &Path, args: &Run, json: bool) -> Result<()> {
    let [export, texts @ ..] = args.invoke.as_slice() else { return Err(Error::usage("which function?")) };
    let program = here::program(file, args)?;
    let found = program.exports().find(|(name, _)| name == export).map(|(_, letters)| letters.to_owned());
    let Some(letters) = found else {
        let known = program.exports().map(|(name, letters)| format!("{name} {}", values::signature(letters)));
        return Err(values::no_export(&file.display().to_string(), export, known));
    };
    let (params, results) = letters.split_once(':').unwrap_or((&letters, ""));
    let slots = values::parse_all(texts, params)?;
    let mut instance = Instance::new(&program).map_err(|e| Error::new(format_args!("{}: {e}", file.display())))?;
    let grant = Grant { fuel: args.traps.fuel.unwrap_or(FUEL_CALL_MAX), stack: args.stack };
    let called = instance.call(export, &slots, grant);
    for line in instance.take_log() {
        eprintln!("log: {}", printable(&line));
    }
    match called {
        Ok(called) => {
            emit(json, &json!({ "results": values::json(&called.results, results), "fuel": called.fuel_used }), || {
                values::lines(&called.results, results)
            })
        }
        Err(CallError::Trap(trap)) => {
            Err(Error::new(format_args!("`{export}` trapped: {}", printable(&trap.to_string()))))
        }
        Err(error) => Err(Error::new(error)),
    }
}
