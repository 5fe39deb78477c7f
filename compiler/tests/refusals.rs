//! Everything that must not become an object, each by its name: the error, who is to blame, and that the
//! message says where and what to do.

use wasmkc_compiler::{Blame, CompileError, Options, compile};

fn refuse_with(wat: &str, options: &Options) -> CompileError {
    let wasm = wat::parse_str(wat).expect("well-formed text");
    compile(&wasm, options).map(|_| ()).expect_err("must be refused")
}

fn refuse(wat: &str) -> CompileError {
    refuse_with(wat, &Options::default())
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
fn not_a_wasm_file() {
    for bytes in [&b""[..], b"\x7fELF\x02\x01\x01\0", b"(module)", b"\0asm\x0d\0\x01\0"] {
        let error = compile(bytes, &Options::default()).map(|_| ()).expect_err("must be refused");
        assert!(matches!(error, CompileError::NotWasm), "{error}");
        says(&error, Blame::Wasm, &["not a wasm file", "wasm32"]);
    }
}

#[test]
fn invalid_wasm_gives_the_validators_message_and_offset() {
    let mut wasm = wat::parse_str(format!("(module {XDP})")).expect("wat");
    // i32.const 2 becomes i64.const 2.
    let at = wasm.windows(3).position(|w| w == [0x41, 2, 0x0b]).expect("constant");
    wasm[at] = 0x42;
    let error = compile(&wasm, &Options::default()).map(|_| ()).expect_err("must be refused");
    assert!(matches!(error, CompileError::Invalid { offset, .. } if offset >= at && offset < at + 3), "{error}");
    says(&error, Blame::Wasm, &["type mismatch", "offset 0x"]);
}

#[test]
fn truncated_wasm_is_refused_at_every_length() {
    let wasm = wat::parse_str(format!("(module (memory 1) (data (i32.const 0) \"abc\") {XDP})")).expect("wat");
    let mut accepted = Vec::new();
    for len in 0..wasm.len() {
        if let Ok(object) = compile(&wasm[..len], &Options::default()) {
            accepted.push((len, object.bytes.len()));
        }
    }
    // What is left when only the data section's bytes are cut has no data, and is a filter all the same,
    // unless sections announce each other; here the data count section is absent.
    assert!(accepted.len() <= 1, "accepted at {accepted:?}");
}

#[test]
fn import_that_the_abi_lacks() {
    let error = refuse(&format!(r#"(module (import "env" "memcpy" (func (param i32 i32 i32) (result i32))) {XDP})"#));
    assert!(matches!(&error, CompileError::UnknownImport { name, .. } if name == "memcpy"), "{error}");
    says(&error, Blame::Wasm, &["env.memcpy", "offset 0x", "define it"]);
    let error = refuse(&format!(r#"(module (import "xdp" "ktime_ns" (func (result i64))) {XDP})"#));
    says(&error, Blame::Wasm, &["did you mean `kernel.ktime_ns`?"]);
    let error = refuse(&format!(r#"(module (import "env" "memory" (memory 1)) {XDP})"#));
    says(&error, Blame::Wasm, &["env.memory"]);
}

#[test]
fn import_with_another_signature() {
    let error = refuse(&format!(r#"(module (import "xdp" "load8" (func (param i64) (result i32))) {XDP})"#));
    assert!(matches!(&error, CompileError::ImportSignature { .. }), "{error}");
    says(&error, Blame::Wasm, &["xdp.load8", "(i64) -> i32", "(i32) -> i32", "offset 0x"]);
    let error = refuse(&format!(r#"(module (import "kernel" "cpu" (memory 1)) {XDP})"#));
    says(&error, Blame::Wasm, &["kernel.cpu", "(memory 1)", "() -> i32"]);
}

#[test]
fn import_that_needs_a_memory() {
    let error = refuse(&format!(r#"(module (import "kernel" "log" (func (param i32 i32) (result i32))) {XDP})"#));
    assert!(matches!(&error, CompileError::ImportNeedsMemory { .. }), "{error}");
    let error = refuse(&format!(r#"(module (import "xdp" "copy_in" (func (param i32 i32 i32))) {XDP})"#));
    says(&error, Blame::Wasm, &["xdp.copy_in", "define a memory"]);
}

#[test]
fn no_xdp_export() {
    let error = refuse("(module (func (result i32) (i32.const 2)))");
    assert!(matches!(error, CompileError::NoXdp), "{error}");
    says(&error, Blame::Wasm, &["xdp: () -> i32", "WASMKC_EXPORT(xdp)"]);
}

#[test]
fn an_export_that_no_call_could_name() {
    let error = refuse(&format!(r#"(module (func (export "a\00b")) {XDP})"#));
    says(&error, Blame::Unsupported, &["zero byte", "`a?b`", "offset 0x"]);
    // Other control characters are in the name, but not in symbols.
    let wasm = wat::parse_str(r#"(module (func (export "a\01b")))"#).expect("wat");
    compile(&wasm, &Options::default()).expect("compiles");
}

#[test]
fn entry_of_another_type() {
    let error = refuse(r#"(module (func (export "xdp") (param i32) (result i32) (i32.const 2)))"#);
    assert!(matches!(error, CompileError::EntryType { name: "xdp", .. }), "{error}");
    says(&error, Blame::Wasm, &["(i32) -> i32", "() -> i32"]);
    let error = refuse(r#"(module (memory (export "xdp") 1))"#);
    says(&error, Blame::Wasm, &["`xdp` is a memory"]);
    let error = refuse(r#"(module (import "xdp" "len" (func (result i32))) (export "xdp" (func 0)))"#);
    says(&error, Blame::Wasm, &["imported"]);
    let error = refuse(&format!(r#"(module (func (export "init") (result i32) (i32.const 0)) {XDP})"#));
    assert!(matches!(error, CompileError::EntryType { name: "init", .. }), "{error}");
}

#[test]
fn memory_above_the_limit() {
    let error = refuse(&format!("(module (memory 1025) {XDP})"));
    assert!(matches!(error, CompileError::MemoryTooLarge { pages: 1025, limit: 1024 }), "{error}");
    says(&error, Blame::Limit, &["1025 pages", "1024", "stack-size"]);
    let options = Options { max_memory_pages: Some(2), ..Options::default() };
    let error = refuse_with(&format!("(module (memory 3) {XDP})"), &options);
    assert!(matches!(error, CompileError::MemoryTooLarge { pages: 3, limit: 2 }), "{error}");
}

#[test]
fn memories_of_other_kinds() {
    says(&refuse(&format!("(module (memory 1 1 shared) {XDP})")), Blame::Unsupported, &["shared", "offset 0x"]);
}

#[test]
fn memories_that_are_too_many_together() {
    let error = refuse(&format!("(module (memory 512) (memory i64 513) {XDP})"));
    assert!(matches!(error, CompileError::MemoryTooLarge { pages: 1025, limit: 1024 }), "{error}");
    let error = refuse(&format!("(module {} {XDP})", "(memory 0)".repeat(65)));
    says(&error, Blame::Limit, &["memories", "65", "64"]);
    let error = refuse(&format!("(module (memory i64 1) (data (i64.const -1) \"ab\") {XDP})"));
    assert!(matches!(error, CompileError::SegmentOutOfBounds { kind: "data", .. }), "{error}");
    let error = refuse(&format!("(module (memory 1) (memory 0) (data (memory 1) (i32.const 0) \"a\") {XDP})"));
    assert!(matches!(error, CompileError::SegmentOutOfBounds { size: 0, .. }), "{error}");
}

#[test]
fn tables_that_are_too_large() {
    let error = refuse(&format!("(module (table 40000 externref) (table 40000 externref) {XDP})"));
    says(&error, Blame::Limit, &["elements of all tables", "80000", "65536"]);
    // Each within its limits, but not together.
    let tables = "(table 0 externref)".repeat(17);
    let grow = |n: usize| format!("(drop (table.grow {n} (ref.null extern) (i32.const 1)))");
    let grows: String = (0..17).map(grow).collect();
    let error = refuse(&format!("(module {tables} (func {grows}) {XDP})"));
    says(&error, Blame::Limit, &["slots of an instance", "262144"]);
}

#[test]
fn simd_and_other_proposals_by_name() {
    for (body, name) in [
        ("(drop (v128.const i64x2 0 0))", "`v128.const`"),
        ("(drop (i32.atomic.load (i32.const 0)))", "`i32.atomic.load`"),
        ("(drop (ref.null any))", "`ref.null`"),
        ("(drop (ref.as_non_null (ref.null func)))", "`ref.as_non_null`"),
        ("(drop (ref.i31 (i32.const 0)))", "`ref.i31`"),
        ("(call_ref $t (ref.func $f))", "`call_ref`"),
        ("(return_call_ref $t (ref.func $f))", "`return_call_ref`"),
        ("(throw_ref (ref.null exn))", "`ref.null`"),
    ] {
        let error = refuse(&format!(
            "(module (memory 1) (type $t (func)) (table 1 funcref) (elem func $f) (func $f {body}) {XDP})"
        ));
        says(&error, Blame::Unsupported, &[name, "`f` (index 0)", "offset 0x"]);
    }
    says(&refuse(&format!("(module (tag) {XDP})")), Blame::Unsupported, &["exception tag"]);
    says(&refuse(&format!("(module (table 1 anyref) {XDP})")), Blame::Unsupported, &["table of anyref", "offset 0x"]);
    let error = refuse(&format!("(module (global anyref (ref.null any)) {XDP})"));
    says(&error, Blame::Unsupported, &["global 0 of type anyref", "externref"]);
    let error = refuse(&format!("(module (elem (ref func) (ref.func $f)) (func $f) {XDP})"));
    says(&error, Blame::Unsupported, &["an element segment of (ref func)", "offset 0x"]);
    let error = refuse(&format!("(module (func (param (ref null struct))) {XDP})"));
    says(&error, Blame::Unsupported, &["structref", "funcref", "function 0"]);
}

#[test]
fn wide_arithmetic() {
    // The runtime's own code multiplies so; guests do not.
    for body in [
        "(i64.mul_wide_u (i64.const 1) (i64.const 2)) (drop) (drop)",
        "(i64.mul_wide_s (i64.const 1) (i64.const 2)) (drop) (drop)",
        "(i64.add128 (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)) (drop) (drop)",
        "(i64.sub128 (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)) (drop) (drop)",
    ] {
        let error = refuse(&format!("(module (func $f {body}) {XDP})"));
        assert!(matches!(&error, CompileError::Invalid { .. }), "{error}");
        says(&error, Blame::Wasm, &["wide arithmetic", "offset 0x"]);
    }
}

#[test]
fn code_that_is_not_reached_is_refused_like_any_other() {
    for (body, name, advice) in [
        ("(drop (v128.const i64x2 0 0))", "`v128.const`", "SIMD"),
        ("(drop (select (result v128) (unreachable) (unreachable) (i32.const 1)))", "v128", "SIMD"),
        ("(drop (block (result v128) (unreachable)))", "v128", "SIMD"),
        ("(call_indirect (param v128) (unreachable) (i32.const 0))", "v128", "SIMD"),
        ("(drop (block (result anyref) (unreachable)))", "anyref", "only numbers, funcref and externref"),
        ("(block (try_table (catch_all 0)))", "`try_table`", ""),
    ] {
        let error = refuse(&format!("(module (memory 1) (table 1 funcref) (func $f (return) {body}) {XDP})"));
        says(&error, Blame::Unsupported, &[name, advice, "`f` (index 0)", "offset 0x"]);
    }
}

#[test]
fn a_try_table_that_is_not_reached() {
    // Its `end` closes what nothing has opened, unless it is refused: alone, and in a block that is branched out of.
    let bodies: [&[u8]; 2] = [
        &[0x00, 0x1f, 0x40, 0x00, 0x0b, 0x0b],
        &[0x02, 0x40, 0x41, 0x01, 0x0d, 0x00, 0x00, 0x1f, 0x40, 0x00, 0x0b, 0x0b, 0x41, 0x02, 0x0b],
    ];
    for body in bodies {
        let mut wasm = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x07\x07\x01\x03xdp\0\0\x0a".to_vec();
        let len = body.len() as u8;
        wasm.extend_from_slice(&[len + 3, 1, len + 1, 0]);
        wasm.extend_from_slice(body);
        let error = compile(&wasm, &Options::default()).map(|_| ()).expect_err("must be refused");
        says(&error, Blame::Unsupported, &["`try_table`", "`xdp` (index 0)", "offset 0x"]);
    }
}

#[test]
fn lanes_come_with_advice() {
    for (body, name) in [
        ("(drop (f32x4.add (unreachable) (unreachable)))", "`f32x4.add`"),
        ("(drop (f64x2.abs (unreachable)))", "`f64x2.abs`"),
        ("(drop (i32x4.trunc_sat_f32x4_s (unreachable)))", "`i32x4.trunc_sat_f32x4_s`"),
        ("(drop (v128.const i64x2 0 0))", "`v128.const`"),
    ] {
        let error = refuse(&format!("(module (func $f {body}) {XDP})"));
        says(&error, Blame::Unsupported, &[name, "without SIMD", "`f` (index 0)", "offset 0x"]);
    }
}

#[test]
fn segments_outside() {
    let error = refuse(&format!("(module (memory 1) (data (i32.const 65535) \"ab\") {XDP})"));
    assert!(matches!(error, CompileError::SegmentOutOfBounds { kind: "data", index: 0, end: 65537, .. }), "{error}");
    let error = refuse(&format!("(module (memory 1) (data (i32.const -1) \"\") {XDP})"));
    says(&error, Blame::Wasm, &["would trap"]);
    let error = refuse(&format!("(module (table 1 funcref) (elem (i32.const 1) $f) (func $f) {XDP})"));
    assert!(matches!(error, CompileError::SegmentOutOfBounds { kind: "element", .. }), "{error}");
}

/// Instantiation copies the element segments first, so it would trap at them.
#[test]
fn of_segments_outside_the_one_that_instantiation_would_trap_at_is_named() {
    let error = refuse(&format!(
        "(module (memory 0) (table 0 funcref) (elem (i32.const 1) $f) (data (i32.const 0) \"a\") (func $f) {XDP})"
    ));
    assert!(matches!(error, CompileError::SegmentOutOfBounds { kind: "element", .. }), "{error}");
}

#[test]
fn options_that_no_object_can_carry() {
    let wat = format!("(module {XDP})");
    for (options, name) in [
        (Options { fuel: 0, ..Options::default() }, "fuel"),
        (Options { fuel: 10_000_001, ..Options::default() }, "fuel"),
        (Options { max_memory_pages: Some(1025), ..Options::default() }, "max_memory_pages"),
        (Options { note: "x".repeat(257), ..Options::default() }, "note"),
        (Options { name: "a/b".to_owned(), ..Options::default() }, "name"),
        (Options { name: "x".repeat(32), ..Options::default() }, "name"),
    ] {
        let error = refuse_with(&wat, &options);
        assert!(matches!(&error, CompileError::Option { option, .. } if *option == name), "{error}");
    }
}

#[test]
fn a_frame_beyond_the_stack() {
    // 400 values that are all alive over a call.
    let gets: String = (0..400).map(|n| format!("(i64.load offset={} (i32.const 0))", n * 8)).collect();
    let ors = "(i64.or)".repeat(399);
    let error = refuse(&format!(
        "(module (memory 1) (func $g) (func $f (result i64) {gets} (call $g) (memory.fill (i32.const 0) (i32.const 0) (i32.const 9)) {ors}) {XDP})"
    ));
    assert!(
        matches!(&error, CompileError::FrameTooLarge { place, frame: 2049.., limit: 2048 } if place.name == "f"),
        "{error}"
    );
    says(&error, Blame::Limit, &["bytes of stack", "2048", "split the function"]);
}

#[test]
fn counts_above_their_limits() {
    let globals = "(global (mut i32) (i32.const 0))".repeat(1025);
    let error = refuse(&format!("(module {globals} {XDP})"));
    assert!(matches!(&error, CompileError::Limit { found: 1025, limit: 1024, .. }), "{error}");
    let passive = "(data \"x\")".repeat(257);
    let error = refuse(&format!("(module (memory 1) {passive} {XDP})"));
    says(&error, Blame::Limit, &["passive data segments", "257", "256"]);
    let error = refuse(&format!("(module (table 70000 funcref) {XDP})"));
    says(&error, Blame::Limit, &["elements"]);
    let bytes = "a".repeat(1 << 20);
    let error = refuse(&format!("(module (memory 1) (data \"{bytes}b\") {XDP})"));
    says(&error, Blame::Limit, &["constants"]);
}

#[test]
fn the_packet_as_another_memory_than_it_is() {
    let types = [
        ("(memory 1 (pagesize 1))", "(memory 1 (pagesize 1))"),
        ("(memory 0)", "(memory 0)"),
        ("(memory 0 64 (pagesize 1))", "(memory 0 64 (pagesize 1))"),
        ("(memory i64 0 (pagesize 1))", "(memory i64 0 (pagesize 1))"),
        ("(func)", "() -> ()"),
    ];
    for (ty, found) in types {
        let error = refuse(&format!("(module (import \"xdp\" \"packet\" {ty}) {XDP})"));
        assert!(matches!(error, CompileError::ImportSignature { .. }), "{ty}: {error}");
        says(&error, Blame::Wasm, &["`xdp.packet`", &format!("{found},"), "(memory 0 (pagesize 1))"]);
    }
}

#[test]
fn another_memory_of_bytes() {
    let error = refuse(&format!("(module (memory 0 (pagesize 1)) {XDP})"));
    says(&error, Blame::Unsupported, &["pages of another size", "offset 0x"]);
    let error = refuse(&format!("(module (import \"xdp\" \"packets\" (memory 0 (pagesize 1))) {XDP})"));
    assert!(matches!(error, CompileError::UnknownImport { .. }), "{error}");
}

#[test]
fn a_data_segment_that_writes_to_the_packet_at_instantiation() {
    let module = r#"(module (import "xdp" "packet" (memory $packet 0 (pagesize 1))) (memory 1)
        (data (memory $packet) (i32.const 0) "x")"#;
    let error = refuse(&format!("{module} {XDP})"));
    says(&error, Blame::Unsupported, &["data segment 0", "offset 0x", "memory.init"]);
}

#[test]
fn an_import_that_works_on_linear_memory_where_only_the_packet_is_one() {
    let module = r#"(module (import "xdp" "packet" (memory 0 (pagesize 1)))
        (import "xdp" "copy_in" (func (param i32 i32 i32)))"#;
    let error = refuse(&format!("{module} {XDP})"));
    assert!(matches!(error, CompileError::ImportNeedsMemory { .. }), "{error}");
}
