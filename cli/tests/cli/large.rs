//! Large modules: what a build takes grows with the module, and no faster. Counted, not timed.

use std::process::Command;

use crate::folder::Folder;

/// A function of `statements` statements, in blocks and a loop, of which each does something else.
fn function(number: usize, statements: usize) -> String {
    let statement = |n: usize| {
        let (k, local) = ((n * 7919 + number * 104_729) % 8191, n % 3);
        match n % 6 {
            0 => format!("(local.set {local} (i32.add (i32.mul (local.get 1) (i32.const {k})) (local.get 2)))"),
            1 => format!("(i32.store offset={k} (i32.and (local.get 0) (i32.const 4095)) (local.get {local}))"),
            2 => format!("(local.set {local} (call $load8 (i32.and (local.get 1) (i32.const {}))))", k % 64),
            3 => format!("(if (i32.lt_u (local.get {local}) (i32.const {k})) (then (return (local.get 0))))"),
            4 => format!("(local.set {local} (i32.load offset={k} (i32.and (local.get 2) (i32.const 4095))))"),
            _ => format!("(local.set {local} (i32.xor (local.get 0) (i32.rotl (local.get 1) (i32.const {}))))", k % 31),
        }
    };
    let statements: String = (0..statements).map(statement).collect();
    format!(
        "(func (param i32) (result i32) (local i32 i32 i32)
            (loop $l {statements} (br_if $l (i32.lt_u (local.tee 3 (i32.add (local.get 3) (i32.const 1))) (i32.const 9))))
            (local.get 1))"
    )
}

fn module(folder: &Folder, functions: usize, statements: usize) {
    let functions: String = (0..functions).map(|n| function(n, statements)).collect();
    let text = format!(
        r#"(module (import "xdp" "load8" (func $load8 (param i32) (result i32))) (memory 1) {functions}
            (func (export "xdp") (result i32) (i32.const 2)))"#
    );
    folder.write("f.wasm", wat::parse_str(text).expect("the text is right"));
}

/// Instructions of a build, counted by callgrind, in thousands.
fn instructions(folder: &Folder) -> u64 {
    let build = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(folder.wasmkc(&[]).get_program())
        .args(["build", "--jobs", "1"])
        .arg(folder.path("f.wasm"))
        .output()
        .expect("valgrind is installed: `scripts/setup test` does it");
    let said = String::from_utf8_lossy(&build.stderr).into_owned();
    let count = said.lines().find_map(|line| line.split_once("Collected :")).expect("callgrind has counted").1;
    count.trim().parse::<u64>().expect("a number") / 1000
}

#[test]
fn what_a_build_takes_grows_with_the_functions_and_with_their_length() {
    let folder = Folder::new();
    for sizes in [[(4, 30), (8, 30), (16, 30)], [(1, 120), (1, 240), (1, 480)]] {
        let [a, b, c] = sizes.map(|(functions, statements)| {
            module(&folder, functions, statements);
            instructions(&folder)
        });
        // What every build takes is in none of the differences, of which the second is of twice as much code.
        assert!((c - b) * 10 < (b - a) * 22, "{sizes:?}: {a}, {b}, {c}");
    }
}

#[test]
fn a_large_module_needs_little_memory() {
    let folder = Folder::new();
    module(&folder, 150, 40);
    let limited = format!("ulimit -v 262144; exec '{}' \"$@\"", folder.wasmkc(&[]).get_program().to_string_lossy());
    let build = Command::new("sh")
        .args(["-c", &limited, "sh", "build", "--jobs", "1"])
        .arg(folder.path("f.wasm"))
        .output()
        .expect("a shell");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
}
