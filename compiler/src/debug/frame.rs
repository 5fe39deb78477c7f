//! The frame that every function of a machine has, for unwinding.

use gimli::{AArch64, Register, X86_64, write::CallFrameInstruction};

use crate::Target;

/// How a function's frame comes to be.
pub struct Frame {
    /// The instructions that set it up: the function's first, behind its landing pad if it has one.
    pub prologue: &'static [u8],
    /// Length that all instructions are multiples of.
    pub code_unit: u8,
    /// The column of the return address.
    pub return_address: Register,
    /// The stack pointer.
    pub stack_pointer: Register,
    /// Bytes that a call leaves on the stack.
    pub above: i32,
    /// What holds at the first instruction.
    pub at_start: Vec<CallFrameInstruction>,
    /// What each instruction changes: bytes from the prologue's start, and the rule that holds from there.
    pub instructions: Vec<(u32, CallFrameInstruction)>,
}

/// The frame of `target`'s functions; debuggers know none of bytecode.
pub fn of(target: Target) -> Option<Frame> {
    match target {
        Target::X86_64 => Some(x86_64()),
        Target::Aarch64 => Some(aarch64()),
        Target::Portable => None,
    }
}

/// `push rbp; mov rbp, rsp`: the return address at rbp + 8, the caller's rbp at rbp.
fn x86_64() -> Frame {
    Frame {
        prologue: &[0x55, 0x48, 0x89, 0xe5],
        code_unit: 1,
        return_address: X86_64::RA,
        stack_pointer: X86_64::RSP,
        above: 8,
        at_start: vec![CallFrameInstruction::Offset(X86_64::RA, -8)],
        instructions: vec![
            (1, CallFrameInstruction::CfaOffset(16)),
            (1, CallFrameInstruction::Offset(X86_64::RBP, -16)),
            (4, CallFrameInstruction::CfaRegister(X86_64::RBP)),
        ],
    }
}

/// `stp x29, x30, [sp, #-16]!; mov x29, sp`: the return address at x29 + 8, the caller's x29 at x29.
fn aarch64() -> Frame {
    Frame {
        prologue: &[0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91],
        code_unit: 4,
        return_address: AArch64::X30,
        stack_pointer: AArch64::SP,
        above: 0,
        at_start: Vec::new(),
        instructions: vec![
            (4, CallFrameInstruction::CfaOffset(16)),
            (4, CallFrameInstruction::Offset(AArch64::X29, -16)),
            (4, CallFrameInstruction::Offset(AArch64::X30, -8)),
            (8, CallFrameInstruction::CfaRegister(AArch64::X29)),
        ],
    }
}
