//! aarch64: each forbidden thing in an otherwise valid object is refused by its rule's name.

mod fuel;
mod hostile;
mod instructions;
mod size;
mod stack;
mod tables;
mod tail;

use wasmkc_abi::object::EM_X86_64;

use crate::common::Kwo;
use crate::common::aarch64::{BTI_C, Code, MOV_PASS, NOP, RET, TAKE_DOWN, cbz_over, deeper, flatter, ldr, str};
use crate::{accepted, refused, refused_and_cut, rules};

/// `code` in a frame, followed by a return.
fn planted(code: &[u32]) -> Kwo {
    Code::new().words(code).words(&[MOV_PASS]).ret().kwo()
}

/// Each of these words breaks `rule` and no other.
#[track_caller]
fn each(rule: &str, words: &[u32]) {
    for word in words {
        let mut found = rules(&planted(&[*word]));
        found.retain(|r| *r != "unreached-bytes");
        assert_eq!(found, [rule], "{word:#010x}");
    }
}

#[test]
fn a_minimal_object_is_accepted() {
    let report = accepted(&Code::new().words(&[MOV_PASS]).ret().kwo());
    // bti and frame, stack check, charge, mov, and the end.
    assert_eq!((report.functions, report.instructions), (1, 3 + 7 + 8 + 1 + 2));
    assert_eq!((report.symbols["wkc_trap"], report.mnemonics["ret"]), (2, 1));
}

#[test]
fn constant_helper_and_call_are_accepted() {
    let code = Code::with_frame(&[deeper(16), str(0, 31, 0)]).charge(5).address(1, 8).call("wkc_helper_cpu");
    let code = code.words(&[ldr(0, 31, 0)]);
    let to = (code.len() + 16).next_multiple_of(16);
    let code = code.call_at(to).words(&[flatter(16)]).ret();
    assert_eq!(code.len().next_multiple_of(16), to);
    let mut kwo = code.kwo().function(Code::inner().words(&[MOV_PASS]).ret().0);
    kwo.rodata = vec![0; 16];
    kwo.helpers = vec![2];
    assert_eq!(accepted(&kwo).calls, 1);
    kwo.rodata = vec![0; 7];
    refused(&kwo, "rip-memory");
    kwo.rodata = vec![0; 16];
    kwo.helpers.clear();
    refused(&kwo, "undeclared-helper");
}

#[test]
fn branches_and_calls_to_other_places() {
    let far = |word: u32| Code::new().words(&[word, MOV_PASS]).ret().kwo();
    refused_and_cut(&far(0x1404_0000), "branch-out-of-section"); // b +1 MiB
    refused(&far(0x5480_0000), "branch-out-of-section"); // b.eq -1 MiB
    refused(&far(0x9404_0000), "unknown-call-target");
    refused(&Code::new().call_at(4).ret().kwo(), "unknown-call-target"); // no function's start
    let at = Code::new().len();
    let next = (at + 3 * 4).next_multiple_of(16);
    let code = Code::new().words(&[0x3400_0001 | ((next - at) / 4) << 5]).ret(); // cbz w1
    refused(&code.kwo().function(Code::inner().ret().0), "branch-out-of-function");
}

#[test]
fn running_off_the_end_and_bytes_that_nothing_reaches() {
    refused(&Code::new().words(&[MOV_PASS]).kwo(), "runs-off-the-end");
    refused(&Code::new().ret().words(&[NOP]).kwo(), "unreached-bytes");
    refused(&Code::new().ret().words(&[0]).kwo(), "unreached-bytes");
}

#[test]
fn udf_that_is_reached() {
    refused(&Code::new().words(&[0]).kwo(), "reached-fault");
    refused(&planted(&[cbz_over(1, 1), 0xc11f]), "reached-fault");
    // What a division of the code generator's own leaves: w1 is not zero any more.
    let code = Code::new().words(&[0x3500_0081]).trap(6).words(&[0x3500_0041, 0]); // cbnz w1, +16 ... cbnz w1, +8
    accepted(&code.words(&[MOV_PASS]).ret().kwo());
}

#[test]
fn landing_pads_beside_the_entries() {
    each("landing-pad", &[BTI_C]);
    // bti, bti j, bti jc
    for word in [0xd503_241f, 0xd503_249f, 0xd503_24df] {
        assert_eq!(rules(&planted(&[word])), ["landing-pad", "instruction-not-allowed"], "{word:#x}");
    }
    let plain = Code::new().words(&[MOV_PASS]).ret();
    refused(&plain.clone().kwo().function(plain.0.clone()), "landing-pad"); // a function that is no entry
    let mut kwo = plain.clone().kwo();
    kwo.functions[0].bytes[0] = 0x9f; // an entry with bti j
    assert!(rules(&kwo).contains(&"landing-pad"));
    kwo.functions[0].bytes[0] = 0x5f;
    accepted(&kwo);
    // Behind everything.
    let behind = Code::new().words(&[TAKE_DOWN, RET, BTI_C]);
    assert_eq!(rules(&behind.kwo()), ["landing-pad", "unreached-bytes"]);
}

#[test]
fn code_of_another_machine() {
    let mut kwo = planted(&[]);
    kwo.meta.machine = EM_X86_64;
    refused(&kwo, "unsupported-machine");
    let mut kwo = Kwo::pass();
    kwo.meta.machine = wasmkc_abi::object::EM_AARCH64;
    refused(&kwo, "unsupported-machine");
    // The words of one read as the other.
    let mut kwo = Code::new().ret().mistaken();
    kwo.meta.machine = EM_X86_64;
    assert!(!rules(&kwo).is_empty());
    let mut kwo = Code(Kwo::pass().functions[0].clone()).kwo();
    kwo.functions[0].relocations.clear();
    assert!(!rules(&kwo).is_empty());
}
