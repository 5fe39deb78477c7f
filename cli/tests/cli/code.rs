//! `inspect --code`: all of each target's code, and what cannot be shown; and names that mean to mislead whoever looks.

use crate::folder::{Folder, stderr, stdout};
use crate::targets::{alone, folder, json};
use serde_json::Value;
use wasmkc_compiler::{Target, fat};

/// Calls a function, itself, a helper and the loader, reads a constant, and traps.
const CALLS: &str = r#"(module
  (import "kernel" "cpu" (func $cpu (result i32)))
  (memory 1) (data $text "text")
  (func $inner (param i32) (result i32)
    (if (result i32) (local.get 0) (then (call $inner (i32.sub (local.get 0) (call $cpu)))) (else (i32.const 5))))
  (func (export "init") (memory.init $text (i32.const 0) (i32.const 0) (i32.const 4)))
  (func (export "xdp") (result i32) (i32.load (call $inner (i32.const 2)))))"#;

#[test]
fn the_code_of_each_target_is_shown_by_function() {
    let folder = folder();
    folder.write("f.wasm", wat::parse_str(CALLS).expect("the text is right"));
    folder.wasmkc(&["build", "f.wasm"]).assert().success();
    let own: [(&str, &[&str]); 3] = [
        ("x86_64", &["  push rbp\n", "  ; wkc_ret\n", "[0x"]),
        ("aarch64", &["  bti c\n", "stp x29, x30, [sp, #-0x10]!", "  ret\n"]),
        ("portable", &["  push_frame", "  call_indirect_host 1  ; wkc_memmove\n", "  pop_frame\n"]),
    ];
    for (target, parts) in own {
        let said = stdout(&folder.wasmkc(&["inspect", "f.kwo", "--code", target]).assert().success());
        let function = |name: &str| {
            let start = said.find(&format!("{name}: ")).unwrap_or_else(|| panic!("no {name} in {said}"));
            said[start..].split("\n\n").next().expect("one at least").to_owned() + "\n"
        };
        for (name, part) in [
            ("inner", ", wasm function 1\n"),
            ("inner", "  ; inner\n"),
            ("inner", "  ; wkc_helper_cpu\n"),
            ("inner", "; stack-overflow at wasm offset 0x"),
            ("init", "  ; .rodata+0x0\n"),
            ("init", "  ; wkc_memmove\n"),
            ("xdp", "  ; inner\n"),
            ("xdp", "  ; wkc_trap  ; memory-out-of-bounds at wasm offset 0x"),
        ] {
            assert!(function(name).contains(part), "{target}: {part} is not in {}", function(name));
        }
        for part in parts {
            assert!(said.contains(part), "{target}: {part} is not in {said}");
        }
        assert!(!said.contains("(bad)") && !said.contains("? ["), "{said}");
    }
}

#[test]
fn the_code_that_is_shown_is_all_there_is() {
    let folder = folder();
    folder.write("f.wasm", wat::parse_str(CALLS).expect("the text is right"));
    let report = json(&folder, &["build", "f.wasm"]);
    for (n, target) in Target::ALL.map(Target::name).into_iter().enumerate() {
        let code = json(&folder, &["inspect", "f.kwo", "--code", target]);
        assert_eq!(code["target"], target);
        let size = report["targets"][n]["text_bytes"].as_u64().expect("a number") as usize;
        let mut text = vec![if target == "x86_64" { 0xcc } else { 0 }; size];
        for function in code["functions"].as_array().expect("a list") {
            let mut at = function["offset"].as_u64().expect("a number") as usize;
            let end = at + function["size"].as_u64().expect("a number") as usize;
            for instruction in function["code"].as_array().expect("a list") {
                assert_eq!(instruction["at"], at);
                let digits = instruction["bytes"].as_str().expect("digits").as_bytes();
                for pair in digits.chunks(2) {
                    let pair = std::str::from_utf8(pair).expect("digits");
                    text[at] = u8::from_str_radix(pair, 16).expect("a byte");
                    at += 1;
                }
            }
            assert_eq!(at, end, "{target}, {}", function["name"]);
        }
        let hash: String = openssl::sha::sha256(&text).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(report["targets"][n]["text_sha256"], hash, "{target}");
        let all = code["functions"].as_array().expect("a list").iter().flat_map(|f| f["code"].as_array());
        let traps: Vec<&Value> = all.flatten().filter_map(|i| i["traps"].as_array()).flatten().collect();
        assert_eq!(report["targets"][n]["traps"], traps.len(), "{target}: a row is shown once");
        assert!(traps.iter().any(|trap| trap["cause"] == "memory-out-of-bounds" && trap["wasm_offset"].is_u64()));
    }
}

#[test]
fn code_that_cannot_be_shown_is_said() {
    let folder = folder();
    let (outer, inner) = (alone(&folder, "x86_64"), alone(&folder, "aarch64"));
    let said = |file: &str, target: &str, code: i32| {
        stderr(&folder.wasmkc(&["inspect", file, "--code", target]).assert().code(code))
    };
    assert!(said("x86_64.kwo", "portable", 1).contains("no code for portable\nhelp: it has code for x86_64"));
    assert!(said("f.wasm", "portable", 1).contains("no object, but a WebAssembly module"));
    assert!(said("x86_64.kwo", "z80", 2).contains("portable"));
    // What is wrong with one target is of no account for another.
    let mut spoiled = inner.clone();
    let meta = spoiled.windows(8).position(|w| w == b"wasmkc\0\x01").expect("its metadata");
    spoiled[meta] ^= 1;
    folder.write("x.kwo", fat::join(&outer, &[(".wkc.target.aarch64", &spoiled)]).expect("is joined"));
    folder.wasmkc(&["inspect", "x.kwo", "--code", "x86_64"]).assert().success();
    let wrong = said("x.kwo", "aarch64", 1);
    assert!(wrong.contains("x.kwo: the code for aarch64: .wkc.meta"), "{wrong}");
    // Bytes that are no instruction are shown as what they are.
    for (target, behind, bytes, with) in [
        ("x86_64", 4, &[0xff_u8, 0xff, 0x90, 0x90][..], "(bad)"),
        ("aarch64", 4, &[0xff, 0xff, 0xff, 0xff], "? [ff, ff, ff, ff]"),
        ("portable", 5, &[0xff], "? [ff"),
    ] {
        let mut object = alone(&folder, target);
        // Behind the landing pad of an entry, without which no loader reads it, or behind what takes stack.
        let at = code_at(&folder, target) + behind;
        object[at..at + bytes.len()].copy_from_slice(bytes);
        folder.write("x.kwo", object);
        let said = stdout(&folder.wasmkc(&["inspect", "x.kwo", "--code", target]).assert().success());
        assert!(said.contains(with), "{said}");
    }
}

/// `object` with the text `to` in the place of `from`.
fn renamed(mut object: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let text = [b"\0", from.as_bytes(), b"\0"].concat();
    let at = object.windows(text.len()).position(|w| w == text).expect("it has that text");
    object[at + 1..][..to.len()].copy_from_slice(to.as_bytes());
    object
}

#[test]
fn names_that_end_a_line_or_move_the_terminal() {
    let folder = folder();
    folder.write("f.wasm", wat::parse_str(CALLS).expect("the text is right"));
    let object = alone(&folder, "x86_64");
    let at = code_at(&folder, "x86_64");
    // Escape sequences of both kinds, an end of a line, and a mark behind which text is shown from right to left.
    for (name, shown) in [("\x1b[31m", "?[31m"), ("a\nb c", "a?b c"), ("a\u{202e}b", "a?b"), ("\u{9b}2Jm", "?2Jm")] {
        let mut object = renamed(object.clone(), "inner", name);
        folder.write("x.kwo", &object);
        let code = ["inspect", "x.kwo", "--code", "x86_64"];
        for command in [&code[..], &["inspect", "x.kwo", "--traps"]] {
            let said = stdout(&folder.wasmkc(command).assert().success());
            assert!(said.contains(shown) && !said.contains(name), "{said}");
        }
        assert_eq!(json(&folder, &code)["functions"][0]["name"], name, "programs get it as it is");
        // syscall, so that the audit names the function.
        object[at + 4..at + 6].copy_from_slice(&[0x0f, 0x05]);
        folder.write("x.kwo", &object);
        let said = stderr(&folder.wasmkc(&["audit", "x.kwo"]).assert().code(1));
        assert!(said.contains(&format!("in function {shown} at")) && !said.contains(name), "{said}");
    }
}

#[test]
fn all_rows_of_the_trap_table_are_shown_where_they_are() {
    let folder = folder();
    let mut object = alone(&folder, "x86_64");
    let traps = json(&folder, &["inspect", "x86_64.kwo"])["targets"][0]["traps"].clone();
    let number = |n: usize, field: &str| traps[n][field].as_u64().expect("a number") as u32;
    let bytes = |n| ["site", "function", "wasm_offset"].map(|field| number(n, field).to_le_bytes()).concat();
    let row = object.windows(12).position(|w| w == bytes(0)).expect("the first row");
    // One byte before the second row's: in the same instruction.
    object[row..row + 4].copy_from_slice(&(number(1, "site") - 1).to_le_bytes());
    folder.write("x.kwo", object);
    let said = stdout(&folder.wasmkc(&["inspect", "x.kwo", "--code", "x86_64"]).assert().success());
    let cause = |n: usize| {
        format!("; {} at wasm offset {:#x}", traps[n]["cause"].as_str().expect("a name"), number(n, "wasm_offset"))
    };
    assert!(said.contains(&format!("{}  {}\n", cause(0), cause(1))), "{said}");
}

#[test]
fn what_lies_in_no_function_has_no_name() {
    let folder = folder();
    folder.write("f.wasm", wat::parse_str(CALLS).expect("the text is right"));
    let object = alone(&folder, "x86_64");
    let command = ["inspect", "x.kwo", "--code", "x86_64"];
    let start = code_at(&folder, "x86_64");
    folder.write("x.kwo", &object);
    let functions = json(&folder, &command)["functions"].clone();
    let named =
        |name: &str| functions.as_array().expect("a list").iter().find(|f| f["name"] == name).expect("it has it");
    let (inner, xdp) = (named("inner"), named("xdp"));
    let call = |f: &Value| {
        f["code"].as_array().expect("a list").iter().find(|i| i["reference"] == "inner").map(|i| i["at"].clone())
    };
    let at = call(xdp).and_then(|at| at.as_u64()).expect("a call") as usize;
    let size = inner["size"].as_u64().expect("a number");
    assert!(!size.is_multiple_of(16) && inner["offset"] == 0, "there is a gap behind it");
    for (place, shown) in [
        (0, "inner".into()),
        (1, "inner+0x1".into()),
        (size - 1, format!("inner+{:#x}", size - 1).into()),
        (size, Value::Null),
    ] {
        let mut object = object.clone();
        object[start + at + 1..][..4].copy_from_slice(&(place as i32 - (at as i32 + 5)).to_le_bytes());
        folder.write("x.kwo", object);
        let value = json(&folder, &command);
        let code = value["functions"].as_array().expect("a list").iter().flat_map(|f| f["code"].as_array()).flatten();
        assert_eq!(code.filter(|i| i["at"] == at).map(|i| &i["reference"]).collect::<Vec<_>>(), [&shown]);
    }
}

/// Where the code of `xdp` is in TARGET.kwo, which has no relocation in its first bytes.
fn code_at(folder: &Folder, target: &str) -> usize {
    let file = format!("{target}.kwo");
    let code = json(folder, &["inspect", &file, "--code", target]);
    let first: Vec<u8> = code["functions"][0]["code"].as_array().expect("a list")[..3]
        .iter()
        .flat_map(|i| i["bytes"].as_str().expect("digits").as_bytes().chunks(2))
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("a byte"))
        .collect();
    folder.read(&file).windows(first.len()).position(|w| w == first).expect("its code")
}
