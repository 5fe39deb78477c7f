//! What must hold of the code that is made, whatever the module: each property by its name, on the final
//! instructions or the object's bytes.

use object::{Object as _, ObjectSection as _};
use wasmkc_compiler::{Listing, Options, Target, compile, list};

fn asm(wat: &str) -> String {
    let wasm = wat::parse_str(wat).expect("well-formed text");
    list(&wasm, &Options::default(), Listing::Asm).expect("compiles")
}

fn clif(wat: &str) -> String {
    let wasm = wat::parse_str(wat).expect("well-formed text");
    list(&wasm, &Options::default(), Listing::Clif).expect("compiles")
}

fn text(wat: &str) -> Vec<u8> {
    let wasm = wat::parse_str(wat).expect("well-formed text");
    let object = compile(&wasm, &Options::default()).unwrap_or_else(|e| panic!("{e}")).bytes;
    let elf = object::File::parse(object.as_slice()).expect("ELF");
    elf.section_by_name(".text").expect(".text").data().expect("bytes").to_vec()
}

/// The part of a listing that shows `symbol`.
fn part<'a>(listing: &'a str, symbol: &str) -> &'a str {
    let at = listing.find(&format!("{symbol}:")).unwrap_or_else(|| panic!("no {symbol} in {listing}"));
    let rest = &listing[at..];
    let end = ["\nFunction(", "\nDispatcher(", "\nThunk(", "\nExport(", "\nRuntime("]
        .iter()
        .filter_map(|s| rest.find(s))
        .min();
    &rest[..end.unwrap_or(rest.len())]
}

#[test]
fn every_function_checks_the_stack_and_pays_before_it_calls() {
    let listing = asm(r#"(module
        (type $t (func (param i32) (result i32)))
        (import "xdp" "load8" (func $load8 (type $t)))
        (table 4 funcref) (elem (i32.const 0) $f $load8 $f)
        (func $f (type $t) (call $g (local.get 0)))
        (func $g (type $t) (local.get 0))
        (func (export "xdp") (result i32) (call_indirect (type $t) (i32.const 1) (i32.const 2)))
        (func (export "root") (param f64) (result f64) (f64.sqrt (local.get 0))))"#);
    let mut symbols = vec!["Function(1)", "Function(2)", "Function(3)", "Dispatcher(0)", "Thunk(0)", "Export(0)"];
    let starts = listing.lines().filter_map(|line| Some(line.split_once(": stack ")?.0));
    symbols.extend(starts.filter(|symbol| symbol.starts_with("Runtime(")));
    assert!(symbols.len() > 6, "{listing}");
    for symbol in symbols {
        let code = part(&listing, symbol);
        assert_eq!(code.matches(": stack ").count(), 1, "{code}");
        // The trap exits stand at the end, so the branches to them are what must come first.
        let (stack, fuel) = (code.find("+0x10]"), code.find("+0x18]"));
        let call = code.lines().find(|l| l.contains("  call ")).and_then(|l| code.find(l)).expect("a call");
        assert!(stack.is_some_and(|at| at < call) && fuel.is_some_and(|at| at < call), "{code}");
        assert!(code.contains("; stack-overflow") && code.contains("; out-of-fuel"), "{code}");
    }
}

#[test]
fn a_turn_that_moves_values_pays_for_them() {
    let listing = |values: usize| {
        let params = "i64 ".repeat(values);
        let start = "(i64.const 3)".repeat(values);
        let clif = clif(&format!(
            r#"(module (type $t (func (param {params}))) (func (export "xdp") (result i32)
                {start} (loop (type $t) (i64.const 7) (br 0)) (unreachable)))"#
        ));
        // The loop's charge is the second of the function.
        let costs: Vec<u64> = clif
            .lines()
            .filter(|l| l.contains("isub"))
            .filter_map(|l| l.rsplit_once("= ")?.1.trim().parse().ok())
            .collect();
        assert_eq!(costs.len(), 2, "{clif}");
        costs[1]
    };
    assert_eq!(listing(1), 4 + 2);
    assert_eq!(listing(240), 4 + 2 * 240);
}

#[test]
fn an_empty_passive_segment_is_an_empty_range() {
    for data in [r#"(data $p "")"#, r#"(data $p "") (data "abc")"#, r#"(data "abc") (data $p "")"#] {
        let module = format!(
            r#"(module (memory 1) {data} (func (export "xdp") (result i32)
                (memory.init $p (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop $p) (i32.const 2)))"#
        );
        assert!(!text(&module).is_empty());
    }
}

#[test]
fn a_copys_length_is_masked_by_both_ranges() {
    let copies = [
        "(memory.copy (local.get 0) (local.get 1) (local.get 2))",
        "(memory.init $p (local.get 0) (local.get 1) (local.get 2))",
        "(call $in (local.get 0) (local.get 1) (local.get 2))",
        "(call $out (local.get 0) (local.get 1) (local.get 2))",
    ];
    for copy in copies {
        let clif = clif(&format!(
            r#"(module (import "xdp" "copy_in" (func $in (param i32 i32 i32)))
                (import "xdp" "copy_out" (func $out (param i32 i32 i32)))
                (memory 1) (data $p "abc") (func $f (param i32 i32 i32) {copy})
                (func (export "xdp") (result i32) (i32.const 2)))"#
        ));
        let code = part(&clif, "Function(2)");
        // `v9 = select_spectre_guard v6, v8, v2`: the value that 0 takes the place of.
        let masked = |value: &str| {
            let made = code.lines().find(|l| l.contains(&format!(" {value} = select_spectre_guard")))?;
            made.split(';').next()?.rsplit(", ").next().map(|v| v.trim().to_owned())
        };
        let call = code.lines().rev().find(|l| l.contains("call fn") && l.matches(", ").count() == 2).expect("call");
        let len = call.rsplit_once(", ").expect("arguments").1.trim_end_matches(')');
        let once = masked(len).unwrap_or_else(|| panic!("the length is not masked: {code}"));
        let unmasked = masked(&once).unwrap_or_else(|| panic!("the length is masked once only: {code}"));
        assert!(code.contains(&format!(" {unmasked} = uextend.i64 ")), "{code}");
    }
}

#[test]
fn no_landing_pad_but_at_entries() {
    const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
    let bodies = [
        // Whole, in an i64 at every offset, behind an opcode that ends in f3, as a negative number.
        "(i32.xor (call $len) (i32.const 0xfa1e0ff3))",
        "(i32.wrap_i64 (i64.xor (i64.extend_i32_u (call $len)) (i64.const 0x00000000fa1e0ff3)))",
        "(i32.wrap_i64 (i64.mul (i64.extend_i32_u (call $len)) (i64.const 0x55fa1e0ff3555555)))",
        "(i32.wrap_i64 (i64.mul (i64.extend_i32_u (call $len)) (i64.const 0xfa1e0ff355555555)))",
        "(i32.wrap_i64 (i64.rotl (i64.const 0x5555fa1e0ff35555) (i64.extend_i32_u (call $len))))",
        "(drop (i32.load offset=0xfa1e0f (i32.mul (call $len) (i32.const 8)))) (call $len)",
        "(i32.store (call $len) (i32.const 0xfa1e0ff3)) (call $len)",
        "(if (i32.eq (call $len) (i32.const 0xfa1e0ff3)) (then (return (i32.const 1)))) (i32.const 2)",
        "(call $f (i32.const 0xfa1e0ff3))",
        "(i32.add (i32.xor (call $f (i32.const 0xfa1e0ff3)) (i32.const 0x55)) (i32.const 0xfa1e0ff3))",
        "(i32.const 0xfa1e0ff3)",
    ];
    for body in bodies {
        let code = text(&format!(
            r#"(module (import "xdp" "len" (func $len (result i32))) (memory 256)
                (func $f (param i32) (result i32) (i32.sub (local.get 0) (i32.const 0xfa1e0ff3)))
                (func (export "xdp") (result i32) {body}))"#
        ));
        let found: Vec<usize> = (0..code.len()).filter(|at| code[*at..].starts_with(&ENDBR64)).collect();
        assert_eq!(found.len(), 1, "{body}: endbr64 at {found:x?}");
        assert_eq!(found[0] % 16, 0, "{body}");
    }
    // xor ebx, imm32 is 81 f3: whatever register it is, none of these constants completes the bytes.
    let values: String =
        (0..12).map(|n| format!("(local.set {n} (i32.xor (local.get {n}) (i32.const 0x00fa1e0f)))")).collect();
    let sum: String = (0..12).map(|n| format!("(i32.store (i32.const {n}) (local.get {n}))")).collect();
    let code = text(&format!(
        r#"(module (import "xdp" "load8" (func $load8 (param i32) (result i32))) (memory 1)
            (func (export "xdp") (result i32) (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
            {} (loop {values} (br_if 0 (i32.lt_u (local.get 3) (local.get 4)))) {sum} (i32.const 2)))"#,
        (0..12).map(|n| format!("(local.set {n} (call $load8 (i32.const {n})))")).collect::<String>(),
    ));
    assert_eq!((0..code.len()).filter(|at| code[*at..].starts_with(&ENDBR64)).count(), 1);
}

#[test]
fn the_divisor_that_is_tested_is_the_one_that_divides() {
    let divisors = [
        "(i32.and (local.get 0) (local.get 1))",
        "(i32.lt_u (local.get 0) (local.get 1))",
        "(i32.sub (local.get 0) (i32.const 65))",
        "(i32.or (local.get 0) (i32.const 32768))",
        "(i32.xor (local.get 0) (local.get 1))",
    ];
    for (divisor, op) in divisors.iter().flat_map(|d| ["div_s", "div_u", "rem_s", "rem_u"].map(|op| (d, op))) {
        let listing = asm(&format!(
            r#"(module (func $f (param i32 i32) (result i32)
                (i32.{op} (i32.xor (local.get 1) (i32.const 0x80000000)) {divisor}))
                (func (export "xdp") (result i32) (i32.const 2)))"#
        ));
        let lines: Vec<&str> = part(&listing, "Function(0)").lines().collect();
        let at = lines.iter().position(|l| l.contains("div ")).expect("a division");
        let register = lines[at].rsplit_once(' ').expect("operand").1;
        let test = format!("test {register},{register}");
        let tested = lines[..at].windows(2).any(|w| w[0].ends_with(&test) && w[1].contains(" je "));
        assert!(tested, "{op} {divisor}: no `{test}` in {listing}");
    }
}

#[test]
fn a_division_by_a_constant_zero_passes_the_audit() {
    for op in ["div_s", "div_u", "rem_s", "rem_u"] {
        for ty in ["i32", "i64"] {
            text(&format!(
                r#"(module (func $f (param {ty}) (result {ty}) ({ty}.{op} (local.get 0) ({ty}.const 0)))
                    (func (export "xdp") (result i32) (i32.const 2)))"#
            ));
        }
    }
}

#[test]
fn a_thousand_parameters_pass_the_audit() {
    let (params, zeros) = ("i64 ".repeat(1000), "(i64.const 0)".repeat(1000));
    for call in ["(call $f", "(call_indirect (type $t)", "(return_call $f"] {
        let last = if call.contains("indirect") { "(i32.const 0)" } else { "" };
        text(&format!(
            r#"(module (type $t (func (param {params}) (result i64))) (table funcref (elem $f))
                (func $f (type $t) (i64.add (local.get 261) (local.get 999))) (func $g (result i64) {call} {zeros} {last}))
                (func (export "xdp") (result i32) (i32.wrap_i64 (call $g))))"#
        ));
    }
}

#[test]
fn constants_that_are_used_far_apart_take_no_place_in_the_frame() {
    // Each of 500 constants is used twice in one block, and takes a register on aarch64.
    let steps: String = (0..500)
        .map(|n| {
            let constant = (1_u64 << 40) | (n << 20);
            format!("(local.set 0 (i64.add (i64.rotl (local.get 0) (i64.const 9)) (i64.const {constant})))")
        })
        .collect();
    let wasm = wat::parse_str(format!(
        r#"(module (func $f (param i64) (result i64) {steps} {steps} (local.get 0))
            (func (export "xdp") (result i32) (i32.const 2)))"#
    ));
    let options = Options { target: Target::Aarch64, ..Options::default() };
    let object = compile(&wasm.expect("well-formed text"), &options).unwrap_or_else(|e| panic!("{e}"));
    let stack = object.report.functions[0].stack;
    assert!(stack <= 128, "{stack} bytes");
}

#[test]
fn on_aarch64_only_entries_begin_with_a_landing_pad_and_only_traps_are_undefined() {
    let wat = r#"(module (import "xdp" "len" (func $len (result i32)))
        (table 2 funcref) (elem (i32.const 0) $f $f)
        (func $f (param i32) (result i32) (i32.div_s (local.get 0) (i32.xor (local.get 0) (i32.const 0xd503245f))))
        (func (export "called") (param i32) (result i32) (call_indirect (param i32) (result i32)
            (local.get 0) (i32.and (call $len) (i32.const 1))))
        (func (export "xdp") (result i32) (call $f (i32.popcnt (call $len)))))"#;
    let wasm = wat::parse_str(wat).expect("well-formed text");
    let options = Options { target: Target::Aarch64, ..Options::default() };
    let listing = list(&wasm, &options, Listing::Asm).expect("compiles");
    let (mut before, mut pads) = ("", Vec::new());
    for line in listing.lines() {
        if line.ends_with("  bti c") {
            pads.push(before.to_owned());
        }
        assert!(!line.contains("udf") || before.contains("wkc_trap"), "{line} behind {before}");
        before = line;
    }
    assert_eq!(pads.len(), 2, "{pads:?}");
    assert!(pads[0].starts_with("Function(3)") && pads[1].starts_with("Export(0)"), "{pads:?}");
}
