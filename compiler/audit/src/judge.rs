//! What must hold at each instruction, from what is known before it.
//!
//! Fuel is in memory where others may look at it, callees get the call block, callee-saved registers are given back,
//! nothing is called or returned to before the stack is checked and a charge is paid, helpers and bulk
//! operations are paid for, divisions cannot fault, and a trap tells the cause that its row tells.

use std::collections::BTreeMap;

use wasmkc_abi::helper::HELPERS;
use wasmkc_abi::limits::INSTRUCTIONS_PER_FUEL;
use wasmkc_abi::vmctx::{SYMBOL_MEMMOVE, SYMBOL_MEMSET};

use crate::descent::{Body, Flow, Step};
use crate::finding::{Finding, Rule, enough};
use crate::flow::{self, Look};
use crate::machine::{Convention, Machine, Prologue};
use crate::size;
use crate::state::State;
use crate::value::Kind;

/// Checks one function whose frame is sound.
pub fn check(
    machine: Machine,
    body: &Body<'_>,
    prologue: &Prologue,
    traps: &BTreeMap<u32, u32>,
    findings: &mut Vec<Finding>,
) {
    let start = prologue.end;
    let mut judge = Judge { convention: machine.convention(), body, traps, findings };
    match flow::explore(machine, body, prologue, &mut judge) {
        Some(graph) => size::check(body, start, &graph, findings),
        None => {
            if let Some(step) = body.steps.get(&start) {
                findings.push(body.finding(step, Rule::TooComplex, "its paths take too long to follow"));
            }
        }
    }
}

struct Judge<'j> {
    convention: &'static Convention,
    body: &'j Body<'j>,
    /// Codes of the trap table by site.
    traps: &'j BTreeMap<u32, u32>,
    findings: &'j mut Vec<Finding>,
}

impl Look for Judge<'_> {
    fn step(&mut self, step: &Step, state: &State) -> i64 {
        if state.checked.is_some_and(|depth| state.depth > depth) {
            self.say(step, Rule::StackCheck, "the stack is deeper here than where it was checked");
        }
        if let Flow::Tail(_) = step.flow {
            self.passes_call("the callee", step, state);
        }
        if !matches!(step.flow, Flow::Next | Flow::Branch(_) | Flow::Jump(_) | Flow::End) {
            self.leaves(step, state);
        }
        match &step.flow {
            Flow::Call(_) => self.passes_call("the callee", step, state),
            Flow::CallSymbol(name) => return self.symbol(name, step, state),
            Flow::Return | Flow::Tail(_) => {
                for r in self.convention.callee_saved.iter().filter(|r| state.get(**r).kind != Kind::Saved(**r)) {
                    let detail = format!("{} is not what it was at the start", (self.convention.name)(*r));
                    self.say(step, Rule::CalleeSaved, detail);
                }
            }
            Flow::End if step.traps => self.trap(step, state),
            Flow::End => self.say(step, Rule::ReachedFault, "no known fact keeps control away from it"),
            Flow::Next | Flow::Branch(_) | Flow::Jump(_) => {
                if let Err(detail) = step.instruction.division(state) {
                    self.say(step, Rule::Division, detail);
                }
            }
        }
        0
    }

    fn broken(&mut self, step: &Step, rule: Rule, detail: String) {
        self.say(step, rule, detail);
    }
}

impl Judge<'_> {
    fn say(&mut self, step: &Step, rule: Rule, detail: impl Into<String>) {
        if !enough(self.findings) {
            self.findings.push(self.body.finding(step, rule, detail));
        }
    }

    /// Before a call or a return.
    fn leaves(&mut self, step: &Step, state: &State) {
        if state.checked.is_none() {
            self.say(
                step,
                Rule::StackCheck,
                "some way here does not compare the stack pointer with the call block's limit",
            );
        }
        if flow::gets_call_block(&step.flow) && !state.fuel_is_stored() && !state.owes() {
            self.say(step, Rule::StaleFuel, "memory is not known to hold the fuel here");
        }
        if !state.paid {
            self.say(step, Rule::UnpaidCall, "some way here passes no charge and its check");
        }
    }

    fn passes_call(&mut self, who: &str, step: &Step, state: &State) {
        let first = step.instruction.first_argument().unwrap_or(self.convention.arguments[0]);
        if state.get(first).kind != Kind::Call {
            let detail = format!("{who} gets something else in {}", (self.convention.name)(first));
            self.say(step, Rule::CallArgument, detail);
        }
    }

    /// A call of a symbol: what it is paid for is no credit for instructions.
    fn symbol(&mut self, name: &str, step: &Step, state: &State) -> i64 {
        let units = if let Some(h) = HELPERS.iter().find(|h| h.symbol == name) {
            self.passes_call(name, step, state);
            if state.charge.units < h.fuel.into() {
                let detail = format!("{} of {} units are charged before", state.charge.units, h.fuel);
                self.say(step, Rule::UnchargedHelper, detail);
            }
            h.fuel
        } else if [SYMBOL_MEMMOVE, SYMBOL_MEMSET].contains(&name) {
            let length = self.convention.arguments[2];
            let constant = state.get(length).constant().and_then(|n| u32::try_from(n / 8 + 1).ok());
            let by_length = state.charge.of == Some(state.id(length)) && state.charge.units > 0;
            if !by_length && constant.is_none_or(|n| i64::from(n) > state.charge.units) {
                let name = (self.convention.name)(length);
                let detail = format!("the last charge is {} units and no eighth of {name}", state.charge.units);
                self.say(step, Rule::UnchargedBulk, detail);
            }
            if by_length { 1 } else { constant.unwrap_or_default() }
        } else {
            0
        };
        i64::from(units) * i64::from(INSTRUCTIONS_PER_FUEL)
    }

    fn trap(&mut self, step: &Step, state: &State) {
        self.passes_call("wkc_trap", step, state);
        let argument = self.convention.arguments[1];
        let code = state.get(argument).constant().map(|c| c as u32);
        let row = self.traps.get(&step.instruction.next()).copied();
        if code.is_none() || row.is_some() && row != code {
            let detail = format!("{} is {code:?} and the row says {row:?}", (self.convention.name)(argument));
            self.say(step, Rule::TrapCode, detail);
        }
    }
}
