//! Instructions of the bytecode with their places, and what each does to the flow of control.
//!
//! A distance is the last four bytes of its instruction and counts from the instruction's start.

use pulley_interpreter::{
    decode::{Decoder, SafeBytecodeStream},
    op::{ExtendedOp, MaterializeOpsVisitor, Op},
};

/// Bytes of a distance.
pub const DISTANCE: usize = 4;

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its first byte.
    pub at: u32,
    /// One past its last byte.
    pub end: u32,
    /// What it is.
    pub op: Op,
}

/// Where control goes behind an instruction; offsets in the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To the next instruction.
    Next,
    /// There.
    Jump(u32),
    /// There or to the next instruction.
    Branch(u32),
    /// Nowhere in this function.
    Stop,
    /// To another function, which returns to this one's caller. The distance is not known yet.
    Leave,
}

/// The instructions of `code`, one behind the other.
pub fn steps(code: &[u8]) -> Result<Vec<Step>, String> {
    let (mut decoder, mut out, mut at) = (Decoder::new(), Vec::new(), 0);
    while at < code.len() {
        let mut visitor = MaterializeOpsVisitor::new(SafeBytecodeStream::new(&code[at..]));
        let op = decoder.decode_one(&mut visitor).map_err(|e| format!("no instruction at {at:#x}: {e}"))?;
        let end = at + usize::from(op.width());
        out.push(Step { at: at as u32, end: end as u32, op });
        at = end;
    }
    Ok(out)
}

/// What `step` does; `leaves` are the places of the distances to other functions.
pub fn flow(step: &Step, leaves: &[u32]) -> Result<Flow, String> {
    let to = |offset: pulley_interpreter::PcRelOffset| {
        let target = i64::from(step.at) + i64::from(i32::from(offset));
        u32::try_from(target).map_err(|_| format!("the branch at {:#x} leads to {target}", step.at))
    };
    if let Op::Jump(jump) = step.op {
        let leaves = leaves.contains(&(step.end - DISTANCE as u32));
        return if leaves { Ok(Flow::Leave) } else { to(jump.offset).map(Flow::Jump) };
    }
    if let Some(offset) = branch(&step.op) {
        return to(offset).map(Flow::Branch);
    }
    Ok(match step.op {
        Op::Ret(_) | Op::ExtendedOp(ExtendedOp::Trap(_)) => Flow::Stop,
        _ => Flow::Next,
    })
}

/// Whether it is an instruction that takes stack: the interpreter ends the run there if there is none left.
pub fn takes_stack(op: &Op) -> bool {
    matches!(op, Op::PushFrame(_) | Op::PushFrameSave(_))
}

macro_rules! branches {
    ($op:expr; $($name:ident)*) => {
        match $op {
            $(Op::$name(branch) => Some(branch.offset),)*
            _ => None,
        }
    };
}

/// The distance of a conditional branch.
pub fn branch(op: &Op) -> Option<pulley_interpreter::PcRelOffset> {
    branches!(op;
        BrIf BrIfNot
        BrIfXeq32 BrIfXneq32 BrIfXslt32 BrIfXslteq32 BrIfXult32 BrIfXulteq32
        BrIfXeq64 BrIfXneq64 BrIfXslt64 BrIfXslteq64 BrIfXult64 BrIfXulteq64
        BrIfXeq32I8 BrIfXeq32I32 BrIfXneq32I8 BrIfXneq32I32
        BrIfXslt32I8 BrIfXslt32I32 BrIfXsgt32I8 BrIfXsgt32I32
        BrIfXslteq32I8 BrIfXslteq32I32 BrIfXsgteq32I8 BrIfXsgteq32I32
        BrIfXult32U8 BrIfXult32U32 BrIfXulteq32U8 BrIfXulteq32U32
        BrIfXugt32U8 BrIfXugt32U32 BrIfXugteq32U8 BrIfXugteq32U32
        BrIfXeq64I8 BrIfXeq64I32 BrIfXneq64I8 BrIfXneq64I32
        BrIfXslt64I8 BrIfXslt64I32 BrIfXsgt64I8 BrIfXsgt64I32
        BrIfXslteq64I8 BrIfXslteq64I32 BrIfXsgteq64I8 BrIfXsgteq64I32
        BrIfXult64U8 BrIfXult64U32 BrIfXulteq64U8 BrIfXulteq64U32
        BrIfXugt64U8 BrIfXugt64U32 BrIfXugteq64U8 BrIfXugteq64U32
    )
}
