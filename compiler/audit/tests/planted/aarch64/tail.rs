//! Jumps to other functions: the frame is gone, and all else is as at a call and a return.

use crate::common::Kwo;
use crate::common::aarch64::{Code, MOV_PASS, NOP, TAKE_DOWN, cbz_over, deeper, mov};
use crate::{accepted, refused, rules};

/// An object whose entry, `code`, ends in a jump to byte `into` of the function behind it.
fn jumps_into(code: Code, into: u32) -> Kwo {
    let next = (code.len() + 4).next_multiple_of(16);
    code.b_at(next + into).kwo().function(Code::inner().words(&[MOV_PASS]).ret().0)
}

fn jumps(code: Code, end: &[u32]) -> Kwo {
    jumps_into(code.words(end), 0)
}

#[test]
fn a_jump_behind_the_frame() {
    assert_eq!(accepted(&jumps(Code::new(), &[TAKE_DOWN])).calls, 1);
    accepted(&Code::new().words(&[TAKE_DOWN]).b_at(0).kwo());
    // str x19, [sp, #-16]! ... ldr x19, [sp], #16, with x19 used in between
    let saves = Code::with_frame(&[0xf81f_0ff3]).words(&[mov(19, 1)]);
    accepted(&jumps(saves.clone(), &[0xf841_07f3, TAKE_DOWN]));
    refused(&jumps(saves.clone(), &[0x9100_43ff, TAKE_DOWN]), "callee-saved");
    refused(&jumps(saves, &[TAKE_DOWN]), "stack-pointer");
}

#[test]
fn a_jump_with_the_frame_in_place() {
    refused(&jumps(Code::new(), &[]), "branch-out-of-function");
    refused(&jumps(Code::new(), &[TAKE_DOWN, NOP]), "branch-out-of-function");
    refused(&jumps(Code::new(), &[cbz_over(1, 1), TAKE_DOWN]), "frame"); // to the jump
    refused(&jumps(Code::with_frame(&[deeper(16)]), &[TAKE_DOWN]), "stack-pointer");
}

#[test]
fn a_jump_to_the_middle_of_a_function() {
    refused(&jumps_into(Code::new().words(&[TAKE_DOWN]), 4), "branch-out-of-function");
    refused(&jumps_into(Code::new().words(&[TAKE_DOWN]), 8), "branch-out-of-function");
}

#[test]
fn a_conditional_jump_to_a_function() {
    let code = Code::new().words(&[TAKE_DOWN]);
    let words = ((code.len() + 8).next_multiple_of(16) - code.len()) / 4;
    let code = code.words(&[0x3400_0001 | words << 5, 0xd65f_03c0]); // cbz w1
    let found = rules(&code.kwo().function(Code::inner().ret().0));
    assert!(found.contains(&"branch-out-of-function"), "{found:?}");
}

#[test]
fn what_a_call_and_a_return_must_keep() {
    refused(&jumps(Code::new(), &[0xd280_0000, TAKE_DOWN]), "call-argument"); // mov x0, #0
    refused(&jumps(Code::new(), &[mov(19, 1), TAKE_DOWN]), "callee-saved");
    assert_eq!(rules(&jumps(Code::bare().stack_check(), &[TAKE_DOWN])), ["unpaid-call", "undercharged-code"]);
    refused(&jumps(Code::bare().charge(8), &[TAKE_DOWN]), "stack-check");
    accepted(&jumps(Code::new().words(&[NOP; 90]), &[TAKE_DOWN]));
    refused(&jumps(Code::new().words(&[NOP; 128]), &[TAKE_DOWN]), "undercharged-code");
}
