//! Small modules that would become too much: refused before that takes time and memory, by what is counted.

use wasmkc_compiler::{Blame, CompileError, Options, compile};

fn refuse(wat: &str) -> CompileError {
    let wasm = wat::parse_str(wat).expect("well-formed text");
    compile(&wasm, &Options::default()).map(|_| ()).expect_err("must be refused")
}

/// The message has all of `parts`.
fn says(error: &CompileError, blame: Blame, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.blame(), blame, "{text}");
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

const XDP: &str = r#"(func (export "xdp") (result i32) (i32.const 2))"#;

#[test]
fn a_function_that_grows_beyond_measure() {
    let thousand = "i64 ".repeat(1000);
    // Two bytes of wasm each that take or carry a thousand values.
    for body in [
        format!("{} unreachable", "call $g ".repeat(5000)),
        format!("call $g {} unreachable", "(br_if 0 (i32.const 0)) ".repeat(5000)),
        format!("{} unreachable {}", "(block (type $t) ".repeat(5000), ")".repeat(5000)),
        format!(
            "call $g {} unreachable {} unreachable",
            "(if (type $in) (i32.const 0) (then ".repeat(2000),
            ") (else unreachable))".repeat(2000)
        ),
        format!(
            "{} call $g (br_table {} (i32.const 0)) {} unreachable",
            "(block (type $t) ".repeat(600),
            (0..600).map(|n| format!("{n} ")).collect::<String>(),
            ")".repeat(600)
        ),
    ] {
        let error = refuse(&format!(
            "(module (type $t (func (result {thousand}))) (type $in (func (param {thousand})))
                (func $g (type $t) unreachable) (func $f (type $t) {body}) {XDP})"
        ));
        assert!(matches!(&error, CompileError::FunctionTooLarge { place, .. } if place.name == "f"), "{error}");
        says(&error, Blame::Limit, &["1048576", "split the function"]);
    }
}

#[test]
fn locals_that_become_values_wherever_paths_meet() {
    let gets = (0..5000).map(|n| format!("(drop (local.get {n}))")).collect::<String>();
    let ifs = "(if (i32.const 0) (then nop))".repeat(1000);
    let error = refuse(&format!("(module (func $f (local {}) (loop {gets} {ifs} (br 0))) {XDP})", "i64 ".repeat(5000)));
    assert!(matches!(&error, CompileError::FunctionTooLarge { place, .. } if place.name == "f"), "{error}");
    says(&error, Blame::Limit, &["5000 locals", "1003 blocks", "split the function"]);
}

#[test]
fn functions_that_are_too_much_together() {
    // Each has the most locals that a function can have, in ten bytes.
    let functions = format!("(func (local {}))", "i32 ".repeat(50_000)).repeat(90);
    let error = refuse(&format!("(module {functions} {XDP})"));
    assert!(matches!(&error, CompileError::Limit { limit: 4_194_304, .. }), "{error}");
    says(&error, Blame::Limit, &["instructions, values and locals of all functions"]);
}

#[test]
fn code_that_is_too_large_is_refused_before_all_of_it_is_compiled() {
    // The last function is one that only a compiler that comes so far refuses.
    let calls: String = (0..2000u64).map(|n| format!("(call $g (i64.const {}))", n << 40 | 0x1234567)).collect();
    let functions: String = (0..80).map(|n| format!("(func $f{n} {calls})")).collect();
    let last = "(func $last (drop (v128.const i64x2 0 0)))";
    let error = refuse(&format!("(module (func $g (param i64)) {functions} {last} {XDP})"));
    assert!(matches!(&error, CompileError::Limit { limit: 2_097_152, .. }), "{error}");
    says(&error, Blame::Limit, &["bytes of code"]);
}

#[test]
fn tables_with_too_many_types_of_calls() {
    // Null and function in turn: whatever the type, each element is a run of its own.
    let module = |types: u32, elements: usize| {
        let param = |bits: u32| (0..10).map(|n| if bits >> n & 1 == 1 { "i32 " } else { "i64 " }).collect::<String>();
        let unused = (0..types).map(|t| format!("(type $t{t} (func (param {})))", param(t))).collect::<String>();
        let zeros = |bits: u32| {
            param(bits).split(' ').filter(|ty| !ty.is_empty()).map(|ty| format!("({ty}.const 0)")).collect::<String>()
        };
        let calls: String =
            (0..types).map(|t| format!("(call_indirect (type $t{t}) {} (i32.const 0))", zeros(t))).collect();
        let elements = "(ref.null func) (ref.func $f)".repeat(elements / 2);
        format!("(module {unused} (table funcref (elem {elements})) (func $f) (func {calls}) {XDP})")
    };
    let error = refuse(&module(14, 20_000));
    assert!(matches!(&error, CompileError::Limit { found: 280_000, limit: 262_144, .. }), "{error}");
    says(&error, Blame::Limit, &["runs of elements"]);
    let error = refuse(&module(300, 60_000));
    assert!(matches!(&error, CompileError::Limit { found: 18_000_000, limit: 16_777_216, .. }), "{error}");
    says(&error, Blame::Limit, &["types of indirect calls"]);
}
