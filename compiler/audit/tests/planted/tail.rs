//! Jumps to other functions: the frame is gone, and all else is as at a call and a return.

use crate::common::{Code, Kwo, MOV_PASS};
use crate::{accepted, refused, rules};

/// `mov rsp, rbp; pop rbp`
const TAKE_DOWN: &[u8] = &[0x48, 0x89, 0xec, 0x5d];

/// An object whose entry, `code`, ends in these bytes and a jump to byte `into` of the function behind it.
fn jumps_into(code: Code, end: &[u8], into: i32) -> Kwo {
    let code = code.raw(end);
    let next = (code.bytes.len() + 5).next_multiple_of(16) as i32;
    Kwo::new(code.jmp_at(next + into)).function(Code::inner().raw(MOV_PASS).ret())
}

fn jumps(code: Code, end: &[u8]) -> Kwo {
    jumps_into(code, end, 0)
}

#[test]
fn a_jump_behind_the_frame() {
    assert_eq!(accepted(&jumps(Code::new(), TAKE_DOWN)).calls, 1);
    accepted(&Kwo::new(Code::new().raw(TAKE_DOWN).jmp_at(0)));
    // sub rsp, 16; mov [rsp], rbx ... mov rbx, [rsp]; add rsp, 16, with rbx used in between
    let saves = Code::with_frame(&[0x48, 0x83, 0xec, 16, 0x48, 0x89, 0x1c, 0x24]).raw(&[0x48, 0x89, 0xc3]);
    accepted(&jumps(saves.clone().raw(&[0x48, 0x8b, 0x1c, 0x24, 0x48, 0x83, 0xc4, 16]), TAKE_DOWN));
    // What is below the frame pointer goes with it.
    accepted(&jumps(saves.clone().raw(&[0x48, 0x8b, 0x1c, 0x24]), TAKE_DOWN));
    refused(&jumps(saves, TAKE_DOWN), "callee-saved");
}

#[test]
fn a_jump_with_the_frame_in_place() {
    refused(&jumps(Code::new(), &[]), "branch-out-of-function");
    refused(&jumps(Code::new(), &[0xb8, 0x48, 0x89, 0xec, 0x5d]), "frame"); // mov eax, what reads like it
    refused(&jumps(Code::new(), &[0x5d]), "branch-out-of-function"); // pop rbp alone
    refused(&jumps(Code::new(), &[0x75, 3, 0x48, 0x89, 0xec, 0x5d]), "frame"); // jne to the pop
    refused(&jumps(Code::new(), &[0x75, 4, 0x48, 0x89, 0xec, 0x5d]), "frame"); // jne to the jump
}

#[test]
fn a_frame_taken_down_without_a_jump() {
    assert_eq!(rules(&Kwo::new(Code::new().raw(TAKE_DOWN).ret())), ["stack-pointer", "frame"]);
    refused(&Kwo::new(Code::new().raw(&TAKE_DOWN[..3]).ret()), "stack-pointer");
    refused(&Kwo::new(Code::new().raw(&TAKE_DOWN[3..]).ret()), "frame");
    // mov rsp, rbp; nop; pop rbp: the jump is not right behind.
    let rules = rules(&jumps(Code::new(), &[0x48, 0x89, 0xec, 0x90, 0x5d]));
    assert_eq!(rules, ["branch-out-of-function"]);
}

#[test]
fn a_return_behind_a_frame_that_is_taken_down() {
    // push rbx: it rests in the frame, which wkc_ret would take down once more.
    let code = Code::with_frame(&[0x53]).raw(TAKE_DOWN).ret();
    assert_eq!(rules(&Kwo::new(code)), ["stack-pointer", "frame"]);
}

#[test]
fn a_charge_that_nothing_checks_before_the_jump() {
    // mov rax, [rdi + 24]; sub rax, 8; mov [rdi + 24], rax: stored, and whether it is enough is never asked.
    let charge = [0x48, 0x8b, 0x47, 24, 0x48, 0x83, 0xe8, 8, 0x48, 0x89, 0x47, 24];
    let code = Code::bare().stack_check().raw(&charge);
    let found = rules(&jumps(code.clone(), TAKE_DOWN));
    assert_eq!(found, ["unpaid-call", "unchecked-charge", "undercharged-code"]);
    accepted(&jumps(code.raw(&[0x48, 0x85, 0xc0, 0x7d, 12]).trap(9), TAKE_DOWN));
}

#[test]
fn a_jump_to_the_middle_of_a_function() {
    refused(&jumps_into(Code::new(), TAKE_DOWN, 4), "branch-out-of-function");
    refused(&jumps_into(Code::new(), TAKE_DOWN, -1), "branch-out-of-function");
}

#[test]
fn a_conditional_jump_to_a_function() {
    let code = Code::new().raw(TAKE_DOWN);
    let to = (code.bytes.len() + 6 + 5).next_multiple_of(16) as i32 - (code.bytes.len() as i32 + 6);
    let code = code.raw(&[0x0f, 0x84]).raw(&to.to_le_bytes()).ret(); // je
    refused(&Kwo::new(code).function(Code::inner().raw(MOV_PASS).ret()), "branch-out-of-function");
}

#[test]
fn what_a_call_and_a_return_must_keep() {
    refused(&jumps(Code::new().raw(&[0x31, 0xff]), TAKE_DOWN), "call-argument"); // xor edi, edi
    refused(&jumps(Code::new().raw(&[0x48, 0x89, 0xc3]), TAKE_DOWN), "callee-saved"); // mov rbx, rax
    assert_eq!(rules(&jumps(Code::bare().stack_check(), TAKE_DOWN)), ["unpaid-call", "undercharged-code"]);
    refused(&jumps(Code::bare().charge(8), TAKE_DOWN), "stack-check");
    accepted(&jumps(Code::new().raw(&[0x90; 90]), TAKE_DOWN));
    refused(&jumps(Code::new().raw(&[0x90; 128]), TAKE_DOWN), "undercharged-code");
}
