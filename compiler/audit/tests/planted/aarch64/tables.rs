//! Relocations, symbols, trap codes, entries and padding.

use wasmkc_abi::object::{FuncRow, NONE};
use wasmkc_audit::audit;

use crate::common::aarch64::{Code, MOV_PASS, NOP, UDF, mov, mov_imm};
use crate::common::{Kwo, To};
use crate::{accepted, refused, rules};

const BL: u32 = 0x9400_0000;
const ADRP: u32 = 0x9000_0000;
const ADD: u32 = 0x9100_0000;

/// An object with these words at the end of its code, before the return.
fn with(code: impl FnOnce(Code) -> Code) -> Kwo {
    let mut kwo = code(Code::new()).ret().kwo();
    kwo.rodata = vec![0; 64];
    kwo.helpers = vec![2];
    kwo
}

#[test]
fn relocations_at_other_places() {
    let wrong = |word, to, addend| with(|code| code.related(word, to, addend));
    for (word, to) in [
        (NOP, To::Symbol("wkc_memset")),
        (BL | 1, To::Symbol("wkc_helper_cpu")), // a field that is not empty
        (0x1400_0000, To::Symbol("wkc_helper_cpu")),
        (MOV_PASS, To::RodataLow),
        (0x9100_0420, To::RodataLow), // add x0, x1, #1
        (0x9140_0021, To::RodataLow), // add x1, x1, #0, lsl #12
    ] {
        assert!(rules(&wrong(word, to.clone(), 0)).contains(&"relocation"), "{word:#x} {to:?}");
    }
    refused(&wrong(BL, To::Symbol("wkc_helper_cpu"), 4), "relocation");
    refused(&wrong(BL, To::Symbol("printk"), 0), "relocation");
    refused(&wrong(BL, To::Symbol("wkc_ret"), 0), "relocation"); // there is none for this machine
    // ABS64, PREL32, JUMP26, LDST64_ABS_LO12_NC, x86_64's
    for r_type in [257, 261, 282, 286, 2, 4] {
        refused(&wrong(NOP, To::Other(r_type), 0), "relocation");
    }
    // Across two instructions.
    let mut kwo = with(|code| code.words(&[NOP, NOP]));
    let at = kwo.functions[0].bytes.len() as u32 - 14;
    kwo.functions[0].relocations.push((at, To::Symbol("wkc_memset"), 0));
    assert!(rules(&kwo).iter().all(|r| *r == "relocation"));
}

#[test]
fn halves_of_addresses() {
    accepted(&with(|code| code.address(3, 64)));
    let halves = |adrp, add, (n, m)| with(|code| code.related(adrp, To::RodataPage, n).related(add, To::RodataLow, m));
    let (adrp, add) = (ADRP | 3, ADD | 3 << 5 | 3);
    accepted(&halves(adrp, add, (8, 8)));
    for kwo in [
        halves(adrp, add, (8, 16)),
        halves(adrp, add, (65, 65)),
        halves(adrp, add, (-1, -1)),
        halves(ADRP | 4, add, (8, 8)),
        with(|code| code.related(adrp, To::RodataPage, 8)),
        with(|code| code.related(add, To::RodataLow, 8)),
        with(|code| code.related(adrp, To::RodataPage, 8).words(&[NOP]).related(add, To::RodataLow, 8)),
        with(|code| code.related(adrp, To::RodataPage, 8).words(&[add])),
    ] {
        refused(&kwo, "rip-memory");
    }
    // add x3, x4
    assert!(rules(&halves(adrp, ADD | 4 << 5 | 3, (8, 8))).contains(&"relocation"));
    refused(&with(|code| code.address(18, 8)), "platform-register");
    refused(&with(|code| code.address(30, 8)), "frame");
}

#[test]
fn calls_of_symbols() {
    refused(&with(|code| code.call("wkc_helper_ktime_ns")), "undeclared-helper");
    refused(&with(|code| code.charge(5).words(&[0xd280_0000]).call("wkc_helper_cpu")), "call-argument"); // mov x0, #0
}

#[test]
fn a_trap_with_another_code_than_its_row() {
    let with = |words: &[u32]| {
        let mut code = Code::new().words(words).call("wkc_trap");
        code.0.traps.push((code.len(), 6));
        code.words(&[UDF]).kwo()
    };
    accepted(&with(&[mov_imm(1, 6)]));
    accepted(&with(&[0xd280_00c1])); // mov x1, #6
    accepted(&with(&[0x5280_00c1, 0x72a0_0001])); // and movk w1, #0, lsl #16
    refused(&with(&[0x5280_00c1, 0x72a0_0021]), "trap-code"); // movk w1, #1, lsl #16
    accepted(&with(&[0x321f_07e1])); // mov w1, #6 as a mask
    refused(&with(&[mov_imm(1, 7)]), "trap-code");
    refused(&with(&[mov(1, 5)]), "trap-code");
    refused(&with(&[]), "trap-code");
    refused(&with(&[0x1280_00c1]), "trap-code"); // mov w1, #-7
}

#[test]
fn a_trap_without_a_row_and_a_row_without_a_trap() {
    let mut code = Code::new().words(&[MOV_PASS]).ret();
    assert_eq!(code.0.traps.pop().map(|(_, code)| code), Some(9));
    refused(&code.kwo(), "trap-site");
    let mut code = Code::new().words(&[MOV_PASS]).ret();
    code.0.traps.push((code.len(), 1));
    refused(&code.kwo(), "trap-site");
}

#[test]
fn padding_that_is_no_udf() {
    let code = Code::new().words(&[NOP]).ret();
    assert!(!code.len().is_multiple_of(16));
    let mut kwo = code.kwo().function(Code::inner().ret().0);
    accepted(&kwo);
    for padding in [0xcc, 0x1f] {
        kwo.padding = padding;
        refused(&kwo, "padding");
    }
}

#[test]
fn entries_and_functions() {
    let mut kwo = Code::new().ret().kwo();
    kwo.meta.entry_xdp = 4; // behind bti c
    assert_eq!(rules(&kwo), ["entry-point", "landing-pad"]);
    kwo.meta.entry_xdp = NONE;
    refused(&kwo, "landing-pad");
    // An entry that begins with its frame.
    refused(&Code::inner().ret().kwo(), "entry-point");
    // A function between two instructions.
    let mut kwo = Code::new().ret().kwo();
    let end = kwo.functions[0].bytes.len() as u32;
    kwo.functions[0].bytes.extend_from_slice(&[0; 8]);
    kwo.more_rows = FuncRow { text_offset: end + 10, size: 4, name: 0, wasm_index: 1 }.write().to_vec();
    assert!(rules(&kwo).contains(&"function-table"));
}

#[test]
fn every_truncation_and_every_flipped_byte_is_judged_without_a_panic() {
    let mut kwo = with(|code| code.address(1, 8).words(&[0x3400_0081]).trap(1).words(&[MOV_PASS]));
    kwo.meta.fuel = 1;
    let bytes = kwo.build();
    accepted(&kwo);
    for len in 0..bytes.len() {
        let _ = audit(&bytes[..len]);
    }
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            let _ = audit(&changed);
        }
    }
}
