//! Text for people: names from the name section, operators and types as wasm's text format writes them,
//! and what may have been meant by an import that does not exist.

use std::collections::BTreeMap;

use wasmkc_abi::{
    helper::{Arg, HELPERS, Helper, Ret},
    packet::{PACKET_OPS, PacketOp},
};
use wasmparser::{FuncType, Name, NameSectionReader, ValType};

/// What the name section says of use to us.
#[derive(Default)]
pub struct NameSection {
    /// Names of functions.
    pub functions: BTreeMap<u32, String>,
    /// Names of globals.
    pub globals: BTreeMap<u32, String>,
}

/// Reads a name section; a malformed one counts as absent from where it breaks (it is a custom section).
pub fn name_section(reader: NameSectionReader<'_>) -> NameSection {
    let mut out = NameSection::default();
    let collect = |map: wasmparser::NameMap<'_>, into: &mut BTreeMap<u32, String>| {
        for naming in map.into_iter().map_while(Result::ok) {
            into.insert(naming.index, printable(naming.name));
        }
    };
    for name in reader.into_iter().map_while(Result::ok) {
        match name {
            Name::Function(map) => collect(map, &mut out.functions),
            Name::Global(map) => collect(map, &mut out.globals),
            _ => {}
        }
    }
    out
}

/// `name` without what makes a terminal show something else than is there, control characters, ends of lines and marks
/// of the direction of writing: it goes into string tables, logs and terminals.
#[must_use]
pub fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || is_mark(c) { '?' } else { c }).collect()
}

/// Whether `c` is shown as nothing, but moves what is behind it: to another line, or to its left.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `(i32, i64) -> i32`.
pub fn signature(ty: &FuncType) -> String {
    let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match ty.results() {
        [] => format!("({}) -> ()", list(ty.params())),
        [one] => format!("({}) -> {one}", list(ty.params())),
        many => format!("({}) -> ({})", list(ty.params()), list(many)),
    }
}

/// The type that import `xdp.*` must have.
pub fn packet_type(op: PacketOp) -> FuncType {
    use ValType::{I32, I64};
    let value = |bytes| if bytes == 8 { I64 } else { I32 };
    match op {
        PacketOp::Len | PacketOp::TotalLen => FuncType::new([], [I32]),
        PacketOp::Load { bytes, .. } => FuncType::new([I32], [value(bytes)]),
        PacketOp::Store { bytes, .. } => FuncType::new([I32, value(bytes)], []),
        PacketOp::CopyIn | PacketOp::CopyOut => FuncType::new([I32, I32, I32], []),
    }
}

/// The type that import `kernel.*` must have.
pub fn helper_type(helper: &Helper) -> FuncType {
    let params = helper.params.iter().map(|arg| match arg {
        Arg::I32 | Arg::MemRead | Arg::Len => ValType::I32,
        Arg::I64 => ValType::I64,
    });
    let results: &[ValType] = match helper.ret {
        Ret::None => &[],
        Ret::I32 => &[ValType::I32],
        Ret::I64 => &[ValType::I64],
    };
    FuncType::new(params.collect::<Vec<_>>(), results.iter().copied())
}

/// Advice for an import that does not exist, with its lead-in.
pub fn import_hint(module: &str, name: &str) -> String {
    let known: Vec<(&str, &str)> =
        PACKET_OPS.iter().map(|(n, _)| ("xdp", *n)).chain(HELPERS.iter().map(|h| ("kernel", h.name))).collect();
    if let Some((m, n)) = known.iter().find(|(m, n)| *n == name && *m != module) {
        return format!("; did you mean `{m}.{n}`?");
    }
    if module.starts_with("wasi") {
        return "; build without WASI (wasm32-unknown-unknown, `-nostdlib`)".to_owned();
    }
    if module == "env" {
        return "; define it, or link what defines it (`--allow-undefined` hides a missing symbol)".to_owned();
    }
    let distances = known.iter().map(|(m, n)| (strsim::damerau_levenshtein(n, name), *m != module, m, n));
    match distances.min() {
        Some((distance, _, m, n)) if distance <= 1 + n.len() / 4 => format!("; did you mean `{m}.{n}`?"),
        _ => "; abi/SPEC.md lists them".to_owned(),
    }
}

/// Name of an operator in wasm's text format, from its name in wasmparser (`I32TruncF32S`).
pub fn operator(debug: &str) -> String {
    const DOTTED: [&str; 21] = [
        "i32", "i64", "f32", "f64", "v128", "i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2", "ref", "table",
        "memory", "data", "elem", "struct", "array", "local", "global", "i31",
    ];
    let mut snake = String::new();
    for c in debug.chars().take_while(char::is_ascii_alphanumeric) {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    match snake.split_once('_') {
        Some((head, tail)) if DOTTED.contains(&head) => format!("{head}.{}", tail.replace("atomic_", "atomic.")),
        _ => snake,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_read_as_in_the_text_format() {
        for (debug, text) in [
            ("F64Add", "f64.add"),
            ("I32TruncF32S", "i32.trunc_f32_s"),
            ("F32Const { value: 1 }", "f32.const"),
            ("ReturnCall { function_index: 1 }", "return_call"),
            ("TableSet { table: 0 }", "table.set"),
            ("V128Load8x8S", "v128.load8x8_s"),
        ] {
            assert_eq!(operator(debug), text);
        }
    }

    #[test]
    fn hints_name_what_was_meant() {
        assert!(import_hint("env", "ktime_ns").contains("kernel.ktime_ns"));
        assert!(import_hint("wasi_snapshot_preview1", "fd_write").contains("WASI"));
        assert_eq!(import_hint("kernel", "log2"), "; did you mean `kernel.log`?");
        assert_eq!(import_hint("xdp", "load16be"), "; did you mean `xdp.load16_be`?");
        assert_eq!(import_hint("kernel", "time"), "; abi/SPEC.md lists them");
        assert_eq!(import_hint("xdp", "adjust_head"), "; abi/SPEC.md lists them");
    }

    #[test]
    fn signatures_read_well() {
        assert_eq!(signature(&helper_type(Helper::by_name("log").expect("row"))), "(i32, i32) -> i32");
        assert_eq!(signature(&packet_type(PacketOp::CopyIn)), "(i32, i32, i32) -> ()");
    }
}
