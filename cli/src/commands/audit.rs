//! `audit`: the independent check of an object's machine code, alone.

use crate::args::Audit;
use crate::error::{Error, Result};
use crate::kind::no_object;
use crate::output::{emit, pairs, read_file};
use serde_json::json;
use std::path::Path;
use wasmkc_abi::limits::MAX_OBJECT_BYTES;

/// Fails with every finding.
pub fn run(args: &Audit, json: bool) -> Result<()> {
    let bytes = read_file(&args.file, u64::from(MAX_OBJECT_BYTES))?;
    let report = audit(&args.file, &bytes)?;
    let value = json!({
        "file": args.file,
        "functions": report.functions,
        "instructions": report.instructions,
        "text_bytes": report.text_bytes,
        "calls": report.calls,
        "relocations": report.relocations,
        "symbols": report.symbols,
        "mnemonics": report.mnemonics,
    });
    emit(json, &value, || {
        let symbols: Vec<String> = report.symbols.iter().map(|(name, n)| format!("{name} x{n}")).collect();
        pairs([
            ("audit", format!("{}: passed", args.file.display())),
            ("functions", report.functions.to_string()),
            ("instructions", format!("{} in {} bytes", report.instructions, report.text_bytes)),
            ("calls", format!("{} inside, out: {}", report.calls, symbols.join(", "))),
        ])
    })
}

/// The audit of `bytes`, its findings as one error.
pub fn audit(file: &Path, bytes: &[u8]) -> Result<wasmkc_audit::Report> {
    if !bytes.starts_with(b"\x7fELF") {
        return Err(
            no_object(file, bytes).unwrap_or_else(|| Error::new(format_args!("{} is no object", file.display())))
        );
    }
    wasmkc_audit::audit(bytes).map_err(|findings| {
        let n = findings.len();
        Error::new(format_args!(
            "{}: refused by the audit, {n} finding{}",
            file.display(),
            if n == 1 { "" } else { "s" }
        ))
        .details(findings)
        .help("build the object again with `wasmkc build`; objects it makes pass, so report it if one does not")
    })
}
