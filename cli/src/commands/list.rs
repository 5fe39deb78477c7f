//! `list`: the loaded programs and where they are attached.

use crate::error::Result;
use crate::ingress;
use crate::kernel::{explain, open, text};
use crate::output::{emit, hex, table};
use crate::pins;
use serde_json::{Value, json};
use wasmkc_abi::control::{
    AFTER_TRAP_DISABLE, AFTER_TRAP_KEEP, AFTER_TRAP_RESET, ENGINE_NATIVE, ENGINE_PORTABLE, Program,
};
use wasmkc_abi::object::{FLAG_AUTHOR_TRUSTED, TARGETS};
use wasmkc_abi::verdict::Verdict;

/// Prints one line a program.
pub fn run(json: bool) -> Result<()> {
    let device = open()?;
    let mut programs = device.list().map_err(explain)?;
    programs.sort_by_key(|p| p.id);
    let mut places = Vec::new();
    for pin in pins::all(None)? {
        let gone = pin.is_dead()?;
        places.push(Place { program: pin.program, device: pin.device, gone, ingress: false });
    }
    let hooks = ingress::all(&device, None)?;
    places.extend(hooks.into_iter().map(|a| Place {
        program: a.program,
        device: a.device,
        gone: false,
        ingress: true,
    }));
    let rows: Vec<Value> = programs.iter().map(|p| describe(p, &places)).collect();
    emit(json, &rows, || {
        if rows.is_empty() {
            return "no program is loaded\n".into();
        }
        let header = ["name", "devices", "state", "engine", "on trap", "code bytes", "memory KiB", "instances", "fuel"];
        table(&header, &[5, 6, 7, 8], programs.iter().zip(&rows).map(|(p, row)| line(p, row)))
    })
}

/// Where a program is attached, or was until the device went.
struct Place {
    program: String,
    device: String,
    gone: bool,
    ingress: bool,
}

fn describe(p: &Program, places: &[Place]) -> Value {
    let name = text(&p.name);
    let on = |gone, ingress| -> Vec<&str> {
        let ours = places.iter().filter(|p| p.program == name && p.gone == gone && p.ingress == ingress);
        ours.map(|place| place.device.as_str()).collect()
    };
    json!({
        "name": name,
        "id": p.id,
        "devices": on(false, false),
        "gone_devices": on(true, false),
        "ingress_devices": on(false, true),
        "attached": p.attached,
        "engine": engine(p.engine),
        "targets": targets(p.targets),
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
    let names = |key: &str| row[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    let mut devices: Vec<String> = names("devices").into_iter().map(str::to_owned).collect();
    devices.extend(names("ingress_devices").into_iter().map(|d| format!("{d} (ingress)")));
    devices.extend(names("gone_devices").into_iter().map(|d| format!("{d} (gone)")));
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
        if devices.is_empty() { "-".into() } else { devices.join(", ") },
        state.into(),
        engine(p.engine).into(),
        then,
        p.text_bytes.to_string(),
        (p.memory_bytes >> 10).to_string(),
        p.instances.to_string(),
        p.fuel.to_string(),
    ]
}

fn engine(number: u32) -> &'static str {
    match number {
        ENGINE_NATIVE => "native",
        ENGINE_PORTABLE => "portable",
        _ => "unknown",
    }
}

/// Names of what a program's object had code for.
fn targets(bits: u32) -> Vec<&'static str> {
    TARGETS.iter().enumerate().filter(|(n, _)| bits >> n & 1 != 0).map(|(_, row)| row.name).collect()
}

fn after_trap(number: u32) -> &'static str {
    match number {
        AFTER_TRAP_KEEP => "keep",
        AFTER_TRAP_RESET => "reset",
        AFTER_TRAP_DISABLE => "disable",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_are_there_that_have_gone_and_ingress_hooks_are_told_apart() {
        let mut p = Program {
            name: [0; 32],
            id: 1,
            attached: 1,
            flags: FLAG_AUTHOR_TRUSTED,
            hooks: 1,
            trap_verdict: 1,
            after_trap: AFTER_TRAP_DISABLE,
            text_bytes: 5,
            instances: 2,
            memory_bytes: 6 << 20,
            fuel: 7,
            text_sha256: [0xab; 32],
            disabled: 0,
            trap_limit: 3,
            engine: ENGINE_PORTABLE,
            targets: 0b101,
        };
        p.name[..1].copy_from_slice(b"f");
        let place = |device: &str, gone, ingress| Place { program: "f".into(), device: device.into(), gone, ingress };
        let row = describe(&p, &[place("eth0", false, false), place("eth1", true, false), place("eth2", false, true)]);
        assert_eq!((&row["devices"], &row["gone_devices"]), (&json!(["eth0"]), &json!(["eth1"])));
        assert_eq!((&row["author_trusted"], &row["trap_verdict"]), (&json!(true), &json!("drop")));
        let cells = line(&p, &row);
        let shown =
            ["f", "eth0, eth2 (ingress), eth1 (gone)", "attached", "portable", "drop, disable after 3", "5", "6144"];
        assert_eq!(cells[..7], shown);
        assert_eq!((&row["engine"], &row["targets"]), (&json!("portable"), &json!(["x86_64", "portable"])));
        p.engine = ENGINE_NATIVE;
        assert_eq!(line(&p, &row)[3], "native");
    }
}
