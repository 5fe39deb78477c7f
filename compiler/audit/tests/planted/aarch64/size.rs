//! Code that is longer than what is charged for it.

use wasmkc_abi::limits::INSTRUCTIONS_PER_FUEL;

use crate::common::aarch64::{Code, NOP, flatter, ldr};
use crate::rules;

#[track_caller]
fn judged(code: Code, broken: &[&str]) {
    let mut kwo = code.ret().kwo();
    kwo.helpers = vec![1, 2, 3, 4];
    assert_eq!(rules(&kwo), broken);
}

fn nops(n: u32) -> Vec<u32> {
    vec![NOP; n as usize]
}

/// Instructions of [`Code::new`] on the way behind it, with the end.
const FRAME: u32 = 3 + 4 + 5 + 2;

#[test]
fn straight_code_longer_than_its_charge() {
    let fits = 8 * INSTRUCTIONS_PER_FUEL - FRAME;
    judged(Code::new().words(&nops(fits)), &[]);
    judged(Code::new().words(&nops(fits + 1)), &["undercharged-code"]);
    judged(Code::new().charge(1).words(&nops(fits + INSTRUCTIONS_PER_FUEL - 5)), &[]);
    judged(Code::new().charge(1).words(&nops(fits + INSTRUCTIONS_PER_FUEL - 4)), &["undercharged-code"]);
    judged(Code::bare().stack_check().charge(1).words(&nops(100_000)), &["undercharged-code"]);
}

#[test]
fn code_before_a_call_longer_than_what_is_charged_before() {
    // A charge behind the call comes too late: nothing is known of what the callee leaves.
    let fits = 8 * INSTRUCTIONS_PER_FUEL - FRAME;
    let code = |n| {
        // str x0, [sp, #-16]!
        let code = Code::with_frame(&[0xf81f_0fe0]).words(&nops(n)).call_at(0);
        code.words(&[ldr(0, 31, 0)]).charge(2).words(&[flatter(16)])
    };
    judged(code(fits), &[]);
    judged(code(fits + 1), &["undercharged-code"]);
}

#[test]
fn a_turn_of_a_loop_longer_than_its_charge() {
    let turn = |units, n| {
        let top = Code::new().len();
        Code::new().charge(units).words(&nops(n)).cbnz_at(top)
    };
    // The charge and the branch are six.
    let fits = 2 * INSTRUCTIONS_PER_FUEL - 6;
    judged(turn(2, fits), &[]);
    judged(turn(2, fits + 1), &["undercharged-code"]);
    judged(turn(1, 2_000), &["undercharged-code"]);
}

#[test]
fn what_pays_a_helper_pays_no_instructions() {
    let fits = 8 * INSTRUCTIONS_PER_FUEL - FRAME - 5 - 1;
    judged(Code::new().charge(50).call("wkc_helper_ktime_ns").words(&nops(fits)), &[]);
    judged(Code::new().charge(50).call("wkc_helper_ktime_ns").words(&nops(fits + 1)), &["undercharged-code"]);
}
