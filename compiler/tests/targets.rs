//! One build for several targets: what is joined is what each target alone gives, audited, and the same every time.

use wasmkc_abi::object::TARGETS;
use wasmkc_compiler::{Blame, CompileError, Options, Target, compile, compile_all, fat};

/// Memory, a table, floats, a helper, a passive segment and names: something of every section.
const FILTER: &str = r#"(module
  (import "kernel" "cpu" (func $cpu (result i32)))
  (memory 1) (data $text "text") (data (i32.const 8) "more")
  (table 2 funcref) (elem (i32.const 0) $first $second)
  (func $first (result i32) i32.const 1)
  (func $second (result i32) (i32.trunc_f32_s (f32.load (i32.const 0))))
  (func (export "init") (memory.init $text (i32.const 0) (i32.const 0) (i32.const 4)))
  (func (export "xdp") (result i32)
    (call_indirect (result i32) (i32.and (call $cpu) (i32.const 1)))))"#;

/// Most locals for which x86_64 has room.
const LARGEST: usize = 255;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is right")
}

fn options() -> Options {
    Options { name: "several".into(), note: "of them".into(), ..Options::default() }
}

/// Content of section `name`.
fn section<'a>(elf: &'a [u8], name: &str) -> Option<&'a [u8]> {
    use object::{Object, ObjectSection};
    let file = object::File::parse(elf).expect("an ELF file");
    Some(file.section_by_name(name)?.data().expect("in the file"))
}

#[test]
fn each_target_is_what_a_build_for_it_alone_gives() {
    let (wasm, options) = (wasm(FILTER), options());
    let whole = compile_all(&wasm, &options, &Target::ALL).expect("compiles");
    for (n, target) in Target::ALL.into_iter().enumerate() {
        let alone = compile(&wasm, &Options { target, ..options.clone() }).expect("compiles").bytes;
        let row = TARGETS.iter().find(|row| row.name == target.name()).expect("the ABI has it");
        assert_eq!(compile_all(&wasm, &options, &[target]).expect("compiles"), alone);
        if n == 0 {
            assert!(fat::outer(&whole).expect("ours") == alone, "{}", row.name);
            assert_eq!(section(&whole, row.section), None);
        } else {
            assert!(section(&whole, row.section).expect(row.section) == alone, "{}", row.name);
        }
    }
    assert_eq!(compile_all(&wasm, &options, &Target::ALL).expect("compiles"), whole, "twice the same bytes");
}

#[test]
fn the_order_in_which_targets_are_given_is_of_no_account() {
    let (wasm, options) = (wasm(FILTER), options());
    let one = compile_all(&wasm, &options, &[Target::X86_64, Target::Aarch64]).expect("compiles");
    let other = compile_all(&wasm, &options, &[Target::Aarch64, Target::X86_64, Target::Aarch64]).expect("compiles");
    assert_eq!(one, other);
}

#[test]
fn targets_of_the_compiler_are_those_of_the_abi_in_its_order() {
    let ours: Vec<_> = Target::ALL.iter().map(|t| (t.name(), t.machine())).collect();
    let theirs = TARGETS.iter().map(|row| (row.name, row.machine)).filter(|row| ours.contains(row));
    assert_eq!(theirs.collect::<Vec<_>>(), ours);
}

#[test]
fn what_is_wrong_for_all_targets_is_said_of_none() {
    let simd = wasm(r#"(module (func (export "xdp") (result i32) (drop (v128.const i64x2 0 0)) i32.const 2))"#);
    for (wasm, part) in [(&b"\0asm"[..], "not a wasm file"), (&wasm("(module)"), "no export `xdp`"), (&simd, "v128")] {
        let said = compile_all(wasm, &options(), &Target::ALL).expect_err("is refused").to_string();
        assert!(said.contains(part) && !said.contains("for x86_64"), "{said}");
    }
}

/// So many locals stay alive across a call, and are kept in the frame, whose limit is the same on all machines.
fn locals(n: usize) -> Vec<u8> {
    let mut text = String::from(
        r#"(module (import "xdp" "load64_le" (func $load (param i32) (result i64))) (func $f)
      (func (export "xdp") (result i32)"#,
    );
    text.push_str(&"(local i64)".repeat(n));
    for n in 0..n {
        text.push_str(&format!("(local.set {n} (call $load (i32.const {n})))"));
    }
    text.push_str("(call $f) (i64.const 0)");
    for n in 0..n {
        text.push_str(&format!("(i64.add (local.get {n}))"));
    }
    text.push_str("i32.wrap_i64))");
    wasm(&text)
}

#[test]
fn what_is_wrong_for_one_target_names_it_and_the_others() {
    // The others have a register more to keep a value in.
    let wasm = locals(LARGEST + 1);
    let error = compile_all(&wasm, &options(), &Target::ALL).expect_err("is refused");
    assert!(matches!(&error, CompileError::Target { target: "x86_64", .. }), "{error}");
    assert_eq!(error.blame(), Blame::Limit);
    let said = error.to_string();
    for part in [
        "for x86_64: function `xdp`",
        "bytes of stack, the limit is 2048; split the function",
        "; it builds with `--target aarch64 --target portable` alone",
    ] {
        assert!(said.contains(part), "{said}");
    }
    compile_all(&wasm, &options(), &[Target::Aarch64, Target::Portable]).expect("as it says");
    let alone = compile_all(&wasm, &options(), &[Target::X86_64, Target::X86_64]).expect_err("is refused");
    assert!(matches!(alone, CompileError::FrameTooLarge { .. }), "{alone}");
    compile_all(&locals(LARGEST), &options(), &Target::ALL).expect("fits all");
}

#[test]
fn what_is_too_large_for_each_target_alone_says_so() {
    let error = compile_all(&locals(400), &options(), &Target::ALL).expect_err("is refused");
    let said = error.to_string();
    assert!(said.starts_with("for x86_64: function `xdp`") && said.contains("the limit is 2048"), "{said}");
    assert!(said.ends_with("; nor does it build for the others that were asked for"), "{said}");
}

#[test]
fn no_target_gives_no_object() {
    let error = compile_all(&wasm(FILTER), &options(), &[]).expect_err("is refused");
    assert!(matches!(error, CompileError::Option { option: "target", .. }), "{error}");
}

/// Half of what an object may have, twice.
#[test]
fn what_is_too_large_for_all_targets_says_what_to_do() {
    let half = wasmkc_abi::limits::MAX_OBJECT_BYTES as usize / 2;
    let text = format!(
        r#"(module (memory 65) (data (i32.const 0) "{}") (func (export "xdp") (result i32) i32.const 2))"#,
        "x".repeat(half)
    );
    let (wasm, targets) = (wasm(&text), [Target::X86_64, Target::Aarch64]);
    let error = compile_all(&wasm, &options(), &targets).expect_err("is refused");
    assert!(matches!(error, CompileError::Limit { .. }), "{error}");
    assert!(
        error.to_string().starts_with("bytes of the object for 2 targets (`--target` gives it fewer): "),
        "{error}"
    );
    for target in targets {
        compile_all(&wasm, &options(), &[target]).expect("fits alone");
    }
}
