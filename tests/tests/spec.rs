//! The official suite on the host, all of it; and that a wrong expectation, a trap of another kind, a lost case and a
//! module that must not link or run are seen.
#![forbid(unsafe_code)]

use wasmkc_compiler::Standard;
use wasmkc_tests::spec::{
    chain::Chain,
    emit,
    expected::Counts,
    host::{Code, Host},
    run,
    selection::{Selection, alone, planned},
    tally::Tally,
};

#[test]
fn the_official_suite_passes_but_for_what_is_refused_by_design() {
    let report = Selection::default().on_host(Code::Native);
    let text = report.text(true);
    println!("{text}");
    assert!(report.is_good(), "{text}");
}

#[test]
fn the_official_suite_passes_in_bytecode() {
    let report = Selection::default().on_host(Code::Bytecode);
    let text = report.text(true);
    println!("{text}");
    assert!(report.is_good(), "{text}");
}

/// Runs `script`; gives what came of it and the text.
fn run(script: &str) -> (Tally, String) {
    let report = alone(Code::Native, "own", script, Counts::default());
    (report.scripts[0].tally(), report.text(true))
}

const ADD: &str = r#"
    (module (memory 1) (memory $grown (export "grown") 1 3) (table 2 funcref) (global (export "g") f64 (f64.const 0.5))
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
      (func (export "nan") (result f32) (f32.div (f32.const 0) (f32.const 0)))
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func $deep (export "deep") (call $deep))
      (func $grow (drop (memory.grow $grown (i32.const 1)))) (start $grow)
      (func (export "null") (result funcref) (ref.null func)))
"#;

/// Directives on [`ADD`], right and wrong.
const PAIRS: &[(&str, &str)] = &[
    (
        r#"(assert_return (invoke "add" (i32.const 7) (i32.const -8)) (i32.const -1))"#,
        r#"(assert_return (invoke "add" (i32.const 7) (i32.const -8)) (i32.const -2))"#,
    ),
    (
        r#"(assert_return (invoke "nan") (f32.const nan:canonical))"#,
        r#"(assert_return (invoke "nan") (f32.const nan:0x200001))"#,
    ),
    (r#"(assert_return (get "g") (f64.const 0.5))"#, r#"(assert_return (get "g") (f64.const -0.5))"#),
    (r#"(assert_return (invoke "null") (ref.null func))"#, r#"(assert_return (invoke "null") (ref.func))"#),
    (
        r#"(assert_trap (invoke "load" (i32.const -1)) "out of bounds memory access")"#,
        r#"(assert_trap (invoke "load" (i32.const -1)) "integer overflow")"#,
    ),
    (
        r#"(assert_trap (invoke "load" (i32.const 65533)) "out of bounds memory access")"#,
        r#"(assert_trap (invoke "load" (i32.const 65532)) "out of bounds memory access")"#,
    ),
    (
        r#"(assert_exhaustion (invoke "deep") "call stack exhausted")"#,
        r#"(assert_exhaustion (invoke "null") "call stack exhausted")"#,
    ),
    (
        r#"(assert_invalid (module (func (result i32))) "type mismatch")"#,
        r#"(assert_invalid (module (func)) "type mismatch")"#,
    ),
    (
        r#"(assert_malformed (module quote "(func") "unexpected end")"#,
        r#"(assert_malformed (module quote "(func)") "unexpected end")"#,
    ),
    (
        r#"(assert_unlinkable (module (import "spectest" "memory" (memory 3))) "incompatible")"#,
        r#"(assert_unlinkable (module (import "spectest" "memory" (memory 1))) "incompatible")"#,
    ),
    (
        // It had one page and has two: only running tells.
        r#"(register "add") (assert_unlinkable (module (import "add" "grown" (memory 3))) "incompatible")"#,
        r#"(register "add") (assert_unlinkable (module (import "add" "grown" (memory 2))) "incompatible")"#,
    ),
    (
        r#"(assert_trap (module (memory 1) (data (i32.const 65536) "x")) "out of bounds memory access")"#,
        r#"(assert_trap (module (memory 1) (data (i32.const 65535) "x")) "out of bounds memory access")"#,
    ),
    (
        r#"(assert_trap (module (func $f (unreachable)) (start $f)) "unreachable")"#,
        r#"(assert_trap (module (func $f) (start $f)) "unreachable")"#,
    ),
    (r#"(invoke "add" (i32.const 7) (i32.const 8))"#, r#"(invoke "load" (i32.const -1))"#),
];

#[test]
fn an_expectation_that_is_right_passes_and_one_that_is_wrong_fails() {
    for (right, wrong) in PAIRS {
        let (tally, text) = run(&format!("{ADD}{right}"));
        assert_eq!((tally.passed, tally.failed, tally.skipped), (2, 0, 0), "{right}: {text}");
        let (tally, text) = run(&format!("{ADD}{wrong}"));
        assert_eq!((tally.passed, tally.failed, tally.skipped), (1, 1, 0), "{wrong}: {text}");
    }
}

#[test]
fn a_flipped_bit_in_a_script_of_the_suite_fails() {
    let (_, text, _) = Selection { suites: vec!["2.0".to_owned()], files: vec!["fac".to_owned()] }.scripts()[0].clone();
    let right = "(i64.const 7034535277573963776)";
    assert!(text.contains(right));
    let (before, _) = run(text);
    let (after, report) = run(&text.replacen(right, "(i64.const 7034535277573963777)", 1));
    assert_eq!((before.failed, after.failed, after.passed), (0, 1, before.passed - 1), "{report}");
}

#[test]
fn instances_share_what_they_import_and_a_trap_keeps_what_was_written() {
    let (tally, text) = run(r#"
        (module $a (memory (export "m") 1 3) (table (export "t") 4 funcref) (global (export "g") (mut i32) (i32.const 5))
          (func (export "at") (param i32) (result i32) (i32.load8_u (local.get 0)))
          (func (export "grow") (result i32) (memory.grow (i32.const 1)))
          (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))
        (register "a" $a)
        (assert_trap
          (module (memory (import "a" "m") 1) (table (import "a" "t") 4 funcref)
            (func $f (result i32) (i32.const 42)) (elem (i32.const 1) $f)
            (data (i32.const 0) "A") (data (i32.const 65536) "B"))
          "out of bounds memory access")
        (assert_return (invoke $a "at" (i32.const 0)) (i32.const 65))
        (assert_return (invoke $a "call" (i32.const 1)) (i32.const 42))
        (assert_trap (invoke $a "call" (i32.const 2)) "uninitialized element")
        (invoke $a "grow")
        (module $b (memory (import "a" "m") 2) (global $g (import "a" "g") (mut i32)) (func $s (global.set $g (i32.const 6))) (start $s))
        (assert_return (get $a "g") (i32.const 6))
        (module (memory (import "a" "m") 3))
        (assert_return (invoke "there is no such export"))
        "#);
    // The module that wants three pages cannot be instantiated, nor what follows be called.
    assert_eq!((tally.passed, tally.failed, tally.skipped), (8, 2, 0), "{text}");
}

#[test]
fn two_instances_of_one_definition_share_nothing() {
    let (tally, text) = run(r#"
        (module definition $d (global (export "g") (mut i32) (i32.const 1)) (func (export "set") (global.set 0 (i32.const 2))))
        (module instance $one $d)
        (module instance $two $d)
        (invoke $one "set")
        (assert_return (get $one "g") (i32.const 2))
        (assert_return (get $two "g") (i32.const 1))
        "#);
    assert_eq!((tally.passed, tally.failed, tally.skipped), (6, 0, 0), "{text}");
}

#[test]
fn a_plan_is_read_as_it_was_written_and_its_objects_answer_the_nonce() {
    let dir = std::env::temp_dir().join(format!("wkc-spec-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let key = ("1.0".to_owned(), "tiny".to_owned());
    let script =
        format!(r#"{ADD}(module $other (func (export "f"))) (invoke "f") (assert_return (get "g") (f64.const 0.5))"#);
    let plan = planned(&script, Standard::V3, Code::Native.target());
    emit::write(&dir, &key, &plan).expect("written");
    let (read_key, read) = emit::read(&emit::plans(&dir).expect("a list")[0]).expect("read");
    std::fs::remove_dir_all(&dir).expect("removed");
    assert_eq!((read_key, &read.cases, read.objects.len()), (key, &plan.cases, 2));
    assert!(read.objects.iter().zip(&plan.objects).all(|(read, written)| read.bytes == written.bytes));

    let mut chain = Chain::new(42);
    run::run(&mut Host, &plan, &mut chain);
    assert_eq!(emit::answer(&emit::keys(&plan), 42), Ok(chain.value()));
    assert_ne!(emit::answer(&emit::keys(&plan), 43), Ok(chain.value()));
}
