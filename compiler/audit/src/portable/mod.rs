//! Bytecode: which of Pulley's instructions a filter may contain, and what they do.
//!
//! ```text
//! fields    registers and distances that an instruction names, whatever it is
//! allowed   single instructions that may stand in a filter, and names for those that may not
//! branch    where control goes, and when
//! lower     what an instruction does, in the terms of `effects`
//! frame     how frames begin and end
//! ```
//! The bytes are read by Pulley's own decoder, the one that runs them. There is nothing to relocate: the loader's
//! functions have numbers, and `.rodata` stands right behind `.text`.

mod allowed;
mod branch;
mod fields;
mod frame;
mod lower;
#[cfg(test)]
mod tests;

use std::fmt;

use pulley_interpreter::decode::{Decoder, OpVisitor as _, SafeBytecodeStream};
use pulley_interpreter::op::{ExtendedOp, MaterializeOpsVisitor, Op};

use self::fields::fields;
use crate::effects::{Condition, Effects, Register};
use crate::finding::Rule;
use crate::image::{Image, Target};
use crate::machine::{Broken, Convention};
pub use allowed::check;
pub use branch::{control, first_argument};
pub use frame::{is_behind_frame, prologue, saves_frame, stack_site, takedown};

/// The stack pointer.
const SP: Register = 30;
/// What the code generator keeps for itself and has no use for.
const SCRATCH: Register = 31;
/// The frame pointer and the return address have no number that an instruction could name.
const UNNAMED: Register = 32;

/// What all code keeps to.
pub const CONVENTION: Convention = Convention {
    registers: 32,
    stack_pointer: SP,
    frame_pointer: UNNAMED,
    frame_registers: 0,
    stack_alignment: 16,
    arguments: [0, 1, 2],
    callee_saved: &[16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
    code_alignment: 1,
    padding: 0,
    landing_pad: &[],
    // Above a frame lies a record whose size is that of the machine's addresses.
    stack_arguments: false,
    checks_stack: true,
    returns_behind_frame: true,
    takedown: 1,
    name: |n| if n == SP { "sp".to_owned() } else { format!("x{n}") },
};

/// One instruction at its place.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// Offset in `.text`.
    pub at: u32,
    /// The offset behind it.
    pub next: u32,
    /// What it is, or none if the bytes are no instruction.
    op: Option<Op>,
    /// It has a bit that means nothing.
    stray: bool,
}

impl Code {
    /// Whether the bytes are no instruction that ends where they end.
    pub fn is_invalid(&self) -> bool {
        self.op.is_none()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(op) = self.op else { return f.write_str("no instruction") };
        f.write_str(fields(&op).name)?;
        // Behind the names of the enum's and the struct's.
        let debug = format!("{op:?}");
        debug.find(" {").map_or(Ok(()), |at| f.write_str(debug[at..].trim_end_matches(')')))
    }
}

/// Reads the instruction at the start of `bytes`.
pub fn decode(bytes: &[u8], at: u32) -> Code {
    let mut visitor = MaterializeOpsVisitor::new(SafeBytecodeStream::new(bytes));
    let Ok(op) = Decoder::new().decode_one(&mut visitor) else {
        return Code { at, next: at.saturating_add(1), op: None, stray: false };
    };
    let len = visitor.bytecode().position();
    let packed = fields(&op).packed.map(u16::to_le_bytes);
    let stray = packed.is_some_and(|packed| !bytes[..len].ends_with(&packed));
    Code { at, next: at.saturating_add(len as u32), op: Some(op), stray }
}

/// Whether control goes on behind an instruction that is refused.
pub fn goes_on(i: &Code) -> bool {
    !matches!(i.op, Some(Op::CallIndirect(_) | Op::XJump(_) | Op::BrTable32(_)) | None)
}

/// None has a relocation.
pub fn relocation<'i>(image: &'i Image<'_>, i: &Code) -> Result<Option<&'i Target>, Broken> {
    match image.relocations.range(i.at.saturating_sub(3)..i.next).next() {
        None => Ok(None),
        Some((offset, _)) => Err((Rule::Relocation, format!("a relocation at .text+{offset:#x}"))),
    }
}

/// An address of a constant lies in `.rodata`, which stands behind `.text`, or right behind it.
pub fn references(image: &Image<'_>, i: &Code, _: Option<&Target>) -> Result<Option<u64>, Broken> {
    let Some(Op::ExtendedOp(ExtendedOp::Xpcadd(address))) = i.op else { return Ok(None) };
    let at = i64::from(i.at) + i64::from(i32::from(address.offset)) - image.text.len() as i64;
    if u64::try_from(at).is_ok_and(|at| at <= image.rodata.len() as u64) {
        return Ok(None);
    }
    Err((Rule::RipMemory, format!(".rodata{at:+} does not lie inside its {} bytes", image.rodata.len())))
}

/// When a branch is taken.
pub fn condition(i: &Code) -> Condition {
    i.op.and_then(|op| branch::branch(&op)).map_or(Condition::Other, |b| b.condition)
}

/// What it does. No memory operand is a constant by itself.
pub fn effects(i: &Code, _: Option<u64>) -> Effects {
    i.op.map(|op| lower::effects(&op)).unwrap_or_default()
}

/// `trap`
pub fn is_fault(i: &Code) -> bool {
    matches!(i.op, Some(Op::ExtendedOp(ExtendedOp::Trap(_))))
}

/// The name of what it does.
pub fn mnemonic(i: &Code) -> String {
    i.op.map_or("?", |op| fields(&op).name).to_owned()
}
