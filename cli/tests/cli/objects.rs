//! Objects: signed, verified, audited, inspected and run; and spoilt ones.

use crate::folder::{Folder, stderr, stdout};
use pcap_file::pcap::{PcapPacket, PcapReader, PcapWriter};
use serde_json::Value;
use std::time::Duration;

#[path = "../../../loader-kmod/core/tests/common/mod.rs"]
mod common;

/// Gives each packet the verdict that its first byte names, and traps on an empty one.
const FIRST_BYTE: &str = r#"(module
  (import "xdp" "load8" (func $load8 (param i32) (result i32)))
  (import "kernel" "cpu" (func $cpu (result i32)))
  (memory 1 2)
  (func (export "init") (drop (call $cpu)) (drop (memory.grow (i32.const 0))))
  (func $first (export "xdp") (result i32) (call $load8 (i32.const 0))))"#;

/// A folder with keys and `a.kwo`, which is [`FIRST_BYTE`].
fn folder() -> Folder {
    let folder = Folder::new();
    folder.key("ours");
    folder.key("other");
    folder.write("a.wasm", wat::parse_str(FIRST_BYTE).expect("the text is right"));
    folder.wasmkc(&["build", "a.wasm", "--name", "sample", "--fuel", "1000"]).assert().success();
    folder
}

fn sign(folder: &Folder, file: &str, key: &str) {
    let (key, cert) = (format!("{key}.key"), format!("{key}.crt"));
    folder.wasmkc(&["sign", file, "--key", &key, "--cert", &cert]).assert().success();
}

fn packets(folder: &Folder, name: &str, packets: &[&[u8]]) {
    let mut writer = PcapWriter::new(Vec::new()).unwrap();
    for (i, data) in packets.iter().enumerate() {
        let packet = PcapPacket::new(Duration::from_secs(i as u64), data.len() as u32, data);
        writer.write_packet(&packet).unwrap();
    }
    folder.write(name, writer.into_writer());
}

fn fails(folder: &Folder, arguments: &[&str], with: &str) {
    let said = stderr(&folder.wasmkc(arguments).assert().code(1));
    assert!(said.contains(with), "{arguments:?}: {said}");
    assert!(said.starts_with("error: "), "{said}");
}

#[test]
fn a_signature_is_good_for_its_key_only() {
    let folder = folder();
    sign(&folder, "a.kwo", "ours");
    let said = stdout(&folder.wasmkc(&["verify", "a.kwo", "--cert", "other.crt", "ours.crt"]).assert().success());
    assert!(said.contains("good signature of CN=ours"), "{said}");
    fails(&folder, &["verify", "a.kwo", "--cert", "other.crt"], "none of the given certificates");
}

#[test]
fn an_object_changed_after_signing_is_refused_at_its_first_byte_its_last_and_between() {
    let folder = folder();
    let size = folder.read("a.kwo").len();
    sign(&folder, "a.kwo", "ours");
    let signed = folder.read("a.kwo");
    // A sample: the command runs for each.
    for at in (0..size).step_by(size / 12).chain([size - 1]) {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        folder.write("changed.kwo", changed);
        fails(&folder, &["verify", "changed.kwo", "--cert", "ours.crt"], "changed after it was signed");
    }
}

#[test]
fn an_unsigned_object_is_not_verified_and_not_run() {
    let folder = folder();
    packets(&folder, "in.pcap", &[&[2]]);
    fails(&folder, &["verify", "a.kwo", "--cert", "ours.crt"], "not signed");
    fails(&folder, &["run", "a.kwo", "--cert", "ours.crt", "--pcap", "in.pcap"], "not signed");
    let said = stderr(&folder.wasmkc(&["run", "a.kwo", "--pcap", "in.pcap"]).assert().code(2));
    assert!(said.contains("--cert"), "{said}");
}

#[test]
fn signing_again_replaces_the_signature() {
    let folder = folder();
    let before = folder.read("a.kwo");
    sign(&folder, "a.kwo", "other");
    sign(&folder, "a.kwo", "ours");
    let signed = folder.read("a.kwo");
    assert!(signed.starts_with(&before));
    assert_eq!(signed.windows(28).filter(|w| w == b"~Module signature appended~\n").count(), 1);
    folder.wasmkc(&["verify", "a.kwo", "--cert", "ours.crt"]).assert().success();
    fails(&folder, &["verify", "a.kwo", "--cert", "other.crt"], "none of the given");
}

#[test]
fn every_command_names_the_signer_by_one_number() {
    let folder = folder();
    let json = |arguments: &[&str]| -> Value {
        let command = [arguments, &["--json"]].concat();
        serde_json::from_str(&stdout(&folder.wasmkc(&command).assert().success())).expect("one JSON value")
    };
    let id = json(&["keygen", "--key", "new.key", "--cert", "new.crt", "--subject", "new"])["id"].clone();
    assert_eq!(id.as_str().map(str::len), Some(40), "{id}");
    let (build, sign) = (["build", "a.wasm", "--sign", "new.key"], ["sign", "a.kwo", "--key", "new.key"]);
    assert_eq!(json(&[&build[..], &["--cert", "new.crt"]].concat())["signer"]["id"], id);
    assert_eq!(json(&[&sign[..], &["--cert", "new.crt"]].concat())["signer"]["id"], id);
    assert_eq!(json(&["verify", "a.kwo", "--cert", "new.crt"])["signer"]["id"], id);
    assert_eq!(json(&["inspect", "a.kwo"])["signature"]["signer"]["id"], id);
    let shown = format!("CN=new, id {}", id.as_str().unwrap());
    for command in [&["verify", "a.kwo", "--cert", "new.crt"][..], &["inspect", "a.kwo"]] {
        let said = stdout(&folder.wasmkc(command).assert().success());
        assert!(said.contains(&shown), "{command:?}: {said}");
    }
}

#[test]
fn key_and_certificate_must_belong_together() {
    let folder = folder();
    let before = folder.read("a.kwo");
    fails(&folder, &["sign", "a.kwo", "--key", "ours.key", "--cert", "other.crt"], "is not that of the key");
    fails(&folder, &["sign", "a.kwo", "--key", "ours.crt", "--cert", "ours.crt"], "is no private key");
    fails(&folder, &["sign", "a.kwo", "--key", "ours.key", "--cert", "ours.key"], "is no certificate");
    assert_eq!(folder.read("a.kwo"), before);
}

#[test]
fn what_is_no_object_is_neither_signed_nor_inspected_nor_audited() {
    let folder = folder();
    folder.write("text.kwo", "this is text");
    fails(&folder, &["sign", "text.kwo", "--key", "ours.key", "--cert", "ours.crt"], "text.kwo");
    fails(&folder, &["inspect", "text.kwo"], "no object");
    fails(&folder, &["audit", "text.kwo"], "no object");
    fails(&folder, &["inspect", "nosuch.kwo"], "nosuch.kwo");
    assert_eq!(folder.read("text.kwo"), b"this is text");
}

#[test]
fn what_was_given_for_an_object_is_said() {
    let folder = folder();
    sign(&folder, "a.kwo", "ours");
    let (signed, wasm) = (folder.read("a.kwo"), folder.read("a.wasm"));
    let object = signed.len() - 700;
    packets(&folder, "in.pcap", &[&[2]]);
    for (bytes, with) in [
        (&signed[..signed.len() - 1], "no signature, or only a part of one"),
        (&signed[..object], "cut short"),
        (&signed[..object / 2], "cut short"),
        (&signed[..100], "cut short"),
        (&wasm, "no object, but a WebAssembly module"),
        (&[], "no object, but an empty file"),
        (&folder.read("ours.crt"), "no object, but a certificate"),
        (&folder.read("ours.key"), "no object, but a private key"),
        (&folder.read("in.pcap"), "no object, but a capture"),
    ] {
        folder.write("x.kwo", bytes);
        fails(&folder, &["verify", "x.kwo", "--cert", "ours.crt"], with);
        fails(&folder, &["sign", "x.kwo", "--key", "ours.key", "--cert", "ours.crt"], with);
    }
    fails(&folder, &["inspect", "a.wasm"], "wasmkc build");
    fails(&folder, &["run", "ours.crt", "--pcap", "in.pcap"], "neither WebAssembly nor an object, but a certificate");
}

#[test]
fn a_key_that_is_none_is_said_to_be_something_else() {
    let folder = folder();
    let sign = |key: &str, cert: &str, with: &str| {
        fails(&folder, &["sign", "a.kwo", "--key", key, "--cert", cert], with);
        let said = stderr(&folder.wasmkc(&["build", "a.wasm", "--sign", key, "--cert", cert]).assert().code(1));
        assert!(said.contains(with) && !said.contains("OpenSSL") && said.contains("help: "), "{said}");
    };
    sign("ours.crt", "ours.crt", "ours.crt is no private key, but a certificate");
    sign("ours.key", "ours.key", "ours.key is no certificate, but a private key");
    sign("a.wasm", "ours.crt", "a.wasm is no private key, but a WebAssembly module");
    sign("nosuch.key", "ours.crt", "there is no such file");
    let key = openssl::pkey::PKey::private_key_from_pem(&folder.read("ours.key")).unwrap();
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    folder.write("locked.key", key.private_key_to_pem_pkcs8_passphrase(cipher, b"word").unwrap());
    sign("locked.key", "ours.crt", "locked.key is a private key with a password");
}

#[test]
fn a_file_or_folder_that_is_not_there_is_said_with_what_to_do() {
    let folder = folder();
    folder.write("b.wasm", folder.read("a.wasm"));
    fails(&folder, &["inspect", "b.kwo"], "help: `wasmkc build b.wasm` makes it");
    fails(&folder, &["build", "c.wasm"], "there is no such file\nhelp: `ls .`");
    fails(&folder, &["inspect", "no/c.kwo"], "there is no folder no\nhelp: ");
    fails(&folder, &["run", "a.wasm", "--pcap", "c.pcap"], "there is no such file\nhelp: ");
    packets(&folder, "in.pcap", &[&[2]]);
    for command in
        [&["build", "a.wasm", "-o", "no/a.kwo"][..], &["run", "a.wasm", "--pcap", "in.pcap", "--out", "no/out.pcap"]]
    {
        let said = stderr(&folder.wasmkc(command).assert().code(1));
        assert!(said.contains(": there is no folder no\nhelp: `mkdir -p` makes it"), "{said}");
        assert!(!said.contains(".wasmkc-"), "the name of a temporary file: {said}");
    }
}

#[test]
fn a_folder_where_a_file_is_to_be_written_is_said_to_be_one() {
    let folder = folder();
    sign(&folder, "a.kwo", "ours");
    packets(&folder, "in.pcap", &[&[2]]);
    std::fs::create_dir(folder.path("here")).unwrap();
    for command in [
        &["build", "a.wasm", "-o", "here"][..],
        &["sign", "a.kwo", "--key", "ours.key", "--cert", "ours.crt", "-o", "here"],
        &["inspect", "a.kwo", "--extract", "portable", "-o", "here"],
        &["keygen", "--key", "here"],
        &["keygen", "--key", "new.key", "--cert", "here"],
        &["run", "a.wasm", "--pcap", "in.pcap", "--out", "here"],
    ] {
        fails(&folder, command, "cannot write here: it is a folder\nhelp: name a file in it: here/NAME");
    }
    fails(&folder, &["build", "a.wasm", "-o", "."], "cannot write .: it is a folder\nhelp: name a file in it: ./NAME");
    let unmade = "cannot write no/such/: it is written like a folder\nhelp: name a file in it: no/such/NAME";
    fails(&folder, &["build", "a.wasm", "-o", "no/such/"], unmade);
    fails(&folder, &["run", "a.wasm", "--pcap", "in.pcap", "--out", "no/such/"], unmade);
    fails(&folder, &["build", "here"], "cannot read here: it is a folder");
    assert!(!folder.path("new.key").exists(), "half of a pair");
    assert_eq!(std::fs::read_dir(folder.path("here")).unwrap().count(), 0);
}

#[test]
fn what_the_audit_refuses_is_not_signed() {
    let folder = folder();
    folder.wasmkc(&["audit", "a.kwo"]).assert().success();
    let mut object = common::Object::default();
    // mov rax, [rdi+32] becomes wrmsr, nop, nop
    object.text[22..26].copy_from_slice(&[0x0f, 0x30, 0x90, 0x90]);
    folder.write("bad.kwo", object.elf());
    fails(&folder, &["audit", "bad.kwo"], "privileged-instruction");
    fails(&folder, &["sign", "bad.kwo", "--key", "ours.key", "--cert", "ours.crt", "-o", "out.kwo"], "wrmsr");
    assert!(!folder.path("out.kwo").exists());
}

#[test]
fn inspect_shows_tables_and_signer() {
    let folder = folder();
    let said = stdout(&folder.wasmkc(&["inspect", "a.kwo", "--traps"]).assert().success());
    for part in ["sample", "cpu", "packet-out-of-bounds", "first", "0x", ".wkc.meta", "none"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    sign(&folder, "a.kwo", "ours");
    let said = stdout(&folder.wasmkc(&["inspect", "a.kwo", "--json"]).assert().success());
    let value: Value = serde_json::from_str(&said).expect("one JSON value");
    assert_eq!(value["fuel"], 1000);
    let targets = value["targets"].as_array().expect("a list");
    assert_eq!(
        targets.iter().map(|t| &t["target"]).collect::<Vec<_>>(),
        wasmkc_compiler::Target::ALL.map(|t| t.name())
    );
    assert_eq!(value["memory"]["max_pages"], 2);
    for target in targets {
        assert_eq!(target["imports"][0]["name"], "cpu");
        assert!(target["functions"].as_array().is_some_and(|f| f.iter().any(|f| f["name"] == "first")), "{said}");
    }
    assert_eq!(value["signature"]["signer"]["issuer"], "CN=ours", "{said}");
}

#[test]
fn portable_code_gives_each_packet_the_same_verdict_for_the_same_fuel() {
    let folder = folder();
    packets(&folder, "in.pcap", &[&[2, 7], &[1], &[], &[9], &[3; 1500], &[4]]);
    let run = |engine| {
        let command = ["run", "a.wasm", "--engine", engine, "--pcap", "in.pcap", "--json"];
        let said = stdout(&folder.wasmkc(&command).assert().success());
        let mut lines: Vec<Value> =
            said.lines().map(|l| serde_json::from_str(l).expect("a JSON value a line")).collect();
        assert_eq!(lines.len(), 7, "{said}");
        // the place of a trap has an offset in the code, too
        lines.iter_mut().for_each(|line| drop(line.as_object_mut().map(|line| line.remove("site"))));
        lines
    };
    assert_eq!(run("portable"), run("native"));
    sign(&folder, "a.kwo", "ours");
    let command = ["run", "a.kwo", "--cert", "ours.crt", "--engine", "portable", "--pcap", "in.pcap"];
    let said = stderr(&folder.wasmkc(&command).assert().code(2));
    assert!(said.contains("`--engine` is for WebAssembly"), "{said}");
}

#[test]
fn portable_code_is_written_once_it_is_audited() {
    let folder = folder();
    stdout(&folder.wasmkc(&["build", "a.wasm", "-o", "p.kwo", "--target", "portable"]).assert().success());
    let said = stdout(&folder.wasmkc(&["audit", "p.kwo"]).assert().success());
    assert!(said.contains("passed") && said.contains("wkc_trap"), "{said}");
    // Of another version: magic, two halves of the ABI's version and the machine stand before it.
    let mut bytes = std::fs::read(folder.path("p.kwo")).expect("the object");
    let meta = bytes.windows(8).position(|w| w == b"wasmkc\0\x01").expect("the meta record");
    bytes[meta + 14] += 1;
    std::fs::write(folder.path("q.kwo"), bytes).expect("written");
    fails(&folder, &["audit", "q.kwo"], "unsupported-machine");
}

#[test]
fn run_gives_each_packet_its_verdict() {
    let folder = folder();
    sign(&folder, "a.kwo", "ours");
    packets(&folder, "in.pcap", &[&[2, 7], &[1], &[], &[9], &[3; 1500], &[4]]);
    let command = ["run", "a.kwo", "--cert", "ours.crt", "--pcap", "in.pcap", "--out", "out.pcap", "--json"];
    let said = stdout(&folder.wasmkc(&command).assert().success());
    let lines: Vec<Value> = said.lines().map(|l| serde_json::from_str(l).expect("a JSON value a line")).collect();
    let seen: Vec<_> = lines[..6].iter().map(|l| (l["verdict"].as_str().unwrap(), l["trap"].as_str())).collect();
    assert_eq!(
        seen,
        [
            ("pass", None),
            ("drop", None),
            ("aborted", Some("packet-out-of-bounds")),
            ("aborted", Some("bad-verdict")),
            ("tx", None),
            ("aborted", Some("redirect-without-target")),
        ]
    );
    assert_eq!((&lines[4]["index"], &lines[4]["len"]), (&5.into(), &1500.into()));
    assert!(lines[4]["fuel"].as_u64().is_some_and(|f| (1..10).contains(&f)), "{said}");
    assert!(lines[2]["place"].as_str().is_some_and(|p| p.contains("in first at wasm offset 0x")), "{said}");
    let summary = &lines[6]["summary"];
    assert_eq!((&summary["packets"], &summary["trapped"]), (&6.into(), &3.into()));
    assert_eq!(summary["verdicts"]["pass"], 1);

    let out = folder.read("out.pcap");
    let mut reader = PcapReader::new(&out[..]).unwrap();
    assert_eq!(*reader.next_packet().unwrap().unwrap().data, [2, 7]);
    assert!(reader.next_packet().is_none(), "only what passed is written");
}

#[test]
fn run_gives_the_trap_verdict_that_was_asked_for() {
    let folder = folder();
    sign(&folder, "a.kwo", "ours");
    packets(&folder, "in.pcap", &[&[], &[], &[2]]);
    let mut command = vec!["run", "a.kwo", "--cert", "ours.crt", "--pcap", "in.pcap", "--trap-verdict", "drop"];
    let said = stdout(&folder.wasmkc(&command).assert().success());
    assert!(said.contains("3 packets: 2 drop, 1 pass"), "{said}");
    command.extend(["--after-trap", "disable", "--trap-limit", "1", "--summary"]);
    let said = stdout(&folder.wasmkc(&command).assert().success());
    assert!(said.contains("3 packets: 3 drop") && said.contains("disabled"), "{said}");
    assert!(!said.contains("verdict  "), "{said}");
}

#[test]
fn traps_fail_a_run_that_was_asked_to_and_are_never_overlooked() {
    let folder = folder();
    sign(&folder, "a.kwo", "ours");
    packets(&folder, "some.pcap", &[&[2], &[], &[9]]);
    packets(&folder, "all.pcap", &[&[], &[9]]);
    packets(&folder, "none.pcap", &[&[2], &[1]]);
    packets(&folder, "empty.pcap", &[]);
    let run = |pcap: &str, more: &[&str], code: i32| {
        let command = [&["run", "a.kwo", "--cert", "ours.crt", "--summary", "--pcap", pcap][..], more].concat();
        let assert = folder.wasmkc(&command).assert().code(code);
        assert!(stdout(&assert).contains("packets"), "the summary is printed in any case");
        stderr(&assert)
    };
    assert_eq!(run("some.pcap", &[], 0), "");
    let said = run("all.pcap", &[], 0);
    let first = "the first: packet 1, packet-out-of-bounds in first at wasm offset 0x";
    assert!(said.starts_with("warning: all 2 packets trapped") && said.contains(first), "{said}");
    let said = run("some.pcap", &["--fail-on-trap"], 1);
    assert!(said.starts_with("error: 2 of 3 packets trapped; the first: packet 2, packet-out-of"), "{said}");
    let said = run("all.pcap", &["--fail-on-trap", "--json"], 1);
    let value: Value = serde_json::from_str(&said).expect("one JSON value");
    assert!(value["error"].as_str().is_some_and(|e| e.starts_with("2 of 2 packets trapped")), "{said}");
    for pcap in ["none.pcap", "empty.pcap"] {
        assert_eq!(run(pcap, &["--fail-on-trap"], 0), "");
    }
}

#[test]
fn run_refuses_an_object_signed_with_an_unknown_key() {
    let folder = folder();
    sign(&folder, "a.kwo", "other");
    packets(&folder, "in.pcap", &[&[2]]);
    let command = ["run", "a.kwo", "--cert", "ours.crt", "--pcap", "in.pcap", "--out", "out.pcap"];
    fails(&folder, &command, "none of the given certificates");
    assert!(!folder.path("out.pcap").exists());
}

#[test]
fn a_bad_capture_leaves_no_output() {
    let folder = folder();
    sign(&folder, "a.kwo", "ours");
    packets(&folder, "in.pcap", &[&[2; 60], &[2; 60]]);
    let whole = folder.read("in.pcap");
    folder.write("cut.pcap", &whole[..whole.len() - 1]);
    let files = || std::fs::read_dir(folder.path("")).unwrap().count();
    let before = files();
    for (file, with) in [("cut.pcap", "after packet 1"), ("a.kwo", "no capture"), ("nosuch.pcap", "nosuch.pcap")] {
        fails(&folder, &["run", "a.kwo", "--cert", "ours.crt", "--pcap", file, "--out", "out.pcap"], with);
    }
    assert_eq!(files(), before);
}

#[test]
fn an_object_above_the_limit_is_not_read() {
    let folder = folder();
    let file = std::fs::File::create(folder.path("large.kwo")).unwrap();
    file.set_len(u64::from(wasmkc_abi::limits::MAX_OBJECT_BYTES) + 1).unwrap();
    for command in
        [&["inspect", "large.kwo"][..], &["verify", "large.kwo", "--cert", "ours.crt"], &["audit", "large.kwo"]]
    {
        fails(&folder, command, "more than the limit");
    }
}
