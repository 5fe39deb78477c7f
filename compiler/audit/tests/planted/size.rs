//! Code that is longer than what is charged for it.

use wasmkc_abi::limits::INSTRUCTIONS_PER_FUEL;

use crate::common::{Code, Kwo};
use crate::rules;

#[track_caller]
fn judged(code: Code, broken: &[&str]) {
    let mut kwo = Kwo::new(code.ret());
    kwo.helpers = vec![1, 2, 3, 4];
    assert_eq!(rules(&kwo), broken);
}

fn nops(n: u32) -> Vec<u8> {
    vec![0x90; n as usize]
}

/// `push rbx; push rbx; mov rbx, rdi`
const KEEP: &[u8] = &[0x53, 0x53, 0x48, 0x89, 0xfb];
/// `mov rdi, rbx`
const BACK: &[u8] = &[0x48, 0x89, 0xdf];
/// `pop rbx; pop rbx`
const DROP: &[u8] = &[0x5b, 0x5b];

/// Instructions of [`Code::new`] on the way behind it, with the return.
const FRAME: u32 = 3 + 3 + 5 + 1;

#[test]
fn straight_code_longer_than_its_charge() {
    let fits = 8 * INSTRUCTIONS_PER_FUEL - FRAME;
    judged(Code::new().raw(&nops(fits)), &[]);
    judged(Code::new().raw(&nops(fits + 1)), &["undercharged-code"]);
    judged(Code::new().charge(1).raw(&nops(fits + INSTRUCTIONS_PER_FUEL - 5)), &[]);
    judged(Code::new().charge(1).raw(&nops(fits + INSTRUCTIONS_PER_FUEL - 4)), &["undercharged-code"]);
    // The bytes that were charged 16 and then 1: a function of four megabytes for a unit
    let long = Code::bare().stack_check().charge(1).raw(&nops(100_000));
    judged(long, &["undercharged-code"]);
}

#[test]
fn one_of_two_ways_longer_than_the_charge() {
    // test esi, esi; je over 121 instructions
    let way = |n| Code::new().raw(&[0x85, 0xf6, 0x74, n as u8]).raw(&nops(n)).raw(&[0x90; 4]);
    let fits = 8 * INSTRUCTIONS_PER_FUEL - FRAME - 6;
    judged(way(fits), &[]);
    judged(way(fits + 1), &["undercharged-code"]);
}

#[test]
fn code_before_a_call_longer_than_what_is_charged_before() {
    // A charge behind the call comes too late: nothing is known of what the callee leaves.
    let fits = 8 * INSTRUCTIONS_PER_FUEL - FRAME;
    judged(Code::with_frame(KEEP).raw(&nops(fits - 3)).call_at(0).raw(BACK).charge(2).raw(DROP), &[]);
    judged(
        Code::with_frame(KEEP).raw(&nops(fits - 2)).call_at(0).raw(BACK).charge(2).raw(DROP),
        &["undercharged-code"],
    );
}

#[test]
fn a_turn_of_a_loop_longer_than_its_charge() {
    let turn = |units: u8, n| {
        let code = Code::new();
        let top = code.bytes.len();
        code.charge(units).raw(&nops(n)).raw(&[0x85, 0xf6]).jne_at(top)
    };
    // The charge, the comparison and the branch are seven.
    let fits = 2 * INSTRUCTIONS_PER_FUEL - 7;
    judged(turn(2, fits), &[]);
    judged(turn(2, fits + 1), &["undercharged-code"]);
    judged(turn(1, 2_000), &["undercharged-code"]);
}

#[test]
fn what_lies_behind_a_loop_is_paid_before_it() {
    // The entry's eight units pay for the code behind the loop, whose own charge pays for its turns.
    let code = Code::new();
    let top = code.bytes.len();
    let code = code.charge(1).raw(&[0x85, 0xf6]).jne_at(top);
    let fits = 8 * INSTRUCTIONS_PER_FUEL - FRAME + INSTRUCTIONS_PER_FUEL - 7;
    judged(code.clone().raw(&nops(fits)), &[]);
    judged(code.raw(&nops(fits + 1)), &["undercharged-code"]);
}

#[test]
fn what_pays_a_helper_pays_no_instructions() {
    // mov rbx, rdi would need a frame: the helper's price of 50 leaves the credit as it was.
    let fits = 8 * INSTRUCTIONS_PER_FUEL - FRAME - 5 - 1;
    judged(Code::new().charge(50).call("wkc_helper_ktime_ns").raw(&nops(fits)), &[]);
    judged(Code::new().charge(50).call("wkc_helper_ktime_ns").raw(&nops(fits + 1)), &["undercharged-code"]);
}
