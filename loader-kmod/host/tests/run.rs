// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Objects assembled by hand for x86_64, loaded by the core and run as machine code: verdicts, traps, fuel, policies.
#![allow(missing_docs)]
#![cfg(target_arch = "x86_64")]

#[path = "../../core/tests/common/mod.rs"]
mod common;

use common::{Object, TRAP_SITE, signed};
use wasmkc_abi::object::{NONE, R_X86_64_PLT32};
use wasmkc_abi::trap::TrapCode;
use wasmkc_abi::verdict::Verdict;
use wasmkc_host::{AfterTrap, LOG_BURST, Options, Program, Runner, StartError};

fn program(object: &Object) -> Program {
    Program::load_compiled_here(&object.elf()).unwrap()
}

/// The default object with another XDP function: fuel, frame and return are added here.
fn with_body(body: &[u8], relas: &[(usize, &str)]) -> Object {
    let mut object = Object::default();
    let mut text = vec![0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5];
    let start = text.len();
    text.extend_from_slice(body);
    text.push(0xe9);
    let ret = text.len();
    text.extend_from_slice(&[0; 4]);
    object.funcs.truncate(1);
    object.funcs[0].size = text.len() as u32;
    (object.meta.functions, object.meta.entry_init) = (1, NONE);
    (object.traps, object.meta.traps) = (vec![], 0);
    object.text = text;
    object.relas.clear();
    for (at, name) in relas.iter().map(|(at, name)| (start + at, *name)).chain([(ret, "wkc_ret")]) {
        let symbol = object.symbols.iter().position(|s| s.0 == name).unwrap_or_else(|| {
            object.symbols.push((name.into(), 0x10, 0));
            object.symbols.len() - 1
        });
        let rela = common::Rela { offset: at as u64, kind: R_X86_64_PLT32, symbol: symbol as u32, addend: -4 };
        object.relas.push(rela);
    }
    object
}

#[test]
fn the_verdict_is_the_filters() {
    let mut runner = Runner::new(&program(&Object::default()), Options::default()).unwrap();
    for verdict in [Verdict::Aborted, Verdict::Drop, Verdict::Pass, Verdict::Tx] {
        let outcome = runner.run(&mut [verdict as u8, 9, 9]);
        assert_eq!((outcome.verdict, outcome.trap, outcome.fuel_used), (verdict, None, 5));
    }
    assert_eq!(runner.counters().verdicts, [1, 1, 1, 1, 0, 0, 0, 0]);
    assert_eq!((runner.counters().packets(), runner.counters().all_traps(), runner.counters().fuel), (4, 0, 20));
}

#[test]
fn a_trap_gives_the_trap_verdict_and_is_explained() {
    let options = Options { trap_verdict: Verdict::Drop, ..Options::default() };
    let mut runner = Runner::new(&program(&Object::default()), options).unwrap();
    let outcome = runner.run(&mut []);
    assert_eq!((outcome.verdict, outcome.trap), (Verdict::Drop, Some(TrapCode::PacketOutOfBounds)));
    let trap = runner.last_trap().unwrap();
    assert_eq!((trap.site, trap.wasm_offset, trap.line), (Some(TRAP_SITE), Some(0x99), 35));
    assert_eq!(trap.to_string(), "packet-out-of-bounds in xdp at wasm offset 0x99 (filter.c:35)");
    assert_eq!(runner.counters().traps[10], 1);
    assert_eq!(runner.run(&mut [2]).verdict, Verdict::Pass, "the instance goes on");
}

#[test]
fn a_hundred_thousand_traps_in_a_row() {
    let mut runner = Runner::new(&program(&Object::default()), Options::default()).unwrap();
    for _ in 0..100_000 {
        assert!(runner.run(&mut []).trap.is_some());
    }
    assert_eq!(runner.counters().traps[10], 100_000);
    assert_eq!(runner.traps().count(), wasmkc_abi::control::TRAP_RECORDS);
}

#[test]
fn an_illegal_verdict_is_a_trap() {
    let mut runner = Runner::new(&program(&Object::default()), Options::default()).unwrap();
    for byte in [5, 77, 255] {
        assert_eq!(runner.run(&mut [byte]).trap, Some(TrapCode::BadVerdict));
    }
    assert_eq!(runner.last_trap().unwrap().site, None);
    assert_eq!(runner.counters().verdicts[0], 3);
}

#[test]
fn redirect_without_a_redirect_is_a_trap() {
    let mut runner = Runner::new(&program(&Object::default()), Options::default()).unwrap();
    assert_eq!(runner.run(&mut [4]).trap, Some(TrapCode::RedirectWithoutTarget));
    assert_eq!(runner.counters().verdicts[4], 0);
}

#[test]
fn disabled_after_so_many_traps() {
    let options = Options { after_trap: AfterTrap::Disable(3), ..Options::default() };
    let mut runner = Runner::new(&program(&Object::default()), options).unwrap();
    for _ in 0..3 {
        assert!(!runner.disabled());
        runner.run(&mut []);
    }
    let outcome = runner.run(&mut [2]);
    assert_eq!((outcome.verdict, outcome.trap, outcome.fuel_used), (Verdict::Aborted, Some(TrapCode::Disabled), 0));
    assert_eq!((runner.counters().traps[10], runner.counters().traps[20]), (3, 1));
}

/// mov rax,[rdi]; mov rcx,[rax+64]; inc qword [rax+64]; mov [rax+72],rcx; cmp rcx,9; jne +10; mov esi,1; call wkc_trap
/// (traps when global 0 is 9, having moved global 1), then mov eax,ecx
const COUNT: [u8; 33] = [
    0x48, 0x8b, 0x07, 0x48, 0x8b, 0x48, 0x40, 0x48, 0xff, 0x40, 0x40, 0x48, 0x89, 0x48, 0x48, 0x48, 0x83, 0xf9, 0x09,
    0x75, 0x0a, 0xbe, 1, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0x89, 0xc8,
];

#[test]
fn a_trap_restores_the_shadow_stack_pointer_and_keeps_the_rest() {
    let mut object = with_body(&COUNT, &[(27, "wkc_trap")]);
    object.slots = vec![9, 0x1_0000];
    let mut runner = Runner::new(&program(&object), Options::default()).unwrap();
    assert_eq!(runner.run(&mut []).trap, Some(TrapCode::Unreachable));
    assert_eq!(runner.run(&mut []).trap, Some(TrapCode::BadVerdict), "global 0 was kept at 10");

    // mov rax,[rdi]; mov rax,[rax+72]; shr rax,15: 2 where global 1 is 0x10000
    let read = with_body(&[0x48, 0x8b, 0x07, 0x48, 0x8b, 0x40, 0x48, 0x48, 0xc1, 0xe8, 0x0f], &[]);
    let mut runner = Runner::new(&program(&read), Options::default()).unwrap();
    assert_eq!(runner.run(&mut []).verdict, Verdict::Pass);

    // the same, then global 1 = 0 and a trap where the packet is empty
    let body = [
        0x48, 0x8b, 0x0f, 0x48, 0x8b, 0x41, 0x48, 0x48, 0xc1, 0xe8, 0x0f, // rax = global 1 >> 15
        0x48, 0xc7, 0x41, 0x48, 0, 0, 0, 0, // global 1 = 0
        0x48, 0x83, 0x7f, 0x28, 0x00, 0x75, 0x0a, // cmp qword [rdi+40], 0; jne +10
        0xbe, 1, 0, 0, 0, 0xe8, 0, 0, 0, 0, // trap unreachable
    ];
    let mut runner = Runner::new(&program(&with_body(&body, &[(32, "wkc_trap")])), Options::default()).unwrap();
    assert_eq!(runner.run(&mut []).trap, Some(TrapCode::Unreachable));
    assert_eq!(runner.run(&mut [1]).verdict, Verdict::Pass, "restored by the trap");
    assert_eq!(runner.run(&mut [1]).verdict, Verdict::Aborted, "not restored without one");
}

#[test]
fn reset_makes_the_instance_anew() {
    let mut object = with_body(&COUNT, &[(27, "wkc_trap")]);
    object.slots = vec![8, 0];
    object.meta.shadow_sp_slot = NONE;
    let options = Options { after_trap: AfterTrap::Reset, ..Options::default() };
    let mut runner = Runner::new(&program(&object), options).unwrap();
    for _ in 0..3 {
        assert_eq!(runner.run(&mut []).trap, Some(TrapCode::BadVerdict), "global 0 is 8 each time");
    }
    assert!(!runner.disabled());
}

#[test]
fn init_runs_once_before_the_first_packet() {
    // the default object's init makes global 0 one more; an XDP function that returns global 0
    let mut object = Object::default();
    let body = [0x48, 0x8b, 0x07, 0x8b, 0x40, 0x40, 0xe9, 0, 0, 0, 0]; // mov rax,[rdi]; mov eax,[rax+64]; jmp
    object.text[8..19].copy_from_slice(&body);
    object.text[19..51].fill(0xcc);
    object.relas.drain(0..3);
    object.relas.insert(0, common::Rela { offset: 15, kind: R_X86_64_PLT32, symbol: 2, addend: -4 });
    object.slots[0] = 1;
    let mut runner = Runner::new(&program(&object), Options::default()).unwrap();
    assert_eq!(runner.run(&mut []).verdict, Verdict::Pass);
    assert_eq!(runner.run(&mut []).verdict, Verdict::Pass);
}

#[test]
fn a_trap_in_init_fails_the_start() {
    let mut object = Object::default();
    object.meta.entry_init = 0;
    let error = Runner::new(&program(&object), Options::default()).unwrap_err();
    let StartError::Trap(trap) = &error else { panic!("{error}") };
    assert_eq!((trap.code, trap.function.as_str()), (TrapCode::PacketOutOfBounds, "xdp"));
}

#[test]
fn fuel_is_the_lower_of_both_ceilings() {
    // sub qword [rdi+24], 600; jns +10; trap out-of-fuel; xor eax,eax; mov al,2
    let body = [
        0x48, 0x81, 0x6f, 0x18, 0x58, 0x02, 0, 0, 0x79, 0x0a, 0xbe, 9, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0x31, 0xc0, 0xb0,
        0x02,
    ];
    let object = with_body(&body, &[(16, "wkc_trap")]);
    let run = |fuel| Runner::new(&program(&object), Options { fuel, ..Options::default() }).unwrap().run(&mut []);
    assert_eq!((run(None).trap, run(None).fuel_used), (None, 600));
    assert_eq!(run(Some(1 << 40)).trap, None, "never raised");
    assert_eq!((run(Some(599)).trap, run(Some(599)).fuel_used), (Some(TrapCode::OutOfFuel), 599));
    assert_eq!(run(Some(600)).trap, None);
}

#[test]
fn callee_saved_registers_survive_a_filter_that_spoils_them_and_traps() {
    // xor ebx,ebx; xor r12d,r12d; ... r15d; push rax x3; trap: a wrong restore would crash this test's loop
    let body = [
        0x31, 0xdb, 0x45, 0x31, 0xe4, 0x45, 0x31, 0xed, 0x45, 0x31, 0xf6, 0x45, 0x31, 0xff, 0x50, 0x50, 0x50, 0xbe, 1,
        0, 0, 0, 0xe8, 0, 0, 0, 0,
    ];
    let mut runner = Runner::new(&program(&with_body(&body, &[(23, "wkc_trap")])), Options::default()).unwrap();
    let sums: u64 = (0..1000u64).map(|i| i + u64::from(runner.run(&mut [1]).trap.is_some())).sum();
    assert_eq!(sums, 999 * 500 + 1000);
}

#[test]
fn log_helper_collects_and_limits() {
    let helper = wasmkc_abi::helper::Helper::by_name("log").unwrap();
    // mov rax,[rdi]; mov rsi,[rax]; add rsi,16; mov edx,5; call wkc_helper_log; xor eax,eax
    let body =
        [0x48, 0x8b, 0x07, 0x48, 0x8b, 0x30, 0x48, 0x83, 0xc6, 0x10, 0xba, 5, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0x31, 0xc0];
    let mut object = with_body(&body, &[(16, helper.symbol)]);
    object.imports[0].number = helper.number;
    (object.imports[0].effects, object.imports[0].signature) = (helper.effects, helper.signature());
    object.imports[0].fuel = helper.fuel;
    let mut runner = Runner::new(&program(&object), Options::default()).unwrap();
    for _ in 0..LOG_BURST + 5 {
        runner.run(&mut []);
    }
    assert_eq!(runner.take_log(), vec!["hello"; LOG_BURST as usize]);
}

#[test]
fn a_signature_is_asked_for() {
    let elf = Object::default().elf();
    let error = Program::load(&signed(&elf), |_, _| Err(126)).unwrap_err();
    assert_eq!(error.errno(), 126);
    assert_eq!(Program::load(&elf, |_, _| Ok(())).unwrap_err().code.name(), "unsigned");
    assert_eq!(Program::load(&signed(&elf), |_, _| Ok(())).unwrap().name(), "sample");
}
