//! `log`: the last traps of a program.

use crate::args::Log;
use crate::error::Result;
use crate::kernel::{check_name, explain, not_loaded, open, text};
use crate::output::{emit, table};
use serde_json::{Value, json};
use wasmkc_abi::control::TrapRecord;
use wasmkc_abi::object::NONE;
use wasmkc_abi::trap::TrapCode;

/// Prints one line a trap, oldest first.
pub fn run(args: &Log, json: bool) -> Result<()> {
    check_name(&args.name)?;
    let device = open()?;
    let programs = device.list().map_err(explain)?;
    let Some(program) = programs.iter().find(|p| text(&p.name) == args.name) else {
        return Err(not_loaded(&args.name));
    };
    let records = device.trap_log(program.id).map_err(explain)?;
    let values: Vec<Value> = records.iter().map(value).collect();
    emit(json, &values, || {
        if records.is_empty() {
            return format!("no trap of {} is kept\n", args.name);
        }
        let header = ["time", "cpu", "cause", "function", "wasm offset", "source", "packet"];
        table(&header, &[0, 1, 6], records.iter().map(line))
    })
}

fn cause(code: u32) -> String {
    TrapCode::from_u32(code).map_or_else(|| format!("trap-{code}"), |c| c.name().to_owned())
}

fn value(r: &TrapRecord) -> Value {
    let known = |n: u32| (n != NONE).then_some(n);
    let named = |field: &[u8]| Some(text(field)).filter(|t| !t.is_empty());
    json!({
        "time_ns": r.time_ns,
        "cpu": r.cpu,
        "cause": cause(r.code),
        "function": named(&r.function),
        "text_offset": known(r.site),
        "wasm_offset": known(r.wasm_offset),
        "file": named(&r.file),
        "line": (r.line != 0).then_some(r.line),
        "packet_len": r.packet_len,
    })
}

fn line(r: &TrapRecord) -> Vec<String> {
    let or_dash = |t: String| if t.is_empty() { "-".to_owned() } else { t };
    let source = match (text(&r.file), r.line) {
        (file, _) if file.is_empty() => "-".to_owned(),
        (file, 0) => file,
        (file, line) => format!("{file}:{line}"),
    };
    vec![
        format!("{}.{:06}", r.time_ns / 1_000_000_000, r.time_ns / 1000 % 1_000_000),
        r.cpu.to_string(),
        cause(r.code),
        or_dash(text(&r.function)),
        if r.wasm_offset == NONE { "-".into() } else { format!("{:#x}", r.wasm_offset) },
        source,
        r.packet_len.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trap_shows_its_place() {
        let mut record = TrapRecord {
            time_ns: 1_500_000_000,
            code: TrapCode::DivisionByZero as u32,
            cpu: 1,
            site: 16,
            wasm_offset: 0x2a,
            line: 7,
            packet_len: 60,
            function: [0; 64],
            file: [0; 64],
        };
        record.function[..3].copy_from_slice(b"xdp");
        record.file[..3].copy_from_slice(b"a.c");
        assert_eq!(line(&record), ["1.500000", "1", "division-by-zero", "xdp", "0x2a", "a.c:7", "60"]);
        let own = TrapRecord { site: NONE, wasm_offset: NONE, code: TrapCode::BadVerdict as u32, ..record };
        assert_eq!(value(&own)["wasm_offset"], Value::Null);
        assert_eq!(value(&own)["cause"], "bad-verdict");
    }
}
