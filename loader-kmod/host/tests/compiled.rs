// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! From wasm through the compiler and the core to a verdict: traps with their place, and the compiler's own
//! objects spoiled byte by byte and signed again.
#![allow(missing_docs)]

#[path = "../../core/tests/common/mod.rs"]
mod common;
mod here;

use wasmkc_abi::trap::TrapCode;
use wasmkc_abi::verdict::Verdict;
use wasmkc_compiler::compile;
use wasmkc_core::elf::Elf;
use wasmkc_host::{Options, Program, Runner};

/// The packet's first byte chooses what happens.
const FILTER: &str = r#"
(module
  (import "xdp" "len" (func $len (result i32)))
  (import "xdp" "load8" (func $load8 (param i32) (result i32)))
  (import "xdp" "store8" (func $store8 (param i32 i32)))
  (import "kernel" "cpu" (func $cpu (result i32)))
  (import "kernel" "log" (func $log (param i32 i32) (result i32)))
  (memory 1 2)
  (global $sp (mut i32) (i32.const 65536))
  (global $ready (mut i32) (i32.const 0))
  (data (i32.const 64) "hello from wasm")
  (data $later "passive")
  (table 3 funcref)
  (elem (i32.const 0) $two $wrong)
  (type $plain (func (result i32)))
  (func $two (result i32) i32.const 2)
  (func $wrong (param i32))
  (func $recurse (param i32) (result i32)
    local.get 0 i32.const 1 i32.add call $recurse i32.const 1 i32.add)
  (func $init (export "init") i32.const 1 global.set $ready)
  (func (export "xdp") (result i32)
    (local $what i32)
    i32.const 0 call $load8 local.set $what
    (if (i32.eq (local.get $what) (i32.const 0)) (then (return (i32.add (global.get $ready) (i32.const 1)))))
    (if (i32.eq (local.get $what) (i32.const 1)) (then unreachable))
    (if (i32.eq (local.get $what) (i32.const 2)) (then (return (i32.load (i32.const 131070)))))
    (if (i32.eq (local.get $what) (i32.const 3)) (then (return (i32.div_u (i32.const 1) (i32.const 0)))))
    (if (i32.eq (local.get $what) (i32.const 4)) (then (loop $l (br $l))))
    (if (i32.eq (local.get $what) (i32.const 5)) (then (return (call $recurse (i32.const 0)))))
    (if (i32.eq (local.get $what) (i32.const 6)) (then (return (call_indirect (type $plain) (call $load8 (i32.const 1))))))
    (if (i32.eq (local.get $what) (i32.const 7)) (then
      (loop $l (memory.fill (i32.const 1024) (i32.const 1) (i32.const 64512)) (br $l))))
    (if (i32.eq (local.get $what) (i32.const 8)) (then (drop (call $log (i32.const 64) (i32.const 15))) (return (i32.const 2))))
    (if (i32.eq (local.get $what) (i32.const 9)) (then
      (memory.init $later (i32.const 0) (i32.const 0) (i32.const 7)) (data.drop $later)
      (return (i32.eq (i32.load8_u (i32.const 6)) (i32.const 0x65)))))
    (if (i32.eq (local.get $what) (i32.const 10)) (then (return (i32.const 4))))
    (if (i32.eq (local.get $what) (i32.const 11)) (then (return (i32.const 99))))
    (if (i32.eq (local.get $what) (i32.const 12)) (then
      (call $store8 (i32.const 0) (i32.const 0x77)) (return (i32.const 3))))
    (if (i32.eq (local.get $what) (i32.const 13)) (then (return (call $load8 (i32.const 4000)))))
    (if (i32.eq (local.get $what) (i32.const 14)) (then (drop (call $log (i32.const 131060) (i32.const 15)))))
    (if (i32.eq (local.get $what) (i32.const 15)) (then
      (drop (memory.grow (i32.const 1))) (i32.store (i32.const 131000) (i32.const 2)) (return (i32.load (i32.const 131000)))))
    (if (i32.eq (local.get $what) (i32.const 16)) (then (return (i32.div_s (i32.const 0x80000000) (i32.const -1)))))
    (if (i32.eq (local.get $what) (i32.const 17)) (then (loop $l (drop (call $cpu)) (br $l))))
    i32.const 1))
"#;

fn object() -> Vec<u8> {
    let wasm = wat::parse_str(FILTER).unwrap();
    compile(&wasm, &here::options()).unwrap_or_else(|e| panic!("{e}")).bytes
}

#[test]
fn verdicts_and_traps_of_compiled_code() {
    use TrapCode as T;
    let program = Program::load_compiled_here(&object()).unwrap();
    let mut runner = Runner::new(&program, Options::default()).unwrap();
    let cases: &[(&[u8], Result<Verdict, T>)] = &[
        (&[0], Ok(Verdict::Pass)),
        (&[], Err(T::PacketOutOfBounds)),
        (&[1], Err(T::Unreachable)),
        (&[2], Err(T::MemoryOutOfBounds)),
        (&[3], Err(T::DivisionByZero)),
        (&[4], Err(T::OutOfFuel)),
        (&[5], Err(T::StackOverflow)),
        (&[6, 0], Ok(Verdict::Pass)),
        (&[6, 1], Err(T::BadSignature)),
        (&[6, 2], Err(T::IndirectCallToNull)),
        (&[6, 3], Err(T::TableOutOfBounds)),
        (&[6, 255], Err(T::TableOutOfBounds)),
        (&[7], Err(T::OutOfFuel)),
        (&[8], Ok(Verdict::Pass)),
        (&[9], Ok(Verdict::Drop)),
        (&[9], Err(T::MemoryOutOfBounds)),
        (&[10], Err(T::RedirectWithoutTarget)),
        (&[11], Err(T::BadVerdict)),
        (&[12], Ok(Verdict::Tx)),
        (&[13], Err(T::PacketOutOfBounds)),
        (&[14], Err(T::MemoryOutOfBounds)),
        (&[15], Ok(Verdict::Pass)),
        (&[16], Err(T::IntegerOverflow)),
        (&[17], Err(T::OutOfFuel)),
        (&[200], Ok(Verdict::Drop)),
    ];
    for round in 0..2 {
        for (packet, expected) in cases.iter().filter(|(p, e)| round == 0 || !(p == &[9] && e.is_ok())) {
            // once grown, address 131070 + 4 is still behind the memory; a dropped segment stays dropped
            let mut bytes = packet.to_vec();
            let outcome = runner.run(&mut bytes);
            let got = outcome.trap.map_or(Ok(outcome.verdict), Err);
            assert_eq!(got, *expected, "{packet:?} in round {round}: {:?}", runner.last_trap());
            assert!(outcome.fuel_used > 0 && outcome.fuel_used <= program.info().fuel);
            // the checks of an indirect call stand in a function that the compiler made, outside the wasm file
            let dispatcher = [T::BadSignature, T::IndirectCallToNull, T::TableOutOfBounds];
            if let Some(code) = outcome.trap.filter(|c| (*c as u32) < 16) {
                let trap = runner.last_trap().unwrap();
                assert!(!trap.function.is_empty() && trap.site.is_some(), "{packet:?}: {trap}");
                assert!(trap.wasm_offset.is_some() || dispatcher.contains(&code), "{packet:?}: {trap}");
            }
            assert_eq!(bytes.first() == Some(&0x77), packet == &[12], "only one filter writes");
        }
    }
    assert_eq!(runner.take_log(), ["hello from wasm"; 2]);
}

#[test]
fn fuel_is_the_same_for_the_same_packet() {
    let program = Program::load_compiled_here(&object()).unwrap();
    let run = |packet: &[u8]| {
        let mut runner = Runner::new(&program, Options::default()).unwrap();
        runner.run(&mut packet.to_vec()).fuel_used
    };
    for packet in [&[0u8][..], &[6, 0], &[8], &[200]] {
        assert_eq!(run(packet), run(packet));
    }
    assert!(run(&[6, 0]) > run(&[0]), "a call charges for the function called");
}

/// Loads with a yes-saying verifier, and uses a program that loads, without running its code.
fn load_and_use(elf: &[u8]) -> bool {
    type Here = common::OnMachine<{ wasmkc_host::MACHINE }>;
    let Ok(program) = common::load_on(&Here::default(), elf) else { return false };
    let info = program.info();
    let mut instance = vec![0; info.instance_bytes as usize];
    let mut memory = vec![0; info.memory_max as usize * 65536];
    program.instantiate(&mut instance, &mut memory).expect("a loaded program instantiates");
    for address in info.text_base..=info.text_base + u64::from(info.text_size) {
        let _ = program.trap_site(address);
    }
    true
}

/// Names and places of the sections.
fn sections(elf: &[u8]) -> Vec<(String, std::ops::Range<usize>)> {
    let base = elf.as_ptr().addr();
    let place = |bytes: &[u8]| {
        let start = bytes.as_ptr().addr() - base;
        start..start + bytes.len()
    };
    let parsed = Elf::parse(elf).unwrap();
    parsed
        .sections()
        .filter(|s| !s.bytes.is_empty())
        .map(|s| (String::from_utf8_lossy(s.name).into_owned(), place(s.bytes)))
        .collect()
}

#[test]
fn a_compiled_object_cut_at_every_section_boundary_is_refused() {
    let elf = object();
    assert!(load_and_use(&elf));
    for (name, range) in sections(&elf) {
        for cut in [range.start, range.end, (range.start + range.end) / 2] {
            assert!(cut == elf.len() || !load_and_use(&elf[..cut]), "cut at {name} {cut:#x}");
        }
    }
}

#[test]
fn a_compiled_object_with_any_byte_of_metadata_flipped_is_refused_or_loads_safely() {
    let elf = object();
    let skipped: Vec<_> = sections(&elf)
        .into_iter()
        .filter(|(name, _)| name == ".text" || name.starts_with(".debug") || name == ".rodata")
        .map(|(_, range)| range)
        .collect();
    let (mut refused, mut loaded) = (0u32, 0u32);
    for at in (0..elf.len()).filter(|at| !skipped.iter().any(|r| r.contains(at))) {
        for flip in [0x01, 0xff] {
            let mut spoiled = elf.clone();
            spoiled[at] ^= flip;
            if load_and_use(&spoiled) { loaded += 1 } else { refused += 1 }
        }
    }
    assert!(refused > 1000 && loaded > 0, "{refused} refused, {loaded} loaded");
}
