//! Fuel costs the same on every machine, so what an operator becomes has at most `INSTRUCTIONS_PER_FUEL` instructions a
//! unit on each: measured here by repeating one operator, its results fed back, so that next to nothing else is paid,
//! while many other values want the registers.
//! (Of x86_64 the audit proves it for each object; this shows which operator comes how close.)

use wasmkc_abi::limits::INSTRUCTIONS_PER_FUEL;
use wasmkc_compiler::{Listing, Options, Target, list};

/// Operators, in the flat form: what comes first, what is repeated; `{n}` is another number of five digits each time,
/// so that no constant serves twice. Locals: 0, 2 i32; 1, 3 i64; 4 f64.
const OPERATORS: &[(&str, &str)] = &[
    ("local.get 0", "i32.popcnt"),
    ("local.get 1", "i64.popcnt"),
    ("local.get 0", "i32.clz"),
    ("local.get 0", "i32.ctz"),
    ("local.get 1", "i64.ctz"),
    ("local.get 0", "i32.extend8_s"),
    ("local.get 0", "i32.eqz"),
    ("local.get 0", "local.get 2 i32.div_s"),
    ("local.get 0", "local.get 2 i32.div_u"),
    ("local.get 0", "local.get 2 i32.rem_s"),
    ("local.get 0", "local.get 2 i32.rem_u"),
    ("local.get 1", "local.get 3 i64.div_s"),
    ("local.get 1", "local.get 3 i64.rem_s"),
    ("local.get 1", "local.get 3 i64.rem_u"),
    ("local.get 0", "i32.const 1000003 i32.div_s"),
    ("local.get 0", "i32.const 1000003 i32.rem_s"),
    ("local.get 0", "i32.const -1 i32.div_s"),
    ("local.get 1", "i64.const 0x123456789abcdef i64.div_s"),
    ("local.get 1", "i64.const 0x123456789abcdef i64.rem_s"),
    ("local.get 1", "i64.const 0x123456789abcdef i64.rem_u"),
    ("local.get 1", "i64.const 0x1234567{n} i64.mul"),
    ("local.get 0", "local.get 2 i32.rotl"),
    ("local.get 1", "local.get 3 i64.rotl"),
    ("local.get 0", "local.get 2 i32.shl"),
    ("local.get 0", "local.get 2 local.get 0 select"),
    ("local.get 0", "local.get 2 i32.lt_s"),
    ("local.get 0", "i32.load $first"),
    ("local.get 0", "i32.load $first offset={n}"),
    ("local.get 0", "i32.load8_s $first offset={n}"),
    ("local.get 0", "i32.load8_u $fixed"),
    ("local.get 0", "i32.load $fixed offset={n}"),
    ("local.get 0", "i32.load $last offset={n}"),
    ("local.get 1", "i64.load $wide"),
    ("local.get 1", "i64.load $wide offset={n}"),
    ("local.get 0", "i32.load $packet"),
    ("local.get 0", "i32.load $packet offset={n}"),
    ("local.get 0", "i32.load16_s $packet offset=40000{n}"),
    ("local.get 0", "call $load32_be"),
    ("local.get 1", "i32.wrap_i64 call $load64_be"),
    ("local.get 0", "local.get 0 i32.const 7 i32.store $first offset={n} i32.load $first offset={n}"),
    ("local.get 0", "local.get 0 i64.const 0x123456789abcdef i64.store $last offset={n}"),
    ("local.get 0", "local.get 0 local.get 1 i64.store $packet offset={n}"),
    ("local.get 0", "local.get 0 local.get 1 call $store64_be"),
    ("local.get 0", "memory.grow $first"),
    ("local.get 0", "memory.grow $last"),
    ("local.get 0", "drop memory.size $first"),
    ("local.get 0", "memory.grow $packet"),
    ("local.get 0", "local.get 0 local.get 2 local.get 0 memory.copy $first $first"),
    ("local.get 0", "local.get 0 local.get 2 local.get 0 memory.copy $last $fixed"),
    ("local.get 0", "local.get 0 local.get 2 local.get 0 memory.fill $first"),
    ("local.get 0", "local.get 0 local.get 2 local.get 0 memory.init $first $data"),
    ("local.get 0", "local.get 0 local.get 2 local.get 0 call $copy_in"),
    ("local.get 0", "data.drop $data"),
    ("local.get 0", "global.set $other global.get $last"),
    ("local.get 0", "table.get $table global.set $ref global.get $g"),
    ("local.get 0", "local.get 0 global.get $ref table.set $table"),
    ("local.get 0", "global.set $other global.get $ref global.get $other table.grow $table"),
    ("local.get 0", "local.get 0 global.get $ref local.get 2 table.fill $table"),
    ("local.get 0", "local.get 0 local.get 2 local.get 0 table.copy $table $table"),
    ("local.get 0", "local.get 0 local.get 2 local.get 0 table.init $table $elements"),
    ("local.get 0", "elem.drop $elements"),
    ("local.get 0", "drop table.size $table"),
    ("local.get 0", "call $i"),
    ("local.get 0", "local.get 2 call_indirect $table (type $i)"),
    ("local.get 0", "local.get 2 call_indirect $still (type $i)"),
    (
        "local.get 1",
        "local.get 1 local.get 1 local.get 1 local.get 1 local.get 1 local.get 1 local.get 1 local.get 1 call $nine",
    ),
    ("local.get 0", "local.get 2 local.get 0 call $three drop drop"),
    ("local.get 0", "block (param i32) (result i32) local.get 2 br_if 0 i32.const 7 i32.xor end"),
    ("local.get 0", "block block block block local.get 0 br_table 0 1 2 3 1 2 3 0 end end end end"),
    ("local.get 0", "call $cpu i32.xor"),
    ("local.get 0", "local.get 2 call $log"),
    ("local.get 4", "f64.neg"),
    ("local.get 4", "f64.abs"),
    ("local.get 4", "local.get 4 f64.copysign"),
    ("local.get 4", "local.get 4 f64.add"),
    ("local.get 4", "f64.sqrt"),
    ("local.get 4", "i32.trunc_f64_s f64.convert_i32_s"),
    ("local.get 4", "f32.demote_f64 f64.promote_f32"),
    ("local.get 1", "f64.reinterpret_i64 i64.reinterpret_f64"),
];

/// Values that are alive all the time, so that next to none of the others keeps its register.
const ALIVE: usize = 28;

/// A module whose function 0 of its own repeats `operator` `times` times.
fn module(first: &str, operator: &str, times: usize) -> Vec<u8> {
    let last = match first {
        "local.get 0" => "global.set $g",
        "local.get 4" => "global.set $gf",
        _ => "global.set $g64",
    };
    let alive: String = (0..ALIVE).map(|n| format!("(i64.load $first offset={} (local.get 2))", n * 8)).collect();
    let used = "i64.xor ".repeat(ALIVE - 1);
    let wat = format!(
        r#"(module
            (type $i (func (param i32) (result i32)))
            (import "xdp" "packet" (memory $packet 0 (pagesize 1)))
            (import "xdp" "load32_be" (func $load32_be (type $i)))
            (import "xdp" "load64_be" (func $load64_be (param i32) (result i64)))
            (import "xdp" "store64_be" (func $store64_be (param i32 i64)))
            (import "xdp" "copy_in" (func $copy_in (param i32 i32 i32)))
            (import "kernel" "cpu" (func $cpu (result i32)))
            (import "kernel" "log" (func $log (param i32 i32) (result i32)))
            (memory $first 1 4) (memory $fixed 4 4) (memory $wide i64 4 4) (memory $last 1 4)
            (table $table 3 900 funcref) (table $still 4 funcref)
            (elem (table $still) (i32.const 1) func $i $load32_be)
            (elem $elements func $i $i $nine)
            (data $data "some bytes of a passive segment")
            (global $g (mut i32) (i32.const 0)) (global $g64 (mut i64) (i64.const 0))
            (global $gf (mut f64) (f64.const 0)) (global $other (mut i32) (i32.const 0))
            (global $ref (mut funcref) (ref.null func)) (global $last (mut i32) (i32.const 0))
            (func $measured (param i32 i64 i32 i64 f64) {alive} {first} {} {last} {used} global.set $g64)
            (func $i (type $i) local.get 0)
            (func $nine (param i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64) local.get 8)
            (func $three (param i32 i32 i32) (result i32 i32 i32) local.get 2 local.get 1 local.get 0)
            (func (export "xdp") (result i32) (memory.grow $first (memory.grow $last (i32.const 1)))))"#,
        (0..times).map(|n| operator.replace("{n}", &(70_000 + 8 * n).to_string()) + " ").collect::<String>()
    );
    wat::parse_str(&wat).unwrap_or_else(|e| panic!("{operator}: {e}"))
}

/// Instructions of the measured function outside its trap exits, and the units that its entry charges.
fn measure(target: Target, operator: &str, wasm: &[u8]) -> (u32, u32) {
    let options = Options { target, ..Options::default() };
    let part = |what| {
        let text = list(wasm, &options, what).unwrap_or_else(|e| panic!("{operator}: {e}"));
        let at = text.find("Function(6):").expect("function 6");
        text[at..][..text[at + 1..].find("\nFunction(").expect("the next one")].to_owned()
    };
    let asm = part(Listing::Asm);
    let exits = asm.matches("wkc_trap").count();
    // A trap's code, the call, what stands behind it.
    let instructions = asm.lines().count() - 1 - 3 * exits;
    let clif = part(Listing::Clif);
    let charge = clif.lines().find(|l| l.contains("isub")).and_then(|l| l.rsplit_once("= ")?.1.trim().parse().ok());
    (instructions as u32, charge.expect("the entry's charge"))
}

#[test]
fn no_operator_becomes_more_instructions_than_it_pays_for() {
    const FEW: usize = 8;
    const MANY: usize = 24;
    for target in Target::ALL {
        let mut table: Vec<(f64, &str)> = Vec::new();
        for (first, operator) in OPERATORS {
            let (few, few_units) = measure(target, operator, &module(first, operator, FEW));
            let (many, many_units) = measure(target, operator, &module(first, operator, MANY));
            let units = f64::from(many_units - few_units);
            table.push((f64::from(many.saturating_sub(few)) / units, operator));
        }
        table.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (ratio, operator) in &table {
            println!("{:8} {ratio:6.2}  {operator}", target.name());
        }
        let (most, operator) = table[0];
        assert!(most <= f64::from(INSTRUCTIONS_PER_FUEL), "{}: {operator} is {most} a unit", target.name());
    }
}
