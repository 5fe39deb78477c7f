//! Tail calls: a call with nothing but the function's end behind it becomes that end and a jump.
//!
//! ```text
//! e8 xx xx xx xx  call f             90              nop
//! ..              mov rbx, [rsp]     ..              mov rbx, [rsp]
//! ..              add rsp, 16    ->  ..              add rsp, 16
//! 48 89 ec        mov rsp, rbp       48 89 ec        mov rsp, rbp
//! 5d              pop rbp            5d              pop rbp
//! c3              ret                e9 xx xx xx xx  jmp f
//! ```
//! The convention stays System V: arguments and results are in registers that the end of a function does not touch,
//! and no argument lies in a frame, since a module with tail calls passes the fifth and later ones through the
//! transfer area. Comes before `returns`.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

use super::{
    Compiled, Target,
    returns::{EPILOGUE, JMP_REL32},
};

const CALL_REL32: u8 = 0xe8;
const NOP: u8 = 0x90;

/// Makes a jump of every call that is marked; fails if one is not followed by the function's end alone.
pub fn replace(out: &mut Compiled) -> Result<(), String> {
    let mut targets: Vec<u64> = Decoder::with_ip(64, &out.code, 0, DecoderOptions::NONE)
        .iter()
        .filter(|i| matches!(i.flow_control(), FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch))
        .map(|i| i.near_branch_target())
        .collect();
    targets.sort_unstable();
    for fixup in &mut out.fixups {
        let Target::Tail(symbol) = fixup.target else { continue };
        let call = fixup.at as usize - 1;
        let end = end_of(&out.code, call)?;
        let next = targets.partition_point(|t| *t <= call as u64);
        if targets.get(next).is_some_and(|t| *t < end as u64) {
            return Err(format!("a branch leads behind the tail call at {call:#x}"));
        }
        // All but the call and the return moves to where the call was, behind a byte that makes up for the jump's.
        let moved = call + 5..end - 1;
        let to = call + 1;
        let jump = to + moved.len();
        out.code.copy_within(moved, to);
        out.code[call] = NOP;
        out.code[jump] = JMP_REL32;
        out.code[jump + 1..end].fill(0);
        fixup.at = jump as u32 + 1;
        fixup.target = Target::Symbol(symbol);
    }
    Ok(())
}

/// Where the function's end that follows the call at `call` ends.
fn end_of(code: &[u8], call: usize) -> Result<usize, String> {
    if code.get(call) != Some(&CALL_REL32) {
        return Err(format!("no call at {call:#x}"));
    }
    let mut at = call + 5;
    loop {
        if code[at..].starts_with(&EPILOGUE) {
            return Ok(at + EPILOGUE.len());
        }
        let mut decoder = Decoder::with_ip(64, &code[at..], at as u64, DecoderOptions::NONE);
        let instruction = decoder.decode();
        if !gives_back(&instruction) {
            return Err(format!("`{instruction}` at {at:#x}, behind the tail call at {call:#x}"));
        }
        at = instruction.next_ip() as usize;
    }
}

/// Whether it gives a register of the caller its value back, or the frame's bytes.
fn gives_back(i: &Instruction) -> bool {
    const SAVED: [Register; 5] = [Register::RBX, Register::R12, Register::R13, Register::R14, Register::R15];
    let restores = i.mnemonic() == Mnemonic::Mov
        && SAVED.contains(&i.op0_register())
        && i.op1_kind() == OpKind::Memory
        && i.memory_base() == Register::RSP
        && i.memory_index() == Register::None;
    let constant = matches!(i.op1_kind(), OpKind::Immediate8to64 | OpKind::Immediate32to64);
    let frees = i.mnemonic() == Mnemonic::Add && i.op0_register() == Register::RSP && constant;
    restores || frees
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Compiled, Field, Fixup},
        *,
    };
    use crate::translate::Symbol;

    /// A function of this code with a tail call at `call`.
    fn replaced(code: &[u8], call: u32) -> Result<Compiled, String> {
        let fixup =
            Fixup { at: call + 1, field: Field::Distance32, target: Target::Tail(Symbol::Function(7)), addend: -4 };
        let mut out = Compiled { fixups: vec![fixup], ..Compiled::of(code) };
        replace(&mut out).map(|()| out)
    }

    /// `call`, `mov rbx, [rsp]`, `add rsp, 16`, epilogue.
    const TAIL: [u8; 18] =
        [0xe8, 0, 0, 0, 0, 0x48, 0x8b, 0x1c, 0x24, 0x48, 0x83, 0xc4, 16, 0x48, 0x89, 0xec, 0x5d, 0xc3];

    #[test]
    fn a_call_becomes_a_jump_behind_the_frame() {
        let out = replaced(&TAIL, 0).expect("replaced");
        let jump = [0x90, 0x48, 0x8b, 0x1c, 0x24, 0x48, 0x83, 0xc4, 16, 0x48, 0x89, 0xec, 0x5d, 0xe9, 0, 0, 0, 0];
        assert_eq!(out.code, jump);
        assert!(matches!(
            out.fixups[..],
            [Fixup { at: 14, target: Target::Symbol(Symbol::Function(7)), addend: -4, .. }]
        ));
    }

    #[test]
    fn nothing_else_may_stand_between_and_no_branch_may_lead_there() {
        let mut between = TAIL.to_vec();
        between.splice(5..5, [0x48, 0x89, 0xc2]); // mov rdx, rax
        assert!(replaced(&between, 0).is_err_and(|e| e.contains("mov rdx")));
        let mut loaded = TAIL.to_vec();
        loaded.splice(9..13, [0x48, 0x03, 0x24, 0x24]); // add rsp, [rsp]
        assert!(replaced(&loaded, 0).is_err_and(|e| e.contains("add rsp")));
        let branch = [&[0x0f, 0x84, 5, 0, 0, 0], &TAIL[..]].concat(); // je behind the call
        assert!(replaced(&branch, 6).is_err_and(|e| e.contains("branch")));
        let before = [&[0x0f, 0x84, 0, 0, 0, 0], &TAIL[..]].concat(); // je to the call
        assert!(replaced(&before, 6).is_ok());
    }
}
