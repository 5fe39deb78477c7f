//! Fuel in a register, on each machine: what is charged there counts, memory is true wherever others look at it, and
//! nothing is ever given back.
//!
//! One list for all machines; the files beside write its steps as each machine's instructions.

mod aarch64;
mod portable;
mod x86_64;

use crate::common::Kwo;
use wasmkc_audit::audit;

/// Registers that a callee gives back.
#[derive(Clone, Copy)]
enum Register {
    /// Holds the fuel at the start.
    Fuel,
    /// Another one.
    Other,
}

use Register::{Fuel, Other};

/// A function in which the call block stays at hand, whatever is called.
trait Steps: Clone {
    /// Frame, stack check, eight units paid in memory, and the fuel in its register.
    fn start() -> Self;
    /// Bytes so far.
    fn top(&self) -> usize;
    /// Memory's fuel into a register.
    fn load(self, to: Register) -> Self;
    /// A register into memory's fuel.
    fn store(self, from: Register) -> Self;
    fn copy(self, to: Register, from: Register) -> Self;
    /// Less so many units.
    fn less(self, r: Register, units: u8) -> Self;
    /// A branch over `otherwise`, taken if the register is not below a number, with signs.
    fn unless_at_least(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self;
    /// The same, of the low half.
    fn unless_half_at_least(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self;
    /// The same, taken if the register is above the number.
    fn unless_above(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self;
    /// A branch over `otherwise`, taken or not.
    fn perhaps(self, otherwise: impl Fn(Self) -> Self) -> Self;
    /// A branch to an earlier place, taken or not.
    fn around(self, top: usize) -> Self;
    /// A call of this function.
    fn call(self) -> Self;
    /// A call of the helper `ktime_ns`, which costs 50 units.
    fn helper(self) -> Self;
    /// `wkc_memmove` of 64 bytes, which costs nine.
    fn memmove(self) -> Self;
    fn trap(self, code: u8) -> Self;
    /// The registers as they were, and the return.
    fn end(self) -> Kwo;
    /// The same, and the jump to this function's start.
    fn jump(self) -> Kwo;

    /// A charge in its register.
    fn pay(self, units: u8) -> Self {
        self.less(Fuel, units).check(Fuel)
    }

    /// Out of fuel if the register is negative.
    fn check(self, r: Register) -> Self {
        self.unless_at_least(r, 0, |code| code.trap(9))
    }

    /// Out of fuel if there is less than so many units.
    fn check_least(self, units: u8) -> Self {
        self.unless_at_least(Fuel, units, |code| code.trap(9))
    }
}

/// All rules broken, as often as they are.
#[track_caller]
fn broken(mut kwo: Kwo, rules: &[&str]) {
    kwo.helpers = vec![1];
    let found = audit(&kwo.build()).map_or_else(|f| f.iter().map(|f| f.rule.name()).collect(), |_| Vec::new());
    assert_eq!(found, rules);
}

macro_rules! on_each_machine {
    ($($name:ident)*) => {
        mod on_x86_64 { $(#[test] fn $name() { super::$name::<super::x86_64::Code>(); })* }
        mod on_aarch64 { $(#[test] fn $name() { super::$name::<super::aarch64::Code>(); })* }
        mod on_portable { $(#[test] fn $name() { super::$name::<super::portable::Code>(); })* }
    };
}

on_each_machine! {
    a_loop_that_pays_in_a_register
    a_loop_that_pays_by_comparing_with_the_charge
    a_comparison_with_more_or_less_than_what_is_taken
    a_check_of_another_kind
    a_charge_of_zero
    a_charge_that_is_computed_and_not_compared
    another_register_than_the_charged_one
    fuel_reloaded_from_stale_memory
    an_older_value_stored
    a_return_with_stale_memory
    a_call_with_stale_memory
    a_helper_with_stale_memory
    a_jump_to_a_function_with_stale_memory
    a_call_with_memory_that_owes
    a_bulk_operation_may_leave_memory_stale
    a_trap_may_leave_memory_stale
    fuel_kept_over_a_call
    register_here_and_memory_there
    charges_of_two_ways_meet
    one_charge_made_of_two
    a_charge_pays_once
    an_inner_loop_and_an_outer_one
}

fn a_loop_that_pays_in_a_register<S: Steps>() {
    let code = S::start();
    let top = code.top();
    broken(code.clone().pay(3).around(top).store(Fuel).end(), &[]);
    // Through memory, a copy of the register in between.
    let code = code.pay(3).copy(Other, Fuel).store(Other).load(Fuel).around(top);
    broken(code.end(), &[]);
}

fn a_loop_that_pays_by_comparing_with_the_charge<S: Steps>() {
    let code = S::start();
    let top = code.top();
    broken(code.clone().check_least(3).less(Fuel, 3).around(top).store(Fuel).end(), &[]);
    // What is left is computed twice, from the value of before.
    let twice = code.clone().copy(Other, Fuel).less(Other, 3).check_least(3).store(Other).less(Fuel, 3);
    broken(twice.around(top).store(Fuel).end(), &[]);
    // A part of the charge, then the rest.
    broken(code.less(Fuel, 2).check_least(1).less(Fuel, 1).around(top).store(Fuel).end(), &[]);
}

fn a_comparison_with_more_or_less_than_what_is_taken<S: Steps>() {
    let code = S::start();
    let top = code.top();
    let loops = |compared, taken| code.clone().check_least(compared).less(Fuel, taken).around(top).store(Fuel).end();
    broken(loops(3, 3), &[]);
    let lost = ["fuel-write", "stale-fuel", "fuel-free-cycle"];
    // Less is taken than was seen to be there: it is more than the fuel, which goes round and is no number any more.
    broken(loops(3, 2), &lost);
    // More is.
    broken(loops(3, 4), &lost);
    let straight = |compared, taken| code.clone().check_least(compared).less(Fuel, taken).store(Fuel).end();
    broken(straight(3, 3), &[]);
    broken(straight(3, 2), &["fuel-write", "stale-fuel"]);
    broken(straight(3, 4), &["unchecked-charge"]);
}

fn a_check_of_another_kind<S: Steps>() {
    let code = S::start().less(Fuel, 3);
    let top = S::start().top();
    let round = |code: S| code.around(top).end();
    broken(round(code.clone().unless_half_at_least(Fuel, 0, |code| code.trap(9))), &["fuel-free-cycle"]);
    broken(round(code.clone().unless_above(Fuel, 0, |code| code.trap(9))), &["fuel-free-cycle"]);
    // Where it is negative the loop goes on.
    let goes_on = |code: S| code.around(top).trap(9);
    broken(code.unless_at_least(Fuel, 0, goes_on).store(Fuel).end(), &["fuel-write", "fuel-free-cycle"]);
}

fn a_charge_of_zero<S: Steps>() {
    let code = S::start();
    let top = code.top();
    broken(code.clone().pay(0).around(top).store(Fuel).end(), &["fuel-free-cycle"]);
    broken(code.check_least(0).around(top).store(Fuel).end(), &["fuel-free-cycle"]);
}

fn a_charge_that_is_computed_and_not_compared<S: Steps>() {
    let code = S::start();
    let top = code.top();
    broken(code.clone().less(Fuel, 3).around(top).end(), &["fuel-free-cycle"]);
    // Compared behind the loop.
    broken(code.less(Fuel, 3).around(top).check(Fuel).end(), &["fuel-free-cycle"]);
}

fn another_register_than_the_charged_one<S: Steps>() {
    let code = S::start().copy(Other, Fuel);
    let top = code.top();
    broken(code.clone().less(Fuel, 3).check(Other).around(top).end(), &["fuel-free-cycle"]);
    // The right one.
    broken(code.clone().less(Fuel, 3).check(Fuel).around(top).store(Fuel).end(), &[]);
    // A copy made anew each time round, which the register that goes round knows nothing of.
    let copied = code.copy(Other, Fuel).less(Other, 3).check(Other).around(top).store(Other);
    broken(copied.end(), &["fuel-write", "stale-fuel", "fuel-free-cycle"]);
}

fn fuel_reloaded_from_stale_memory<S: Steps>() {
    let code = S::start();
    let top = code.top();
    // Each time round the charge of the last is forgotten.
    let code_round = code.clone().load(Fuel).pay(3).around(top);
    broken(code_round.clone().store(Fuel).end(), &["fuel-write", "stale-fuel", "fuel-free-cycle"]);
    broken(code_round.end(), &["stale-fuel", "fuel-free-cycle"]);
    // On a straight way it is three more than the fuel: what was paid is not paid again, but can be taken again.
    let reloaded = code.pay(3).load(Other);
    broken(reloaded.clone().store(Other).end(), &["fuel-write", "stale-fuel"]);
    broken(reloaded.clone().less(Other, 2).store(Other).end(), &["fuel-write", "stale-fuel"]);
    broken(reloaded.less(Other, 3).store(Other).end(), &[]);
    // A hundred paid for once are no hundred for a helper.
    let helper = S::start().pay(100).helper().load(Fuel).pay(20).load(Fuel).less(Fuel, 60).check(Fuel).store(Fuel);
    broken(helper.helper().end(), &["stale-fuel", "uncharged-helper"]);
}

fn an_older_value_stored<S: Steps>() {
    let code = S::start().copy(Other, Fuel).pay(3);
    broken(code.clone().store(Fuel).end(), &[]);
    broken(code.clone().store(Other).end(), &["fuel-write", "stale-fuel"]);
    broken(code.clone().store(Fuel).store(Other).end(), &["fuel-write"]);
    // As much as was taken, but of what was before.
    broken(code.less(Other, 3).store(Other).end(), &[]);
}

fn a_return_with_stale_memory<S: Steps>() {
    broken(S::start().pay(3).end(), &["stale-fuel"]);
    broken(S::start().store(Fuel).pay(3).end(), &["stale-fuel"]);
    broken(S::start().check_least(3).end(), &["stale-fuel"]);
    broken(S::start().pay(3).store(Fuel).end(), &[]);
}

fn a_call_with_stale_memory<S: Steps>() {
    broken(S::start().pay(3).call().end(), &["stale-fuel"]);
    broken(S::start().pay(3).store(Fuel).call().end(), &[]);
}

fn a_helper_with_stale_memory<S: Steps>() {
    broken(S::start().pay(50).helper().end(), &["stale-fuel"]);
    broken(S::start().pay(50).store(Fuel).helper().end(), &[]);
    broken(S::start().pay(49).store(Fuel).helper().end(), &["uncharged-helper"]);
}

fn a_jump_to_a_function_with_stale_memory<S: Steps>() {
    broken(S::start().pay(3).jump(), &["stale-fuel"]);
    broken(S::start().pay(3).store(Fuel).jump(), &[]);
}

fn a_call_with_memory_that_owes<S: Steps>() {
    broken(S::start().less(Fuel, 3).store(Fuel).call().end(), &["unchecked-charge"]);
    broken(S::start().less(Fuel, 3).store(Fuel).end(), &["unchecked-charge"]);
    broken(S::start().less(Fuel, 3).store(Fuel).check(Fuel).end(), &[]);
}

fn a_bulk_operation_may_leave_memory_stale<S: Steps>() {
    let code = S::start().pay(9).memmove();
    broken(code.clone().store(Fuel).end(), &[]);
    broken(code.clone().pay(9).memmove().store(Fuel).end(), &[]);
    broken(code.end(), &["stale-fuel"]);
    broken(S::start().pay(100).pay(8).memmove().store(Fuel).end(), &["uncharged-bulk"]);
    broken(S::start().pay(100).pay(9).memmove().memmove().store(Fuel).end(), &["uncharged-bulk"]);
}

fn a_trap_may_leave_memory_stale<S: Steps>() {
    let code = S::start().pay(3);
    broken(code.clone().perhaps(|code| code.trap(1)).store(Fuel).end(), &[]);
    broken(code.perhaps(|code| code.store(Fuel).trap(1)).store(Fuel).end(), &[]);
    // The charge that was too much is there to be read.
    let negative = S::start().less(Fuel, 3).unless_at_least(Fuel, 0, |code| code.store(Fuel).trap(9));
    broken(negative.store(Fuel).end(), &[]);
    let negative = S::start().copy(Other, Fuel).less(Other, 3);
    broken(negative.unless_at_least(Fuel, 3, |code| code.store(Other).trap(9)).store(Other).end(), &[]);
    // Nothing else is.
    let older = S::start().copy(Other, Fuel).pay(3).perhaps(|code| code.store(Other).trap(1));
    broken(older.store(Fuel).end(), &["fuel-write"]);
}

fn fuel_kept_over_a_call<S: Steps>() {
    let code = S::start();
    let top = code.top();
    let called = code.pay(3).store(Fuel).call();
    broken(called.clone().around(top).end(), &["fuel-write", "fuel-free-cycle"]);
    broken(called.clone().load(Fuel).around(top).end(), &[]);
    broken(called.clone().store(Fuel).end(), &["fuel-write"]);
    broken(called.clone().pay(3).end(), &[]);
    broken(called.pay(3).store(Fuel).end(), &["fuel-write"]);
}

fn register_here_and_memory_there<S: Steps>() {
    // Only the way on which it is not skipped stores what was paid before.
    let either = S::start().pay(3).perhaps(|code| code.store(Fuel));
    broken(either.clone().end(), &["stale-fuel"]);
    broken(either.clone().store(Fuel).end(), &[]);
    broken(either.clone().load(Other).store(Other).end(), &["fuel-write", "stale-fuel"]);
    let top = either.top();
    broken(
        either.clone().load(Fuel).pay(3).around(top).store(Fuel).end(),
        &["fuel-write", "stale-fuel", "fuel-free-cycle"],
    );
    broken(either.pay(3).around(top).store(Fuel).end(), &[]);
    // One way pays in memory and leaves the register, the other the other way round.
    let paid = |code: S| code.load(Other).less(Other, 3).store(Other).check(Other);
    let in_memory = S::start().perhaps(paid);
    broken(in_memory.clone().end(), &[]);
    broken(in_memory.clone().store(Fuel).end(), &["fuel-write"]);
    broken(in_memory.clone().pay(3).store(Fuel).end(), &["fuel-write"]);
    broken(in_memory.load(Fuel).pay(3).store(Fuel).end(), &[]);
}

fn charges_of_two_ways_meet<S: Steps>() {
    let either = S::start().perhaps(|code| code.pay(3));
    broken(either.clone().store(Fuel).end(), &[]);
    broken(either.clone().end(), &["stale-fuel"]);
    let top = either.top();
    broken(either.clone().pay(3).around(top).store(Fuel).end(), &[]);
    // What one way has computed and not compared is no charge behind.
    let unpaid = S::start().perhaps(|code| code.less(Fuel, 3));
    broken(unpaid.check(Fuel).store(Fuel).end(), &["fuel-write"]);
}

fn one_charge_made_of_two<S: Steps>() {
    // What the second leaves is computed from the value of before the first.
    let code = S::start().copy(Other, Fuel).pay(3).less(Other, 8).check(Other);
    broken(code.clone().store(Other).end(), &[]);
    broken(code.clone().store(Fuel).end(), &["fuel-write", "stale-fuel"]);
    broken(code.less(Fuel, 5).store(Fuel).end(), &[]);
    // The larger one first.
    let code = S::start().copy(Other, Fuel).less(Other, 8).check(Other).pay(3);
    broken(code.clone().store(Other).end(), &[]);
    broken(code.store(Fuel).end(), &["fuel-write", "stale-fuel"]);
}

fn a_charge_pays_once<S: Steps>() {
    // 50 in all: what is behind the first is less than the helper's price.
    let code = |second| S::start().copy(Other, Fuel).pay(40).less(Other, second).check(Other).store(Other).helper();
    broken(code(50).end(), &["uncharged-helper"]);
    broken(code(89).end(), &["uncharged-helper"]);
    broken(code(90).end(), &[]);
    // Looked at again, it is no charge.
    let code = S::start();
    let top = code.clone().pay(100).top();
    broken(code.pay(100).check(Fuel).around(top).store(Fuel).end(), &["fuel-free-cycle"]);
}

fn an_inner_loop_and_an_outer_one<S: Steps>() {
    let code = S::start();
    let outer = code.top();
    let code = code.pay(3);
    let inner = code.top();
    broken(code.clone().pay(1).around(inner).around(outer).store(Fuel).end(), &[]);
    broken(code.clone().around(inner).around(outer).store(Fuel).end(), &["fuel-free-cycle"]);
    // The outer one calls.
    broken(code.clone().pay(1).around(inner).store(Fuel).call().load(Fuel).around(outer).end(), &[]);
    let stale = code.pay(1).around(inner).call().load(Fuel).around(outer).end();
    broken(stale, &["stale-fuel"]);
}
