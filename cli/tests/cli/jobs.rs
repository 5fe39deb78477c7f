//! Threads of a build, and what it shows while it goes on.

use crate::folder::{Folder, stderr, stdout};

const FILTER: &str = r#"(module
  (func $f (param i32) (result i32) (i32.popcnt (local.get 0)))
  (func $g (param i32) (result i32) (call $f (i32.mul (local.get 0) (local.get 0))))
  (func (export "xdp") (result i32) (i32.and (call $g (i32.const 77)) (i32.const 1))))"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("f.wasm", wat::parse_str(FILTER).expect("the text is right"));
    folder
}

#[test]
fn the_object_is_the_same_for_any_number_of_threads() {
    let folder = folder();
    folder.wasmkc(&["build", "f.wasm", "-o", "all.kwo"]).assert().success();
    for jobs in ["1", "2", "8"] {
        folder.wasmkc(&["build", "f.wasm", "-o", "some.kwo", "--jobs", jobs]).assert().success();
        assert!(folder.read("some.kwo") == folder.read("all.kwo"), "{jobs}");
    }
}

#[test]
fn no_threads_are_wrong_usage() {
    let folder = folder();
    for wrong in ["0", "many", ""] {
        let said = stderr(&folder.wasmkc(&["build", "f.wasm", "--jobs", wrong]).assert().code(2));
        assert!(said.contains("--jobs"), "{said}");
    }
    assert!(!folder.path("f.kwo").exists());
}

#[test]
fn pipes_get_no_bar() {
    let folder = Folder::new();
    // Half a second and more of work, as the tests are built.
    let loads = "(drop (i32.load (call $load8 (i32.const 1))))".repeat(400);
    let functions = format!("(func {loads})").repeat(20);
    let text = format!(
        r#"(module (import "xdp" "load8" (func $load8 (param i32) (result i32))) (memory 1) {functions}
            (func (export "xdp") (result i32) (i32.const 2)))"#
    );
    folder.write("f.wasm", wat::parse_str(text).expect("the text is right"));
    for json in [&[][..], &["--json"]] {
        let command = [&["build", "f.wasm"], json].concat();
        let done = folder.wasmkc(&command).assert().success();
        assert_eq!(stderr(&done), "");
        assert!(!stdout(&done).contains("compiling"));
    }
}
