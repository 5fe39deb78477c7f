//! Code that is longer than what is charged for it.

use pulley_interpreter::encode;
use wasmkc_abi::limits::INSTRUCTIONS_PER_FUEL;

use crate::common::portable::{Code, x};
use crate::rules;

#[track_caller]
fn judged(code: Code, broken: &[&str]) {
    let mut kwo = code.ret().kwo();
    kwo.helpers = vec![1, 2, 3, 4];
    assert_eq!(rules(&kwo), broken);
}

/// Instructions of [`Code::new`] on the way behind it, with the end.
const FRAME: usize = 1 + 4 + 2;
const UNIT: usize = INSTRUCTIONS_PER_FUEL as usize;

#[test]
fn straight_code_longer_than_its_charge() {
    let fits = 8 * UNIT - FRAME;
    judged(Code::new().idle(fits), &[]);
    judged(Code::new().idle(fits + 1), &["undercharged-code"]);
    judged(Code::new().charge(1).idle(fits + UNIT - 4), &[]);
    judged(Code::new().charge(1).idle(fits + UNIT - 3), &["undercharged-code"]);
    judged(Code::bare().charge(1).idle(100_000), &["undercharged-code"]);
}

#[test]
fn code_before_a_call_longer_than_what_is_charged_before() {
    // A charge behind the call comes too late: nothing is known of what the callee leaves.
    let fits = 8 * UNIT - (FRAME - 2) - 2;
    let code = |n| {
        let code = Code::saving(16, &[16]).op(|c| encode::xmov(c, x(16), x(0))).idle(n).call_at(0);
        let mut kwo = code.op(|c| encode::xmov(c, x(0), x(16))).charge(2).restoring(16, &[16]).kwo();
        kwo.helpers = vec![1];
        rules(&kwo)
    };
    assert_eq!(code(fits), [""; 0]);
    assert_eq!(code(fits + 1), ["undercharged-code"]);
}

#[test]
fn a_turn_of_a_loop_longer_than_its_charge() {
    let turn = |units, n| {
        let top = Code::new().len();
        Code::new().charge(units).idle(n).branch_at(top)
    };
    // The charge and the branch are five.
    let fits = 2 * UNIT - 5;
    judged(turn(2, fits), &[]);
    judged(turn(2, fits + 1), &["undercharged-code"]);
    judged(turn(1, 2_000), &["undercharged-code"]);
}

#[test]
fn what_pays_a_helper_pays_no_instructions() {
    let fits = 8 * UNIT - FRAME - 4 - 1;
    judged(Code::new().charge(50).host(17).idle(fits), &[]);
    judged(Code::new().charge(50).host(17).idle(fits + 1), &["undercharged-code"]);
}
