//! Jumps to other functions: the frame is gone, and all else is as at a call and a return.

use pulley_interpreter::encode;

use crate::common::Kwo;
use crate::common::portable::{Code, upper, x};
use crate::{accepted, refused, rules};

/// An object whose entry, `code`, ends in a jump to byte `into` of the function behind it.
fn jumps_into(code: Code, into: u32) -> Kwo {
    let next = (code.len() + 5).next_multiple_of(16);
    code.jump_at(next + into).kwo().function(Code::new().ret().0)
}

fn popped(code: Code) -> Code {
    code.op(encode::pop_frame)
}

#[test]
fn a_jump_behind_the_frame() {
    assert_eq!(accepted(&jumps_into(popped(Code::new()), 0)).calls, 1);
    accepted(&popped(Code::new()).jump_at(0).kwo());
    let saves = || Code::saving(16, &[16]).op(|c| encode::xmov(c, x(16), x(1)));
    accepted(&jumps_into(saves().op(|c| encode::pop_frame_restore(c, 16_u16, upper(&[16]))), 0));
    refused(&jumps_into(popped(saves()), 0), "callee-saved");
}

#[test]
fn a_jump_with_the_frame_in_place() {
    refused(&jumps_into(Code::new(), 0), "branch-out-of-function");
    let found = rules(&jumps_into(popped(Code::new()).op(|c| encode::xzero(c, x(1))), 0));
    assert_eq!(found, ["branch-out-of-function"]);
    // A branch to the jump.
    let around = Code::new().over(|c, to| encode::br_if32(c, x(5), to), popped);
    refused(&jumps_into(around, 0), "frame");
    // Bytes that read as what takes the frame down, at the end of a number.
    let mut pop = Vec::new();
    encode::pop_frame(&mut pop);
    let looks = Code::new().op(|c| encode::xconst8(c, x(1), pop[0] as i8));
    refused(&jumps_into(looks, 0), "frame");
}

#[test]
fn a_jump_to_the_middle_of_a_function() {
    refused(&jumps_into(popped(Code::new()), 1), "branch-out-of-function");
    refused(&jumps_into(popped(Code::new()), 8), "branch-out-of-function");
}

#[test]
fn a_conditional_jump_to_a_function() {
    let code = popped(Code::new());
    let next = (code.len() + 7).next_multiple_of(16);
    let found = rules(&code.branch_at(next).op(encode::ret).kwo().function(Code::new().ret().0));
    assert!(found.contains(&"branch-out-of-function"), "{found:?}");
}

#[test]
fn what_a_call_and_a_return_must_keep() {
    refused(&jumps_into(popped(Code::new().op(|c| encode::xzero(c, x(0)))), 0), "call-argument");
    refused(&jumps_into(popped(Code::new().op(|c| encode::xmov(c, x(16), x(1)))), 0), "callee-saved");
    assert_eq!(rules(&jumps_into(popped(Code::bare()), 0)), ["unpaid-call", "undercharged-code"]);
    accepted(&jumps_into(popped(Code::new().idle(100)), 0));
    refused(&jumps_into(popped(Code::new().idle(128)), 0), "undercharged-code");
}
