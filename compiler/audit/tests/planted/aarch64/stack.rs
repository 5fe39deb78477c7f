//! Frames, sp, and the stack check.

use super::{each, planted};
use crate::common::aarch64::{
    BTI_C, Code, MOV_PASS, NOP, PROLOGUE, RET, TAKE_DOWN, cbz_over, deeper, flatter, ldr, mov, str,
};
use crate::{accepted, refused, rules};

/// `str x19, [sp, #-16]!`
const PUSH: u32 = 0xf81f_0ff3;
/// `ldr x19, [sp], #16`
const POP: u32 = 0xf841_07f3;

#[test]
fn frames() {
    refused(&Code::default().words(&[BTI_C, MOV_PASS, TAKE_DOWN, RET]).kwo(), "frame");
    refused(&Code::default().words(&[BTI_C, PROLOGUE[0], NOP, PROLOGUE[1], TAKE_DOWN, RET]).kwo(), "frame");
    refused(&planted(&[mov(29, 1)]), "frame");
    refused(&planted(&[mov(30, 1)]), "frame");
    refused(&planted(&[ldr(30, 1, 8)]), "frame");
    refused(&planted(&[PROLOGUE[1]]), "frame"); // mov x29, sp once more
    refused(&Code::new().cbnz_at(4).ret().kwo(), "frame"); // back into the prologue
    // stp x29, x30, [sp, #-32]!: another frame than the rest of the audit counts with
    refused(&Code::default().words(&[BTI_C, 0xa9be_7bfd, PROLOGUE[1], TAKE_DOWN, RET]).kwo(), "frame");
}

#[test]
fn the_return_address_in_other_uses() {
    let words = [
        str(30, 1, 0), // into linear memory
        str(30, 31, 0),
        str(1, 30, 0),
        mov(9, 30),
        0xb400_005e, // cbz x30, +8
        0x9100_03c9, // add x9, x30, #0
        0xeb1e_013f, // cmp x9, x30
        0x9a9e_0129, // csel x9, x9, x30, eq
        0xf83e_6821, // str x1, [x1, x30]
        0xa900_7829, // stp x9, x30, [x1]
        0xf81f_0ffe, // str x30, [sp, #-16]!
        0x92bf_ffde, // movn x30, #0xfffe, lsl #16
    ];
    each("frame", &words);
    // stp x29, x30, [sp, #-16]! once more: from there it could be loaded
    refused(&Code::with_frame(&[PROLOGUE[0]]).words(&[flatter(16)]).ret().kwo(), "frame");
}

#[test]
fn the_frame_pointer_in_other_uses_than_addresses() {
    let words = [
        str(29, 1, 0),
        mov(9, 29),
        0x9100_03a9, // add x9, x29, #0
        0x9100_03bf, // mov sp, x29
        0xb400_005d, // cbz x29, +8
        0xeb1d_013f, // cmp x9, x29
        0x9a9d_0129, // csel x9, x9, x29, eq
        0x927c_efa9, // and x9, x29, #0xfffffffffffffff0
        0xd344_ffa9, // lsr x9, x29, #4
        0x93dd_13a9, // extr x9, x29, x29, #4
        0xf83d_6821, // str x1, [x1, x29]
        0xa900_7429, // stp x9, x29, [x1]
        0xa900_243d, // stp x29, x9, [x1]
        0xf81f_0ffd, // str x29, [sp, #-16]!
        str(29, 29, 16),
    ];
    each("frame", &words);
}

#[test]
fn returns_with_the_frame_in_place() {
    refused(&Code::new().words(&[RET]).kwo(), "frame");
    assert_eq!(rules(&Code::new().words(&[TAKE_DOWN, NOP, RET]).kwo()), ["stack-pointer", "frame"]);
    // To another place: ldp x29, x30, [sp], #32; ldp x30, x29, [sp], #16; ldp x29, x30, [sp]
    for end in [0xa8c2_7bfd, 0xa8c1_77fe, 0xa940_7bfd] {
        let found = rules(&Code::new().words(&[end, RET]).kwo());
        assert!(found.contains(&"frame"), "{end:#x} {found:?}");
    }
    // A branch to the return, around what restores x30.
    assert!(rules(&Code::new().words(&[cbz_over(1, 1), TAKE_DOWN, RET]).kwo()).contains(&"frame"));
    // With bytes of the frame left: x30 would be whatever lies there.
    refused(&Code::with_frame(&[deeper(16)]).ret().kwo(), "stack-pointer");
    accepted(&Code::with_frame(&[deeper(16)]).words(&[flatter(16)]).ret().kwo());
}

#[test]
fn stack_pointers() {
    for word in [
        0x9100_003f, // mov sp, x1
        0xcb21_63ff, // sub sp, sp, x1
        0x927c_efff, // and sp, sp, #0xfffffffffffffff0: of xzr
        0x5100_43ff, // sub wsp, wsp, #16
        flatter(16), // out of the frame
        POP,         // of what the frame's start put there
        deeper(8),   // no multiple of 16
        0x9140_07ff, // add sp, sp, #1, lsl #12
    ] {
        refused(&planted(&[word]), "stack-pointer");
    }
    let frame = |bytes| Code::with_frame(&[deeper(bytes)]).words(&[flatter(bytes)]).ret().kwo();
    accepted(&frame(2048));
    let found = rules(&frame(2064));
    assert!(found.iter().all(|r| *r == "stack-pointer"), "{found:?}");
    assert!(!found.is_empty());
    // On one path only.
    let code = Code::with_frame(&[cbz_over(1, 1), deeper(16)]);
    assert!(rules(&code.ret().kwo()).contains(&"stack-pointer"));
}

#[test]
fn stack_accesses() {
    let inside = |words: &[u32]| Code::with_frame(&[deeper(16)]).words(words).words(&[flatter(16)]).ret().kwo();
    accepted(&inside(&[str(1, 31, 8), 0xf81f_83a1])); // str x1, [sp, #8]; stur x1, [x29, #-8]
    accepted(&inside(&[ldr(1, 29, 16), 0x7900_03e1])); // an argument; strh w1, [sp]
    for word in [
        str(1, 31, 16),        // the caller's frame pointer
        str(1, 29, 8),         // the return address
        ldr(1, 29, 8),         // which is not read either
        str(1, 29, 16),        // the caller's frame
        0xf81f_83e1,           // stur x1, [sp, #-8]: below sp
        0xf800_93e1,           // stur x1, [sp, #9]: half outside
        0xa900_8be1,           // stp x1, x2, [sp, #8]
        0xf821_6be1,           // str x1, [sp, x1]
        0xf821_6ba1,           // str x1, [x29, x1]
        ldr(1, 29, 16 + 2048), // beyond all arguments
    ] {
        refused(&inside(&[word]), "stack-access");
    }
    // mov x1, sp; str x2, [x1, #16]
    refused(&inside(&[0x9100_03e1, str(2, 1, 16)]), "stack-access");
}

#[test]
fn a_function_without_a_stack_check() {
    let judged = |check: &[u32]| rules(&Code::bare().words(check).trap(8).charge(8).words(&[MOV_PASS]).ret().kwo());
    let (sp, limit, cmp, hs) = (0x9100_03e9, ldr(10, 0, 16), 0xeb0a_013f, 0x5400_0082);
    assert_eq!(judged(&[sp, limit, cmp, hs]), [""; 0]);
    assert_eq!(judged(&[sp, limit, 0xeb09_013f, hs]), ["stack-check"]); // cmp x9, x9
    assert_eq!(judged(&[sp, limit, 0x6b0a_013f, hs]), ["stack-check"]); // cmp w9, w10
    assert_eq!(judged(&[sp, limit, 0xeb0a_053f, hs]), ["stack-check"]); // cmp x9, x10, lsl #1
    assert_eq!(judged(&[sp, limit, cmp, 0x5400_0089]), ["stack-check"]); // b.ls
    assert_eq!(judged(&[sp, limit, cmp, 0x5400_008a]), ["stack-check"]); // b.ge
    assert_eq!(judged(&[sp, ldr(10, 0, 8), cmp, hs]), ["stack-check"]); // another field
    assert_eq!(judged(&[0xd100_43e9, limit, cmp, hs]), ["stack-check"]); // sub x9, sp, #16
    refused(&Code::bare().charge(8).ret().kwo(), "stack-check");
    refused(&Code::bare().charge(8).call_at(0).ret().kwo(), "stack-check");
    let inner = Code::default().words(&PROLOGUE).charge(8).ret();
    refused(&Code::new().ret().kwo().function(inner.0), "stack-check");
}

#[test]
fn a_stack_that_grows_behind_its_check() {
    refused(&planted(&[deeper(16), flatter(16)]), "stack-check");
    refused(&planted(&[PUSH, POP]), "stack-check");
    // sp as it was before is checked
    let code = Code::bare().words(&[0x9100_03e9, deeper(16), ldr(10, 0, 16), 0xeb0a_013f, 0x5400_0082]).trap(8);
    refused(&code.charge(8).words(&[flatter(16)]).ret().kwo(), "stack-check");
}

#[test]
fn registers_that_are_saved_and_given_back() {
    accepted(&Code::with_frame(&[PUSH]).words(&[mov(19, 1), POP]).ret().kwo());
    // stp x19, x20, [sp, #-16]! ... ldp x19, x20, [sp], #16, then with the two swapped
    let pair = |end| Code::with_frame(&[0xa9bf_53f3]).words(&[mov(19, 1), mov(20, 2), end]).ret().kwo();
    accepted(&pair(0xa8c1_53f3));
    refused(&pair(0xa8c1_4ff4), "callee-saved");
    refused(&pair(flatter(16)), "callee-saved");
    for r in 19..=28 {
        refused(&planted(&[mov(r, 1)]), "callee-saved");
    }
    accepted(&planted(&[mov(15, 1), mov(17, 1)]));
    // The low half alone: mov w19, w19
    refused(&planted(&[0x2a13_03f3]), "callee-saved");
    // The place is written in between: str x1, [sp]; strb w1, [sp, #7]
    for word in [str(1, 31, 0), 0x3900_1fe1] {
        refused(&Code::with_frame(&[PUSH]).words(&[word, POP]).ret().kwo(), "callee-saved");
    }
}
