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
        let ret = end_of(&code, call)?;
        let next = targets.partition_point(|t| *t <= call);
        if targets.get(next).is_some_and(|t| *t <= ret) {
            return Err(format!("a branch leads behind the tail call at {call:#x}"));
        }
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

/// Offset of the return that ends the function behind the call at `call`.
fn end_of(code: &[u32], call: u32) -> Result<u32, String> {
    let first = (call / WORD) as usize;
    if code.get(first).is_none_or(|word| !is_call(*word)) {
        return Err(format!("no call at {call:#x}"));
    }
    for (n, word) in code.iter().enumerate().skip(first + 1) {
        if *word == TAKE_FRAME_DOWN && code.get(n + 1) == Some(&RET) {
            return Ok((n as u32 + 1) * WORD);
        }
        if !gives_back(*word) {
            return Err(format!("{word:#010x} at {:#x}, behind the tail call at {call:#x}", n as u32 * WORD));
        }
    }
    Err(format!("no end behind the tail call at {call:#x}"))
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
