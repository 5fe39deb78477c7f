//! Recursive descent: follows every path from a function's start and hands out each instruction once.
//!
//! ```text
//!            start --> push rbp ; mov rbp, rsp ; ... ; jcc L ; ... ; jmp wkc_ret
//!  to visit: [start]                                   |
//!            [L] <-------------------------------------'
//! ```
//! Two paths that read the same bytes differently, a path that leaves the function and a byte that no
//! path reads are findings.

use std::collections::{BTreeMap, VecDeque};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory};
use wasmkc_abi::vmctx::{RUNTIME_SYMBOLS, SYMBOL_RET, SYMBOL_TRAP};

use crate::finding::{Finding, Rule, enough};
use crate::image::{Function, Image, Target};
use crate::{instruction, operand};

/// `mov rsp, rbp; pop rbp`.
const TAKE_DOWN: [u8; 4] = [0x48, 0x89, 0xec, 0x5d];

/// Where control goes behind an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To the next instruction.
    Next,
    /// To the next instruction or the offset.
    Branch(u32),
    /// To the offset.
    Jump(u32),
    /// Into a function that returns to this one's caller.
    Tail(u32),
    /// Into a function and on.
    Call(u32),
    /// Into a symbol of the ABI and on.
    CallSymbol(String),
    /// Nowhere: wkc_ret, wkc_trap, ud2, int3.
    End,
}

/// One instruction reached.
#[derive(Clone, Debug)]
pub struct Step {
    /// The instruction; its ip is its offset in `.text`.
    pub instruction: Instruction,
    /// Where control goes.
    pub flow: Flow,
    /// Whether it calls `wkc_trap`.
    pub traps: bool,
    /// The constant that its memory operand is.
    pub constant: Option<u64>,
}

impl Step {
    fn new(instruction: Instruction, flow: Flow) -> Self {
        Self { instruction, flow, traps: false, constant: None }
    }
}

/// The instructions of one function by offset.
#[derive(Debug)]
pub struct Body<'f> {
    /// The function.
    pub function: &'f Function,
    /// Instructions by offset in `.text`.
    pub steps: BTreeMap<u32, Step>,
}

impl Body<'_> {
    /// A finding at `step` of this function.
    pub fn finding(&self, step: &Step, rule: Rule, detail: impl Into<String>) -> Finding {
        finding(self.function, &step.instruction, rule, detail)
    }

    /// Offsets to which control may go from the step at `offset` without leaving the function.
    pub fn successors(&self, offset: u32) -> impl Iterator<Item = u32> + use<> {
        let step = &self.steps[&offset];
        let next = step.instruction.next_ip() as u32;
        let (a, b) = match step.flow {
            Flow::Next | Flow::Call(_) | Flow::CallSymbol(_) => (Some(next), None),
            Flow::Branch(to) => (Some(next), Some(to)),
            Flow::Jump(to) => (None, Some(to)),
            Flow::Tail(_) | Flow::End => (None, None),
        };
        a.into_iter().chain(b)
    }
}

fn finding(function: &Function, i: &Instruction, rule: Rule, detail: impl Into<String>) -> Finding {
    Finding {
        function: Some(function.name.clone()),
        offset: Some(i.ip() as u32),
        instruction: Some(i.to_string()),
        ..Finding::object(rule, detail)
    }
}

/// Decodes `function` along all its paths. The body holds what could be decoded, findings or not.
pub fn descend<'f>(image: &Image<'_>, function: &'f Function, findings: &mut Vec<Finding>) -> Body<'f> {
    let mut body = Body { function, steps: BTreeMap::new() };
    let mut factory = InstructionInfoFactory::new();
    // Offset to visit, and the instruction that leads there.
    let mut queue: VecDeque<(u32, Option<Instruction>)> = VecDeque::from([(function.start, None)]);
    while let Some((at, from)) = queue.pop_front() {
        if enough(findings) {
            return body;
        }
        if body.steps.contains_key(&at) {
            continue;
        }
        let near = from.unwrap_or_default();
        if at == function.end {
            findings.push(finding(function, &near, Rule::RunsOff, "control continues behind it"));
            continue;
        }
        let bytes = &image.text[at as usize..function.end as usize];
        let mut decoder = Decoder::with_ip(64, bytes, u64::from(at), DecoderOptions::NONE);
        let i = decoder.decode();
        if let Some(other) = overlaps(&body, at, i.next_ip() as u32) {
            let detail = format!("leads to .text+{at:#x}, inside `{other}` at .text+{:#x}", other.ip());
            findings.push(finding(function, &near, Rule::BranchIntoInstruction, detail));
            continue;
        }
        if i.is_invalid() {
            let mut f =
                finding(function, &near, Rule::Undecodable, format!("bytes {:02x?}", &bytes[..bytes.len().min(15)]));
            f.offset = Some(at);
            findings.push(f);
            continue;
        }
        let constants = decoder.get_constant_offsets(&i);
        let info = factory.info(&i);
        let mut broken = |(rule, detail): (Rule, String)| findings.push(finding(function, &i, rule, detail));
        if let Err(f) = instruction::check(&i, info) {
            broken(f);
            // What it does to control is known only if it does nothing; the object is refused anyway.
            let next = i.flow_control() == FlowControl::Next;
            body.steps.insert(at, Step::new(i, if next { Flow::Next } else { Flow::End }));
            queue.extend(body.successors(at).map(|to| (to, Some(i))));
            continue;
        }
        let reloc = operand::relocation(image, &i, &constants).unwrap_or_else(|f| {
            broken(f);
            None
        });
        if let Err(f) = operand::memory(image, &i, info, reloc) {
            broken(f);
        }
        let flow = flow(image, function, &i, reloc).unwrap_or_else(|f| {
            broken(f);
            if i.flow_control() == FlowControl::UnconditionalBranch { Flow::End } else { Flow::Next }
        });
        let traps = matches!(reloc, Some(Target::Symbol(s)) if s == SYMBOL_TRAP);
        let constant = operand::constant(image, &i, reloc);
        body.steps.insert(at, Step { instruction: i, flow, traps, constant });
        if traps && let Some(f) = mark_guard(&mut body, bytes, &i) {
            findings.push(f);
        }
        queue.extend(body.successors(at).map(|to| (to, Some(i))));
    }
    unreached(image, &body, findings);
    body
}

/// A ud2 right behind a call of `wkc_trap` guards against its return: it is part of the trap.
fn mark_guard(body: &mut Body<'_>, bytes: &[u8], call: &Instruction) -> Option<Finding> {
    if bytes.get(call.len()..call.len() + 2) != Some(&[0x0f, 0x0b]) {
        return None;
    }
    let guard = Decoder::with_ip(64, &bytes[call.len()..], call.next_ip(), DecoderOptions::NONE).decode();
    let at = guard.ip() as u32;
    if body.steps.get(&at).is_some_and(|s| s.instruction == guard) {
        return None;
    }
    if let Some(other) = overlaps(body, at, guard.next_ip() as u32) {
        let detail = format!("the ud2 behind it shares bytes with `{other}` at .text+{:#x}", other.ip());
        return Some(finding(body.function, call, Rule::BranchIntoInstruction, detail));
    }
    body.steps.insert(at, Step::new(guard, Flow::End));
    None
}

/// The instruction already reached that shares bytes with `[start, end)`.
fn overlaps(body: &Body<'_>, start: u32, end: u32) -> Option<Instruction> {
    let before = body.steps.range(..start).next_back().map(|(_, s)| s.instruction);
    let after = body.steps.range(start..end.max(start)).next().map(|(_, s)| s.instruction);
    before.filter(|i| i.next_ip() as u32 > start).or(after)
}

/// Checks the target of a branch or call and says where control goes.
fn flow(image: &Image<'_>, f: &Function, i: &Instruction, reloc: Option<&Target>) -> Result<Flow, (Rule, String)> {
    let to = i.near_branch_target();
    match i.flow_control() {
        FlowControl::Next => Ok(Flow::Next),
        FlowControl::Interrupt | FlowControl::Exception => Ok(Flow::End),
        FlowControl::Call => match reloc {
            Some(Target::Symbol(s)) if s == SYMBOL_RET => Err((Rule::SymbolUse, format!("{s} is called"))),
            Some(Target::Symbol(s)) if s == SYMBOL_TRAP => Ok(Flow::End),
            Some(Target::Symbol(s)) if RUNTIME_SYMBOLS.contains(&s.as_str()) || image.helpers.contains(&s.as_str()) => {
                Ok(Flow::CallSymbol(s.clone()))
            }
            Some(Target::Symbol(s)) => Err((Rule::UndeclaredHelper, format!("{s} is not imported"))),
            _ if image.is_function_start(to) => Ok(Flow::Call(to as u32)),
            _ if to < image.text.len() as u64 => Err((Rule::UnknownCall, format!(".text+{to:#x} starts no function"))),
            _ => Err((Rule::UnknownCall, format!("{to:#x} lies outside .text and has no relocation"))),
        },
        FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => match reloc {
            Some(Target::Symbol(s)) if s == SYMBOL_RET => Ok(Flow::End),
            Some(Target::Symbol(s)) => Err((Rule::SymbolUse, format!("{s} is jumped to"))),
            _ if to >= image.text.len() as u64 => {
                Err((Rule::BranchOutOfSection, format!("the target {to:#x} lies outside .text")))
            }
            _ if image.is_function_start(to) && is_behind_frame(image, f, i) => Ok(Flow::Tail(to as u32)),
            _ if to < u64::from(f.start) || to >= u64::from(f.end) => {
                let other = image.function_at(to as u32).map_or("no function", |o| o.name.as_str());
                Err((Rule::BranchOutOfFunction, format!("the target .text+{to:#x} lies in {other}")))
            }
            _ if i.flow_control() == FlowControl::ConditionalBranch => Ok(Flow::Branch(to as u32)),
            _ => Ok(Flow::Jump(to as u32)),
        },
        other => Err((Rule::NotAllowed, format!("control goes by {other:?}"))),
    }
}

/// Whether the bytes before a jump read as what takes the frame down; `stack` checks that they run so.
fn is_behind_frame(image: &Image<'_>, f: &Function, i: &Instruction) -> bool {
    let at = i.ip() as usize;
    i.is_jmp_near() && image.text[f.start as usize..at].ends_with(&TAKE_DOWN)
}

/// Every byte of the function belongs to a step.
fn unreached(image: &Image<'_>, body: &Body<'_>, findings: &mut Vec<Finding>) {
    let f = body.function;
    let mut at = f.start;
    for start in body.steps.keys().copied().chain([f.end]) {
        if start > at && !enough(findings) {
            let bytes = &image.text[at as usize..start as usize];
            findings.push(Finding {
                function: Some(f.name.clone()),
                offset: Some(at),
                ..Finding::object(
                    Rule::Unreached,
                    format!("{} bytes {:02x?}", bytes.len(), &bytes[..bytes.len().min(8)]),
                )
            });
        }
        at = body.steps.get(&start).map_or(start, |s| s.instruction.next_ip() as u32);
    }
}
