//! Fuel on the final words: what does not pay, or not enough, is refused by its rule's name.

use crate::common::aarch64::{Code, MOV_PASS, NOP, PROLOGUE, cbz_over, ldr, mov, mov_imm, str};
use crate::rules;
use wasmkc_audit::audit;

/// `ldr x9, [x0, #24]`
const LOAD_FUEL: u32 = 0xf940_0c09;
/// `sub x9, x9, #1`
const SUB_ONE: u32 = 0xd100_0529;
/// `str x9, [x0, #24]`
const STORE_FUEL: u32 = 0xf900_0c09;
/// `stp x19, x20, [sp, #-16]!`
const SAVE: u32 = 0xa9bf_53f3;
/// `ldp x19, x20, [sp], #16`
const RESTORE: u32 = 0xa8c1_53f3;

/// All rules broken, as often as they are.
#[track_caller]
fn judged(code: Code, rules_broken: &[&str]) {
    let mut kwo = code.ret().kwo();
    kwo.helpers = vec![1, 2, 3, 4];
    let found = audit(&kwo.build()).map_or_else(|f| f.iter().map(|f| f.rule.name()).collect(), |_| Vec::new());
    assert_eq!(found, rules_broken);
}

fn top() -> u32 {
    Code::new().len()
}

#[test]
fn loops() {
    judged(Code::new().charge(3).cbnz_at(top()), &[]);
    judged(Code::new().cbnz_at(top()), &["fuel-free-cycle"]);
    judged(Code::new().charge(0).cbnz_at(top()), &["fuel-free-cycle"]);
    let code = Code::new().charge(100);
    let behind = code.len();
    judged(code.cbnz_at(behind), &["fuel-free-cycle"]);
    // An inner loop pays by itself.
    let code = Code::new().charge(3);
    let inner = code.len();
    judged(code.clone().cbnz_at(inner).cbnz_at(top()), &["fuel-free-cycle"]);
    judged(code.charge(1).cbnz_at(inner).cbnz_at(top()), &[]);
    // A charge on one way around only.
    let charge = Code::default().charge(3).len() / 4;
    judged(Code::new().words(&[cbz_over(6, charge)]).charge(3).cbnz_at(top()), &["fuel-free-cycle"]);
    judged(Code::new().words(&[cbz_over(6, 1)]).b_at(top()), &["fuel-free-cycle"]);
    judged(Code::new().words(&[NOP, 0x3707_ffe6]), &["fuel-free-cycle"]); // tbnz w6, #0, -4
}

#[test]
fn a_charge_that_nobody_checks() {
    let code = Code::new().words(&[LOAD_FUEL, SUB_ONE, STORE_FUEL]);
    judged(code.cbnz_at(top()), &["unchecked-charge", "fuel-free-cycle"]);
}

#[test]
fn checks_of_another_kind() {
    // A word of the charge behind the store is another: the comparison, or b.ge, which becomes b.ne, b.hs, b.gt.
    let with = |at: u32, word: u32| {
        let mut code = Code::new().charge(3);
        let place = (top() + at * 4) as usize;
        code.0.bytes[place..place + 4].copy_from_slice(&word.to_le_bytes());
        code.cbnz_at(top())
    };
    judged(with(4, 0x5400_008a), &[]);
    judged(with(4, 0x5400_0085), &[]); // b.pl
    // The same, and cbnz x9, which compares the fuel with zero by itself.
    for condition in [0x5400_0081, 0x5400_0082, 0x5400_008c, 0xb500_0089] {
        judged(with(4, condition), &["unchecked-charge", "fuel-free-cycle"]);
    }
    // cmp w9, #0; cmp x9, #1; cmp x10, #0; cmn x9, #0; tst x9, x9
    for compare in [0x7100_013f, 0xf100_053f, 0xf100_015f, 0xb100_013f, 0xea09_013f] {
        judged(with(3, compare), &["unchecked-charge", "fuel-free-cycle"]);
    }
}

/// The code generator jumps over islands between any two instructions of a large function.
#[test]
fn a_charge_with_jumps_in_it() {
    // A jump over a word behind each word of the charge; the word is a branch's way to the end.
    let charge = Code::default().charge(3).0;
    let words: Vec<u32> = charge.bytes[..20].chunks(4).map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect();
    for cut in 1..5 {
        let code = |island: &dyn Fn(Code) -> Code| {
            // cbz w6 to the island
            let code = Code::new().words(&[cbz_over(6, cut as u32 + 1)]).words(&words[..cut]);
            let at = code.len();
            island(code.b_at(at + 8)).words(&words[cut..]).trap(9).cbnz_at(top())
        };
        let ahead = code(&|code| {
            let end = code.len() + 4 * (5 - cut as u32) + 4 + 12 + 4;
            code.b_at(end)
        });
        judged(ahead, &[]);
        // A word that runs on into the charge's rest, with another number: paths meet there.
        let meets = code(&|code| code.words(&[mov_imm(9, 1)]));
        let found = rules(&meets.ret().kwo());
        assert!(found.contains(&if cut < 3 { "fuel-write" } else { "unchecked-charge" }), "{cut}: {found:?}");
    }
}

#[test]
fn fuel_that_is_set_or_given_back() {
    judged(Code::new().words(&[str(1, 0, 24)]), &["fuel-write"]);
    judged(Code::new().words(&[str(31, 0, 24)]), &["fuel-write"]); // xzr
    judged(Code::new().words(&[0xb900_1801]), &["fuel-write"]); // str w1, [x0, #24]
    judged(Code::new().words(&[LOAD_FUEL, 0x9100_0529]).pay(), &["fuel-write"]); // add x9, x9, #1
    judged(Code::new().words(&[LOAD_FUEL, 0xd140_0529]).pay(), &[]); // sub x9, x9, #4096
    // sub w9, w9, #1: the upper half is lost
    judged(Code::new().words(&[LOAD_FUEL, 0x5100_0529]).pay(), &["fuel-write"]);
    // movn x11, #0; sub x9, x9, x11: a negative number
    judged(Code::new().words(&[LOAD_FUEL, 0x9280_000b, 0xcb0b_0129]).pay(), &["fuel-write"]);
    // sub x9, x9, x11, lsl #1
    judged(Code::new().words(&[mov_imm(11, 1), LOAD_FUEL, 0xcb0b_0529]).pay(), &["fuel-write"]);
    // Two charges stored, one check.
    let twice = Code::new().words(&[LOAD_FUEL, SUB_ONE, STORE_FUEL]).charge(1);
    judged(twice, &["unchecked-charge", "unchecked-charge"]);
}

#[test]
fn fuel_that_wraps() {
    // mov w2, w2; lsr x11, x2, #n; ldr x9, [x0, #24]; sub x9, x9, x11, n times; sub x9, x9, #1
    let wraps = |times: usize, lsr: u32| {
        let code = Code::new().words(&[0x2a02_03e2, 0xd340_fc4b | lsr << 16, LOAD_FUEL]);
        code.words(&[0xcb0b_0129].repeat(times)).words(&[SUB_ONE]).pay()
    };
    judged(wraps(1, 3), &[]);
    judged(wraps(2, 3), &["fuel-write"]);
    judged(wraps(1, 2), &["fuel-write"]);
    judged(wraps(4, 2), &["fuel-write"]);
    // orr x2, x2, #0xffffffff00000000 instead of the first
    let code = Code::new().words(&[0xb260_7c42, 0xd343_fc4b, LOAD_FUEL, 0xcb0b_0129, SUB_ONE]);
    judged(code.pay(), &["fuel-write"]);
}

#[test]
fn stale_fuel_stored_after_a_call() {
    let code = Code::with_frame(&[SAVE]).words(&[mov(19, 0)]).charge(5).words(&[LOAD_FUEL, mov(20, 9)]);
    let code = code.call("wkc_helper_cpu").words(&[str(20, 19, 24), RESTORE]);
    judged(code, &["fuel-write"]);
}

#[test]
fn other_fields_of_the_call_block() {
    for field in [0, 8, 16, 32, 72] {
        judged(Code::new().words(&[str(1, 0, field)]), &["call-block-write"]);
    }
    judged(Code::new().words(&[0x3900_0001]), &["call-block-write"]); // strb w1, [x0]
    judged(Code::new().words(&[0xa901_0801]), &["call-block-write"]); // stp x1, x2, [x0, #16]
    judged(Code::new().words(&[0xf821_6801]), &["call-block-write"]); // str x1, [x0, x1]
    judged(Code::new().words(&[mov(3, 0), str(1, 3, 16)]), &["call-block-write"]);
}

#[test]
fn a_call_or_return_that_nothing_is_paid_before() {
    let unpaid = ["unpaid-call", "unpaid-call", "undercharged-code"];
    judged(Code::bare().stack_check().call_at(0), &unpaid);
    judged(Code::bare().stack_check().charge(8).call_at(0), &[]);
    judged(Code::bare().stack_check().charge(0).call_at(0), &unpaid);
    judged(Code::bare().stack_check(), &unpaid[1..]);
    let skipped = Code::default().charge(8).len() / 4;
    judged(Code::bare().stack_check().words(&[cbz_over(6, skipped)]).charge(8).call_at(0), &unpaid);
    let leaf = Code::default().words(&PROLOGUE).stack_check().ret();
    let kwo = Code::new().ret().kwo().function(leaf.0);
    assert_eq!(crate::rules(&kwo), unpaid[1..]);
}

#[test]
fn a_helper_below_its_price() {
    let helper = |units| Code::new().charge(units).call("wkc_helper_ktime_ns");
    judged(helper(50), &[]);
    judged(helper(49), &["uncharged-helper"]);
    // One charge pays for one call.
    let twice = Code::with_frame(&[SAVE]).words(&[mov(19, 0)]).charge(100).call("wkc_helper_ktime_ns");
    let twice = twice.words(&[mov(0, 19)]).call("wkc_helper_ktime_ns").words(&[RESTORE]);
    judged(twice, &["uncharged-helper"]);
}

#[test]
fn a_bulk_operation_without_a_charge_by_length() {
    judged(Code::new().charge(100).call("wkc_memset"), &["uncharged-bulk"]);
    // lsr x11, x2, #n; add x11, x11, #1; ldr x9, [x0, #24]; sub x9, x9, x11; store and check
    let by = |lsr: u32, widen: &[u32]| {
        let code = Code::new().words(widen).words(&[0xd340_fc4b | lsr << 16, 0x9100_056b, LOAD_FUEL, 0xcb0b_0129]);
        code.pay()
    };
    let narrow = 0x2a02_03e2; // mov w2, w2
    let code = by(3, &[narrow]);
    judged(code.clone().call("wkc_memset"), &[]);
    judged(by(63, &[narrow]).call("wkc_memset"), &["fuel-write", "uncharged-bulk"]);
    judged(by(3, &[]).call("wkc_memset"), &["fuel-write", "uncharged-bulk"]);
    // Masked: mov x3, #0; csel x2, x3, x2, hi, before the charge, which pays for it, and behind, which does not
    judged(by(3, &[narrow, 0xd280_0003, 0x9a82_8062]).call("wkc_memset"), &[]);
    judged(code.clone().words(&[0xd280_0003, 0x9a82_8062]).call("wkc_memset"), &["uncharged-bulk"]);
    // Another length: add x2, x2, #1; mov w2, w1
    judged(code.clone().words(&[0x9100_0442]).call("wkc_memset"), &["uncharged-bulk"]);
    judged(code.clone().words(&[0x2a01_03e2]).call("wkc_memset"), &["uncharged-bulk"]);
    // One charge pays for one operation.
    judged(code.call("wkc_memset").call("wkc_memset"), &["uncharged-bulk"]);
    // A constant length: 64 costs nine, and 65,600 in two halves more than is charged.
    let constant = |units| Code::new().charge(units).words(&[mov_imm(2, 64)]).call("wkc_memmove");
    judged(constant(9), &[]);
    judged(constant(8), &["uncharged-bulk"]);
    let long = Code::new().charge(4095).words(&[mov_imm(2, 64), 0x72a0_0022]).call("wkc_memmove");
    judged(long, &["uncharged-bulk", "undercharged-code"]);
}

#[test]
fn a_value_less_itself_is_a_length_of_zero() {
    // mov x8, x1; then eor x8, x8, x1; mov x2, x8
    let zero =
        |made: &[u32]| Code::new().charge(1).words(&[mov(8, 1)]).words(made).words(&[mov(2, 8)]).call("wkc_memmove");
    judged(zero(&[0xca01_0108]), &[]);
    judged(zero(&[0xcb01_0108]), &[]); // sub x8, x8, x1
    judged(zero(&[0x4a01_0108]), &[]); // eor w8, w8, w1
    judged(zero(&[0xcb01_0508]), &["uncharged-bulk"]); // sub x8, x8, x1, lsl #1
    judged(zero(&[0xaa01_0108]), &["uncharged-bulk"]); // orr x8, x8, x1
    judged(zero(&[0xca02_0108]), &["uncharged-bulk"]); // eor x8, x8, x2: another value
    judged(zero(&[0x9100_0421, 0xca01_0108]), &["uncharged-bulk"]); // add x1, x1, #1 before
}

#[test]
fn a_callee_or_trap_without_the_call_block() {
    let code = Code::new().words(&[0xd280_0000]).trap(1); // mov x0, #0
    let found = crate::rules(&code.kwo());
    assert_eq!(found, ["call-argument"]);
    judged(Code::new().charge(1).words(&[0x9100_0400]).call_at(0), &["call-argument"]); // add x0, x0, #1
    judged(Code::new().words(&[MOV_PASS]), &[]);
}

#[test]
fn the_call_block_kept_in_another_register() {
    let code = |keeper| Code::with_frame(&[SAVE]).words(&[mov(keeper, 0)]).call_at(0).words(&[mov(0, keeper)]);
    judged(code(19).charge(1).words(&[ldr(1, 0, 32), RESTORE]), &[]);
    // x9 is the callee's to use.
    judged(code(9).call_at(0).words(&[RESTORE]), &["call-argument"]);
}
