//! Tail calls: a call with nothing but the function's end behind it becomes that end and a jump.
//!
//! ```text
//! bl f                          nop
//! add sp, sp, #32               add sp, sp, #32
//! ldp x19, x20, [sp], #16   ->  ldp x19, x20, [sp], #16
//! ldp x29, x30, [sp], #16       ldp x29, x30, [sp], #16
//! ret                           b f
//! ```
//! The convention stays the ordinary one, for the reasons that `x86_64/tails.rs` gives.

use super::{
    super::Target,
    Compiled,
    word::{B, Flow, NOP, RET, WORD, flow, is_call},
    words,
};

/// `ldp x29, x30, [sp], #16`
const TAKE_FRAME_DOWN: u32 = 0xa8c1_7bfd;
/// The first and the last register that a function saves for its caller, besides those of the frame.
const SAVED: std::ops::RangeInclusive<u32> = 19..=28;

/// Makes a jump of every call that is marked; fails if one is not followed by the function's end alone.
pub fn replace(out: &mut Compiled) -> Result<(), String> {
    let code: Vec<u32> = words(&out.code).map(|(_, word)| word).collect();
    let flows: Vec<Flow> = words(&out.code).map(|(at, word)| flow(word, at)).collect::<Result<_, _>>()?;
    let mut targets: Vec<u32> = flows
        .iter()
        .filter_map(|f| match f {
            Flow::Jump(to) | Flow::Branch(to) => Some(*to),
            _ => None,
        })
        .collect();
    targets.sort_unstable();
    for fixup in &mut out.fixups {
        let Target::Tail(symbol) = fixup.target else { continue };
        let call = fixup.at;
        let ret = end_of(&code, &flows, &targets, call)?;
        put(&mut out.code, call, NOP);
        put(&mut out.code, ret, B);
        fixup.at = ret;
        fixup.target = Target::Symbol(symbol);
    }
    Ok(())
}

fn put(code: &mut [u8], at: u32, word: u32) {
    code[at as usize..][..WORD as usize].copy_from_slice(&word.to_le_bytes());
}

/// Offset of the return that ends the function behind the call at `call`; nothing else leads there. Jumps over islands
/// of the code generator are followed, see `dead.rs`.
fn end_of(code: &[u32], flows: &[Flow], targets: &[u32], call: u32) -> Result<u32, String> {
    if code.get((call / WORD) as usize).is_none_or(|word| !is_call(*word)) {
        return Err(format!("no call at {call:#x}"));
    }
    let ways = |at: u32| targets.partition_point(|t| *t <= at) - targets.partition_point(|t| *t < at);
    let (mut at, mut jumps) = (call + WORD, 0);
    loop {
        let n = (at / WORD) as usize;
        let Some((word, flow)) = code.get(n).zip(flows.get(n)) else {
            return Err(format!("no end behind the tail call at {call:#x}"));
        };
        let ends = *word == TAKE_FRAME_DOWN && code.get(n + 1) == Some(&RET);
        if ways(at) > jumps || ends && ways(at + WORD) > 0 {
            return Err(format!("a branch leads behind the tail call at {call:#x}"));
        }
        (at, jumps) = match *flow {
            _ if ends => return Ok(at + WORD),
            Flow::Jump(to) if runs_into(flows, to) => {
                return Err(format!("control runs into {to:#x}, behind the tail call at {call:#x}"));
            }
            Flow::Jump(to) => (to, 1),
            _ if gives_back(*word) => (at + WORD, 0),
            _ => return Err(format!("{word:#010x} at {at:#x}, behind the tail call at {call:#x}")),
        };
    }
}

/// Whether the instruction before `at` goes on there.
fn runs_into(flows: &[Flow], at: u32) -> bool {
    let before = (at / WORD).checked_sub(1).and_then(|n| flows.get(n as usize));
    matches!(before, Some(Flow::Next | Flow::Branch(_)))
}

/// Whether it gives registers of the caller their values back, or the frame's bytes.
fn gives_back(word: u32) -> bool {
    let (first, second) = (word & 31, word >> 10 & 31);
    let pair = word & 0xffff_83e0 == 0xa8c1_03e0 && SAVED.contains(&first) && SAVED.contains(&second);
    let one = word & 0xffff_ffe0 == 0xf841_07e0 && SAVED.contains(&first);
    let frees = word & 0xffc0_03ff == 0x9100_03ff;
    pair || one || frees
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{Field, Fixup},
        *,
    };
    use crate::translate::Symbol;

    const BL: u32 = 0x9400_0000;
    const ADD_SP_32: u32 = 0x9100_83ff;
    const LDR_X21: u32 = 0xf841_07f5;
    const LDP_X19_X20: u32 = 0xa8c1_53f3;
    const TAIL: [u32; 6] = [BL, ADD_SP_32, LDP_X19_X20, LDR_X21, TAKE_FRAME_DOWN, RET];

    /// A function of this code with a tail call at `call`.
    fn replaced(code: &[u32], call: u32) -> Result<Compiled, String> {
        let target = Target::Tail(Symbol::Function(7));
        let mut out = Compiled {
            symbol: Symbol::Function(0),
            code: code.iter().flat_map(|w| w.to_le_bytes()).collect(),
            constants: vec![],
            fixups: vec![Fixup { at: call, field: Field::Branch26, target, addend: 0 }],
            traps: vec![],
            lines: vec![],
            stack: 16,
        };
        replace(&mut out).map(|()| out)
    }

    #[test]
    fn a_call_becomes_a_jump_behind_the_frame() {
        let out = replaced(&TAIL, 0).expect("replaced");
        let code: Vec<u32> = words(&out.code).map(|(_, word)| word).collect();
        assert_eq!(code, [NOP, ADD_SP_32, LDP_X19_X20, LDR_X21, TAKE_FRAME_DOWN, B]);
        assert!(matches!(out.fixups[..], [Fixup { at: 20, target: Target::Symbol(Symbol::Function(7)), .. }]));
    }

    #[test]
    fn an_island_in_the_end_is_jumped_over() {
        // bl; add; b over an island of a jump; the rest, which nothing else leads to, or the island does
        let island = |jump| {
            let mut code = vec![0xb400_0081, BL, ADD_SP_32, 0x1400_0002, jump];
            code.extend(&TAIL[2..]);
            replaced(&code, 4)
        };
        let out = island(0x17ff_fffd).expect("replaced");
        assert_eq!(words(&out.code).last(), Some((32, B)));
        assert_eq!(out.fixups[0].at, 32);
        for jump in [0x1400_0001, 0x1400_0002, 0x1400_0004, 0x17ff_fffe] {
            assert!(island(jump).is_err_and(|e| e.contains("branch")), "{jump:#x}");
        }
        assert!(island(NOP).is_err_and(|e| e.contains("runs into")));
        // A jump to itself, and one behind the call.
        assert!(replaced(&[BL, B], 0).is_err_and(|e| e.contains("branch")));
        assert!(replaced(&[BL, 0x1400_0001 + 99], 0).is_err_and(|e| e.contains("no end")));
    }

    #[test]
    fn nothing_else_may_stand_between_and_no_branch_may_lead_there() {
        // mov x2, x0; ldp x19, x20, [sp], #32; ldp x0, x1, [sp], #16; ldr x18, [sp], #16; add sp, sp, #8, lsl 12
        for between in [0xaa00_03e2, 0xa8c2_53f3, 0xa8c1_07e0, 0xf841_07f2, 0x9140_23ff] {
            let mut code = TAIL.to_vec();
            code.insert(1, between);
            assert!(replaced(&code, 0).is_err_and(|e| e.contains(&format!("{between:#010x}"))), "{between:#x}");
        }
        assert!(replaced(&TAIL[..4], 0).is_err_and(|e| e.contains("no end")));
        assert!(replaced(&TAIL, 4).is_err_and(|e| e.contains("no call")));
        for to in 2..=6 {
            let branch = [&[0xb400_0000 | to << 5], &TAIL[..]].concat();
            assert!(replaced(&branch, 4).is_err_and(|e| e.contains("branch")), "to word {to}");
        }
        assert!(replaced(&[&[0xb400_0020], &TAIL[..]].concat(), 4).is_ok(), "to the call itself");
    }
}
