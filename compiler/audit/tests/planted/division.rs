//! Divisions that may fault are refused; the forms that compiled code has are not.

use crate::common::{Code, Kwo};
use crate::rules;

/// `jne over a trap`
const JNE_TRAP: &[u8] = &[0x75, 12];

#[track_caller]
fn judged(code: Code, broken: &[&str]) {
    assert_eq!(rules(&Kwo::new(code.ret())), broken);
}

/// `test ecx, ecx; jne over a trap`
fn not_zero() -> Code {
    Code::new().raw(&[0x85, 0xc9]).raw(JNE_TRAP).trap(6)
}

#[test]
fn a_divisor_that_may_be_zero() {
    // The bytes that died of a division error: xor ecx, ecx; xor edx, edx; div ecx
    judged(Code::new().raw(&[0x33, 0xc9, 0x33, 0xd2, 0xf7, 0xf1]), &["division"]);
    judged(Code::new().raw(&[0x33, 0xd2, 0xf7, 0xf1]), &["division"]);
    judged(not_zero().raw(&[0x33, 0xd2, 0xf7, 0xf1]), &[]);
    // Of another register, of a copy, of a changed copy: mov r8, rcx; div r8d; inc r8d; div r8d
    judged(not_zero().raw(&[0x33, 0xd2, 0x41, 0xf7, 0xf0]), &["division"]);
    judged(not_zero().raw(&[0x49, 0x89, 0xc8, 0x33, 0xd2, 0x41, 0xf7, 0xf0]), &[]);
    judged(not_zero().raw(&[0x49, 0x89, 0xc8, 0x41, 0xff, 0xc0, 0x33, 0xd2, 0x41, 0xf7, 0xf0]), &["division"]);
    // The low half is tested and all 64 bits divide, which is right; the other way round it is not.
    judged(not_zero().raw(&[0x33, 0xd2, 0x48, 0xf7, 0xf1]), &[]);
    let wide = Code::new().raw(&[0x48, 0x85, 0xc9]).raw(JNE_TRAP).trap(6);
    judged(wide.clone().raw(&[0x33, 0xd2, 0xf7, 0xf1]), &["division"]);
    judged(wide.raw(&[0x33, 0xd2, 0x48, 0xf7, 0xf1]), &[]);
    // mov ecx, 10 and mov ecx, 0
    judged(Code::new().raw(&[0xb9, 10, 0, 0, 0, 0x33, 0xd2, 0xf7, 0xf1]), &[]);
    judged(Code::new().raw(&[0xb9, 0, 0, 0, 0, 0x33, 0xd2, 0xf7, 0xf1]), &["division"]);
    // Bytes and words divide nothing in compiled code: div cl
    judged(not_zero().raw(&[0x33, 0xd2, 0xf6, 0xf1]), &["division"]);
    judged(not_zero().raw(&[0x33, 0xd2, 0xf7, 0x77, 0x20]), &["division"]); // div [rdi + 32]
}

#[test]
fn a_test_on_one_way_only() {
    // test esi, esi; je over the test of ecx
    let skipped = not_zero().bytes.len() - Code::new().bytes.len();
    let code = Code::new().raw(&[0x85, 0xf6, 0x74, skipped as u8]);
    judged(code.raw(&[0x85, 0xc9]).raw(JNE_TRAP).trap(6).raw(&[0x33, 0xd2, 0xf7, 0xf1]), &["division"]);
}

#[test]
fn an_upper_half_that_makes_the_quotient_too_large() {
    judged(not_zero().raw(&[0xf7, 0xf1]), &["division"]); // rdx is anything
    judged(not_zero().raw(&[0x99, 0xf7, 0xf1]), &["division"]); // cdq is for idiv
    judged(not_zero().raw(&[0xba, 1, 0, 0, 0, 0xf7, 0xf1]), &["division"]); // mov edx, 1
}

#[test]
fn a_signed_quotient_that_overflows() {
    judged(not_zero().raw(&[0x99, 0xf7, 0xf9]), &["division"]); // ecx may be -1
    // cmp ecx, -1; je over cdq and idiv: as a remainder is made
    judged(not_zero().raw(&[0x83, 0xf9, 0xff, 0x74, 3, 0x99, 0xf7, 0xf9]), &[]);
    // cmp eax, 0x80000000; jne over a trap
    let smallest = not_zero().raw(&[0x3d, 0, 0, 0, 0x80]).raw(JNE_TRAP).trap(7);
    judged(smallest.clone().raw(&[0x99, 0xf7, 0xf9]), &[]);
    judged(smallest.clone().raw(&[0x48, 0x99, 0x48, 0xf7, 0xf9]), &["division"]); // of 64 bits: another number
    judged(smallest.raw(&[0x99, 0xff, 0xc0, 0xf7, 0xf9]), &["division"]); // inc eax behind cdq
    // rdx is 0 or its own: the sign of another value
    judged(not_zero().raw(&[0x83, 0xf9, 0xff, 0x74, 4, 0x33, 0xd2, 0xf7, 0xf9]), &["division"]);
}

#[test]
fn a_pair_that_overflows_is_excluded_as_a_pair() {
    // cmp eax, min; sete r8b; cmp ecx, -1; sete r9b; test r9b, r8b; jcc over a trap; cdq; idiv ecx
    let pair = |min: &[u8], ones: &[u8], jcc: u8| {
        let code = not_zero().raw(min).raw(&[0x41, 0x0f, 0x94, 0xc0]).raw(ones).raw(&[0x41, 0x0f, 0x94, 0xc1]);
        code.raw(&[0x45, 0x84, 0xc1, jcc, 12]).trap(7).raw(&[0x99, 0xf7, 0xf9])
    };
    let (min, ones): (&[u8], &[u8]) = (&[0x3d, 0, 0, 0, 0x80], &[0x83, 0xf9, 0xff]);
    judged(pair(min, ones, 0x74), &[]);
    judged(pair(min, ones, 0x75), &["division"]); // jne: the wrong way
    judged(pair(&[0x3d, 0, 0, 0, 0x40], ones, 0x74), &["division"]); // another number
    judged(pair(min, &[0x83, 0xfa, 0xff], 0x74), &["division"]); // edx in place of ecx
}
