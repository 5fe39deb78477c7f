//! Fuel on the final bytes: what does not pay, or not enough, is refused by its rule's name.

use crate::common::{Code, Kwo, MOV_PASS, PROLOGUE};
use wasmkc_audit::audit;

/// `push rbx; push r12; mov rbx, rdi`
const KEEP_CALL: &[u8] = &[0x53, 0x41, 0x54, 0x48, 0x89, 0xfb];
/// `mov rdi, rbx`
const CALL_BACK: &[u8] = &[0x48, 0x89, 0xdf];
/// `pop r12; pop rbx`
const RESTORE: &[u8] = &[0x41, 0x5c, 0x5b];
/// `mov rax, [rdi + 24]`
const LOAD_FUEL: &[u8] = &[0x48, 0x8b, 0x47, 24];
/// `mov [rdi + 24], rax; test rax, rax; jge over a trap`
const STORE_AND_CHECK: &[u8] = &[0x48, 0x89, 0x47, 24, 0x48, 0x85, 0xc0, 0x7d, 12];

/// Where the first instruction behind [`Code::new`] stands.
const TOP: usize = 58;

fn rules(kwo: &Kwo) -> Vec<&'static str> {
    audit(&kwo.build()).map_or_else(|f| f.iter().map(|f| f.rule.name()).collect(), |_| Vec::new())
}

#[track_caller]
fn judged(code: Code, rules_broken: &[&str]) {
    let mut kwo = Kwo::new(code);
    kwo.helpers = vec![1, 2, 3, 4];
    assert_eq!(rules(&kwo), rules_broken);
}

#[test]
fn a_loop_that_pays() {
    let top = Code::new().bytes.len();
    judged(Code::new().charge(3).raw(&[0x85, 0xf6]).jne_at(top).ret(), &[]);
}

#[test]
fn a_loop_that_pays_nothing() {
    let top = Code::new().bytes.len();
    judged(Code::new().raw(&[0x85, 0xf6]).jne_at(top).ret(), &["fuel-free-cycle"]);
}

#[test]
fn a_loop_that_pays_zero() {
    let top = Code::new().bytes.len();
    judged(Code::new().charge(0).raw(&[0x85, 0xf6]).jne_at(top).ret(), &["fuel-free-cycle"]);
}

#[test]
fn a_charge_before_the_loop_does_not_pay_for_it() {
    let code = Code::new().charge(100);
    let top = code.bytes.len();
    judged(code.raw(&[0x85, 0xf6]).jne_at(top).ret(), &["fuel-free-cycle"]);
}

#[test]
fn an_inner_loop_pays_by_itself() {
    let code = Code::new().charge(3);
    let inner = code.bytes.len();
    let free = code.clone().raw(&[0x85, 0xf6]).jne_at(inner).raw(&[0x85, 0xd2]).jne_at(TOP).ret();
    judged(free, &["fuel-free-cycle"]);
    judged(code.charge(1).raw(&[0x85, 0xf6]).jne_at(inner).raw(&[0x85, 0xd2]).jne_at(TOP).ret(), &[]);
}

#[test]
fn a_charge_on_one_way_around_only() {
    // test esi, esi; je over the charge: the way over it is free.
    let charge = Code::default().charge(3).bytes.len() as u8;
    let code = Code::new().raw(&[0x85, 0xf6, 0x74, charge]).charge(3).raw(&[0x85, 0xf6]).jne_at(TOP).ret();
    judged(code, &["fuel-free-cycle"]);
}

#[test]
fn a_charge_that_nobody_checks() {
    let code = Code::new().raw(LOAD_FUEL).raw(&[0x48, 0x83, 0xe8, 1, 0x48, 0x89, 0x47, 24]);
    judged(code.raw(&[0x85, 0xf6]).jne_at(TOP).ret(), &["unchecked-charge", "fuel-free-cycle"]);
}

#[test]
fn a_check_of_the_wrong_condition() {
    let mut code = Code::new().charge(3);
    let jge = code.bytes.iter().rposition(|b| *b == 0x7d).unwrap();
    // jne, jae, ja, jg: go on when the fuel is negative as well, or trap when it is zero
    for wrong in [0x75, 0x73, 0x77, 0x7f] {
        code.bytes[jge] = wrong;
        let loops = code.clone().raw(&[0x85, 0xf6]).jne_at(TOP).ret();
        judged(loops, &["unchecked-charge", "fuel-free-cycle"]);
    }
}

#[test]
fn fuel_that_is_set_or_given_back() {
    let set = Code::new().raw(&[0x48, 0x89, 0x77, 24]).ret(); // mov [rdi + 24], rsi
    judged(set, &["fuel-write"]);
    let more = Code::new().raw(LOAD_FUEL).raw(&[0x48, 0x83, 0xc0, 1]).raw(STORE_AND_CHECK).trap(9).ret();
    judged(more, &["fuel-write"]);
    let half = Code::new().raw(&[0xc7, 0x47, 24, 0, 0, 0, 0]).ret(); // mov dword [rdi + 24], 0
    judged(half, &["fuel-write"]);
}

#[test]
fn fuel_that_wraps() {
    // mov edx, edx; mov rcx, rdx; shr rcx, 3; mov rax, [rdi + 24]; sub rax, rcx, n times; store and check
    let wraps = |times: usize, shr: u8, units: u8| {
        let code = Code::new().raw(&[0x89, 0xd2, 0x48, 0x89, 0xd1, 0x48, 0xc1, 0xe9, shr]).raw(LOAD_FUEL);
        let code = code.raw(&[0x48, 0x29, 0xc8].repeat(times)).raw(&[0x48, 0x83, 0xe8, units]);
        code.raw(STORE_AND_CHECK).trap(9).ret()
    };
    judged(wraps(1, 3, 1), &[]);
    judged(wraps(2, 3, 1), &["fuel-write"]);
    judged(wraps(4, 2, 1), &["fuel-write"]);
    judged(wraps(1, 2, 1), &["fuel-write"]);
    // or rcx, -1; shr rcx, 2; then four times: the bytes that refuelled
    let code = Code::new().raw(&[0x48, 0x83, 0xc9, 0xff, 0x48, 0xc1, 0xe9, 2]).raw(LOAD_FUEL);
    let code = code.raw(&[0x48, 0x29, 0xc8].repeat(4)).raw(&[0x48, 0x83, 0xe8, 1]).raw(STORE_AND_CHECK);
    judged(code.trap(9).ret(), &["fuel-write"]);
    // Two charges stored, one check.
    let twice = Code::new().raw(LOAD_FUEL).raw(&[0x48, 0x83, 0xe8, 1, 0x48, 0x89, 0x47, 24]).charge(1).ret();
    judged(twice, &["unchecked-charge", "unchecked-charge"]);
    // A negative number subtracted: sub rax, -1
    judged(
        Code::new().raw(LOAD_FUEL).raw(&[0x48, 0x83, 0xe8, 0xff]).raw(STORE_AND_CHECK).trap(9).ret(),
        &["fuel-write"],
    );
}

#[test]
fn stale_fuel_stored_after_a_call() {
    // r12 keeps the fuel over a call, whose charges would be undone.
    let code = Code::with_frame(KEEP_CALL).charge(5).raw(LOAD_FUEL).raw(&[0x49, 0x89, 0xc4]);
    let code = code.call("wkc_helper_cpu").raw(&[0x4c, 0x89, 0x63, 24]);
    judged(code.raw(RESTORE).ret(), &["fuel-write"]);
}

#[test]
fn other_fields_of_the_call_block() {
    for field in [0, 8, 16, 32, 72] {
        judged(Code::new().raw(&[0x48, 0x89, 0x77, field]).ret(), &["call-block-write"]);
    }
    judged(Code::new().raw(&[0x48, 0x89, 0x74, 0xf7, 24]).ret(), &["fuel-write"]); // [rdi + rsi * 8 + 24]
}

#[test]
fn a_call_or_return_that_nothing_is_paid_before() {
    // What is not paid is not charged by its size either.
    let unpaid = ["unpaid-call", "unpaid-call", "undercharged-code"];
    judged(Code::bare().stack_check().call_at(0).ret(), &unpaid);
    judged(Code::bare().stack_check().charge(8).call_at(0).ret(), &[]);
    judged(Code::bare().stack_check().charge(0).call_at(0).ret(), &unpaid);
    judged(Code::bare().stack_check().ret(), &unpaid[1..]);
    // A charge on one way only: test esi, esi; je over it
    let skipped = Code::default().charge(8).bytes.len() as u8;
    let code = Code::bare().stack_check().raw(&[0x85, 0xf6, 0x74, skipped]).charge(8);
    judged(code.call_at(0).ret(), &unpaid);
    // A tree of calls at no fuel is exponential in its depth: each of its functions must pay.
    let leaf = Code::default().raw(PROLOGUE).stack_check().ret();
    assert_eq!(rules(&Kwo::pass().function(leaf)), unpaid[1..]);
}

#[test]
fn a_helper_below_its_price() {
    let helper = |units| Code::new().charge(units).call("wkc_helper_ktime_ns").ret();
    judged(helper(50), &[]);
    judged(helper(49), &["uncharged-helper"]);
    // One charge pays for one call.
    let twice = Code::with_frame(KEEP_CALL).charge(100).call("wkc_helper_ktime_ns").raw(CALL_BACK);
    judged(twice.call("wkc_helper_ktime_ns").raw(RESTORE).ret(), &["uncharged-helper"]);
}

#[test]
fn a_bulk_operation_without_a_charge_by_length() {
    judged(Code::new().charge(100).call("wkc_memset").ret(), &["uncharged-bulk"]);
    // mov edx, edx; mov rcx, rdx; shr rcx, 3; add rcx, 1; mov rax, [rdi + 24]; sub rax, rcx; store and check
    let by = |shr: u8, widen: &[u8]| {
        let code = Code::new().raw(widen).raw(&[0x48, 0x89, 0xd1, 0x48, 0xc1, 0xe9, shr, 0x48, 0x83, 0xc1, 1]);
        code.raw(LOAD_FUEL).raw(&[0x48, 0x29, 0xc8]).raw(STORE_AND_CHECK).trap(9)
    };
    let code = by(3, &[0x89, 0xd2]);
    // The bytes that made 16 MiB cost one unit; and a length of 64 bits, whose eighth could wrap the fuel.
    judged(by(63, &[0x89, 0xd2]).call("wkc_memset").ret(), &["fuel-write", "uncharged-bulk"]);
    judged(by(3, &[]).call("wkc_memset").ret(), &["fuel-write", "uncharged-bulk"]);
    judged(code.clone().call("wkc_memset").ret(), &[]);
    // Another length: inc rdx, or edx written anew
    judged(code.clone().raw(&[0x48, 0xff, 0xc2]).call("wkc_memset").ret(), &["uncharged-bulk"]);
    judged(code.clone().raw(&[0x89, 0xf2]).call("wkc_memset").ret(), &["uncharged-bulk"]);
    // One charge pays for one operation.
    judged(code.call("wkc_memset").call("wkc_memset").ret(), &["uncharged-bulk"]);
    // A constant length: mov edx, 64 costs nine.
    let constant = |units| Code::new().charge(units).raw(&[0xba, 64, 0, 0, 0]).call("wkc_memmove").ret();
    judged(constant(9), &[]);
    judged(constant(8), &["uncharged-bulk"]);
}

/// The register allocator may make a zero of a value that is in two registers.
#[test]
fn a_value_less_itself_is_a_length_of_zero() {
    // mov r8, rsi; then xor r8, rsi; mov rdx, r8
    let zero = |made: &[u8]| {
        let code = Code::new().charge(1).raw(&[0x49, 0x89, 0xf0]).raw(made);
        code.raw(&[0x4c, 0x89, 0xc2]).call("wkc_memmove").ret()
    };
    judged(zero(&[0x49, 0x31, 0xf0]), &[]);
    judged(zero(&[0x49, 0x29, 0xf0]), &[]); // sub r8, rsi
    judged(zero(&[0x49, 0x09, 0xf0]), &["uncharged-bulk"]); // or r8, rsi
    judged(zero(&[0x49, 0x31, 0xd0]), &["uncharged-bulk"]); // xor r8, rdx: another value
    judged(zero(&[0x48, 0xff, 0xc6, 0x49, 0x31, 0xf0]), &["uncharged-bulk"]); // inc rsi before
}

#[test]
fn a_callee_or_trap_without_the_call_block() {
    judged(Code::new().raw(&[0x31, 0xff]).trap(1), &["call-argument"]); // xor edi, edi
    judged(Code::new().charge(1).raw(&[0x48, 0xff, 0xc7]).call_at(0).ret(), &["call-argument"]); // inc rdi
}

#[test]
fn callee_saved_registers() {
    judged(Code::new().raw(&[0x31, 0xdb]).raw(MOV_PASS).ret(), &["callee-saved"]); // xor ebx, ebx
    judged(Code::with_frame(KEEP_CALL).raw(RESTORE).ret(), &[]);
    // pop rbx; pop r12: swapped
    judged(Code::with_frame(KEEP_CALL).raw(&[0x5b, 0x41, 0x5c]).ret(), &["callee-saved", "callee-saved"]);
}
