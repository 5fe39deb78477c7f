// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Fuel in a register: what a run has used, however it ends, is what it has used with the fuel in memory.
#![allow(missing_docs)]

mod here;

use std::collections::BTreeSet;

use wasmkc_compiler::{Pass, compile};
use wasmkc_host::{Options, Outcome, Program, Runner};

/// The packet's length says how often the loops go round, its first byte how the run ends.
const FILTER: &str = r#"(module
    (import "kernel" "cpu" (func $cpu (result i32)))
    (import "xdp" "len" (func $len (result i32)))
    (import "xdp" "load8" (func $byte (param i32) (result i32)))
    (memory 1) (table 3 8 funcref) (elem (i32.const 0) $leaf)
    (type $one (func (param i32) (result i32)))
    (func $leaf (type $one) (i32.add (local.get 0) (i32.const 1)))
    (func $last (param $n i32) (param $how i32) (result i32)
      (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (if (i32.eq (local.get $how) (i32.const 9)) (then (return_call $ends (local.get $how))))
      (i32.const 2))
    (func $ends (param i32) (result i32) (i32.sub (local.get 0) (i32.const 7)))
    (func (export "xdp") (result i32) (local $i i32) (local $n i32) (local $how i32)
      (local.set $n (call $len))
      (local.set $how (call $byte (i32.const 0)))
      (loop $outer
        (local.set $i (call $leaf (local.get $i)))
        (if (i32.lt_u (local.get $i) (i32.const 4))
          (then (local.set $i (i32.add (local.get $i) (i32.mul (call $cpu) (i32.const 0))))))
        (block $out
          (loop $inner
            (br_if $out (i32.eqz (local.get $how)))
            (memory.copy (i32.const 64) (i32.mul (local.get $i) (i32.const 3)) (i32.and (local.get $i) (i32.const 31)))
            (br_if $inner (i32.and (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))))
        (if (i32.eq (local.get $how) (i32.const 1))
          (then (if (i32.gt_u (local.get $i) (i32.const 20)) (then unreachable))))
        (if (i32.eq (local.get $how) (i32.const 2))
          (then (drop (i32.load (i32.mul (local.get $i) (i32.const 3000))))))
        (if (i32.eq (local.get $how) (i32.const 3))
          (then (drop (i32.div_u (i32.const 9) (i32.sub (i32.const 24) (i32.and (local.get $i) (i32.const 60)))))))
        (if (i32.eq (local.get $how) (i32.const 4))
          (then (memory.copy (i32.mul (local.get $i) (i32.const 2000)) (i32.const 0) (local.get $i))))
        (if (i32.eq (local.get $how) (i32.const 5)) (then (drop (call $byte (local.get $i)))))
        (if (i32.eq (local.get $how) (i32.const 6))
          (then (drop (call_indirect (type $one) (local.get $i) (i32.shr_u (local.get $i) (i32.const 4))))))
        (if (i32.eq (local.get $how) (i32.const 7))
          (then (table.fill (i32.shr_u (local.get $i) (i32.const 4)) (ref.null func) (i32.const 2))))
        (if (i32.eq (local.get $how) (i32.const 8))
          (then (if (f64.lt (f64.const 9.5) (f64.convert_i32_u (local.get $i))) (then (return (i32.const 1))))))
        (br_if $outer (i32.lt_u (local.get $i) (local.get $n))))
      (call $last (local.get $n) (local.get $how))))"#;

fn program(without: Vec<Pass>) -> Program {
    let wasm = wat::parse_str(FILTER).expect("wat");
    let options = wasmkc_compiler::Options { without, ..here::options() };
    let object = compile(&wasm, &options).unwrap_or_else(|e| panic!("{e}"));
    Program::load_compiled_here(&object.bytes).expect("loads")
}

/// How packets end that get this much fuel.
fn outcomes(program: &Program, fuel: u64) -> Vec<Outcome> {
    let run = |how, len| {
        let options = Options { fuel: Some(fuel), ..Options::default() };
        // One each: a run that is cut short leaves the table as it was by then.
        let mut runner = Runner::new(program, options).expect("starts");
        let mut packet = vec![0; len];
        packet[0] = how;
        runner.run(&mut packet)
    };
    (0..10).flat_map(|how| [1, 14, 60].map(|len| run(how, len))).collect()
}

#[test]
fn a_run_takes_the_same_fuel_whatever_ends_it() {
    let (register, memory) = (program(Vec::new()), program(vec![Pass::FuelRegister]));
    let mut traps = BTreeSet::new();
    for fuel in (1..400).chain([1_000, 3_000, 100_000]) {
        let found = outcomes(&register, fuel);
        assert_eq!(found, outcomes(&memory, fuel), "{fuel} units");
        traps.extend(found.iter().map(|outcome| outcome.trap.map(|code| code as u32)));
    }
    // No trap, unreachable, out of bounds of memory, packet and table, a division, a null element, out of fuel.
    assert!(traps.len() >= 8, "{traps:?}");
}
