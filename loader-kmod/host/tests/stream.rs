// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Packets one behind the other get what a runner gives them one by one.
#![allow(missing_docs)]

mod here;

use wasmkc_abi::trap::TrapCode;
use wasmkc_compiler::compile;
use wasmkc_host::{Instance, Options, Program, Runner, StartError};

/// The verdict is the packet's first byte, which becomes the number of packets before. `a` takes fuel in a loop: more
/// than is left if it were not filled up for each packet. A packet of one byte traps, below its stack pointer.
const FILTER: &str = r#"(module
    (import "xdp" "len" (func $len (result i32)))
    (import "xdp" "load8" (func $load8 (param i32) (result i32)))
    (import "xdp" "store8" (func $store8 (param i32 i32)))
    (memory 1 1)
    (global $__stack_pointer (mut i32) (i32.const 1024))
    (global $seen (mut i32) (i32.const 0))
    (func (export "xdp") (result i32) (local $n i32)
        (global.set $__stack_pointer (i32.sub (global.get $__stack_pointer) (i32.const 16)))
        (i32.store (global.get $__stack_pointer) (call $load8 (i32.const 0)))
        (drop (call $load8 (i32.const 1)))
        (loop $more
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $n) (i32.const 5000))))
        (call $store8 (i32.const 0) (global.get $seen))
        (global.set $seen (i32.add (global.get $seen) (i32.const 1)))
        (i32.load (global.get $__stack_pointer))
        (global.set $__stack_pointer (i32.add (global.get $__stack_pointer) (i32.const 16)))))"#;

fn program(wat: &str) -> Program {
    let wasm = wat::parse_str(wat).unwrap();
    Program::load_compiled_here(&compile(&wasm, &here::options()).unwrap().bytes).unwrap()
}

#[test]
fn a_stream_of_packets_gets_the_verdicts_of_a_runner() {
    let program = program(FILTER);
    let mut first: Vec<[u8; 3]> = (0..60).map(|n| [n % 4, n, n]).collect();
    let mut second = first.clone();
    let mut runner = Runner::new(&program, Options::default()).unwrap();
    let expected: Vec<u32> = first.iter_mut().map(|packet| runner.run(packet).verdict as u32).collect();
    let mut instance = Instance::of_hook(&program).unwrap();
    let mut verdicts = Vec::new();
    instance.judge_each(second.iter_mut().map(<[u8; 3]>::as_mut_slice), |verdict| verdicts.push(verdict)).unwrap();
    assert_eq!(verdicts, expected);
    assert_eq!(second, first);
    assert!(runner.counters().fuel > program.info().fuel, "the test needs more fuel than one packet gets");
}

#[test]
fn a_trap_ends_a_stream_and_the_next_begins_as_after_any_trap() {
    let mut instance = Instance::of_hook(&program(FILTER)).unwrap();
    for _ in 0..100 {
        let mut packets = [vec![2, 0], vec![1], vec![2, 0]];
        let mut seen = 0;
        let ended = instance.judge_each(packets.iter_mut().map(Vec::as_mut_slice), |_| seen += 1);
        let trap = ended.unwrap_err();
        assert_eq!((trap.code, trap.packet_len, seen), (TrapCode::PacketOutOfBounds, 1, 1));
        assert_eq!(packets[2], [2, 0]);
    }
}

#[test]
fn a_program_without_a_hook_judges_no_stream() {
    let program = program(r#"(module (func (export "f")))"#);
    assert_eq!(Instance::of_hook(&program).unwrap_err(), StartError::NoHook);
}

#[test]
fn memory_that_is_written_from_outside_is_read_inside() {
    let wat = r#"(module (memory 1 2) (func (export "at") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;
    let mut instance = Instance::new(&program(wat)).unwrap();
    assert_eq!(instance.memory_mut().len(), 1 << 16);
    instance.memory_mut()[77] = 5;
    let grant = wasmkc_host::Grant { fuel: 1000, stack: wasmkc_abi::limits::STACK_XDP };
    assert_eq!(instance.call("at", &[77], grant).unwrap().results, [5]);
}
