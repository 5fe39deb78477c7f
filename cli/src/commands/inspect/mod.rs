//! `inspect`: what is in an object, signed or not.

mod code;

use crate::args::Inspect;
use crate::error::Result;
use crate::output::{emit, hex, pairs, read_file, refuse_overwriting, table, write_file};
use crate::signer::{self, Signer};
use crate::targets::{self, Masks, Part};
use serde_json::{Value, json};
use std::path::Path;
use wasmkc_abi::helper::Helper;
use wasmkc_abi::limits::MAX_OBJECT_BYTES;
use wasmkc_abi::object::{FLAG_AUTHOR_TRUSTED, FLAG_HAS_MEMORY, FLAG_MEMORY_GROWS, Meta, NONE, TargetRow};
use wasmkc_abi::trap::TrapCode;
use wasmkc_core::describe::Description;

/// Prints all tables of all targets or the code of one, or writes one target's object; nothing in it is trusted or run.
pub fn run(args: &Inspect, json: bool) -> Result<()> {
    let bytes = read_file(&args.file, u64::from(MAX_OBJECT_BYTES))?;
    if let (Some(row), Some(output)) = (args.extract, &args.output) {
        return extract(&args.file, &bytes, row, output, json);
    }
    if let Some(row) = args.code {
        return code::show(&args.file, &bytes, row, json);
    }
    let parts = targets::all(&args.file, &bytes)?;
    emit(json, &value(&parts, bytes.len()), || text(&parts, args.traps))
}

fn extract(file: &Path, bytes: &[u8], row: &TargetRow, output: &Path, json: bool) -> Result<()> {
    refuse_overwriting(output, &[file])?;
    let object = targets::extract(file, bytes, row)?;
    write_file(output, &object, 0o666)?;
    emit(json, &json!({ "target": row.name, "file": output, "bytes": object.len() }), || {
        format!("{}: the code for {}, {} bytes, not signed\n", output.display(), row.name, object.len())
    })
}

fn known(n: u32) -> Option<u32> {
    (n != NONE).then_some(n)
}

fn cause(code: u32) -> &'static str {
    TrapCode::from_u32(code).map_or("unknown", TrapCode::name)
}

fn sha256(text: &[u8]) -> String {
    hex(&openssl::sha::sha256(text))
}

fn value(parts: &[Part<'_>], bytes: usize) -> Value {
    let d = &parts[0].description;
    let m = &d.meta;
    let string = |offset| d.tables.strings.get(offset);
    json!({
        "bytes": bytes,
        "name": string(m.name),
        "note": string(m.note),
        "producer": string(m.producer),
        "abi": { "major": m.abi_major, "minor": m.abi_minor },
        "author_trusted": m.flags & FLAG_AUTHOR_TRUSTED != 0,
        "memory": {
            "present": m.flags & FLAG_HAS_MEMORY != 0, "grows": m.flags & FLAG_MEMORY_GROWS != 0,
            "min_pages": m.memory_min, "max_pages": m.memory_max,
        },
        "fuel": m.fuel,
        "targets": parts.iter().map(target).collect::<Vec<_>>(),
        "signature": d.signature.map(signature),
    })
}

/// What is one target's own.
fn target(part: &Part<'_>) -> Value {
    let d = &part.description;
    let (m, t) = (&d.meta, &d.tables);
    let string = |offset| t.strings.get(offset);
    json!({
        "target": part.name,
        "bytes": part.bytes,
        "bytecode": (m.bytecode != 0).then_some(m.bytecode),
        "spectre_masks": Masks::of(m),
        "stack_bound": known(m.stack_bound),
        "entries": {
            "xdp": known(m.entry_xdp), "start": known(m.entry_start),
            "_initialize": known(m.entry_initialize), "init": known(m.entry_init),
        },
        "text_bytes": d.text.len(),
        "text_sha256": sha256(d.text),
        "slots": m.slots,
        "data_segments": m.data,
        "passive_segments": m.passive,
        "relocations": d.relocations.len(),
        "imports": t.imports.iter().map(|i| json!({
            "number": i.number, "name": helper_name(i.number), "fuel": i.fuel, "effects": i.effects,
        })).collect::<Vec<_>>(),
        "functions": t.funcs.iter().map(|f| json!({
            "name": string(f.name), "offset": f.text_offset, "size": f.size, "wasm_index": known(f.wasm_index),
        })).collect::<Vec<_>>(),
        "traps": t.traps.iter().map(|t| json!({
            "site": t.site, "function": t.function, "wasm_offset": known(t.wasm_offset), "cause": cause(t.code),
            "file": Some(string(t.file)).filter(|f| !f.is_empty()), "line": (t.line != 0).then_some(t.line),
        })).collect::<Vec<_>>(),
        "sections": d.targets.outer().sections().map(|s| json!({
            "name": String::from_utf8_lossy(s.name), "size": s.size,
        })).collect::<Vec<_>>(),
    })
}

fn helper_name(number: u32) -> &'static str {
    Helper::by_number(number).map_or("unknown", |h| h.name)
}

/// What `message` says of its signer, by the names that the other commands use.
fn signature(message: &[u8]) -> Value {
    let signer = signer::of(message);
    json!({ "bytes": message.len(), "signer": signer.as_ref().map(Signer::value), "verified": false })
}

fn memory(m: &Meta) -> String {
    if m.flags & FLAG_HAS_MEMORY == 0 {
        return "none".into();
    }
    if m.flags & FLAG_MEMORY_GROWS == 0 {
        return format!("{} pages of 64 KiB", m.memory_max);
    }
    format!("{} pages of 64 KiB, grows to {}", m.memory_min, m.memory_max)
}

fn text(parts: &[Part<'_>], with_traps: bool) -> String {
    let d = &parts[0].description;
    let (m, t) = (&d.meta, &d.tables);
    let or_dash = |offset| Some(t.strings.get(offset)).filter(|s| !s.is_empty()).unwrap_or("-").to_owned();
    let entries =
        [("xdp", m.entry_xdp), ("start", m.entry_start), ("_initialize", m.entry_initialize), ("init", m.entry_init)];
    let entries: Vec<&str> = entries.iter().filter(|(_, e)| *e != NONE).map(|(name, _)| *name).collect();
    let author = if m.flags & FLAG_AUTHOR_TRUSTED != 0 { "trusted" } else { "not trusted" };
    let imports: Vec<&str> = t.imports.iter().map(|i| helper_name(i.number)).collect();
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let mut text = pairs([
        ("name", or_dash(m.name)),
        ("note", or_dash(m.note)),
        ("made by", or_dash(m.producer)),
        ("targets", format!("{}, ABI {}.{}", names.join(", "), m.abi_major, m.abi_minor)),
        ("author", author.into()),
        ("entries", entries.join(", ")),
        ("helpers", if imports.is_empty() { "none".into() } else { imports.join(", ") }),
        ("memory", memory(m)),
        ("fuel", m.fuel.to_string()),
        (
            "signature",
            d.signature.map_or("none".into(), |s| {
                format!(
                    "{}, not verified here: `wasmkc verify` does",
                    signer::of(s).map_or("unreadable".into(), |s| s.to_string())
                )
            }),
        ),
    ]);
    for part in parts {
        text.push('\n');
        text += &target_text(part, with_traps);
    }
    text
}

fn target_text(part: &Part<'_>, with_traps: bool) -> String {
    let d = &part.description;
    let (m, t) = (&d.meta, &d.tables);
    let what = if m.bytecode == 0 { "native code".to_owned() } else { format!("bytecode, version {}", m.bytecode) };
    let mut text = pairs([
        ("target", format!("{}: {what}, {} bytes of the file", part.name, part.bytes)),
        (
            "stack",
            known(m.stack_bound).map_or("recursive, checked at run time".into(), |b| format!("{b} bytes at most")),
        ),
        ("code", format!("{} bytes, sha256 {}", d.text.len(), sha256(d.text))),
        ("masks", Masks::of(m).text().to_owned()),
        ("traps", format!("{} sites", t.traps.len())),
    ]);
    text.push('\n');
    text += &table(
        &["function", "offset", "size", "wasm index"],
        &[1, 2, 3],
        t.funcs.iter().map(|f| {
            let index = known(f.wasm_index).map_or("-".into(), |i| i.to_string());
            vec![t.strings.get(f.name).into(), format!("{:#x}", f.text_offset), f.size.to_string(), index]
        }),
    );
    text.push('\n');
    text += &table(
        &["section", "size"],
        &[1],
        d.targets.outer().sections().map(|s| vec![String::from_utf8_lossy(s.name).into_owned(), s.size.to_string()]),
    );
    if with_traps {
        text.push('\n');
        text += &traps(d);
    }
    text
}

fn traps(d: &Description<'_>) -> String {
    let t = &d.tables;
    table(
        &["trap at", "cause", "function", "wasm offset", "source"],
        &[0, 3],
        t.traps.iter().map(|row| {
            let function = t.funcs.get(row.function as usize).map_or("-", |f| t.strings.get(f.name));
            let source = match t.strings.get(row.file) {
                "" => "-".into(),
                file => format!("{file}:{}", row.line),
            };
            let offset = known(row.wasm_offset).map_or("-".into(), |o| format!("{o:#x}"));
            vec![format!("{:#x}", row.site), cause(row.code).into(), function.into(), offset, source]
        }),
    )
}
