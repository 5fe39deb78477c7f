// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a good object becomes: relocated bytes, an instance, explained traps, and nothing left behind.
#![allow(missing_docs)]

mod common;

use common::{INIT, Object, RODATA_BASE, SYMBOL_BASE, TEXT_BASE, TRAP_SITE, TestPlatform, load, signed};
use wasmkc_abi::vmctx::INSTANCE_GLOBALS;
use wasmkc_core::{Arena, Code};

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().unwrap())
}

#[test]
fn a_good_object_is_relocated_and_written() {
    let platform = TestPlatform::default();
    let program = wasmkc_core::load(|_, _| Ok(()), platform.clone(), &signed(&Object::default().elf())).unwrap();
    let info = program.info();
    assert_eq!(info.entry_xdp, TEXT_BASE);
    assert_eq!(info.entry_init, [0, 0, TEXT_BASE + u64::from(INIT)]);
    assert_eq!((info.text_size, info.fuel, info.memory_min, info.memory_max), (90, 1000, 1, 2));
    assert_eq!(info.instance_bytes, 64 + 3 * 8);
    {
        let account = platform.0.lock().unwrap();
        let text = &account.written.iter().find(|w| w.0 == Arena::Text).unwrap().2;
        let displacement = |at: usize| i32::from_le_bytes(*text[at..].first_chunk().unwrap());
        let expect = |at: u64, target: u64| i32::try_from(target as i64 - (TEXT_BASE + at + 4) as i64).unwrap();
        assert_eq!(displacement(32), expect(32, RODATA_BASE));
        assert_eq!(displacement(37), expect(37, SYMBOL_BASE));
        assert_eq!(displacement(47), expect(47, SYMBOL_BASE + 16));
        assert_eq!(displacement(81), expect(81, SYMBOL_BASE + 16 * 18));
        // the digest is of the bytes before relocation
        let mut digest = [0u8; 32];
        common::TEXT.iter().enumerate().for_each(|(i, b)| digest[i % 32] ^= b);
        assert_eq!(info.text_sha256, digest);
        assert_eq!(account.blocks.len(), 2);
    }
    assert_eq!(program.name(), "sample");
    drop(program);
    assert!(platform.0.lock().unwrap().blocks.is_empty(), "drop gives the arenas back");
}

#[test]
fn an_instance_has_globals_lengths_and_data() {
    let program = load(&Object::default().elf()).unwrap();
    let mut instance = vec![0; program.info().instance_bytes as usize];
    let mut memory = vec![0; 2 * 65536];
    program.instantiate(&mut instance, &mut memory).unwrap();
    assert_eq!(word(&instance, 0), memory.as_ptr().addr() as u64);
    assert_eq!((word(&instance, 8), word(&instance, 16)), (65536, 2 * 65536));
    assert_eq!(word(&instance, 40), 0x1_0000, "shadow-stack pointer");
    let globals = INSTANCE_GLOBALS as usize;
    assert_eq!([0, 8, 16].map(|i| word(&instance, globals + i)), [7, 0x1_0000, 4]);
    assert_eq!(&memory[16..21], b"hello");
    assert!(memory[21..].iter().chain(&memory[..16]).all(|b| *b == 0));
    assert!(program.instantiate(&mut instance[1..], &mut memory).is_err());
    assert!(program.instantiate(&mut instance, &mut memory[1..]).is_err());
}

#[test]
fn further_memories_lie_behind_the_first() {
    let mut object = Object::default();
    object.meta.memories = 1;
    object.meta.slots = 6;
    object.memories = vec![wasmkc_abi::object::MemoryRow { slot: 3, min: 1, max: 3, reserved: 0 }];
    object.data[0].memory = 1;
    let program = load(&object.elf()).unwrap();
    assert_eq!(program.info().memory_max, 2 + 3);
    let mut instance = vec![0xff; program.info().instance_bytes as usize];
    let mut memory = vec![0; 5 * 65536];
    program.instantiate(&mut instance, &mut memory).unwrap();
    let slots = INSTANCE_GLOBALS as usize;
    let base = memory.as_ptr().addr() as u64;
    assert_eq!([0, 8, 16].map(|at| word(&instance, at)), [base, 65536, 2 * 65536]);
    assert_eq!([2, 3, 4, 5].map(|i| word(&instance, slots + i * 8)), [0, base + 2 * 65536, 65536, 3 * 65536]);
    assert_eq!(&memory[2 * 65536 + 16..][..5], b"hello");
    assert_eq!(memory[16], 0);
}

#[test]
fn a_trap_is_explained_by_its_return_address() {
    let program = load(&Object::default().elf()).unwrap();
    let site = program.trap_site(TEXT_BASE + u64::from(TRAP_SITE)).unwrap();
    assert_eq!((site.function, site.file, site.line, site.wasm_offset), ("xdp", "filter.c", 35, 0x99));
    for other in [0, TEXT_BASE, TEXT_BASE + 50, TEXT_BASE + 52, TEXT_BASE - 1, u64::MAX] {
        assert!(program.trap_site(other).is_none());
    }
}

#[test]
fn every_failing_platform_call_leaves_nothing_taken() {
    let bytes = signed(&Object::default().elf());
    let whole = TestPlatform::default();
    let program = wasmkc_core::load(|_, _| Ok(()), whole.clone(), &bytes).unwrap();
    let calls = whole.0.lock().unwrap().calls;
    assert_eq!(calls, 2 + 4 + 2, "blocks, symbols, writes");
    drop(program);
    for n in 0..calls {
        let platform = TestPlatform::default();
        platform.0.lock().unwrap().fail_at = Some(n);
        let error = wasmkc_core::load(|_, _| Ok(()), platform.clone(), &bytes).unwrap_err();
        assert!(matches!(error.code, Code::Platform | Code::UnknownSymbol), "{error}");
        assert!(platform.0.lock().unwrap().blocks.is_empty(), "call {n}");
    }
}

#[test]
fn tables_may_be_absent_when_empty() {
    let mut object = Object { relas: vec![], imports: vec![], traps: vec![], slots: vec![], ..Object::default() };
    (object.passive, object.data, object.data_bytes) = (vec![], vec![], vec![]);
    object.meta = wasmkc_abi::object::Meta {
        imports: 0,
        traps: 0,
        slots: 0,
        passive: 0,
        data: 0,
        shadow_sp_slot: u32::MAX,
        ..object.meta
    };
    object.sections = |s| s.retain(|s| !s.bytes.is_empty());
    load(&object.elf()).unwrap();
}
