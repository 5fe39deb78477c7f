//! The frame: rbp is set once, rsp moves by constants, and accesses through either stay in the frame.
//!
//! ```text
//!   rbp + 16 ...   arguments beyond the sixth     read only
//!   rbp + 8        return address                 never touched
//!   rbp            caller's rbp                   never touched
//!   rbp - depth    rsp                            depth is known at every instruction
//! ```
//! A function that ends in a jump to another takes its frame down right before: `mov rsp, rbp; pop rbp; jmp`. The
//! other then finds the stack as its caller's call left it.
//!
//! With `wkc_ret` doing `leave; ret` this keeps every return address as the call left it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use iced_x86::{Instruction, InstructionInfoFactory, MemorySize, Mnemonic, OpAccess, OpKind, Register, UsedMemory};
use wasmkc_abi::limits::MAX_FRAME_BYTES;

use crate::descent::{Body, Flow};
use crate::finding::{Finding, Rule, enough};

type Broken = (Rule, String);

/// Checks one function's use of rsp and rbp.
pub fn check(body: &Body<'_>, findings: &mut Vec<Finding>) {
    let Some(first) = prologue_end(body) else {
        if let Some(step) = body.steps.get(&body.function.start) {
            findings.push(body.finding(step, Rule::Frame, "no frame is made at the function's start"));
        }
        return;
    };
    let mut factory = InstructionInfoFactory::new();
    let (starts, rests) = taken_down(body);
    let mut depths: BTreeMap<u32, u32> = BTreeMap::from([(first, 0)]);
    let mut queue = VecDeque::from([first]);
    while let Some(at) = queue.pop_front().filter(|_| !enough(findings)) {
        let Some(step) = body.steps.get(&at) else { continue };
        let depth = depths[&at];
        let i = &step.instruction;
        let info = factory.info(i);
        for m in info.used_memory() {
            if let Err((rule, detail)) = access(i, m, depth) {
                findings.push(body.finding(step, rule, detail));
            }
        }
        let writes = |r: Register| {
            info.used_registers().iter().any(|u| {
                u.register().full_register() == r && !matches!(u.access(), OpAccess::Read | OpAccess::CondRead)
            })
        };
        if matches!(step.flow, Flow::Tail(_)) && !rests.contains(&at) {
            findings.push(body.finding(step, Rule::Frame, "jumps to a function with its own frame in place"));
        }
        if takes_down(i) && !starts.contains(&at) {
            findings.push(body.finding(step, Rule::StackPointer, "takes the frame down, and no pop and jump follow"));
        }
        if writes(Register::RBP) && !rests.contains(&at) {
            findings.push(body.finding(step, Rule::Frame, "rbp is written behind the prologue"));
        }
        let after = if writes(Register::RSP) { moved(i, depth) } else { Ok(depth) };
        let after = after.unwrap_or_else(|(rule, detail)| {
            findings.push(body.finding(step, rule, detail));
            depth
        });
        for to in body.successors(at) {
            if rests.contains(&to) && step.flow != Flow::Next {
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

/// `mov rsp, rbp`.
fn takes_down(i: &Instruction) -> bool {
    i.mnemonic() == Mnemonic::Mov && i.op0_register() == Register::RSP && i.op1_register() == Register::RBP
}

/// The places where frames are taken down: where that starts, and the two instructions behind.
fn taken_down(body: &Body<'_>) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let (mut starts, mut rests) = (BTreeSet::new(), BTreeSet::new());
    for (at, step) in body.steps.iter().filter(|(_, s)| takes_down(&s.instruction)) {
        let pop = step.instruction.next_ip() as u32;
        let popped = body.steps.get(&pop).map(|s| &s.instruction);
        let popped = popped.filter(|i| i.mnemonic() == Mnemonic::Pop && i.op0_register() == Register::RBP);
        let Some(jump) = popped.map(|i| i.next_ip() as u32) else { continue };
        if body.steps.get(&jump).is_some_and(|s| matches!(s.flow, Flow::Tail(_))) {
            starts.insert(*at);
            rests.extend([pop, jump]);
        }
    }
    (starts, rests)
}

/// The offset behind `[endbr64] push rbp; mov rbp, rsp`.
pub fn prologue_end(body: &Body<'_>) -> Option<u32> {
    let mut steps = body.steps.range(body.function.start..).map(|(_, s)| &s.instruction);
    let mut push = steps.next()?;
    if push.mnemonic() == Mnemonic::Endbr64 {
        push = steps.next()?;
    }
    let mov = steps.next()?;
    let pushes = push.mnemonic() == Mnemonic::Push && push.op0_register() == Register::RBP;
    let sets = mov.mnemonic() == Mnemonic::Mov
        && mov.op0_register() == Register::RBP
        && mov.op1_register() == Register::RSP
        && mov.ip() == push.next_ip();
    (pushes && sets).then_some(mov.next_ip() as u32)
}

/// The depth behind an instruction that writes rsp.
pub fn moved(i: &Instruction, depth: u32) -> Result<u32, Broken> {
    let size = i.immediate_or_zero();
    let after = match i.mnemonic() {
        // What the callee pops is what the call pushed.
        Mnemonic::Call => Some(depth),
        // The frame's end; `check` sees to it that both stand there only.
        Mnemonic::Mov if takes_down(i) => Some(0),
        Mnemonic::Pop if i.op0_register() == Register::RBP && i.stack_pointer_increment() == 8 => Some(depth),
        Mnemonic::Push if i.stack_pointer_increment() == -8 => depth.checked_add(8),
        Mnemonic::Pop if i.stack_pointer_increment() == 8 && i.op0_register() != Register::RSP => depth.checked_sub(8),
        Mnemonic::Sub if i.op0_register() == Register::RSP => size.and_then(|n| depth.checked_add(n)),
        Mnemonic::Add if i.op0_register() == Register::RSP => size.and_then(|n| depth.checked_sub(n)),
        _ => return Err((Rule::StackPointer, "rsp is not changed by push, pop, add or sub of a constant".to_owned())),
    };
    match after {
        // The loader keeps room for one frame below the limit, and the frame is checked only once it is made.
        Some(d) if d <= MAX_FRAME_BYTES && d.is_multiple_of(8) => Ok(d),
        Some(d) => Err((Rule::StackPointer, format!("the stack would be {d} bytes deep"))),
        None => Err((Rule::StackPointer, "rsp would leave the frame".to_owned())),
    }
}

trait Immediate {
    /// The second operand, if it is a constant of up to 31 bits.
    fn immediate_or_zero(&self) -> Option<u32>;
}

impl Immediate for Instruction {
    fn immediate_or_zero(&self) -> Option<u32> {
        let is_imm = matches!(
            self.op1_kind(),
            OpKind::Immediate8to64 | OpKind::Immediate32to64 | OpKind::Immediate8 | OpKind::Immediate32
        );
        let value = if is_imm && self.op_count() == 2 { self.immediate(1) as i64 } else { -1 };
        u32::try_from(value).ok().filter(|v| *v <= i32::MAX as u32)
    }
}

/// An access through rsp or rbp lies in the frame; reads of the caller's arguments are allowed.
fn access(i: &Instruction, m: &UsedMemory, depth: u32) -> Result<(), Broken> {
    let through = |r: Register| m.base() == r || m.index() == r;
    if !through(Register::RSP) && !through(Register::RBP) {
        return Ok(());
    }
    let implied = i.memory_base() == Register::None && m.base() == Register::RSP;
    if implied && matches!(i.mnemonic(), Mnemonic::Push | Mnemonic::Pop | Mnemonic::Call) {
        return Ok(());
    }
    let broken = |what: &str| Err((Rule::StackAccess, what.to_owned()));
    if m.index() != Register::None {
        return broken("the address has an index register");
    }
    if m.memory_size() == MemorySize::Unknown {
        return broken("the access has no known size");
    }
    let size = i64::try_from(m.memory_size().size()).unwrap_or(i64::MAX);
    // Relative to rbp, where rsp is `-depth`.
    let first = (m.displacement() as i64).wrapping_sub(if m.base() == Register::RSP { i64::from(depth) } else { 0 });
    let last = first.saturating_add(size);
    let reads = matches!(m.access(), OpAccess::Read | OpAccess::CondRead);
    if first >= -i64::from(depth) && last <= 0 {
        return Ok(());
    }
    if reads && first >= 16 && last <= 16 + i64::from(MAX_FRAME_BYTES) {
        return Ok(());
    }
    Err((Rule::StackAccess, format!("bytes {first} to {last} of the frame pointer, in a frame of {depth} bytes")))
}
