//! Frames, rsp, and the stack check.

use crate::common::{Code, ENDBR, Kwo, MOV_PASS, PROLOGUE};
use crate::{accepted, planted, refused, rules};

#[test]
fn frames() {
    refused(&Kwo::new(Code::default().raw(ENDBR).raw(MOV_PASS).ret()), "frame");
    refused(&planted(&[0x48, 0x89, 0xc5]), "frame"); // mov rbp, rax
    refused(&Kwo::new(Code::with_frame(&[0x55]).raw(MOV_PASS).ret()), "frame"); // push rbp once more
    refused(&Kwo::new(Code::new().jne_at(4).ret()), "frame"); // back into the prologue
}

#[test]
fn stack_pointers() {
    refused(&planted(&[0x48, 0x89, 0xc4]), "stack-pointer"); // mov rsp, rax
    refused(&planted(&[0x48, 0x29, 0xc4]), "stack-pointer"); // sub rsp, rax
    refused(&planted(&[0x48, 0x83, 0xc4, 8]), "stack-pointer"); // add rsp, 8 out of the frame
    refused(&planted(&[0x5b]), "stack-pointer"); // pop of the saved rbp
    refused(&planted(&[0x48, 0x81, 0xec, 0, 0, 1, 0]), "stack-pointer"); // sub rsp, 64 KiB
    accepted(&Kwo::new(Code::with_frame(&[0x48, 0x81, 0xec, 0, 8, 0, 0]).ret())); // sub rsp, 2048
    refused(&Kwo::new(Code::with_frame(&[0x48, 0x81, 0xec, 8, 8, 0, 0]).ret()), "stack-pointer"); // sub rsp, 2056
    refused(&planted(&[0x75, 1, 0x53]), "stack-pointer"); // a push on one path only
}

#[test]
fn stack_accesses() {
    accepted(&Kwo::new(Code::with_frame(&[0x48, 0x83, 0xec, 16, 0x48, 0x89, 0x44, 0x24, 8]).ret())); // mov [rsp + 8], rax
    accepted(&planted(&[0x48, 0x8b, 0x45, 16])); // mov rax, [rbp + 16]: an argument
    refused(&planted(&[0x48, 0x83, 0xec, 16, 0x48, 0x89, 0x44, 0x24, 9]), "stack-access");
    refused(&planted(&[0x48, 0x89, 0x45, 8]), "stack-access"); // the return address
    refused(&planted(&[0x48, 0x89, 0x45, 16]), "stack-access"); // the caller's frame
    refused(&planted(&[0x48, 0x8b, 0x44, 0x24, 0xf8]), "stack-access"); // below rsp
    refused(&planted(&[0x48, 0x83, 0xec, 16, 0x48, 0x89, 0x04, 0xcc]), "stack-access"); // indexed
    refused(&planted(&[0x48, 0x89, 0xe0, 0x48, 0x89, 0x48, 8]), "stack-access"); // mov rax, rsp; mov [rax + 8], rcx
}

#[test]
fn a_function_without_a_stack_check() {
    let judged = |check: &[u8]| {
        let code = Code::bare().raw(check).trap(8).charge(8);
        rules(&Kwo::new(code.raw(MOV_PASS).ret()))
    };
    assert_eq!(judged(&[0x48, 0x89, 0xe0, 0x48, 0x3b, 0x47, 16, 0x73, 12]), [""; 0]);
    // The bytes that made an endless recursion run: cmp rax, rax
    assert_eq!(judged(&[0x48, 0x89, 0xe0, 0x48, 0x39, 0xc0, 0x90, 0x73, 12]), ["stack-check"]);
    assert_eq!(judged(&[0x48, 0x89, 0xe0, 0x48, 0x3b, 0x47, 16, 0x76, 12]), ["stack-check"]); // jbe: the wrong way
    assert_eq!(judged(&[0x48, 0x89, 0xe0, 0x48, 0x3b, 0x47, 8, 0x73, 12]), ["stack-check"]); // another field
    assert_eq!(judged(&[0x48, 0x89, 0xe8, 0x48, 0x3b, 0x47, 16, 0x73, 12]), [""; 0]); // rbp, where that is rsp
    refused(&Kwo::new(Code::bare().charge(8).raw(MOV_PASS).ret()), "stack-check");
    // A call before it, and a call of a function that has none.
    refused(&Kwo::new(Code::bare().charge(8).call_at(0).ret()), "stack-check");
    let inner = Code::default().raw(PROLOGUE).charge(8).ret();
    refused(&Kwo::pass().function(inner), "stack-check");
}

#[test]
fn a_stack_that_grows_behind_its_check() {
    // sub rsp, 16 behind the check
    refused(&planted(&[0x48, 0x83, 0xec, 16]), "stack-check");
    // rbp checked instead of rsp: sub rsp, 16; mov rax, rbp; cmp rax, [rdi + 16]
    let code = Code::bare().raw(&[0x48, 0x83, 0xec, 16, 0x48, 0x89, 0xe8, 0x48, 0x3b, 0x47, 16, 0x73, 12]);
    refused(&Kwo::new(code.trap(8).charge(8).ret()), "stack-check");
}
