//! The frame: the frame pointer is set once, the stack pointer moves by constants, and accesses through either
//! stay in the frame.
//!
//! ```text
//!   fp + 16 ...   arguments beyond the registers   read only, where the convention has some
//!   fp + 8        return address                   never touched
//!   fp            caller's frame pointer           never touched
//!   fp - depth    stack pointer                    depth is known at every instruction
//! ```
//! A function that ends in a jump to another takes its frame down right before: the other then finds the stack as
//! its caller's call left it. So does one that returns by itself: what it gives back is what the start put there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wasmkc_abi::limits::MAX_FRAME_BYTES;

use crate::descent::{Body, Flow, Step};
use crate::effects::{Access, Effects, Move};
use crate::finding::{Finding, Rule, enough};
use crate::machine::{Broken, Convention, Machine};

/// Checks one function's use of the stack pointer and the frame pointer.
pub fn check(machine: Machine, body: &Body<'_>, findings: &mut Vec<Finding>) {
    let convention = machine.convention();
    let Some(prologue) = machine.prologue(body) else {
        if let Some(step) = body.steps.get(&body.function.start) {
            findings.push(body.finding(step, Rule::Frame, "no frame is made at the function's start"));
        }
        return;
    };
    let first = prologue.end;
    let taken = match prologue.effects.stack.map_or(Ok(0), |to| moved(machine, to, 0)) {
        Ok(taken) => taken,
        Err((rule, detail)) => {
            let step = body.steps.get(&body.function.start);
            return findings.extend(step.map(|step| body.finding(step, rule, detail)));
        }
    };
    let ends = Ends::of(convention, body);
    let mut depths: BTreeMap<u32, u32> = BTreeMap::from([(first, taken)]);
    let mut queue = VecDeque::from([first]);
    while let Some(at) = queue.pop_front().filter(|_| !enough(findings)) {
        let Some(step) = body.steps.get(&at) else { continue };
        let depth = depths[&at];
        let effects = step.effects();
        for m in &effects.memory {
            if let Err((rule, detail)) = access(convention, m, depth) {
                findings.push(body.finding(step, rule, detail));
            }
        }
        ends.check(convention, body, (at, step, &effects), findings);
        if step.instruction.saves_frame() {
            findings.push(body.finding(step, Rule::Frame, "saves a register of the frame behind the prologue"));
        }
        let after = effects.stack.map_or(Ok(depth), |to| moved(machine, to, depth));
        let after = after.unwrap_or_else(|(rule, detail)| {
            findings.push(body.finding(step, rule, detail));
            depth
        });
        for to in body.successors(at) {
            if ends.rests.contains(&to) && step.flow != Flow::Next {
                findings.push(body.finding(step, Rule::Frame, "branches into the end of the frame"));
            }
            if to < first {
                findings.push(body.finding(step, Rule::Frame, "branches back into the prologue"));
            } else if let Some(known) = depths.insert(to, after) {
                if known != after {
                    depths.insert(to, known);
                    let detail = format!("the stack is {after} bytes deep here and {known} on another path");
                    findings.push(body.finding(step, Rule::StackPointer, detail));
                }
            } else {
                queue.push_back(to);
            }
        }
    }
}

/// The places where frames are taken down.
struct Ends {
    /// Where that starts.
    starts: BTreeSet<u32>,
    /// What lies behind: the other instructions that do it, and the jump or return.
    rests: BTreeSet<u32>,
}

impl Ends {
    fn of(convention: &Convention, body: &Body<'_>) -> Self {
        let (mut starts, mut rests) = (BTreeSet::new(), BTreeSet::new());
        for (at, step) in body.steps.iter().filter(|(_, s)| s.instruction.takedown() == Some(0)) {
            let (mut places, mut next) = (Vec::new(), step.instruction.next());
            for n in 1..convention.takedown {
                let Some(step) = body.steps.get(&next).filter(|s| s.instruction.takedown() == Some(n)) else { break };
                places.push(next);
                next = step.instruction.next();
            }
            let whole = places.len() + 1 == convention.takedown;
            if whole && body.steps.get(&next).is_some_and(|s| leaves(convention, s)) {
                starts.insert(*at);
                rests.extend(places);
                rests.insert(next);
            }
        }
        Self { starts, rests }
    }

    /// What ends a frame, and writes its registers, stands at a frame's end.
    fn check(
        &self,
        convention: &Convention,
        body: &Body<'_>,
        (at, step, effects): (u32, &Step, &Effects),
        findings: &mut Vec<Finding>,
    ) {
        let (starts, rest) = (self.starts.contains(&at), self.rests.contains(&at));
        if leaves(convention, step) && !rest {
            let what = if step.flow == Flow::Return { "returns" } else { "jumps to a function" };
            findings.push(body.finding(step, Rule::Frame, format!("{what} with its own frame in place")));
        }
        if step.instruction.takedown() == Some(0) && !starts {
            let detail = "takes the frame down, and what must follow does not";
            findings.push(body.finding(step, Rule::StackPointer, detail));
        }
        if effects.written & convention.frame_registers != 0 && !starts && !rest {
            let detail = "a register of the frame is written behind the prologue";
            findings.push(body.finding(step, Rule::Frame, detail));
        }
    }
}

/// Whether the step leaves the function and needs the frame taken down for it.
fn leaves(convention: &Convention, step: &Step) -> bool {
    matches!(step.flow, Flow::Tail(_)) || step.flow == Flow::Return && convention.returns_behind_frame
}

/// The depth behind an instruction that writes the stack pointer.
pub fn moved(machine: Machine, to: Move, depth: u32) -> Result<u32, Broken> {
    let after = match to {
        // `check` sees to it that both stand at the frame's end only.
        Move::ToRecord => Some(0),
        Move::Record if depth == 0 => Some(0),
        Move::Record => return Err((Rule::StackPointer, format!("{depth} bytes of the frame are left"))),
        Move::Deeper(n) => depth.checked_add(n),
        Move::Flatter(n) => depth.checked_sub(n),
        Move::Unknown => {
            let detail = "the stack pointer is not moved by a constant in one of the ways that are followed";
            return Err((Rule::StackPointer, detail.to_owned()));
        }
    };
    match after {
        // The loader keeps room for one frame below the limit, and the frame is checked only once it is made.
        Some(d) if d <= MAX_FRAME_BYTES && d.is_multiple_of(machine.convention().stack_alignment) => Ok(d),
        Some(d) => Err((Rule::StackPointer, format!("the stack would be {d} bytes deep"))),
        None => Err((Rule::StackPointer, "the stack pointer would leave the frame".to_owned())),
    }
}

/// An access through the stack pointer or the frame pointer lies in the frame; reads of the caller's arguments are
/// allowed. What goes with a move of the stack pointer lies where `moved` lets it move.
fn access(convention: &Convention, m: &Access, depth: u32) -> Result<(), Broken> {
    let through_stack = m.is_through(convention.stack_pointer);
    if m.implied || !through_stack && !m.is_through(convention.frame_pointer) {
        return Ok(());
    }
    let broken = |what: &str| Err((Rule::StackAccess, what.to_owned()));
    if m.index.is_some() {
        return broken("the address has an index register");
    }
    let Some(size) = m.size else { return broken("the access has no known size") };
    // Relative to the frame pointer, where the stack pointer is `-depth`.
    let first = m.displacement.wrapping_sub(if through_stack { i64::from(depth) } else { 0 });
    let last = first.saturating_add(i64::from(size));
    if first >= -i64::from(depth) && last <= 0 {
        return Ok(());
    }
    if convention.stack_arguments && !m.writes && first >= 16 && last <= 16 + i64::from(MAX_FRAME_BYTES) {
        return Ok(());
    }
    Err((Rule::StackAccess, format!("bytes {first} to {last} of the frame pointer, in a frame of {depth} bytes")))
}
