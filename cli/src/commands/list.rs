//! `list`: the loaded programs and where they are attached.

use crate::error::Result;
use crate::kernel::{explain, open, text};
use crate::output::{emit, hex, table};
use crate::pins;
use serde_json::{Value, json};
use wasmkc_abi::control::{AFTER_TRAP_DISABLE, AFTER_TRAP_KEEP, AFTER_TRAP_RESET, Program};
use wasmkc_abi::object::FLAG_AUTHOR_TRUSTED;
use wasmkc_abi::verdict::Verdict;

/// Prints one line a program.
pub fn run(json: bool) -> Result<()> {
    let mut programs = open()?.list().map_err(explain)?;
    programs.sort_by_key(|p| p.id);
    let pins = pins::all(None)?;
    let rows: Vec<Value> = programs.iter().map(|p| describe(p, &pins)).collect();
    emit(json, &rows, || {
        if rows.is_empty() {
            return "no program is loaded\n".into();
        }
        let header = ["name", "devices", "state", "on trap", "code", "memory", "instances", "fuel"];
        table(&header, &[4, 5, 6, 7], programs.iter().zip(&rows).map(|(p, row)| line(p, row)))
    })
}

fn describe(p: &Program, pins: &[pins::Pin]) -> Value {
    let name = text(&p.name);
    let devices: Vec<&str> = pins.iter().filter(|pin| pin.program == name).map(|pin| pin.device.as_str()).collect();
    json!({
        "name": name,
        "id": p.id,
        "devices": devices,
        "attached": p.attached,
        "disabled": p.disabled != 0,
        "trap_verdict": Verdict::from_u32(p.trap_verdict).map(Verdict::name),
        "after_trap": after_trap(p.after_trap),
        "trap_limit": p.trap_limit,
        "text_bytes": p.text_bytes,
        "text_sha256": hex(&p.text_sha256),
        "memory_bytes": p.memory_bytes,
        "instances": p.instances,
        "fuel": p.fuel,
        "author_trusted": p.flags & FLAG_AUTHOR_TRUSTED != 0,
    })
}

fn line(p: &Program, row: &Value) -> Vec<String> {
    let devices: Vec<&str> = row["devices"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let state = match (p.disabled != 0, p.attached) {
        (true, _) => "disabled",
        (false, 0) => "loaded",
        (false, _) => "attached",
    };
    let verdict = row["trap_verdict"].as_str().unwrap_or("?");
    let then = match p.after_trap {
        AFTER_TRAP_DISABLE => format!("{verdict}, disable after {}", p.trap_limit),
        other => format!("{verdict}, {}", after_trap(other)),
    };
    vec![
        text(&p.name),
        if devices.is_empty() { "-".into() } else { devices.join(",") },
        state.into(),
        then,
        p.text_bytes.to_string(),
        p.memory_bytes.to_string(),
        p.instances.to_string(),
        p.fuel.to_string(),
    ]
}

fn after_trap(number: u32) -> &'static str {
    match number {
        AFTER_TRAP_KEEP => "keep",
        AFTER_TRAP_RESET => "reset",
        AFTER_TRAP_DISABLE => "disable",
        _ => "unknown",
    }
}
