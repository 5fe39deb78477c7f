//! How frames begin and end.
//!
//! ```text
//!   push_frame | push_frame_save BYTES, REGISTERS              at the start, and nowhere else
//!   pop_frame | pop_frame_restore BYTES, REGISTERS; ret | jump FUNCTION
//!
//!   fp           caller's frame pointer and return address, as wide as the machine's addresses
//!   fp - 8 ...   the registers that were saved, ascending
//!   fp - BYTES   stack pointer, the same all through the function
//! ```
//! The interpreter compares the stack pointer with its stack where a frame begins: there the trap table has a row
//! of the trap `stack-overflow`, at the byte behind the instruction's first.

use pulley_interpreter::op::Op;
use pulley_interpreter::opcode::Opcode;
use pulley_interpreter::regs::{Reg as _, UpperRegSet, XReg};

use super::{Code, SP};
use crate::descent::Body;
use crate::effects::{Access, Effects, Move, Register};
use crate::image::{Function, Image};
use crate::machine::{Instruction, Prologue};

/// Bytes of `pop_frame_restore`: its opcode, a size, a set of registers.
const RESTORE: usize = 5;

/// What makes the frame.
pub fn prologue(body: &Body<'_>) -> Option<Prologue> {
    let Instruction::Portable(i) = body.steps.get(&body.function.start)?.instruction else { return None };
    match i.op? {
        Op::PushFrame(_) => Some(Prologue::plain(i.next)),
        Op::PushFrameSave(op) => {
            // Behind the record the stack pointer is where the frame pointer is, and goes down by the frame's size.
            let saves = saved(op.regs).map(|(r, below)| Access { writes: true, value: Some(r), ..slot(-below) });
            let effects =
                Effects { memory: saves.collect(), stack: Some(Move::Deeper(op.amt.into())), ..Effects::default() };
            Some(Prologue { end: i.next, effects })
        }
        _ => None,
    }
}

/// Whether `i` saves the frame's registers, which the start does once.
pub fn saves_frame(i: &Code) -> bool {
    matches!(i.op, Some(Op::PushFrame(_) | Op::PushFrameSave(_)))
}

/// The registers, each with the distance of its place from the frame pointer.
pub fn saved(registers: UpperRegSet<XReg>) -> impl Iterator<Item = (Register, i64)> {
    registers.into_iter().zip(1..).map(|(r, n)| (r.to_u8(), 8 * n))
}

/// Eight bytes at the stack pointer and so many, which are read.
pub fn slot(displacement: i64) -> Access {
    Access {
        base: Some(SP),
        index: None,
        displacement,
        size: Some(8),
        writes: false,
        value: None,
        less: None,
        implied: true,
    }
}

/// Whether the frame has room for what it keeps of registers.
pub fn has_room(bytes: u16, registers: UpperRegSet<XReg>) -> bool {
    registers.into_iter().count() * 8 <= usize::from(bytes)
}

/// Place of `i` among what takes the frame down: it is one instruction.
pub fn takedown(i: &Code) -> Option<usize> {
    matches!(i.op, Some(Op::PopFrame(_) | Op::PopFrameRestore(_))).then_some(0)
}

/// Whether the bytes before a jump read as what takes the frame down; `stack` checks that they run so.
pub fn is_behind_frame(image: &Image<'_>, f: &Function, i: &Code) -> bool {
    let before = &image.text[f.start as usize..i.at as usize];
    let restores = before.len().checked_sub(RESTORE).is_some_and(|at| before[at] == Opcode::PopFrameRestore as u8);
    matches!(i.op, Some(Op::Jump(_))) && (restores || before.last() == Some(&(Opcode::PopFrame as u8)))
}

/// The site of the trap that a frame's start is where no stack is left.
pub fn stack_site(i: &Code) -> Option<u32> {
    saves_frame(i).then_some(i.at + 1)
}
