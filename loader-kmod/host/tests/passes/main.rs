// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a pass that reasons about ranges may get wrong, one a test: whatever the passes make of a function, it does
//! the same.
#![allow(missing_docs)]

mod harness;

use harness::agree;
use wasmkc_abi::helper::{EFFECT_MOVES_PACKET, HELPERS};
use wasmkc_abi::trap::TrapCode::{DivisionByZero, MemoryOutOfBounds, OutOfFuel, PacketOutOfBounds, Unreachable};

#[test]
fn an_induction_variable_that_wraps() {
    let seen = agree(&[
        // From below zero to above, equal at the end.
        "(local.set $i (i32.const -6)) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (i32.add (local.get $i) (i32.const 6)))))
           (local.set $i (i32.add (local.get $i) (i32.const 2)))
           (br_if $l (i32.ne (local.get $i) (i32.const 10)))) (local.get $sum)",
        // Starts before the packet if that is short.
        "(local.set $i (i32.sub (call $len) (i32.const 4))) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (local.get $i))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.ne (local.get $i) (call $len)))) (local.get $sum)",
        "(local.set $i (i32.const -3)) (loop $l
           (i32.store $own offset=4 (local.get $i) (call $len))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.ne (local.get $i) (i32.const 3)))) (i32.const 1)",
        "(local.set $i (i32.const -64)) (loop $l
           (i32.store $own (i32.add (local.get $i) (i32.const 64)) (local.get $i))
           (local.set $i (i32.add (local.get $i) (i32.const 8)))
           (br_if $l (i32.ne (local.get $i) (i32.const 0)))) (i32.load $own (local.get $i))",
        // The first turn is behind the limit.
        "(local.set $i (i32.const 20)) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (local.get $i))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.lt_u (local.get $i) (i32.const 12)))) (local.get $sum)",
        // It is what the limit is already: it has to go round.
        "(local.set $i (call $len)) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $own (local.get $i))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.ne (local.get $i) (call $len)))) (local.get $sum)",
    ]);
    assert!(seen.trapped(PacketOutOfBounds) && seen.trapped(MemoryOutOfBounds), "{seen:?}");
    assert!(seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

/// As the packet is longer the pointer comes nearer to the end of the memory, and then behind it: in one version all
/// fields are inside, in the other one some are.
#[test]
fn a_pointer_near_the_end_of_the_memory() {
    let near = "(local.set $n (i32.add (i32.const 65490) (i32.shl (call $len) (i32.const 1))))";
    let far = "(local.set $n (i32.sub (i32.const 12) (call $len)))";
    let fields = "(i32.store8 $own offset=3 (local.get $n) (i32.const 7))
        (local.set $sum (i32.load16_u $own offset=12 (local.get $n)))
        (if (i32.and (call $len) (i32.const 1)) (then
          (local.set $sum (i32.add (local.get $sum) (i32.load $own offset=28 (local.get $n))))
          (i32.store16 $own offset=6 (local.get $n) (local.get $sum))))
        (i32.add (local.get $sum) (i32.load8_u $own offset=20 (local.get $n)))";
    let turns = "(loop $l
          (local.set $sum (i32.add (local.get $sum)
            (i32.load8_u $own (i32.add (i32.add (local.get $n) (i32.const 4)) (local.get $i)))))
          (i32.store8 $own (i32.add (local.get $n) (local.get $i)) (local.get $sum))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 24)))) (local.get $sum)";
    // The pointer itself moves on, and what it was is in the other version's turn.
    let moves = "(loop $l
          (local.set $sum (i32.add (local.get $sum) (i32.load16_u $own offset=1 (local.get $n))))
          (i32.store8 $own offset=9 (local.get $n) (local.get $sum))
          (local.set $sum (i32.add (local.get $sum) (i32.load8_u $own offset=5 (local.get $n))))
          (local.set $n (i32.add (local.get $n) (i32.const 3)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $l (i32.lt_u (local.get $i) (i32.const 6)))) (i32.add (local.get $sum) (local.get $n))";
    let bodies: Vec<String> =
        [near, far].iter().flat_map(|at| [fields, turns, moves].map(|then| format!("{at} {then}"))).collect();
    let seen = agree(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(seen.trapped(MemoryOutOfBounds) && seen.returned > 0, "{seen:?}");
}

#[test]
fn a_step_of_zero() {
    let seen = agree(&[
        "(loop $l (i32.store8 $own (local.get $i) (i32.const 1))
           (local.set $i (i32.add (local.get $i) (i32.const 0)))
           (br_if $l (i32.ne (local.get $i) (i32.const 8)))) (i32.const 1)",
        // As the packet says, none or one.
        "(local.set $n (i32.and (i32.load8_u $packet (i32.const 3)) (i32.const 1))) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (local.get $i))))
           (local.set $i (i32.add (local.get $i) (local.get $n)))
           (br_if $l (i32.lt_u (local.get $i) (call $len)))) (local.get $sum)",
        "(local.set $n (i32.and (call $len) (i32.const 1))) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (local.get $i))))
           (local.set $i (i32.add (local.get $i) (local.get $n)))
           (br_if $l (i32.ne (local.get $i) (call $len)))) (local.get $sum)",
    ]);
    assert!(seen.trapped(OutOfFuel) && seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

#[test]
fn a_negative_step() {
    let seen = agree(&[
        "(local.set $i (call $len)) (loop $l
           (local.set $i (i32.sub (local.get $i) (i32.const 1)))
           (i32.store8 $own (local.get $i) (i32.load8_u $packet (local.get $i)))
           (br_if $l (i32.ne (local.get $i) (i32.const 0)))) (i32.const 1)",
        "(local.set $i (i32.sub (call $len) (i32.const 1))) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (local.get $i))))
           (local.set $i (i32.add (local.get $i) (i32.const -1)))
           (br_if $l (i32.ge_s (local.get $i) (i32.const 0)))) (local.get $sum)",
        "(local.set $i (i32.const 400)) (loop $l
           (i32.store $own (i32.sub (local.get $i) (i32.const 4)) (local.get $i))
           (local.set $i (i32.sub (local.get $i) (i32.const 4)))
           (br_if $l (i32.ne (local.get $i) (i32.const 0)))) (i32.const 1)",
        // Goes past what it is compared with.
        "(local.set $i (i32.const 400)) (loop $l
           (i32.store $own (local.get $i) (local.get $i))
           (local.set $i (i32.sub (local.get $i) (i32.const 3)))
           (br_if $l (i32.ne (local.get $i) (i32.const 0)))) (i32.const 1)",
        // One too far down: the number before zero is the largest.
        "(local.set $i (i32.const 40)) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $own (local.get $i))))
           (local.set $i (i32.sub (local.get $i) (i32.const 1)))
           (br_if $l (i32.ge_u (local.get $i) (i32.const 0)))) (local.get $sum)",
    ]);
    assert!(seen.trapped(PacketOutOfBounds) && seen.trapped(MemoryOutOfBounds), "{seen:?}");
    assert!(seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

#[test]
fn a_loop_left_early() {
    let seen = agree(&[
        "(block $out (loop $l
           (br_if $out (i32.ge_u (local.get $i) (call $len)))
           (br_if $out (i32.eq (i32.load8_u $packet (local.get $i)) (i32.const 185)))
           (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $l)))
         (i32.load8_u $packet (local.get $i))",
        "(block $out (loop $l
           (br_if $out (i32.gt_u (i32.load8_u $own (local.get $i)) (i32.const 8)))
           (i32.store8 $own (local.get $i) (i32.add (i32.load8_u $own (local.get $i)) (i32.const 1)))
           (local.set $i (i32.add (local.get $i) (i32.const 5)))
           (br_if $l (i32.lt_u (local.get $i) (i32.const 65530)))))
         (i32.load $own offset=3 (local.get $i))",
        // What the loop would have checked is not checked behind it.
        "(block $out (loop $l
           (br_if $out (i32.eq (local.get $i) (i32.const 9)))
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (local.get $i))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.ne (local.get $i) (call $len)))))
         (i32.add (local.get $sum) (i32.load16_u $packet (i32.const 8)))",
    ]);
    assert!(seen.trapped(PacketOutOfBounds) && seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

/// The compiler's own test `what_is_known_of_a_packet_ends_where_it_may_move` is of what such a helper would need.
#[test]
fn no_helper_moves_the_packet_yet() {
    assert!(HELPERS.iter().all(|helper| helper.effects & EFFECT_MOVES_PACKET == 0), "run one here");
}

#[test]
fn nested_loops_with_a_large_product() {
    let nest = |turns: u32, factor: &str, store: &str| {
        format!(
            "(loop $outer (local.set $j (i32.const 0)) (loop $inner
               (i32.store8 {store} (i32.add (i32.mul (local.get $i) (i32.const {factor})) (local.get $j)) (local.get $j))
               (local.set $j (i32.add (local.get $j) (i32.const 1)))
               (br_if $inner (i32.lt_u (local.get $j) (i32.const 32))))
             (local.set $i (i32.add (local.get $i) (i32.const 1)))
             (br_if $outer (i32.ne (local.get $i) (i32.const {turns})))) (i32.const 1)"
        )
    };
    let bodies = [
        nest(32, "2048", "$own"),
        nest(32, "2114", "$own"),
        nest(33, "2048", "$own"),
        // 2^28: wraps to where it began at the 16th turn
        nest(17, "268435456", "$own"),
        nest(3, "8", "$packet"),
        nest(2, "4294967295", "$own"),
    ];
    let seen = agree(&bodies.each_ref().map(String::as_str));
    assert!(seen.trapped(MemoryOutOfBounds) && seen.trapped(PacketOutOfBounds), "{seen:?}");
    assert!(seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

#[test]
fn overlapping_and_unaligned_accesses() {
    let seen = agree(&[
        "(if (i32.lt_u (call $len) (i32.const 16)) (then (return (i32.const 2))))
         (i64.store $packet offset=3 align=1 (i32.const 0) (i64.load $packet offset=1 align=1 (i32.const 0)))
         (i32.store16 $packet offset=6 align=1 (i32.const 0) (i32.load $packet offset=5 align=1 (i32.const 0)))
         (i64.store $packet offset=8 align=1 (i32.const 0) (i64.load $packet align=1 (i32.const 0)))
         (i32.wrap_i64 (i64.load $packet offset=9 align=1 (i32.const 0)))",
        "(local.set $i (call $len))
         (i64.store $own offset=1 align=1 (local.get $i) (i64.const 0x0102030405060708))
         (i32.store $own align=1 (local.get $i) (i32.load $own offset=3 align=1 (local.get $i)))
         (i32.store16 $own offset=2 align=1 (local.get $i) (i32.load8_s $own offset=8 (local.get $i)))
         (i32.load $own offset=1 align=1 (local.get $i))",
        // Of two the second reaches further; of the next two the first does.
        "(local.set $sum (i32.add (i32.load16_u $packet align=1 (i32.const 6)) (i32.load $packet align=1 (i32.const 5))))
         (i32.add (local.get $sum)
           (i32.add (i32.load $packet align=1 (i32.const 13)) (i32.load16_u $packet align=1 (i32.const 14))))",
    ]);
    assert!(seen.trapped(PacketOutOfBounds) && seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

#[test]
fn traps_in_order_with_the_stores_before_them() {
    let seen = agree(&[
        "(i32.store $own (i32.const 0) (call $len))
         (local.set $sum (i32.load8_u $packet (i32.const 20)))
         (i32.store $own (i32.const 4) (local.get $sum))
         (local.set $sum (i32.load8_u $packet (i32.const 10)))
         (i32.store8 $packet (i32.const 19) (i32.const 9))
         (i32.store $own (i32.const 8) (i32.div_u (local.get $sum) (i32.sub (call $len) (i32.const 30))))
         (local.set $sum (i32.load $packet align=1 (i32.const 40)))
         (if (i32.eq (call $len) (i32.const 50)) (then (unreachable)))
         (i32.store $own (i32.mul (call $len) (i32.const 1000)) (i32.const 7))
         (i32.load8_u $packet (i32.const 30))",
        // Each turn leaves its mark before the one that traps.
        "(loop $l (i32.store8 $own (local.get $i) (call $len))
           (i32.store8 $packet (local.get $i) (i32.load8_u $packet offset=3 (local.get $i)))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.lt_u (local.get $i) (call $len)))) (i32.const 1)",
    ]);
    for code in [PacketOutOfBounds, DivisionByZero, Unreachable, MemoryOutOfBounds] {
        assert!(seen.trapped(code), "{code:?}: {seen:?}");
    }
    assert!(seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

#[test]
fn a_limit_near_the_largest_number() {
    let seen = agree(&[
        "(local.set $i (i32.const -16)) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (i32.add (local.get $i) (i32.const 16)))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.lt_u (local.get $i) (i32.const -1)))) (local.get $sum)",
        // At most the largest number is everything.
        "(local.set $n (i32.or (call $len) (i32.const -1))) (local.set $i (i32.const -4)) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (i32.add (local.get $i) (i32.const 4)))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.le_u (local.get $i) (local.get $n)))) (local.get $sum)",
        "(local.set $i (i32.const -20)) (loop $l
           (i32.store8 $own (i32.add (local.get $i) (i32.const 20)) (local.get $i))
           (local.set $i (i32.add (local.get $i) (i32.const 3)))
           (br_if $l (i32.lt_u (local.get $i) (i32.const -2)))) (i32.load8_u $own (local.get $i))",
        "(if (i32.gt_u (i32.sub (call $len) (i32.const 1)) (i32.const -3)) (then (return (i32.const 5))))
         (i32.load8_u $packet (i32.const 0))",
        "(if (i32.le_u (i32.sub (call $len) (i32.const 9)) (i32.const -5)) (then
           (return (i32.load8_u $packet (i32.const 8))))) (i32.const 3)",
    ]);
    assert!(seen.trapped(PacketOutOfBounds) && seen.trapped(MemoryOutOfBounds), "{seen:?}");
    assert!(seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

#[test]
fn a_limit_that_changes_in_the_loop() {
    let seen = agree(&[
        "(local.set $n (call $len)) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (local.get $i))))
           (if (i32.eq (local.get $i) (i32.const 12)) (then (local.set $n (i32.const 50))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.ne (local.get $i) (local.get $n)))) (local.get $sum)",
        "(local.set $n (i32.const 100)) (loop $l
           (i32.store $own (i32.add (local.get $i) (i32.const 65400)) (local.get $n))
           (local.set $n (i32.add (local.get $n) (i32.and (call $len) (i32.const 1))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.lt_u (local.get $i) (local.get $n)))) (local.get $n)",
        "(i32.store $own (i32.const 0) (call $len)) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet (local.get $i))))
           (if (i32.eq (local.get $i) (i32.const 7)) (then (i32.store $own (i32.const 0) (i32.const 30))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.lt_u (local.get $i) (i32.load $own (i32.const 0))))) (local.get $sum)",
    ]);
    assert!(seen.trapped(PacketOutOfBounds) && seen.trapped(MemoryOutOfBounds) && seen.returned > 0, "{seen:?}");
}

#[test]
fn a_comparison_in_a_block_that_does_not_dominate() {
    let seen = agree(&[
        // Every other call compares.
        "(i32.store8 $own (i32.const 0) (i32.xor (i32.load8_u $own (i32.const 0)) (i32.const 1)))
         (if (i32.load8_u $own (i32.const 0)) (then
           (if (i32.lt_u (call $len) (i32.const 8)) (then (return (i32.const 2))))))
         (i32.wrap_i64 (i64.load $packet align=1 (i32.const 0)))",
        // Both ways do, the packet is as long as the shorter says.
        "(i32.store8 $own (i32.const 0) (i32.xor (i32.load8_u $own (i32.const 0)) (i32.const 1)))
         (if (i32.load8_u $own (i32.const 0))
           (then (if (i32.lt_u (call $len) (i32.const 9)) (then (return (i32.const 2)))))
           (else (if (i32.lt_u (call $len) (i32.const 7)) (then (return (i32.const 3))))))
         (i32.wrap_i64 (i64.load $packet align=1 (i32.const 0)))",
        "(i32.store8 $own (i32.const 0) (i32.xor (i32.load8_u $own (i32.const 0)) (i32.const 1)))
         (block $on (br_if $on (i32.load8_u $own (i32.const 0)))
           (local.set $sum (i32.load8_u $packet (i32.const 33))))
         (i32.add (local.get $sum) (i32.load8_u $packet (i32.const 32)))",
        // In the last turn only.
        "(loop $l (if (i32.eq (local.get $i) (i32.const 3)) (then
             (if (i32.lt_u (call $len) (i32.const 20)) (then (return (i32.const 4))))))
           (local.set $sum (i32.add (local.get $sum) (i32.load8_u $packet offset=12 (local.get $i))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.lt_u (local.get $i) (i32.const 5)))) (local.get $sum)",
    ]);
    assert!(seen.trapped(PacketOutOfBounds) && seen.returned > 0, "{seen:?}");
}

#[test]
fn a_select_that_clamps() {
    let clamp = |index: &str, most: &str, compare: &str, at: &str| {
        format!(
            "(local.set $i {index}) (local.set $n {most})
             (local.set $i (select (local.get $i) (local.get $n) (i32.{compare} (local.get $i) (local.get $n)))) {at}"
        )
    };
    let (len, own) = ("(call $len)", "(i32.load8_u $own offset=65476 (local.get $i))");
    let packet = "(i32.load8_u $packet (local.get $i))";
    let times = "(i32.mul (call $len) (i32.const 3))";
    let bodies = [
        clamp(times, "(i32.sub (call $len) (i32.const 1))", "lt_u", packet),
        clamp(times, len, "lt_u", packet),
        clamp(times, "(i32.const 59)", "lt_u", own),
        clamp(times, "(i32.const 60)", "le_u", own),
        clamp("(i32.sub (call $len) (i32.const 40))", "(i32.const 59)", "lt_s", own),
        // The other way round: at least.
        clamp(times, "(i32.const 59)", "gt_u", own),
        clamp("(i32.sub (i32.const 40) (call $len))", "(i32.const 4)", "gt_s", own),
        // Both are inside whichever it is.
        clamp(
            "(i32.and (call $len) (i32.const 31))",
            "(i32.const 59)",
            "ne",
            "(i32.load8_u $own offset=65400 (local.get $i))",
        ),
    ];
    let seen = agree(&bodies.each_ref().map(String::as_str));
    assert!(seen.trapped(PacketOutOfBounds) && seen.trapped(MemoryOutOfBounds), "{seen:?}");
    assert!(seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

#[test]
fn signed_comparisons_with_negative_values() {
    let seen = agree(&[
        "(local.set $i (i32.sub (call $len) (i32.const 40)))
         (if (i32.lt_s (local.get $i) (i32.const 16)) (then (i32.store $own (local.get $i) (i32.const 1)))) (i32.const 1)",
        "(local.set $i (i32.sub (call $len) (i32.const 40)))
         (if (i32.and (i32.gt_s (local.get $i) (i32.const -9)) (i32.lt_s (local.get $i) (i32.const 8)))
           (then (i32.store8 $own (i32.add (local.get $i) (i32.const 8)) (i32.const 1)))) (i32.const 2)",
        // The packet's length less four is negative for short ones.
        "(local.set $i (i32.const 2))
         (if (i32.le_s (i32.sub (call $len) (i32.const 4)) (local.get $i)) (then (return (i32.const 7))))
         (i32.load $packet align=1 (local.get $i))",
        "(local.set $i (i32.sub (i32.const 10) (call $len)))
         (if (i32.ge_s (local.get $i) (call $len)) (then (return (i32.const 8))))
         (i32.load8_u $packet (local.get $i))",
        "(local.set $i (i32.const -8)) (loop $l
           (i32.store8 $own (local.get $i) (i32.const 1))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.lt_s (local.get $i) (call $len)))) (i32.const 9)",
        "(local.set $i (i32.sub (call $len) (i32.const 60))) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load8_s $own offset=60 (i32.add (local.get $i) (i32.const 60)))))
           (local.set $i (i32.add (local.get $i) (i32.const 7)))
           (br_if $l (i32.lt_s (local.get $i) (i32.const 5)))) (local.get $sum)",
    ]);
    assert!(seen.trapped(PacketOutOfBounds) && seen.trapped(MemoryOutOfBounds), "{seen:?}");
    assert!(seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

#[test]
fn a_length_shorter_than_what_is_taken_from_it() {
    let seen = agree(&[
        "(if (i32.lt_u (i32.const 20) (i32.sub (call $len) (i32.const 14))) (then
           (return (i32.load8_u $packet (i32.const 34))))) (i32.const 1)",
        "(local.set $i (i32.const 3))
         (if (i32.lt_u (local.get $i) (i32.sub (call $len) (i32.const 8))) (then
           (return (i32.wrap_i64 (i64.load $packet align=1 (local.get $i)))))) (i32.const 1)",
        "(if (i32.ge_u (i32.sub (call $len) (i32.const 14)) (i32.const 20)) (then
           (return (i32.load $packet offset=30 align=1 (i32.const 0))))) (i32.const 1)",
        "(local.set $n (i32.sub (call $len) (i32.const 3))) (loop $l
           (local.set $sum (i32.add (local.get $sum) (i32.load $packet align=1 (local.get $i))))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.lt_u (local.get $i) (local.get $n)))) (local.get $sum)",
        "(if (i32.lt_u (call $len) (i32.const 3)) (then (return (i32.const 1))))
         (local.set $n (i32.sub (call $len) (i32.const 3))) (block $out (loop $l
           (br_if $out (i32.ge_u (local.get $i) (local.get $n)))
           (local.set $sum (i32.add (local.get $sum) (i32.load $packet align=1 (local.get $i))))
           (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $l))) (local.get $sum)",
    ]);
    assert!(seen.trapped(PacketOutOfBounds) && seen.returned > 0 && seen.gone.0 > 0, "{seen:?}");
}

/// Their distance, which says in which steps a value goes, is more than a signed number can say.
#[test]
fn two_numbers_as_far_apart_as_can_be() {
    let seen = agree(&["(i64.eq
           (i64.add (i64.const -3)
             (select (i64.const -9223372036854775798) (i64.const 9223372036854775797) (i32.and (call $len) (i32.const 1))))
           (i64.const 9223372036854775794)) (if (then (return (i32.const 1)))) (i32.const 2)"]);
    assert!(seen.returned > 0, "{seen:?}");
}
