// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Objects for aarch64: what a good one becomes, and what is refused that x86_64 does not know.
#![allow(missing_docs)]

mod common;

use common::{Object, OnMachine, RODATA_BASE, Rela, SYMBOL_BASE, Section, TEXT_BASE, load_on};
use wasmkc_abi::object::{
    EM_AARCH64, R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_ADR_PREL_PG_HI21, R_AARCH64_CALL26, SECTION_TARGET_PREFIX,
};
use wasmkc_core::{Arena, Code, Error, Program};

/// The two functions of `common::TEXT` in this machine's words.
const WORDS: [u32; 20] = [
    0xd503_245f, //  0 bti c
    0xa9bf_7bfd, //  4 stp x29, x30, [sp, #-16]!
    0xf940_1401, //  8 ldr x1, [x0, #40]          packet length
    0xb400_00c1, // 12 cbz x1, 36
    0x9000_0003, // 16 adrp x3, .rodata
    0x9100_0063, // 20 add x3, x3, :lo12:.rodata
    0xf940_0060, // 24 ldr x0, [x3]
    0xa8c1_7bfd, // 28 ldp x29, x30, [sp], #16
    0xd65f_03c0, // 32 ret
    0x5280_0141, // 36 mov w1, packet-out-of-bounds
    0x9400_0000, // 40 bl wkc_trap
    0x0000_0000, // 44 udf
    0x0000_0000,
    0x0000_0000,
    0x0000_0000,
    0x0000_0000, // padding
    0xd503_245f, // 64 bti c
    0x9400_0000, // 68 bl wkc_helper_cpu
    0xd65f_03c0, // 72 ret
    0x0000_0000,
];
const CALL_TRAP: usize = 40;
const ADRP: usize = 16;

fn rela(offset: u64, kind: u32, symbol: u32, addend: i64) -> Rela {
    Rela { offset, kind, symbol, addend }
}

fn object() -> Object {
    let mut object = Object { machine: EM_AARCH64, ..Object::default() };
    object.meta.machine = EM_AARCH64;
    object.text = WORDS.iter().flat_map(|w| w.to_le_bytes()).collect();
    (object.funcs[0].size, object.funcs[1].size, object.traps[0].site) = (48, 12, 44);
    object.relas = vec![
        rela(16, R_AARCH64_ADR_PREL_PG_HI21, 1, 8),
        rela(20, R_AARCH64_ADD_ABS_LO12_NC, 1, 8),
        rela(40, R_AARCH64_CALL26, 3, 0),
        rela(68, R_AARCH64_CALL26, 4, 0),
    ];
    object
}

type Aarch64 = OnMachine<EM_AARCH64>;

fn load(platform: &Aarch64, object: &Object) -> Result<Program<Aarch64>, Error> {
    load_on(platform, &object.elf())
}

fn refused(spoil: impl FnOnce(&mut Object)) -> Code {
    let mut object = object();
    spoil(&mut object);
    load(&Aarch64::default(), &object).expect_err("loaded").code
}

#[test]
fn a_good_object_is_relocated() {
    let platform = Aarch64::default();
    let program = load(&platform, &object()).unwrap();
    assert_eq!(program.info().entry_xdp, TEXT_BASE);
    let account = platform.0.lock().unwrap();
    let text = &account.written.iter().find(|w| w.0 == Arena::Text).unwrap().2;
    let word = |at: usize| u32::from_le_bytes(*text[at..].first_chunk().unwrap());
    let distance = |at: u64, target: u64| ((target - (TEXT_BASE + at)) / 4) as u32;
    assert_eq!(word(CALL_TRAP), 0x9400_0000 | distance(40, SYMBOL_BASE + 16));
    assert_eq!(word(68), 0x9400_0000 | distance(68, SYMBOL_BASE + 16 * 18));
    let pages = ((RODATA_BASE - TEXT_BASE) >> 12) as u32;
    assert_eq!(word(ADRP), 0x9000_0003 | (pages & 3) << 29 | pages >> 2 << 5);
    assert_eq!(word(ADRP + 4), 0x9100_0063 | 8 << 10);
    let relocated = [16, 20, 40, 68];
    for at in (0..text.len()).step_by(4).filter(|at| !relocated.contains(at)) {
        assert_eq!(word(at), WORDS[at / 4], "{at}: nothing else changes");
    }
    let site = program.trap_site(TEXT_BASE + 44).unwrap();
    assert_eq!((site.function, site.line), ("xdp", 35));
}

#[test]
fn the_inner_object_is_taken_and_the_outer_ones_code_is_not() {
    let outer = Object {
        sections: |s| s.push(Section::new(&format!("{SECTION_TARGET_PREFIX}aarch64"), 0, &object().elf())),
        ..Object::default()
    };
    assert_eq!(load(&Aarch64::default(), &outer).unwrap().meta().machine, EM_AARCH64);
    assert_eq!(load(&Aarch64::default(), &Object::default()).unwrap_err().code, Code::NoCode);
}

#[test]
fn an_entry_is_a_landing_pad_on_whole_instructions() {
    assert_eq!(refused(|x| x.text[0] = 0x9f), Code::BadEntry, "bti j");
    assert_eq!(refused(|x| x.text[64..68].copy_from_slice(&0xd503_201f_u32.to_le_bytes())), Code::BadEntry, "nop");
    let slipped = refused(|x| {
        x.text[66..70].copy_from_slice(&0xd503_245f_u32.to_le_bytes());
        x.funcs[1].text_offset = 66;
        x.meta.entry_init = 66;
        x.relas.pop();
    });
    assert_eq!(slipped, Code::BadEntry, "between two instructions");
}

#[test]
fn relocations_are_those_of_their_instructions() {
    type Spoil = fn(&mut Object);
    let cases: [(&str, Spoil); 14] = [
        ("x86_64's call", |x| x.relas[2].kind = 4),
        ("x86_64's distance", |x| x.relas[0].kind = 2),
        ("jump", |x| x.relas[2].kind = 282),
        ("absolute address of 64 bits", |x| x.relas[2].kind = 257),
        ("call with an addend", |x| x.relas[2].addend = 4),
        ("call in a field that is not empty", |x| x.text[CALL_TRAP] = 1),
        ("call where a jump stands", |x| x.text[CALL_TRAP + 3] = 0x14),
        ("call between two instructions", |x| x.relas[2].offset = 42),
        ("wkc_ret", |x| x.relas[2].symbol = 2),
        ("half of an address", |x| x.relas.truncate(1)),
        ("other half of an address", |x| x.relas = vec![x.relas[1]]),
        ("halves of two addresses", |x| x.relas[1].addend = 0),
        ("address in two registers", |x| x.text[ADRP] = 4),
        ("address behind the constants", |x| (x.relas[0].addend, x.relas[1].addend) = (13, 13)),
    ];
    for (what, spoil) in cases {
        assert_eq!(refused(spoil), Code::BadRelocation, "{what}");
    }
    assert_eq!(refused(|x| x.relas[2].symbol = 1), Code::BadSymbol, "call of constants");
    assert_eq!(refused(|x| x.relas[0].symbol = 3), Code::BadSymbol, "address of a function");
    assert_eq!(refused(|x| x.symbols[3].0 = "printk".into()), Code::UnknownSymbol, "any function of the kernel");
}

#[test]
fn constants_out_of_reach() {
    let platform = Aarch64::default();
    platform.0.lock().unwrap().far_rodata = true;
    assert_eq!(load(&platform, &object()).unwrap_err().code, Code::OutOfReach);
}
