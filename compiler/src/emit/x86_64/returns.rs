//! Returns: the epilogue's last five bytes become a jump to the loader's return stub, which does the same
//! in the form that the running kernel's mitigations want.
//!
//! ```text
//! 48 89 ec  mov rsp, rbp         e9 xx xx xx xx  jmp wkc_ret
//! 5d        pop rbp        ->
//! c3        ret
//! ```

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Mnemonic};

use super::{Compiled, Field, Fixup, Target};
use crate::translate::Symbol;

/// `mov rsp, rbp; pop rbp; ret`.
pub const EPILOGUE: [u8; 5] = [0x48, 0x89, 0xec, 0x5d, 0xc3];
/// A jump's first byte.
pub const JMP_REL32: u8 = 0xe9;

/// Replaces every epilogue; fails if that leaves a return, or if a branch leads into one.
pub fn replace(out: &mut Compiled) -> Result<(), String> {
    let mut epilogues: Vec<usize> = Vec::new();
    let mut targets: Vec<u64> = Vec::new();
    for instruction in Decoder::with_ip(64, &out.code, 0, DecoderOptions::NONE).iter() {
        match instruction.flow_control() {
            FlowControl::Return => {
                let end = instruction.next_ip() as usize;
                if instruction.code() != Code::Retnq || !out.code[..end].ends_with(&EPILOGUE) {
                    return Err(format!("return at {:#x} without the expected epilogue", instruction.ip()));
                }
                epilogues.push(end - EPILOGUE.len());
            }
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch => {
                targets.push(instruction.near_branch_target());
            }
            FlowControl::IndirectBranch | FlowControl::IndirectCall => {
                return Err(format!("indirect branch at {:#x}", instruction.ip()));
            }
            _ => {}
        }
    }
    targets.sort_unstable();
    for at in epilogues {
        let next = targets.partition_point(|t| *t <= at as u64);
        if targets.get(next).is_some_and(|t| *t < (at + EPILOGUE.len()) as u64) {
            return Err(format!("a branch leads into the epilogue at {at:#x}"));
        }
        out.code[at] = JMP_REL32;
        out.code[at + 1..at + EPILOGUE.len()].fill(0);
        out.fixups.push(Fixup {
            at: at as u32 + 1,
            field: Field::Distance32,
            target: Target::Symbol(Symbol::Ret),
            addend: -4,
        });
    }
    let returns = |i: &iced_x86::Instruction| matches!(i.mnemonic(), Mnemonic::Ret | Mnemonic::Retf | Mnemonic::Iretq);
    match Decoder::with_ip(64, &out.code, 0, DecoderOptions::NONE).iter().find(returns) {
        Some(left) => Err(format!("a return is left at {:#x}", left.ip())),
        None => Ok(()),
    }
}
