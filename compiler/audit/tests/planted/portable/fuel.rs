//! Fuel on the final bytecode: what does not pay, or not enough, is refused by its rule's name.

use pulley_interpreter::U6;
use pulley_interpreter::regs::BinaryOperands;
use pulley_interpreter::{PcRelOffset, XReg, encode};
use wasmkc_abi::vmctx::{HOST_MEMMOVE, HOST_MEMSET};
use wasmkc_audit::audit;

use crate::common::Kwo;
use crate::common::portable::{Code, Op, at, three, x};

/// The helper that gives the time, and the one that gives the CPU.
const KTIME: u8 = 17;
const CPU: u8 = 18;

/// All rules broken, as often as they are.
#[track_caller]
fn judged(code: Code, rules_broken: &[&str]) {
    judged_whole(code.ret().kwo(), rules_broken);
}

#[track_caller]
fn judged_whole(mut kwo: Kwo, rules_broken: &[&str]) {
    kwo.helpers = vec![1, 2, 3, 4];
    let found = audit(&kwo.build()).map_or_else(|f| f.iter().map(|f| f.rule.name()).collect(), |_| Vec::new());
    assert_eq!(found, rules_broken);
}

fn top() -> u32 {
    Code::new().len()
}

fn less_one(c: &mut Vec<u8>) {
    encode::xsub64_u8(c, x(9), x(9), 1);
}

#[test]
fn loops() {
    judged(Code::new().charge(3).branch_at(top()), &[]);
    judged(Code::new().branch_at(top()), &["fuel-free-cycle"]);
    judged(Code::new().charge(0).branch_at(top()), &["fuel-free-cycle"]);
    let code = Code::new().charge(100);
    let behind = code.len();
    judged(code.branch_at(behind), &["fuel-free-cycle"]);
    // An inner loop pays by itself.
    let code = Code::new().charge(3);
    let inner = code.len();
    judged(code.clone().branch_at(inner).branch_at(top()), &["fuel-free-cycle"]);
    judged(code.charge(1).branch_at(inner).branch_at(top()), &[]);
    // A charge on one way around only.
    let either = Code::new().over(|c, to| encode::br_if32(c, x(6), to), |code| code.charge(3));
    judged(either.branch_at(top()), &["fuel-free-cycle"]);
    judged_whole(Code::new().jump_at(top()).kwo(), &["fuel-free-cycle"]);
}

#[test]
fn branches_of_every_kind_go_around_a_loop() {
    let back: [fn(&mut Vec<u8>, PcRelOffset); 8] = [
        |c, to| encode::br_if_not32(c, x(5), to),
        |c, to| encode::br_if_xeq32(c, x(5), x(6), to),
        |c, to| encode::br_if_xneq64_i8(c, x(5), 1, to),
        |c, to| encode::br_if_xult32_u32(c, x(5), 70_000_u32, to),
        |c, to| encode::br_if_xslteq64_i32(c, x(5), -70_000, to),
        |c, to| encode::br_if_xugt64_u8(c, x(5), 7, to),
        |c, to| encode::br_if_xsgteq32_i8(c, x(5), 7, to),
        |c, to| encode::br_if_xulteq64(c, x(5), x(6), to),
    ];
    for branch in back {
        let around = |code: Code| {
            let distance = code.distance(top());
            code.op(|c| branch(c, distance))
        };
        judged(around(Code::new()), &["fuel-free-cycle"]);
        judged(around(Code::new().charge(1)), &[]);
    }
}

#[test]
fn a_charge_that_nobody_checks() {
    let code = Code::new().load_fuel().op(less_one).store_fuel();
    judged(code.branch_at(top()), &["unchecked-charge", "fuel-free-cycle"]);
}

#[test]
fn checks_of_another_kind() {
    let checked = |check: fn(&mut Vec<u8>, PcRelOffset)| {
        let code = Code::new().load_fuel().op(less_one).store_fuel();
        code.over(check, |code| code.trap(9)).branch_at(top())
    };
    judged(checked(|c, to| encode::br_if_xsgteq64_i8(c, x(9), 0, to)), &[]);
    judged(checked(|c, to| encode::br_if_xsgteq64_i32(c, x(9), 0, to)), &[]);
    // Where it is negative the loop goes on, and owes.
    judged(checked(|c, to| encode::br_if_xslt64_i8(c, x(9), 0, to)), &["unchecked-charge", "fuel-free-cycle"]);
    for check in [
        (|c, to| encode::br_if_xneq64_i8(c, x(9), 0, to)) as fn(&mut Vec<u8>, PcRelOffset),
        |c, to| encode::br_if_xugteq64_u8(c, x(9), 0, to),
        |c, to| encode::br_if_xsgt64_i8(c, x(9), 0, to),
        |c, to| encode::br_if_xsgteq64_i8(c, x(9), -1, to),
        |c, to| encode::br_if_xsgteq64_i8(c, x(10), 0, to),
        |c, to| encode::br_if_xsgteq32_i8(c, x(9), 0, to),
        |c, to| encode::br_if_xslt64(c, x(10), x(9), to),
        |c, to| encode::br_if32(c, x(9), to),
    ] {
        judged(checked(check), &["unchecked-charge", "fuel-free-cycle"]);
    }
    // The other way around: taken where it is below zero.
    let code = Code::new().load_fuel().op(less_one).store_fuel();
    let code = code.over(|c, to| encode::br_if_xslt64_i8(c, x(9), 0, to), |code| code.branch_at(top()).ret());
    judged_whole(code.trap(9).kwo(), &[]);
}

#[test]
fn fuel_that_is_set_or_given_back() {
    let stored: [Op; 4] = [
        |c| encode::xstore64le_o32(c, at(0, 24), x(1)),
        |c| encode::xstore32le_o32(c, at(0, 24), x(1)),
        |c| encode::xstore8_o32(c, at(0, 24), x(1)),
        |c| encode::xstore64le_o32(c, at(0, 24), x(0)),
    ];
    for op in stored {
        judged(Code::new().op(op), &["fuel-write"]);
    }
    let less = |op: Op| Code::new().load_fuel().op(op).pay();
    judged(less(less_one), &[]);
    judged(less(|c| encode::xsub64_u32(c, x(9), x(9), 70_000_u32)), &[]);
    judged(less(|c| encode::xadd64_u8(c, x(9), x(9), 1)), &["fuel-write"]);
    judged(less(|c| encode::xsub64_u32(c, x(9), x(9), 1_u32 << 31)), &["fuel-write"]);
    // The upper half stays, and 2^32 of fuel with it.
    judged(less(|c| encode::xsub32_u8(c, x(9), x(9), 1)), &["fuel-write"]);
    judged(less(|c| encode::zext32(c, x(9), x(9))), &["fuel-write"]);
    judged(less(|c| encode::xmul64_s8(c, x(9), x(9), 1)), &["fuel-write"]);
    // A negative number, and one that is nobody's.
    let negative = Code::new().op(|c| encode::xconst8(c, x(11), -1)).load_fuel();
    judged(negative.op(|c| encode::xsub64(c, three(9, 9, 11))).pay(), &["fuel-write"]);
    judged(less(|c| encode::xsub64(c, three(9, 9, 11))), &["fuel-write"]);
    // Two charges stored, one check.
    let twice = Code::new().load_fuel().op(less_one).store_fuel().charge(1);
    judged(twice, &["unchecked-charge", "unchecked-charge"]);
    // Fuel of before a call.
    let stale = Code::saving(16, &[16, 17]).op(|c| encode::xmov(c, x(16), x(0))).charge(5).load_fuel();
    let stale = stale.op(|c| encode::xmov(c, x(17), x(9))).host(CPU);
    let stale = stale.op(|c| encode::xstore64le_o32(c, at(16, 24), x(17))).restoring(16, &[16, 17]);
    judged_whole(stale.kwo(), &["fuel-write"]);
}

/// `x11 = x2 >> by; x11 += 1`, and the fuel less that, `times` over.
fn by_length(code: Code, by: u8, times: usize) -> Code {
    let code = code.op(|c| {
        encode::xshr64_u_u6(c, BinaryOperands { dst: x(11), src1: x(2), src2: U6::new(by).unwrap() });
    });
    code.op(|c| encode::xadd64_u8(c, x(11), x(11), 1))
        .load_fuel()
        .times(times, |c| encode::xsub64(c, three(9, 9, 11)))
        .pay()
}

fn widened() -> Code {
    Code::new().op(|c| encode::zext32(c, x(2), x(2)))
}

#[test]
fn fuel_that_wraps() {
    judged(by_length(widened(), 3, 1), &[]);
    judged(by_length(widened(), 3, 2), &["fuel-write"]);
    judged(by_length(widened(), 2, 1), &["fuel-write"]);
    judged(by_length(Code::new(), 3, 1), &["fuel-write"]);
    // Extended with its sign.
    judged(by_length(Code::new().op(|c| encode::sext32(c, x(2), x(2))), 3, 1), &["fuel-write"]);
    // The low half alone is made small.
    judged(by_length(Code::new().op(|c| encode::xband32_s8(c, x(2), x(2), 7)), 3, 1), &["fuel-write"]);
    judged(by_length(Code::new().op(|c| encode::xload32le_o32(c, x(2), at(1, 0))), 3, 1), &["fuel-write"]);
    // The smaller of it and a number below 2^32, and the larger.
    let least = |op: Op| {
        let code = Code::new().op(|c| encode::xconst64(c, x(3), 0xffff_ffff_i64));
        by_length(code.op(op), 3, 1)
    };
    judged(least(|c| encode::xmin64_u(c, three(2, 2, 3))), &[]);
    judged(least(|c| encode::xmin64_s(c, three(2, 2, 3))), &["fuel-write"]);
    judged(least(|c| encode::xmax64_u(c, three(2, 2, 3))), &["fuel-write"]);
    judged(least(|c| encode::xmin32_u(c, three(2, 2, 3))), &["fuel-write"]);
    judged(least(|c| encode::xmin64_u(c, three(2, 2, 1))), &["fuel-write"]);
}

#[test]
fn other_fields_of_the_call_block() {
    for field in [0, 8, 16, 32, 72] {
        judged(Code::new().op(|c| encode::xstore64le_o32(c, at(0, field), x(1))), &["call-block-write"]);
    }
    judged(Code::new().op(|c| encode::xstore8_o32(c, at(0, 0), x(1))), &["call-block-write"]);
    let copied = Code::new().op(|c| encode::xmov(c, x(3), x(0)));
    judged(copied.op(|c| encode::xstore64le_o32(c, at(3, 16), x(1))), &["call-block-write"]);
}

#[test]
fn a_call_or_return_that_nothing_is_paid_before() {
    let unpaid = ["unpaid-call", "unpaid-call", "undercharged-code"];
    judged(Code::bare().call_at(0), &unpaid);
    judged(Code::bare().charge(8).call_at(0), &[]);
    judged(Code::bare().charge(0).call_at(0), &unpaid);
    judged(Code::bare(), &unpaid[1..]);
    let skipped = Code::bare().over(|c, to| encode::br_if32(c, x(6), to), |code| code.charge(8));
    judged(skipped.call_at(0), &unpaid);
    let kwo = Code::new().ret().kwo().function(Code::bare().ret().0);
    assert_eq!(crate::rules(&kwo), unpaid[1..]);
}

#[test]
fn a_helper_below_its_price() {
    judged(Code::new().charge(50).host(KTIME), &[]);
    judged(Code::new().charge(49).host(KTIME), &["uncharged-helper"]);
    // One charge pays for one call.
    let twice = Code::saving(16, &[16]).op(|c| encode::xmov(c, x(16), x(0))).charge(100).host(KTIME);
    let twice = twice.op(|c| encode::xmov(c, x(0), x(16))).host(KTIME).restoring(16, &[16]);
    judged_whole(twice.kwo(), &["uncharged-helper"]);
}

#[test]
fn a_bulk_operation_without_a_charge_by_length() {
    judged(Code::new().charge(100).host(HOST_MEMSET), &["uncharged-bulk"]);
    let code = by_length(widened(), 3, 1);
    judged(code.clone().host(HOST_MEMSET), &[]);
    judged(by_length(widened(), 63, 1).host(HOST_MEMSET), &["fuel-write", "uncharged-bulk"]);
    judged(by_length(Code::new(), 3, 1).host(HOST_MEMSET), &["fuel-write", "uncharged-bulk"]);
    // Another length.
    for op in [
        (|c| encode::xadd64_u8(c, x(2), x(2), 1)) as Op,
        |c| encode::zext32(c, x(2), x(1)),
        |c| encode::xmov(c, x(2), x(1)),
        // The same in the low half.
        |c| encode::xbor32_s8(c, x(2), x(2), 0),
    ] {
        judged(code.clone().op(op).host(HOST_MEMMOVE), &["uncharged-bulk"]);
    }
    // One charge pays for one operation.
    judged(code.host(HOST_MEMSET).host(HOST_MEMSET), &["uncharged-bulk"]);
    // A constant length: 64 costs nine, and a longer one more than is charged.
    let constant = |units, n| Code::new().charge(units).op(|c| encode::xconst32(c, x(2), n)).host(HOST_MEMMOVE);
    judged(constant(9, 64), &[]);
    judged(constant(8, 64), &["uncharged-bulk"]);
    judged(constant(255, 65_600), &["uncharged-bulk", "undercharged-code"]);
    judged(constant(255, -1), &["uncharged-bulk"]);
}

#[test]
fn a_callee_or_trap_without_the_call_block() {
    judged_whole(Code::new().op(|c| encode::xzero(c, x(0))).trap(1).kwo(), &["call-argument"]);
    judged(Code::new().charge(1).op(|c| encode::xadd64_u8(c, x(0), x(0), 8)).call_at(0), &["call-argument"]);
    judged(Code::new().charge(5).op(|c| encode::xone(c, x(0))).host(CPU), &["call-argument"]);
    // The low half is another's.
    judged(Code::new().charge(5).op(|c| encode::xload8_u32_o32(c, x(0), at(1, 0))).host(CPU), &["call-argument"]);
    judged(Code::new().op(|c| encode::xone(c, x(0))), &[]);
}

#[test]
fn what_a_call_puts_into_the_first_register_is_the_argument() {
    let calls = |op: fn(&mut Vec<u8>, XReg, PcRelOffset), from: XReg| {
        let code = Code::new().op(|c| encode::xmov(c, x(7), x(0))).op(|c| encode::xzero(c, x(0)));
        let distance = code.distance(0);
        code.op(|c| op(c, from, distance))
    };
    for op in [
        (|c, r, to| encode::call1(c, r, to)) as fn(&mut Vec<u8>, XReg, PcRelOffset),
        |c, r, to| encode::call2(c, r, x(0), to),
        |c, r, to| encode::call3(c, r, x(0), x(1), to),
        |c, r, to| encode::call4(c, r, x(0), x(1), x(2), to),
    ] {
        judged(calls(op, x(7)), &[]);
        judged(calls(op, x(0)), &["call-argument"]);
        judged(calls(op, x(6)), &["call-argument"]);
    }
    judged(calls(|c, _, to| encode::call(c, to), x(7)), &["call-argument"]);
    judged(calls(|c, r, to| encode::call2(c, x(1), r, to), x(7)), &["call-argument"]);
}

#[test]
fn the_call_block_kept_in_another_register() {
    let code = |keeper| {
        let code = Code::saving(16, &[16]).op(|c| encode::xmov(c, x(keeper), x(0))).call_at(0);
        code.op(|c| encode::xmov(c, x(0), x(keeper))).charge(1).restoring(16, &[16]).kwo()
    };
    judged_whole(code(16), &[]);
    // x10 is the callee's to use: what is loaded and stored through it is no fuel.
    let lost = crate::rules(&code(10));
    assert!(lost.contains(&"call-argument"), "{lost:?}");
    // In the frame.
    let spilled = Code::saving(16, &[]).op(|c| encode::xstore64le_o32(c, at(30, 0), x(0))).call_at(0);
    let spilled = |from| {
        let code = spilled.clone().op(|c| encode::xload64le_o32(c, x(0), at(30, from)));
        code.charge(1).restoring(16, &[]).kwo()
    };
    judged_whole(spilled(0), &[]);
    assert!(crate::rules(&spilled(8)).contains(&"call-argument"));
}
