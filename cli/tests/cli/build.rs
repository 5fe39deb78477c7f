//! `build`, and `run` of WebAssembly, with the compiler in between.

use crate::folder::{Folder, stderr, stdout};
use pcap_file::pcap::{PcapPacket, PcapReader, PcapWriter};
use serde_json::Value;
use std::time::Duration;
use wasmkc_compiler::Target;

/// Passes packets of more than 60 bytes and drops the others.
const BY_LENGTH: &str = r#"(module
  (import "xdp" "len" (func $len (result i32)))
  (func (export "xdp") (result i32)
    (i32.add (i32.const 1) (i32.gt_u (call $len) (i32.const 60)))))"#;

fn folder(wat: &str) -> Folder {
    let folder = Folder::new();
    folder.key("ours");
    folder.write("f.wasm", wat::parse_str(wat).expect("the text is right"));
    folder
}

#[test]
fn a_filter_becomes_a_signed_object_and_a_report() {
    let folder = folder(BY_LENGTH);
    let command = [
        "build",
        "f.wasm",
        "-o",
        "o.kwo",
        "--sign",
        "ours.key",
        "--cert",
        "ours.crt",
        "--note",
        "by length",
        "--json",
        "--fuel",
        "500",
    ];
    let said = stdout(&folder.wasmkc(&command).assert().success());
    let report: Value = serde_json::from_str(&said).expect("one JSON value");
    assert_eq!((&report["name"], &report["fuel"]), (&"f".into(), &500.into()));
    assert_eq!(report["signer"]["subject"], "CN=ours");
    assert_eq!(report["bytes"], folder.read("o.kwo").len());
    let targets = report["targets"].as_array().expect("a list");
    assert_eq!(targets.len(), Target::ALL.len());
    assert!(targets.iter().all(|t| t["text_bytes"].as_u64().is_some_and(|n| n > 0)), "{said}");
    folder.wasmkc(&["verify", "o.kwo", "--cert", "ours.crt"]).assert().success();
    folder.wasmkc(&["audit", "o.kwo"]).assert().success();
    let inspected = stdout(&folder.wasmkc(&["inspect", "o.kwo"]).assert().success());
    assert!(inspected.contains("by length"), "{inspected}");
}

#[test]
fn wasm_and_object_give_the_same_verdicts_and_fuel() {
    let folder = folder(BY_LENGTH);
    let mut writer = PcapWriter::new(Vec::new()).unwrap();
    for len in [0usize, 1, 60, 61, 1500] {
        writer.write_packet(&PcapPacket::new(Duration::ZERO, len as u32, &vec![7; len])).unwrap();
    }
    folder.write("in.pcap", writer.into_writer());
    folder.wasmkc(&["build", "f.wasm", "--sign", "ours.key", "--cert", "ours.crt"]).assert().success();
    let direct = stdout(&folder.wasmkc(&["run", "f.wasm", "--pcap", "in.pcap", "--json"]).assert().success());
    let object = ["run", "f.kwo", "--cert", "ours.crt", "--pcap", "in.pcap", "--json"];
    assert_eq!(stdout(&folder.wasmkc(&object).assert().success()), direct);
    let verdicts: Vec<Value> = direct.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let verdicts: Vec<_> = verdicts.iter().filter_map(|v| v["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["drop", "drop", "drop", "pass", "pass"]);
}

#[test]
fn packets_that_pass_are_written_as_the_filter_left_them() {
    let folder = folder(
        r#"(module (import "xdp" "store8" (func $store (param i32 i32)))
          (func (export "xdp") (result i32) (call $store (i32.const 1) (i32.const 99)) (i32.const 2)))"#,
    );
    let mut writer = PcapWriter::new(Vec::new()).unwrap();
    writer.write_packet(&PcapPacket::new(Duration::from_secs(7), 3, &[1, 2, 3])).unwrap();
    folder.write("in.pcap", writer.into_writer());
    folder.wasmkc(&["run", "f.wasm", "--pcap", "in.pcap", "--out", "out.pcap"]).assert().success();
    let out = folder.read("out.pcap");
    let packet = PcapReader::new(&out[..]).unwrap().next_packet().unwrap().unwrap().into_owned();
    assert_eq!((packet.timestamp, &*packet.data), (Duration::from_secs(7), &[1, 99, 3][..]));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = folder(BY_LENGTH);
    folder.wasmkc(&["build", "f.wasm", "-o", "one.kwo"]).assert().success();
    folder.wasmkc(&["build", "f.wasm", "-o", "two.kwo"]).assert().success();
    assert_eq!(folder.read("one.kwo"), folder.read("two.kwo"));
}

#[test]
fn bad_input_gives_no_object() {
    let folder = folder(BY_LENGTH);
    folder.write("text.wasm", "(module)");
    folder.write("noxdp.wasm", wat::parse_str("(module)").unwrap());
    folder.write("import.wasm", wat::parse_str(r#"(module (import "env" "puts" (func)))"#).unwrap());
    let large = r#"(module (memory 1300) (func (export "xdp") (result i32) i32.const 2))"#;
    folder.write("large.wasm", wat::parse_str(large).unwrap());
    let mut invalid = folder.read("f.wasm");
    invalid.truncate(invalid.len() - 1);
    folder.write("invalid.wasm", invalid);
    for (file, with) in [
        ("text.wasm", "not a wasm file"),
        ("noxdp.wasm", "no export `xdp`"),
        ("import.wasm", "env.puts"),
        ("large.wasm", "1300 pages"),
        ("invalid.wasm", "offset"),
        ("nosuch.wasm", "nosuch.wasm"),
    ] {
        let said = stderr(&folder.wasmkc(&["build", file, "-o", "o.kwo"]).assert().code(1));
        assert!(said.contains(with) && said.contains(file), "{file}: {said}");
        assert!(!folder.path("o.kwo").exists(), "{file}");
    }
}

#[test]
fn a_trusted_author_is_written_down() {
    let folder = folder(BY_LENGTH);
    folder.wasmkc(&["build", "f.wasm", "--author", "trusted"]).assert().success();
    let said = stdout(&folder.wasmkc(&["inspect", "f.kwo"]).assert().success());
    // What that means for the masks is each target's own, and said there.
    assert!(said.lines().any(|l| l.starts_with("author ") && l.ends_with(" trusted")), "{said}");
    assert!(!said.contains("no Spectre v1 masks"), "{said}");
}

#[test]
fn half_of_a_key_pair_and_bad_sizes_are_wrong_usage() {
    let folder = folder(BY_LENGTH);
    for wrong in [&["--sign", "ours.key"][..], &["--max-memory", "100K"], &["--fuel", "0"], &["--name", "a b"]] {
        let command = [&["build", "f.wasm"][..], wrong].concat();
        folder.wasmkc(&command).assert().code(2);
    }
    assert!(!folder.path("f.kwo").exists());
}

#[test]
fn no_output_replaces_an_input() {
    let folder = folder(BY_LENGTH);
    let before = std::fs::read(folder.path("ours.key")).expect("the key");
    for output in ["ours.key", "ours.crt", "f.wasm"] {
        let command = ["build", "f.wasm", "-o", output, "--sign", "ours.key", "--cert", "ours.crt"];
        let said = stderr(&folder.wasmkc(&command).assert().code(2));
        assert!(said.contains(&format!("{output} would replace {output}")), "{said}");
    }
    assert_eq!(std::fs::read(folder.path("ours.key")).expect("the key"), before);
    let said = stderr(&folder.wasmkc(&["run", "f.wasm", "--invoke", "xdp"]).assert().code(1));
    assert!(said.contains("gives packets to `xdp`"), "{said}");
}

#[test]
fn direct_is_for_what_is_loaded() {
    let folder = Folder::new();
    let error = folder.wasmkc(&["run", "f.wasm", "--direct", "--pcap", "in.pcap"]).assert().code(2);
    let text = String::from_utf8_lossy(&error.get_output().stderr).into_owned();
    assert!(text.contains("--direct") && text.contains("cannot be used with"), "{text}");
}
