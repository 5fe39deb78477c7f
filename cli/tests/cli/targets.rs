//! Objects for several machines: built, shown, taken apart, audited; and spoilt ones.

use crate::folder::{Folder, stderr, stdout};
use serde_json::Value;
use wasmkc_abi::object::{EM_NONE, MACHINE_PORTABLE, TARGETS};
use wasmkc_compiler::{Target, fat};

/// Has a helper, a memory and a trap.
const FILTER: &str = r#"(module
  (import "kernel" "cpu" (func $cpu (result i32)))
  (memory 1)
  (func (export "xdp") (result i32) (i32.load (call $cpu))))"#;

pub fn folder() -> Folder {
    let folder = Folder::new();
    folder.key("ours");
    folder.write("f.wasm", wat::parse_str(FILTER).expect("the text is right"));
    folder
}

/// `f.wasm` for one target to TARGET.kwo.
pub fn alone(folder: &Folder, target: &str) -> Vec<u8> {
    let file = format!("{target}.kwo");
    folder.wasmkc(&["build", "f.wasm", "--name", "f", "--target", target, "-o", &file]).assert().success();
    folder.read(&file)
}

pub fn json(folder: &Folder, arguments: &[&str]) -> Value {
    let command = [arguments, &["--json"]].concat();
    serde_json::from_str(&stdout(&folder.wasmkc(&command).assert().success())).expect("one JSON value")
}

/// Writes x.kwo, `outer` with `inner`: the audit says `with`, and nothing signs it.
#[track_caller]
fn refused(folder: &Folder, outer: &[u8], inner: &[(&str, &[u8])], with: &str) {
    folder.write("x.kwo", fat::join(outer, inner).expect("is joined"));
    let said = stderr(&folder.wasmkc(&["audit", "x.kwo"]).assert().code(1));
    assert!(said.contains(with), "{said}");
    folder.wasmkc(&["sign", "x.kwo", "--key", "ours.key", "--cert", "ours.crt", "-o", "signed.kwo"]).assert().code(1);
    assert!(!folder.path("signed.kwo").exists());
}

#[test]
fn an_object_for_each_machine() {
    let folder = folder();
    let unknown = stderr(&folder.wasmkc(&["build", "f.wasm", "--target", "z80"]).assert().code(2));
    assert!(unknown.contains("x86_64") && unknown.contains("aarch64"), "{unknown}");
    assert!(!folder.path("f.kwo").exists());
    for target in Target::ALL.map(Target::name) {
        alone(&folder, target);
        let file = format!("{target}.kwo");
        let inspected = json(&folder, &["inspect", &file]);
        assert_eq!(inspected["targets"].as_array().map(Vec::len), Some(1));
        assert_eq!(inspected["targets"][0]["target"], target);
        folder.wasmkc(&["audit", &file]).assert().success();
    }
}

#[test]
fn an_object_for_all_machines() {
    let folder = folder();
    let report = json(&folder, &["build", "f.wasm", "--sign", "ours.key", "--cert", "ours.crt"]);
    let names: Vec<&str> =
        report["targets"].as_array().expect("a list").iter().filter_map(|t| t["target"].as_str()).collect();
    assert_eq!(names, Target::ALL.map(Target::name), "all, without a word about it");
    let said = stdout(&folder.wasmkc(&["inspect", "f.kwo", "--traps"]).assert().success());
    let audited = json(&folder, &["audit", "f.kwo"]);
    for (n, name) in names.iter().enumerate() {
        assert!(
            said.contains(&format!("{name}: native code")) || said.contains(&format!("{name}: bytecode")),
            "{said}"
        );
        assert_eq!(audited["targets"][n]["target"], *name);
        let part = &json(&folder, &["inspect", "f.kwo"])["targets"][n];
        assert_eq!(part["text_sha256"], report["targets"][n]["text_sha256"]);
        assert!(part["traps"].as_array().is_some_and(|t| t.iter().any(|t| t["cause"] == "memory-out-of-bounds")));
    }
    folder.wasmkc(&["verify", "f.kwo", "--cert", "ours.crt"]).assert().success();
    let run = ["run", "f.kwo", "--cert", "ours.crt", "--invoke", "xdp"];
    let said = stderr(&folder.wasmkc(&run).assert().code(1));
    assert!(said.contains("gives packets to `xdp`"), "it is loaded: {said}");
}

#[test]
fn which_target_has_masks_is_said() {
    let folder = folder();
    for (author, native, json_native) in [
        ("untrusted", "Spectre v1 masks\n", "all"),
        ("trusted", "Spectre v1 masks for tables only, the author is trusted\n", "tables"),
    ] {
        let build = ["build", "f.wasm", "--author", author];
        let portable = "no Spectre masks, as it is interpreted\n";
        for command in [&build[..], &["inspect", "f.kwo"]] {
            let said = stdout(&folder.wasmkc(command).assert().success());
            let masks: Vec<&str> = said.lines().filter(|l| l.contains("masks") && !l.starts_with("author")).collect();
            let [x86_64, aarch64, last] = masks[..] else { panic!("a line a target: {said}") };
            assert!(format!("{x86_64}\n").ends_with(native) && format!("{aarch64}\n").ends_with(native), "{said}");
            assert!(format!("{last}\n").ends_with(portable), "{said}");
            let value = json(&folder, command);
            let masks: Vec<&Value> =
                value["targets"].as_array().expect("a list").iter().map(|t| &t["spectre_masks"]).collect();
            assert_eq!(masks, [json_native, json_native, "none"]);
        }
    }
}

#[test]
fn what_is_extracted_is_what_a_build_for_the_target_alone_gives() {
    let folder = folder();
    let build = ["build", "f.wasm", "--name", "f", "--sign", "ours.key", "--cert", "ours.crt"];
    folder.wasmkc(&build).assert().success();
    for target in Target::ALL.map(Target::name) {
        let command = ["inspect", "f.kwo", "--extract", target, "-o", "part.kwo"];
        let said = stdout(&folder.wasmkc(&command).assert().success());
        assert!(said.contains(target) && said.contains("not signed"), "{said}");
        assert!(folder.read("part.kwo") == alone(&folder, target), "{target}");
        let value = json(&folder, &command);
        assert_eq!((&value["target"], &value["bytes"]), (&target.into(), &folder.read("part.kwo").len().into()));
    }
}

#[test]
fn what_cannot_be_extracted_is_said() {
    let folder = folder();
    let (outer, inner) = (alone(&folder, "x86_64"), alone(&folder, "aarch64"));
    let said = |file: &str, target: &str| {
        let command = ["inspect", file, "--extract", target, "-o", "part.kwo"];
        let said = stderr(&folder.wasmkc(&command).assert().code(1));
        assert!(!folder.path("part.kwo").exists());
        said
    };
    let missing = said("x86_64.kwo", "aarch64");
    assert!(missing.contains("has no code for aarch64\nhelp: it has code for x86_64"), "{missing}");
    let whole = fat::join(&outer, &[(".wkc.target.aarch64", &inner)]).expect("is joined");
    // As another linker may leave it: eight bytes before the section headers.
    let table = u64::from_le_bytes(*whole[40..].first_chunk().expect("a header"));
    let mut other = whole.clone();
    other.splice(table as usize..table as usize, [0; 8]);
    other[40..48].copy_from_slice(&(table + 8).to_le_bytes());
    folder.write("other.kwo", other);
    let other = said("other.kwo", "x86_64");
    assert!(other.contains("not put together by `wasmkc build`"), "{other}");
    folder.wasmkc(&["inspect", "other.kwo", "--extract", "aarch64", "-o", "arm.kwo"]).assert().success();
    assert_eq!(folder.read("arm.kwo"), inner);
    assert!(said("f.wasm", "x86_64").contains("no object, but a WebAssembly module"));
    let command = ["inspect", "x86_64.kwo", "--extract", "x86_64", "-o", "x86_64.kwo"];
    let replaced = stderr(&folder.wasmkc(&command).assert().code(2));
    assert!(replaced.contains("would replace"), "{replaced}");
}

#[test]
fn targets_are_chosen_one_by_one_in_any_order() {
    let folder = folder();
    for (file, order) in [("one.kwo", ["aarch64", "x86_64"]), ("two.kwo", ["x86_64", "aarch64"])] {
        let command = ["build", "f.wasm", "-o", file, "--target", order[0], "--target", order[1], "--target", order[0]];
        folder.wasmkc(&command).assert().success();
    }
    assert_eq!(folder.read("one.kwo"), folder.read("two.kwo"));
    let targets = json(&folder, &["inspect", "one.kwo"])["targets"].clone();
    assert_eq!((&targets[0]["target"], &targets[1]["target"]), (&"x86_64".into(), &"aarch64".into()));
    assert_eq!(targets.as_array().map(Vec::len), Some(2));
}

#[test]
fn the_audit_judges_every_target_of_the_file() {
    let folder = folder();
    let (outer, good) = (alone(&folder, "x86_64"), alone(&folder, "aarch64"));
    let arm = ".wkc.target.aarch64";
    // A word of its code, of its tables, of its header.
    let text = fat::join(&outer, &[(arm, &good)]).expect("is joined");
    folder.write("good.kwo", &text);
    folder.wasmkc(&["audit", "good.kwo"]).assert().success();
    let mut code = good.clone();
    // bti c at the start of .text becomes mrs x0, sctlr_el1
    let at = code.windows(4).position(|w| w == [0x5f, 0x24, 0x03, 0xd5]).expect("an entry");
    code[at..at + 4].copy_from_slice(&[0x00, 0x10, 0x38, 0xd5]);
    refused(&folder, &outer, &[(arm, &code)], ": for aarch64");
    let mut minor = good.clone();
    let meta = minor.windows(8).position(|w| w == b"wasmkc\0\x01").expect("its metadata");
    minor[meta + 10] = 9;
    refused(&folder, &outer, &[(arm, &minor)], "the code for aarch64 has other ABI version than that for x86_64");
    // What the audit has no eye for is read as the loader of that machine would.
    let mut reserved = good.clone();
    reserved[meta + 127] = 1;
    refused(&folder, &outer, &[(arm, &reserved)], "the code for aarch64: .wkc.meta: ");
    let mut fuel = good.clone();
    fuel[meta + 41] ^= 1;
    refused(&folder, &outer, &[(arm, &fuel)], "the code for aarch64 has other fuel than that for x86_64");
    refused(&folder, &outer, &[(arm, &good[..good.len() - 1])], "is no ELF file");
    refused(&folder, &outer, &[(".wkc.target.portable", &good)], "is for another machine than its name says");
    refused(&folder, &outer, &[(arm, &good), (arm, &good)], "is the second code for its target");
    refused(&folder, &outer, &[(".wkc.target.x86_64", &outer)], "is the second code for its target");
    let nested = fat::join(&good, &[(".wkc.target.portable", &good)]).expect("is joined");
    refused(&folder, &outer, &[(arm, &nested)], "contains inner objects");
    folder.wasmkc(&["sign", "aarch64.kwo", "--key", "ours.key", "--cert", "ours.crt"]).assert().success();
    refused(&folder, &outer, &[(arm, &folder.read("aarch64.kwo"))], "has a signature of its own");
}

#[test]
fn bytecode_of_another_width_byte_order_or_version_is_refused_by_the_audit() {
    let folder = folder();
    let outer = alone(&folder, "x86_64");
    // Its form, around code of another machine.
    let mut bytecode = outer.clone();
    bytecode[18..20].copy_from_slice(&EM_NONE.to_le_bytes());
    let meta = bytecode.windows(8).position(|w| w == b"wasmkc\0\x01").expect("its metadata");
    bytecode[meta + 12..meta + 14].copy_from_slice(&MACHINE_PORTABLE.to_le_bytes());
    for (at, value, with) in [(4, 1, "another width or byte order"), (5, 2, "another width or byte order")] {
        let mut spoiled = bytecode.clone();
        spoiled[at] = value;
        refused(&folder, &outer, &[(".wkc.target.portable", &spoiled)], with);
    }
    bytecode[meta + 14] = 47;
    folder.write("x.kwo", fat::join(&outer, &[(".wkc.target.portable", &bytecode)]).expect("is joined"));
    let said = stderr(&folder.wasmkc(&["inspect", "x.kwo"]).assert().code(1));
    assert!(said.contains("the code for portable: .wkc.meta: bytecode: bytecode of another version"), "{said}");
    folder.wasmkc(&["audit", "x.kwo"]).assert().code(1);
}

#[test]
fn an_object_without_code_for_this_machine_is_not_run() {
    let folder = folder();
    let here = TARGETS.iter().find(|row| row.machine == wasmkc_host::MACHINE).expect("it is known").name;
    let other = if here == "x86_64" { "aarch64" } else { "x86_64" };
    let build = ["build", "f.wasm", "--target", other, "--sign", "ours.key", "--cert", "ours.crt"];
    folder.wasmkc(&build).assert().success();
    let said = stderr(&folder.wasmkc(&["run", "f.kwo", "--cert", "ours.crt", "--invoke", "f"]).assert().code(1));
    assert!(said.contains(&format!("{here}: the object has no code for this machine, and no portable code")), "{said}");
    assert!(said.contains("help: `wasmkc build` without --target") && said.contains("`--target portable`"), "{said}");
}
