//! Wrong usage, missing module, missing rights, keys and generated files, from outside.

use crate::folder::{Folder, stderr, stdout};
use std::os::unix::fs::PermissionsExt;

#[test]
fn wrong_usage_is_exit_code_2() {
    let folder = Folder::new();
    for wrong in [
        &["nosuchcommand"][..],
        &["attach", "x"],
        &["detach", "x"],
        &["detach", "x", "--all", "--dev", "lo"],
        &["load", "x.kwo", "--trap-verdict", "tx"],
        &["stats", "--cpu=seven"],
        &["unload", "a/b"],
        &["attach", "x", "--dev", "lo", "--fuel", "7"],
        &["attach", "x", "--dev", "lo", "--force-portable"],
        &["inspect", "x.kwo", "--extract", "z80", "-o", "y"],
        &["inspect", "x.kwo", "--extract", "aarch64"],
        &["inspect", "x.kwo", "-o", "y"],
        &["inspect", "x.kwo", "--code", "z80"],
        &["inspect", "x.kwo", "--code", "aarch64", "--traps"],
        &["inspect", "x.kwo", "--code", "aarch64", "--extract", "aarch64", "-o", "y"],
        &["keygen", "--days", "0"],
        &[],
    ] {
        let said = folder.wasmkc(wrong).assert().code(2);
        assert!(!stderr(&said).is_empty(), "{wrong:?} says why");
    }
}

/// Only where the module is not loaded; CI's machine never loads it.
#[test]
fn module_not_loaded_is_said_with_what_to_do() {
    if std::path::Path::new("/dev/wasmkc").exists() {
        panic!("this test needs a machine without the kernel module");
    }
    let folder = Folder::new();
    folder.write("x.kwo", "x");
    for command in [&["list"][..], &["load", "x.kwo"], &["stats"], &["log", "x"], &["trust", "list"], &["unload", "x"]]
    {
        let said = stderr(&folder.wasmkc(command).assert().code(1));
        assert!(said.contains("module is not loaded") && said.contains("modprobe"), "{command:?}: {said}");
    }
}

#[test]
fn a_device_that_does_not_exist_is_named_before_anything_is_loaded() {
    let folder = Folder::new();
    let said = stderr(&folder.wasmkc(&["attach", "x.kwo", "--dev", "nosuchdev"]).assert().code(1));
    assert!(said.contains("no network device `nosuchdev`"), "{said}");
}

#[test]
fn errors_are_json_when_asked() {
    let folder = Folder::new();
    let said = stderr(&folder.wasmkc(&["attach", "x", "--dev", "nosuchdev", "--json"]).assert().code(1));
    let value: serde_json::Value = serde_json::from_str(&said).expect("one JSON value");
    assert!(value["error"].as_str().is_some_and(|e| e.contains("nosuchdev")), "{said}");
    assert!(value["help"].is_string(), "{said}");
}

#[test]
fn doctor_finds_the_module_missing_and_says_so_in_json() {
    let folder = Folder::new();
    let said = stdout(&folder.wasmkc(&["doctor", "--json"]).assert().code(1));
    let checks: Vec<serde_json::Value> = serde_json::from_str(&said).expect("a JSON array");
    let module = checks.iter().find(|c| c["check"] == "module").expect("a check of the module");
    assert_eq!(module["state"], "fail");
    assert!(module["help"].as_str().is_some_and(|h| h.contains("modprobe")));
    assert!(checks.iter().any(|c| c["check"] == "kernel"));
}

#[test]
fn keygen_keeps_the_key_private_and_replaces_nothing() {
    let folder = Folder::new();
    folder.wasmkc(&["keygen", "--key", "k", "--cert", "c.der"]).assert().success();
    let mode = std::fs::metadata(folder.path("k")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(folder.read("c.der")[0], 0x30, "DER by its name");
    let before = folder.read("k");
    let said = stderr(&folder.wasmkc(&["keygen", "--key", "k", "--cert", "c2"]).assert().code(1));
    assert!(said.contains("k exists already") && said.contains("--force"), "{said}");
    assert_eq!(folder.read("k"), before);
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let folder = Folder::new();
    let script = stdout(&folder.wasmkc(&["completions", "bash"]).assert().success());
    folder.wasmkc(&["man", "."]).assert().success();
    for command in ["attach", "doctor", "keygen", "trust"] {
        assert!(script.contains(command), "{command} completes");
        assert!(folder.path(&format!("wasmkc-{command}.1")).exists(), "{command} has a page");
    }
    let said = stderr(&folder.wasmkc(&["man", "nosuchfolder"]).assert().code(1));
    assert!(said.contains("nosuchfolder"), "{said}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_wasmkc"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
