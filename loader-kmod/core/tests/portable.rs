// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Objects of bytecode: how a good one is placed, and what is refused that native code does not know. What it does when
//! it runs stands in `loader-kmod/host/tests/bytecode.rs`.
#![allow(missing_docs)]

mod common;

use common::{Object, OnMachine, RODATA_BASE, Rela, load_on};
use wasmkc_abi::control::{ENGINE_NATIVE, ENGINE_PORTABLE};
use wasmkc_abi::object::{BYTECODE_VERSION, EM_NONE, EM_X86_64, MACHINE_PORTABLE};
use wasmkc_core::{Arena, Code, Error, Program};

/// Two functions of `ret` and padding; the core does not look at instructions.
fn object() -> Object {
    let mut object = Object { machine: EM_NONE, ..Object::default() };
    (object.meta.machine, object.meta.bytecode) = (MACHINE_PORTABLE, BYTECODE_VERSION);
    object.text = vec![0; 96];
    (object.text[0], object.text[64]) = (1, 1);
    object.relas.clear();
    object
}

type Here = OnMachine<EM_X86_64>;

fn load(platform: &Here, object: &Object) -> Result<Program<Here>, Error> {
    load_on(platform, &object.elf())
}

fn refused(spoil: impl FnOnce(&mut Object)) -> Code {
    let mut object = object();
    spoil(&mut object);
    load(&Here::default(), &object).expect_err("loaded").code
}

#[test]
fn its_constants_stand_right_behind_it_and_neither_is_in_an_arena() {
    let platform = Here::default();
    let program = load(&platform, &object()).unwrap();
    let info = program.info();
    assert_eq!((info.engine, info.text_size), (ENGINE_PORTABLE, 96));
    assert_eq!((info.entry_xdp, info.text_base), (RODATA_BASE, RODATA_BASE), "the one block that was taken");
    {
        let account = platform.0.lock().unwrap();
        let [(arena, _, bytes)] = &account.written[..] else { panic!("one block") };
        assert_eq!(*arena, Arena::Bytecode);
        assert_eq!(bytes[..], [&object().text[..], &object().rodata].concat());
        assert_eq!(account.blocks.len(), 1);
    }
    assert_eq!(program.trap_site(RODATA_BASE + u64::from(common::TRAP_SITE)).unwrap().line, 35);
    drop(program);
    assert!(platform.0.lock().unwrap().blocks.is_empty(), "it gives back what it took");
}

#[test]
fn native_code_is_no_bytecode() {
    assert_eq!(load(&Here::default(), &Object::default()).unwrap().info().engine, ENGINE_NATIVE);
    let mut native = Object::default();
    native.meta.bytecode = BYTECODE_VERSION;
    assert_eq!(load(&Here::default(), &native).unwrap_err().code, Code::BytecodeMismatch);
}

#[test]
fn bytecode_of_another_version_width_or_byte_order() {
    for version in [0, BYTECODE_VERSION - 1, BYTECODE_VERSION + 1, BYTECODE_VERSION.swap_bytes()] {
        assert_eq!(refused(|x| x.meta.bytecode = version), Code::BytecodeMismatch, "{version}");
    }
    assert_eq!(refused(|x| x.meta.machine = EM_NONE), Code::MachineMismatch, "no machine in the metadata");
    assert_eq!(refused(|x| x.meta.machine = EM_X86_64), Code::MachineMismatch, "a processor's code in it");
    let mut elf = object().elf();
    elf[4] = 1;
    assert_eq!(load_on(&Here::default(), &elf).unwrap_err().code, Code::NotElf, "32 bits");
    let mut elf = object().elf();
    elf[5] = 2;
    assert_eq!(load_on(&Here::default(), &elf).unwrap_err().code, Code::NotElf, "big-endian");
}

#[test]
fn text_behind_which_constants_would_not_be_found() {
    for bytes in [95, 97, 104] {
        assert_eq!(refused(|x| x.text.resize(bytes, 0)), Code::BadSection, "{bytes}");
    }
}

#[test]
fn bytecode_has_no_relocations() {
    for kind in [0, 2, 4, 283] {
        let rela = Rela { offset: 8, kind, symbol: 3, addend: 0 };
        assert_eq!(refused(|x| x.relas.push(rela)), Code::BadRelocation, "{kind}");
    }
}
