// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The packet as a memory: the same bytes and bounds as by the `xdp` imports, beside linear memories.
#![allow(missing_docs)]

mod common;

use common::{called, instance};

use wasmkc_abi::trap::TrapCode;
use wasmkc_abi::verdict::Verdict;
use wasmkc_compiler::{Options as Build, compile};
use wasmkc_host::{Options, Program, Runner};

fn runner(wat: &str, build: &Build) -> Runner {
    let wasm = wat::parse_str(wat).expect("wat");
    let object = compile(&wasm, build).unwrap_or_else(|e| panic!("{e}"));
    Runner::new(&Program::load_compiled_here(&object.bytes).expect("loads"), Options::default()).expect("starts")
}

/// Byte 0 chooses, bytes 1 to 4 are an address.
const FILTER: &str = r#"(module
  (import "xdp" "packet" (memory $packet 0 (pagesize 1)))
  (import "xdp" "len" (func $len (result i32)))
  (import "xdp" "load8" (func $load8 (param i32) (result i32)))
  (import "xdp" "copy_in" (func $copy_in (param i32 i32 i32)))
  (memory $own 1)
  (data $p "0123456789")
  (func $check (param i32) (result i32) (select (i32.const 2) (i32.const 1) (local.get 0)))
  (func (export "xdp") (result i32)
    (local $what i32) (local $at i32)
    (local.set $what (i32.load8_u $packet (i32.const 0)))
    (local.set $at (i32.load $packet offset=1 align=1 (i32.const 0)))
    (if (i32.eq (local.get $what) (i32.const 0)) (then
      (return (call $check (i32.eq (memory.size $packet) (call $len))))))
    (if (i32.eq (local.get $what) (i32.const 1)) (then
      (return (call $check (i32.eq (i32.load8_u $packet (local.get $at)) (call $load8 (local.get $at)))))))
    (if (i32.eq (local.get $what) (i32.const 2)) (then
      (return (call $check (i64.ne (i64.load $packet offset=8 align=1 (local.get $at)) (i64.const -1))))))
    (if (i32.eq (local.get $what) (i32.const 3)) (then
      (i32.store16 $packet offset=5 align=1 (local.get $at) (i32.const 0x4241)) (return (i32.const 2))))
    (if (i32.eq (local.get $what) (i32.const 4)) (then
      (memory.copy $own $packet (i32.const 100) (i32.const 0) (local.get $at))
      (call $copy_in (i32.const 200) (i32.const 0) (local.get $at))
      (return (call $check (i64.eq (i64.load $own (i32.const 100)) (i64.load $own (i32.const 200)))))))
    (if (i32.eq (local.get $what) (i32.const 5)) (then
      (memory.fill $packet (i32.const 5) (i32.const 0x55) (local.get $at)) (return (i32.const 2))))
    (if (i32.eq (local.get $what) (i32.const 6)) (then
      (memory.init $packet $p (local.get $at) (i32.const 2) (i32.const 4)) (return (i32.const 2))))
    (if (i32.eq (local.get $what) (i32.const 7)) (then
      (memory.copy $packet $packet (i32.const 6) (i32.const 5) (local.get $at)) (return (i32.const 2))))
    (if (i32.eq (local.get $what) (i32.const 8)) (then
      (return (call $check (i32.eq (memory.grow $packet (local.get $at)) (call $len))))))
    (if (i32.eq (local.get $what) (i32.const 9)) (then
      (drop (i32.load8_u $packet offset=0xffffffff (local.get $at)))))
    (if (i32.eq (local.get $what) (i32.const 10)) (then
      (i64.store $own (i32.const 0) (i64.const -1))
      (return (call $check (i64.eq (i64.load $own (local.get $at)) (i64.const -1))))))
    (i32.const 1)))"#;

/// A packet of `len` bytes that asks for `what` at `at`.
fn packet(what: u8, at: u32, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
    let head = [&[what][..], &at.to_le_bytes()].concat();
    bytes[..5].copy_from_slice(&head);
    bytes
}

#[test]
fn it_has_the_packets_bytes_and_bounds() {
    use TrapCode::{MemoryOutOfBounds, PacketOutOfBounds};
    let pass = Ok(Verdict::Pass);
    let outside = Err(PacketOutOfBounds);
    let cases = [
        (0, 0, pass),
        (1, 0, pass),
        (1, 39, pass),
        (1, 40, outside),
        (1, u32::MAX, outside),
        (2, 24, pass),
        (2, 25, outside),
        (2, u32::MAX - 8, outside),
        (2, u32::MAX, outside),
        (3, 33, pass),
        (3, 34, outside),
        (4, 8, pass),
        (4, 40, pass),
        (4, 41, outside),
        (4, u32::MAX, Err(MemoryOutOfBounds)),
        (5, 35, pass),
        (5, 36, outside),
        (6, 36, pass),
        (6, 37, outside),
        (7, 34, pass),
        (7, 35, outside),
        (8, 0, pass),
        (8, 1, Ok(Verdict::Drop)),
        (9, 0, outside),
        (9, 1, outside),
        (10, 0, pass),
        (10, 65528, Ok(Verdict::Drop)),
        (10, 65529, Err(MemoryOutOfBounds)),
    ];
    for author_trusted in [false, true] {
        let mut runner = runner(FILTER, &Build { author_trusted, ..common::options() });
        for (what, at, expected) in cases {
            let outcome = runner.run(&mut packet(what, at, 40));
            let found = outcome.trap.map_or(Ok(outcome.verdict), Err);
            assert_eq!(found, expected, "{what} at {at}, author trusted: {author_trusted}");
        }
    }
}

#[test]
fn what_is_written_is_in_the_packet() {
    let mut runner = runner(FILTER, &common::options());
    let mut after = |what, at| {
        let mut bytes = packet(what, at, 16);
        runner.run(&mut bytes);
        bytes[5..].to_vec()
    };
    assert_eq!(after(3, 2), [5, 6, 0x41, 0x42, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(after(5, 3), [0x55, 0x55, 0x55, 8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(after(6, 10), [5, 6, 7, 8, 9, b'2', b'3', b'4', b'5', 14, 15]);
    assert_eq!(after(7, 10), [5, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
}

#[test]
fn an_empty_packet_has_no_byte() {
    let mut runner = runner(FILTER, &common::options());
    assert_eq!(runner.run(&mut Vec::new()).trap, Some(TrapCode::PacketOutOfBounds));
}

#[test]
fn without_a_packet_it_is_empty() {
    let mut i = instance(
        r#"(module
            (import "xdp" "packet" (memory $packet 0 (pagesize 1)))
            (func (export "size") (result i32) (memory.size $packet))
            (func (export "first") (result i32) (i32.load8_u $packet (i32.const 0)))
            (func (export "nothing") (memory.fill $packet (i32.const 0) (i32.const 0) (i32.const 0))))"#,
    );
    assert_eq!(called(&mut i, "size", &[]), Ok(vec![0]));
    assert_eq!(called(&mut i, "first", &[]), Err(TrapCode::PacketOutOfBounds));
    assert_eq!(called(&mut i, "nothing", &[]), Ok(vec![]));
}
