//! Drops instructions that nothing reaches, so that every byte of a function means something to the audit, and those
//! that change nothing.
//!
//! Cranelift threads jumps through blocks that only jump on, and leaves such a block behind where it cannot
//! take it back. What extends without need is found by `extended`. Comes after `constants` (there are instructions only)
//! and before `returns`.

use std::collections::BTreeMap;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic};

use super::{super::kept::Kept, Compiled, extended};

/// An instruction and whether control reaches it, to some effect.
struct Step {
    instruction: Instruction,
    reached: bool,
}

/// Moves what is reached together.
pub fn remove(out: &mut Compiled) -> Result<(), String> {
    let mut steps: BTreeMap<u32, Step> = Decoder::with_ip(64, &out.code, 0, DecoderOptions::NONE)
        .iter()
        .map(|instruction| (instruction.ip() as u32, Step { instruction, reached: false }))
        .collect();
    mark(&mut steps)?;
    let reached: Vec<Instruction> = steps.values().filter(|s| s.reached).map(|s| s.instruction).collect();
    for n in extended::useless(&reached) {
        steps.entry(reached[n].ip() as u32).and_modify(|step| step.reached = false);
    }
    if steps.values().all(|s| s.reached) {
        return Ok(());
    }
    let kept = steps.iter().filter(|(_, s)| s.reached).map(|(at, s)| *at..s.instruction.next_ip() as u32);
    let target = |old: u32| steps.get(&old).and_then(|step| branch_target(&step.instruction));
    out.keep(kept, |bytes, old, new, kept| target(old).map_or(Ok(()), |to| redirect(bytes, old, new, to, kept)))
}

/// Leads the branch `bytes`, which stood at `old` and stands at `new`, to where old `target` is now, or what was behind it
/// if it went.
pub fn redirect(bytes: &mut [u8], old: u32, new: u32, target: u32, kept: &Kept) -> Result<(), String> {
    let len = bytes.len();
    if len < 5 {
        return Err(format!("short branch at {old:#x}"));
    }
    let distance = i64::from(kept.next(target)) - i64::from(new) - len as i64;
    bytes[len - 4..].copy_from_slice(&(distance as i32).to_le_bytes());
    Ok(())
}

/// Where a branch leads.
pub fn branch_target(instruction: &Instruction) -> Option<u32> {
    let branches =
        matches!(instruction.flow_control(), FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch);
    branches.then(|| instruction.near_branch_target() as u32)
}

fn mark(steps: &mut BTreeMap<u32, Step>) -> Result<(), String> {
    let mut work = vec![0];
    while let Some(at) = work.pop() {
        let step = steps.get_mut(&at).ok_or_else(|| format!("control leads to {at:#x}, where nothing starts"))?;
        if std::mem::replace(&mut step.reached, true) {
            continue;
        }
        work.extend(branch_target(&step.instruction));
        let ends = step.instruction.mnemonic() == Mnemonic::Ud2
            || matches!(step.instruction.flow_control(), FlowControl::UnconditionalBranch | FlowControl::Return);
        if !ends {
            work.push(step.instruction.next_ip() as u32);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{Field, Fixup, LineRow, Target, TrapSite},
        *,
    };
    use crate::translate::Symbol;

    fn left_of(code: &[u8]) -> Vec<u8> {
        let mut out = Compiled::of(code);
        remove(&mut out).expect("removed");
        out.code
    }

    #[test]
    fn what_is_extended_already_is_not_extended_again() {
        // bswap ebx; mov ebx, ebx; ud2
        assert_eq!(left_of(&[0x0f, 0xcb, 0x89, 0xdb, 0x0f, 0x0b]), [0x0f, 0xcb, 0x0f, 0x0b]);
        let stays: [&[u8]; 4] = [
            // bswap rbx; mov ebx, ebx; ud2
            &[0x48, 0x0f, 0xcb, 0x89, 0xdb, 0x0f, 0x0b],
            // bswap ecx; mov ebx, ebx; ud2
            &[0x0f, 0xc9, 0x89, 0xdb, 0x0f, 0x0b],
            // shl ebx, cl; mov ebx, ebx; ud2
            &[0xd3, 0xe3, 0x89, 0xdb, 0x0f, 0x0b],
            // je over the next one; bswap ebx; mov ebx, ebx; ud2
            &[0x0f, 0x84, 2, 0, 0, 0, 0x0f, 0xcb, 0x89, 0xdb, 0x0f, 0x0b],
        ];
        for code in stays {
            assert_eq!(left_of(code), code);
        }
    }

    #[test]
    fn a_dead_jump_goes_and_the_rest_moves() {
        let mut out = Compiled {
            symbol: Symbol::Function(0),
            // 0: je 0xd; 6: ud2; 8: jmp 6 (dead); d: call; 12: ud2
            code: vec![0x0f, 0x84, 7, 0, 0, 0, 0x0f, 0x0b, 0xe9, 0xf9, 0xff, 0xff, 0xff, 0xe8, 0, 0, 0, 0, 0x0f, 0x0b],
            constants: vec![],
            fixups: vec![Fixup {
                at: 0xe,
                field: Field::Distance32,
                target: Target::Symbol(Symbol::Trap(1)),
                addend: -4,
            }],
            traps: vec![TrapSite { site: 0x12, wasm_offset: 1, code: 1 }],
            lines: vec![LineRow { at: 8, wasm_offset: 1 }],
            stack: 16,
        };
        remove(&mut out).expect("removed");
        assert_eq!(out.code, [0x0f, 0x84, 2, 0, 0, 0, 0x0f, 0x0b, 0xe8, 0, 0, 0, 0, 0x0f, 0x0b]);
        assert_eq!((out.fixups[0].at, out.traps[0].site, out.lines[0].at), (9, 13, 8));
    }
}
