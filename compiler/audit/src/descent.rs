//! Recursive descent: follows every path from a function's start and hands out each instruction once.
//!
//! ```text
//!            start --> the frame ; ... ; branch to L ; ... ; return
//!  to visit: [start]                  |
//!            [L] <--------------------'
//! ```
//! Two paths that read the same bytes differently, a path that leaves the function and a byte that no
//! path reads are findings.

use std::collections::{BTreeMap, VecDeque};

use wasmkc_abi::vmctx::{RUNTIME_SYMBOLS, SYMBOL_RET, SYMBOL_TRAP};

use crate::effects::{Control, Effects};
use crate::finding::{Finding, Rule, enough};
use crate::image::{Function, Image, Target};
use crate::machine::{Broken, Instruction};

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
    /// To the caller.
    Return,
    /// Nowhere: wkc_trap, ud2, udf, trap.
    End,
}

/// One instruction reached.
#[derive(Clone, Debug)]
pub struct Step {
    /// The instruction.
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

    /// What it does.
    pub fn effects(&self) -> Effects {
        self.instruction.effects(self.constant)
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
        let next = step.instruction.next();
        let (a, b) = match step.flow {
            Flow::Next | Flow::Call(_) | Flow::CallSymbol(_) => (Some(next), None),
            Flow::Branch(to) => (Some(next), Some(to)),
            Flow::Jump(to) => (None, Some(to)),
            Flow::Tail(_) | Flow::Return | Flow::End => (None, None),
        };
        a.into_iter().chain(b)
    }
}

fn finding(function: &Function, i: &Instruction, rule: Rule, detail: impl Into<String>) -> Finding {
    Finding {
        target: None,
        function: Some(function.name.clone()),
        offset: Some(i.at()),
        instruction: Some(i.to_string()),
        ..Finding::object(rule, detail)
    }
}

/// Decodes `function` along all its paths. The body holds what could be decoded, findings or not.
pub fn descend<'f>(image: &Image<'_>, function: &'f Function, findings: &mut Vec<Finding>) -> Body<'f> {
    let mut body = Body { function, steps: BTreeMap::new() };
    // Offset to visit, and the instruction that leads there.
    let mut queue: VecDeque<(u32, Option<Instruction>)> = VecDeque::from([(function.start, None)]);
    while let Some((at, from)) = queue.pop_front() {
        if enough(findings) {
            return body;
        }
        if body.steps.contains_key(&at) {
            continue;
        }
        let bytes = &image.text[at as usize..function.end as usize];
        let i = image.machine.decode(bytes, at);
        let near = from.unwrap_or(i);
        if at == function.end {
            findings.push(finding(function, &near, Rule::RunsOff, "control continues behind it"));
            continue;
        }
        if let Some(other) = overlaps(&body, at, i.next()) {
            let detail = format!("leads to .text+{at:#x}, inside `{other}` at .text+{:#x}", other.at());
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
        let mut broken = |(rule, detail): Broken| findings.push(finding(function, &i, rule, detail));
        if let Err(f) = i.check() {
            broken(f);
            // What it does to control is known only if it does nothing; the object is refused anyway.
            body.steps.insert(at, Step::new(i, if i.goes_on() { Flow::Next } else { Flow::End }));
            queue.extend(body.successors(at).map(|to| (to, Some(i))));
            continue;
        }
        let reloc = i.relocation(image).unwrap_or_else(|f| {
            broken(f);
            None
        });
        let constant = i.references(image, reloc).unwrap_or_else(|f| {
            broken(f);
            None
        });
        let flow = flow(image, function, &i, reloc).unwrap_or_else(|f| {
            broken(f);
            if matches!(i.control(), Control::Jump(_)) { Flow::End } else { Flow::Next }
        });
        let traps =
            matches!(reloc, Some(Target::Symbol(s)) if s == SYMBOL_TRAP) || i.control() == Control::Symbol(SYMBOL_TRAP);
        body.steps.insert(at, Step { instruction: i, flow, traps, constant });
        if traps && let Some(f) = mark_guard(image, &mut body, &i) {
            findings.push(f);
        }
        queue.extend(body.successors(at).map(|to| (to, Some(i))));
    }
    unreached(image, &body, findings);
    body
}

/// What stops the CPU right behind a call of `wkc_trap` guards against its return: it is part of the trap.
fn mark_guard(image: &Image<'_>, body: &mut Body<'_>, call: &Instruction) -> Option<Finding> {
    let at = call.next();
    let guard = image.machine.decode(&image.text[at as usize..body.function.end as usize], at);
    if guard.is_invalid() || !guard.is_fault() || body.steps.contains_key(&at) {
        return None;
    }
    if let Some(other) = overlaps(body, at, guard.next()) {
        let detail = format!("the guard behind it shares bytes with `{other}` at .text+{:#x}", other.at());
        return Some(finding(body.function, call, Rule::BranchIntoInstruction, detail));
    }
    body.steps.insert(at, Step::new(guard, Flow::End));
    None
}

/// The instruction already reached that shares bytes with `[start, end)`.
fn overlaps(body: &Body<'_>, start: u32, end: u32) -> Option<Instruction> {
    let before = body.steps.range(..start).next_back().map(|(_, s)| s.instruction);
    let after = body.steps.range(start..end.max(start)).next().map(|(_, s)| s.instruction);
    before.filter(|i| i.next() > start).or(after)
}

/// Checks the target of a branch or call and says where control goes.
fn flow(image: &Image<'_>, f: &Function, i: &Instruction, reloc: Option<&Target>) -> Result<Flow, Broken> {
    let to = match i.control() {
        Control::Next => return Ok(Flow::Next),
        Control::Fault => return Ok(Flow::End),
        Control::Return => return Ok(Flow::Return),
        Control::Other(how) => return Err((Rule::NotAllowed, format!("control goes by {how}"))),
        Control::Call(to) => return call(image, to, reloc),
        Control::Symbol(name) => return symbol(image, name),
        Control::Jump(to) | Control::Branch(to) => to,
    };
    match reloc {
        Some(Target::Symbol(s)) if s == SYMBOL_RET => Ok(Flow::Return),
        Some(Target::Symbol(s)) => Err((Rule::SymbolUse, format!("{s} is jumped to"))),
        _ if to >= image.text.len() as u64 => {
            Err((Rule::BranchOutOfSection, format!("the target {to:#x} lies outside .text")))
        }
        _ if image.is_function_start(to) && i.is_behind_frame(image, f) => Ok(Flow::Tail(to as u32)),
        _ if to < u64::from(f.start) || to >= u64::from(f.end) => {
            let other = image.function_at(to as u32).map_or("no function", |o| o.name.as_str());
            Err((Rule::BranchOutOfFunction, format!("the target .text+{to:#x} lies in {other}")))
        }
        _ if matches!(i.control(), Control::Branch(_)) => Ok(Flow::Branch(to as u32)),
        _ => Ok(Flow::Jump(to as u32)),
    }
}

/// The same for a call.
fn call(image: &Image<'_>, to: u64, reloc: Option<&Target>) -> Result<Flow, Broken> {
    match reloc {
        Some(Target::Symbol(s)) => symbol(image, s),
        _ if image.is_function_start(to) => Ok(Flow::Call(to as u32)),
        _ if to < image.text.len() as u64 => Err((Rule::UnknownCall, format!(".text+{to:#x} starts no function"))),
        _ => Err((Rule::UnknownCall, format!("{to:#x} lies outside .text and has no relocation"))),
    }
}

/// The same for a call of the loader.
fn symbol(image: &Image<'_>, name: &str) -> Result<Flow, Broken> {
    match name {
        SYMBOL_RET => Err((Rule::SymbolUse, format!("{name} is called"))),
        SYMBOL_TRAP => Ok(Flow::End),
        _ if RUNTIME_SYMBOLS.contains(&name) || image.helpers.contains(&name) => Ok(Flow::CallSymbol(name.to_owned())),
        _ => Err((Rule::UndeclaredHelper, format!("{name} is not imported"))),
    }
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
        at = body.steps.get(&start).map_or(start, |s| s.instruction.next());
    }
}
