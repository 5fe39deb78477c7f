//! `audit`: the independent check of an object's machine code, alone.

use crate::args::Audit;
use crate::error::{Error, Result};
use crate::kind::no_object;
use crate::output::{emit, pairs, read_file};
use crate::targets;
use serde_json::{Value, json};
use std::path::Path;
use wasmkc_abi::limits::MAX_OBJECT_BYTES;
use wasmkc_audit::{Jobs, Report};

/// Fails with every finding.
pub fn run(args: &Audit, json: bool) -> Result<()> {
    let bytes = read_file(&args.file, u64::from(MAX_OBJECT_BYTES))?;
    let report = audit(&args.file, &bytes)?;
    let reports: Vec<&Report> = [&report].into_iter().chain(&report.inner).collect();
    let value = json!({ "file": args.file, "targets": reports.iter().map(|r| value(r)).collect::<Vec<_>>() });
    emit(json, &value, || {
        let mut rows = vec![("audit", format!("{}: passed", args.file.display()))];
        for report in reports {
            let symbols: Vec<String> = report.symbols.iter().map(|(name, n)| format!("{name} x{n}")).collect();
            rows.extend([
                ("code for", report.target.to_owned()),
                ("functions", report.functions.to_string()),
                ("instructions", format!("{} in {} bytes", report.instructions, report.text_bytes)),
                ("calls", format!("{} inside, out: {}", report.calls, symbols.join(", "))),
            ]);
        }
        pairs(rows)
    })
}

fn value(report: &Report) -> Value {
    json!({
        "target": report.target,
        "functions": report.functions,
        "instructions": report.instructions,
        "text_bytes": report.text_bytes,
        "calls": report.calls,
        "relocations": report.relocations,
        "symbols": report.symbols,
        "mnemonics": report.mnemonics,
    })
}

/// The audit of `bytes`, its findings as one error. What it does not look at is checked as the loaders would that take
/// the targets, as no loader here reads those of other machines.
pub fn audit(file: &Path, bytes: &[u8]) -> Result<Report> {
    if !bytes.starts_with(b"\x7fELF") {
        return Err(
            no_object(file, bytes).unwrap_or_else(|| Error::new(format_args!("{} is no object", file.display())))
        );
    }
    let report = wasmkc_audit::audit_by(bytes, Jobs::available(), &|_, _| {}).map_err(|findings| {
        let n = findings.len();
        Error::new(format_args!(
            "{}: refused by the audit, {n} finding{}",
            file.display(),
            if n == 1 { "" } else { "s" }
        ))
        .details(findings)
        .help("build the object again with `wasmkc build`; objects it makes pass, so report it if one does not")
    })?;
    let mut read: Vec<_> = targets::all(file, bytes)?.iter().map(|part| part.name.to_string()).collect();
    let mut judged: Vec<_> = [&report].into_iter().chain(&report.inner).map(|r| r.target.to_string()).collect();
    read.sort_unstable();
    judged.sort_unstable();
    if read != judged {
        let found = format_args!("a loader reads {}, the audit {}", read.join(", "), judged.join(", "));
        return Err(Error::new(format_args!("{}: {found}", file.display())));
    }
    Ok(report)
}
