//! How frames begin and end.
//!
//! ```text
//!   [endbr64] push rbp; mov rbp, rsp          at the start
//!   mov rsp, rbp; pop rbp; jmp FUNCTION       at a jump to another function
//! ```
//! With `wkc_ret` doing `leave; ret` this keeps every return address as the call left it.

use iced_x86::{Instruction, Mnemonic, Register};

use crate::descent::Body;
use crate::image::{Function, Image};
use crate::machine;

/// `mov rsp, rbp; pop rbp`.
const TAKE_DOWN: [u8; 4] = [0x48, 0x89, 0xec, 0x5d];

/// `mov rsp, rbp`.
pub fn takes_down(i: &Instruction) -> bool {
    i.mnemonic() == Mnemonic::Mov && i.op0_register() == Register::RSP && i.op1_register() == Register::RBP
}

/// `pop rbp`
pub fn pops_rbp(i: &Instruction) -> bool {
    i.mnemonic() == Mnemonic::Pop && i.op0_register() == Register::RBP && i.stack_pointer_increment() == 8
}

/// Whether `i` saves the frame pointer, which the start does once.
pub fn saves_frame(i: &Instruction) -> bool {
    i.mnemonic() == Mnemonic::Push && i.op0_register() == Register::RBP
}

/// Place of `i` in the sequence that takes the frame down.
pub fn takedown(i: &Instruction) -> Option<usize> {
    if takes_down(i) { Some(0) } else { pops_rbp(i).then_some(1) }
}

/// Whether the bytes before a jump read as what takes the frame down; `stack` checks that they run so.
pub fn is_behind_frame(image: &Image<'_>, f: &Function, i: &Instruction) -> bool {
    i.is_jmp_near() && image.text[f.start as usize..i.ip() as usize].ends_with(&TAKE_DOWN)
}

/// The offset behind `[endbr64] push rbp; mov rbp, rsp`.
pub fn prologue_end(body: &Body<'_>) -> Option<u32> {
    let mut steps = body.steps.range(body.function.start..).filter_map(|(_, s)| match &s.instruction {
        machine::Instruction::X86_64(i) => Some(i),
        _ => None,
    });
    let mut push = steps.next()?;
    if push.mnemonic() == Mnemonic::Endbr64 {
        push = steps.next()?;
    }
    let mov = steps.next()?;
    let sets = mov.mnemonic() == Mnemonic::Mov
        && mov.op0_register() == Register::RBP
        && mov.op1_register() == Register::RSP
        && mov.ip() == push.next_ip();
    (saves_frame(push) && sets).then_some(mov.next_ip() as u32)
}
