//! Flags of a result instead of a comparison, a charge that is one subtraction from memory, and the stack pointer
//! compared as it is: the forms that are right, and those that look like them.

use crate::common::{Code, Kwo, MOV_PASS};
use wasmkc_audit::audit;

/// `mov rax, [rdi + 24]`
const LOAD: &[u8] = &[0x48, 0x8b, 0x47, 24];
/// `mov [rdi + 24], rax`
const STORE: &[u8] = &[0x48, 0x89, 0x47, 24];
/// `sub qword ptr [rdi + 24], 3`
const CHARGE: &[u8] = &[0x48, 0x83, 0x6f, 24, 3];
/// `sub rax, 3`
const LESS: &[u8] = &[0x48, 0x83, 0xe8, 3];
/// `jns` over a trap
const JNS: &[u8] = &[0x79, 12];

#[track_caller]
fn judged(code: Code, broken: &[&str]) {
    let found = audit(&Kwo::new(code).build());
    let rules = found.map_or_else(|f| f.iter().map(|f| f.rule.name()).collect(), |_| Vec::new());
    assert_eq!(rules, broken);
}

/// A loop whose charge is made of these, that is `again`.
fn turns(charge: &[&[u8]]) -> Code {
    let code = Code::new();
    let top = code.bytes.len();
    code.raw(&charge.concat()).trap(9).raw(&[0x85, 0xf6]).jne_at(top)
}

#[test]
fn a_charge_subtracted_from_memory() {
    judged(turns(&[CHARGE, JNS]).ret(), &[]);
    // 300 units, and jge for jns
    judged(turns(&[&[0x48, 0x81, 0x6f, 24, 0x2c, 1, 0, 0], &[0x7d, 12]]).ret(), &[]);
}

#[test]
fn a_subtraction_from_memory_that_is_no_charge() {
    let no_charge: [(&[u8], &[&str]); 6] = [
        // sub qword [rdi+24], -3; add qword [rdi+24], 3: given back
        (&[0x48, 0x83, 0x6f, 24, 0xfd], &["fuel-write", "fuel-free-cycle"]),
        (&[0x48, 0x83, 0x47, 24, 3], &["fuel-write", "fuel-free-cycle"]),
        // sub dword [rdi+24], 3: half of it
        (&[0x83, 0x6f, 24, 3], &["fuel-write", "fuel-free-cycle"]),
        // sub [rdi+24], rsi: by whatever that is
        (&[0x48, 0x29, 0x77, 24], &["fuel-write", "fuel-free-cycle"]),
        // sub qword [rdi+24], 0
        (&[0x48, 0x83, 0x6f, 24, 0], &["fuel-free-cycle"]),
        // sub qword [rdi+16], 3: the stack's limit
        (&[0x48, 0x83, 0x6f, 16, 3], &["call-block-write", "fuel-free-cycle"]),
    ];
    for (charge, rules) in no_charge {
        judged(turns(&[charge, JNS]).ret(), rules);
    }
    // sub qword [rdi + rsi*8 + 24], 3
    judged(Code::new().raw(&[0x48, 0x83, 0x6c, 0xf7, 24, 3]).raw(JNS).trap(9).ret(), &["fuel-write"]);
}

#[test]
fn a_charge_in_memory_that_nobody_looks_at() {
    let unseen: [&[u8]; 4] = [
        // jne, jae: something else is asked
        &[0x75, 12],
        &[0x73, 12],
        // test esi, esi and xor eax, eax in between: flags of something else
        &[0x85, 0xf6, 0x79, 12],
        &[0x31, 0xc0, 0x79, 12],
    ];
    for branch in unseen {
        judged(turns(&[CHARGE, branch]).ret(), &["unchecked-charge", "fuel-free-cycle"]);
    }
    judged(Code::new().raw(CHARGE).ret(), &["unchecked-charge"]);
    judged(Code::new().raw(CHARGE).raw(CHARGE).raw(JNS).trap(9).ret(), &["unchecked-charge"]);
}

#[test]
fn a_charge_in_a_register_by_the_flags_of_its_result() {
    let before = Code::new().raw(LOAD);
    let top = before.bytes.len();
    let turns_of_it = before.raw(&[LESS, JNS].concat()).trap(9).raw(&[0x85, 0xf6]).jne_at(top);
    judged(turns_of_it.clone().raw(STORE).ret(), &[]);
    judged(turns_of_it.ret(), &["stale-fuel"]);
    judged(turns(&[LOAD, LESS, STORE, JNS]).ret(), &[]);
    let broken: [(&[&[u8]], &[&str]); 5] = [
        // sub eax, 3: of the low half
        (&[LOAD, &[0x83, 0xe8, 3], JNS], &["fuel-free-cycle"]),
        // sub rax, 0
        (&[LOAD, &[0x48, 0x83, 0xe8, 0], JNS], &["fuel-free-cycle"]),
        // add rax, 3
        (&[LOAD, &[0x48, 0x83, 0xc0, 3], JNS], &["fuel-free-cycle"]),
        // jne
        (&[LOAD, LESS, &[0x75, 12]], &["fuel-free-cycle"]),
        // add rcx, 1 in between
        (&[LOAD, LESS, &[0x48, 0x83, 0xc1, 1], JNS], &["fuel-free-cycle"]),
    ];
    for (charge, rules) in broken {
        judged(turns(charge).ret(), rules);
    }
}

#[test]
fn a_result_that_is_zero_or_not() {
    // sub ecx, 5; je over; then ecx is not zero, and may divide: mov eax, 7; xor edx, edx; div ecx
    let divides = [0xb8, 7, 0, 0, 0, 0x31, 0xd2, 0xf7, 0xf1];
    let sub = [0x83, 0xe9, 5];
    let of = |test: &[u8]| Code::new().raw(test).trap(6).raw(&divides).ret();
    judged(of(&[&sub[..], &[0x75, 12]].concat()), &[]);
    // jns says nothing of it, neither does what another register got, nor a comparison with 5 of what then changes.
    judged(of(&[&sub[..], &[0x79, 12]].concat()), &["division"]);
    judged(of(&[&sub[..], &[0x83, 0xea, 5], &[0x75, 12]].concat()), &["division"]);
    judged(of(&[0x83, 0xf9, 5, 0x8d, 0x49, 0xfb, 0x75, 12]), &["division"]);
}

#[test]
fn the_stack_pointer_compared_with_the_limit() {
    let of = |check: &[u8]| Code::bare().raw(check).trap(8).charge(8).raw(MOV_PASS).ret();
    // cmp rsp, [rdi+16]; jae
    judged(of(&[0x48, 0x3b, 0x67, 16, 0x73, 12]), &[]);
    let wrong: [&[u8]; 6] = [
        // another field; the low half; a number; jbe; the other way round; without a base that is the call block
        &[0x48, 0x3b, 0x67, 8, 0x73, 12],
        &[0x3b, 0x67, 16, 0x73, 12],
        &[0x48, 0x83, 0xfc, 16, 0x73, 12],
        &[0x48, 0x3b, 0x67, 16, 0x76, 12],
        &[0x48, 0x39, 0x67, 16, 0x73, 12],
        &[0x48, 0x3b, 0x66, 16, 0x73, 12],
    ];
    for check in wrong {
        judged(of(check), &["stack-check"]);
    }
    // sub rsp, 16 behind it
    let grows = Code::bare().raw(&[0x48, 0x3b, 0x67, 16, 0x73, 12]).trap(8).charge(8).raw(&[0x48, 0x83, 0xec, 16]);
    judged(grows.raw(&[0x48, 0x83, 0xc4, 16]).ret(), &["stack-check"]);
}
