//! Drops what is never executed, so that every byte of a function means something to the audit.
//!
//! - The code generator's own checks of divisions. The translator has tested the operands before and left through the
//!   trap exit, and the machine's division faults on nothing, so the branches to these `udf` are dropped, and then
//!   the `udf` themselves. What is left of that instruction stands only behind calls that never return.
//! - Jumps that only jump on, which the code generator threads and leaves behind where it cannot take them back.
//!
//! Where a branch of a large function would not reach, the code generator puts an island between any two instructions:
//! a jump over it, and in it jumps that branches take on their way. So a branch to a check is one that leads there by
//! jumps as well, and a jump to what ends a function is made that end: then it stands right behind what it must.

use std::collections::HashSet;

use super::{
    Compiled,
    word::{Flow, WORD, flow, redirected},
    words,
};

/// What stays of a function, by instruction.
struct Marks {
    reached: Vec<bool>,
    /// Branches that are dropped although they are reached.
    own: Vec<bool>,
}

impl Marks {
    fn keeps(&self, at: usize) -> bool {
        self.reached[at] && !self.own[at]
    }
}

/// Moves what is reached together; `own_checks` are the offsets of the `udf` of the code generator's checks.
pub fn remove(out: &mut Compiled, own_checks: &HashSet<u32>) -> Result<(), String> {
    let mut flows: Vec<Flow> = words(&out.code).map(|(at, word)| flow(word, at)).collect::<Result<_, _>>()?;
    end_at_once(&mut out.code, &mut flows, own_checks);
    let marks = mark(&flows, own_checks)?;
    if (0..flows.len()).all(|n| marks.keeps(n)) {
        return Ok(());
    }
    let instructions = (0..flows.len()).filter(|n| marks.keeps(*n)).map(|n| n as u32 * WORD).map(|at| at..at + WORD);
    out.keep(instructions, |bytes, old, new, kept| {
        if let (Flow::Jump(to) | Flow::Branch(to), Some(word)) = (flows[(old / WORD) as usize], bytes.first_chunk_mut())
        {
            // To a branch that is dropped is to what stands behind it.
            let distance = i64::from(kept.next(to)) - i64::from(new);
            *word = redirected(u32::from_le_bytes(*word), distance)?.to_le_bytes();
        }
        Ok(())
    })
}

/// Most jumps that are followed to see where they lead; the code generator makes one or two.
const MAX_JUMPS: usize = 8;

/// Where `at` leads by jumps alone.
fn behind_jumps(flows: &[Flow], at: u32) -> u32 {
    let next = |at: &u32| match flows.get((at / WORD) as usize) {
        Some(Flow::Jump(to)) => Some(*to),
        _ => None,
    };
    std::iter::successors(Some(at), next).take(MAX_JUMPS).last().unwrap_or(at)
}

/// Puts `ret`, and the `udf` behind calls that never return, in the place of jumps to them.
fn end_at_once(code: &mut [u8], flows: &mut [Flow], own_checks: &HashSet<u32>) {
    for n in 0..flows.len() {
        let Flow::Jump(to) = flows[n] else { continue };
        let end = behind_jumps(flows, to);
        let at = (end / WORD) as usize;
        if let Some(flow @ (Flow::Return | Flow::Stop)) = flows.get(at).copied()
            && end.is_multiple_of(WORD)
            && !own_checks.contains(&end)
        {
            code.copy_within(at * WORD as usize..(at + 1) * WORD as usize, n * WORD as usize);
            flows[n] = flow;
        }
    }
}

fn mark(flows: &[Flow], own_checks: &HashSet<u32>) -> Result<Marks, String> {
    let mut marks = Marks { reached: vec![false; flows.len()], own: vec![false; flows.len()] };
    let mut work = vec![0];
    while let Some(at) = work.pop() {
        let n = (at / WORD) as usize;
        let flow = flows.get(n).filter(|_| at.is_multiple_of(WORD));
        let flow = flow.ok_or_else(|| format!("control leads to {at:#x}, where nothing starts"))?;
        if std::mem::replace(&mut marks.reached[n], true) {
            continue;
        }
        match *flow {
            Flow::Next => work.push(at + WORD),
            Flow::Jump(to) => work.push(to),
            Flow::Branch(to) if own_checks.contains(&behind_jumps(flows, to)) => {
                marks.own[n] = true;
                work.push(at + WORD);
            }
            Flow::Branch(to) => work.extend([to, at + WORD]),
            Flow::Stop if own_checks.contains(&at) => return Err(format!("control runs into the check at {at:#x}")),
            Flow::Return | Flow::Stop => {}
        }
    }
    Ok(marks)
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{Field, Fixup, LineRow, Target, TrapSite},
        *,
    };
    use crate::translate::Symbol;

    const NOP: u32 = 0xd503_201f;
    const RET: u32 = 0xd65f_03c0;
    const UDF: u32 = 0xc11f;

    fn function(words: &[u32]) -> Compiled {
        Compiled {
            symbol: Symbol::Function(0),
            code: words.iter().flat_map(|w| w.to_le_bytes()).collect(),
            constants: vec![],
            fixups: vec![],
            traps: vec![],
            lines: vec![],
            stack: 16,
        }
    }

    fn code(out: &Compiled) -> Vec<u32> {
        words(&out.code).map(|(_, word)| word).collect()
    }

    #[test]
    fn a_dead_jump_goes_and_the_rest_moves() {
        // 0: cbz x0, 12; 4: ret; 8: b 4 (dead); 12: bl; 16: udf
        let mut out = function(&[0xb400_0060, RET, 0x17ff_ffff, 0x9400_0000, UDF]);
        let target = Target::Symbol(Symbol::Trap(1));
        out.fixups = vec![Fixup { at: 12, field: Field::Branch26, target, addend: 0 }];
        out.traps = vec![TrapSite { site: 16, wasm_offset: 1, code: 1 }];
        out.lines = vec![LineRow { at: 8, wasm_offset: 1 }];
        remove(&mut out, &HashSet::new()).expect("removed");
        assert_eq!(code(&out), [0xb400_0040, RET, 0x9400_0000, UDF]);
        assert_eq!((out.fixups[0].at, out.traps[0].site, out.lines[0].at), (8, 12, 8));
    }

    #[test]
    fn the_generators_checks_go_with_their_branches() {
        // 0: cbz x1, 20; 4: nop; 8: b.vs 24; 12: nop; 16: ret; 20, 24: udf
        let mut out = function(&[0xb400_00a1, NOP, 0x5400_0086, NOP, RET, UDF, UDF]);
        out.lines = vec![LineRow { at: 8, wasm_offset: 1 }];
        remove(&mut out, &HashSet::from([20, 24])).expect("removed");
        assert_eq!(code(&out), [NOP, NOP, RET]);
        assert_eq!(out.lines[0].at, 4);
    }

    #[test]
    fn a_check_that_an_island_leads_to_goes_with_it() {
        // 0: cbz x1, 12; 4: b 16; 8: b 12; 12: b 24; 16: b.vs 8; 20: ret; 24: udf
        let mut out = function(&[0xb400_0061, 0x1400_0003, 0x1400_0001, 0x1400_0003, 0x54ff_ffc6, RET, UDF]);
        remove(&mut out, &HashSet::from([24])).expect("removed");
        // The jump over the island led to a return, once the branch there was gone.
        assert_eq!(code(&out), [0x1400_0001, RET]);
        // Jumps in a circle lead nowhere.
        let mut circle = function(&[0xb400_0021, 0x1400_0000]);
        remove(&mut circle, &HashSet::new()).expect("nothing to do");
        assert_eq!(code(&circle), [0xb400_0021, 0x1400_0000]);
    }

    #[test]
    fn an_end_that_an_island_cuts_off_is_put_before_it() {
        const TAKE_DOWN: u32 = 0xa8c1_7bfd;
        // 0: cbz x1, 12; 4: ldp; 8: b 16; 12: b 20; 16: ret; 20: bl; 24: b 32; 28: b 20; 32: udf
        let words = [0xb400_0061, TAKE_DOWN, 0x1400_0002, 0x1400_0002, RET, 0x9400_0000, 0x1400_0002, 0x17ff_fffe, UDF];
        let mut out = function(&words);
        out.traps = vec![TrapSite { site: 24, wasm_offset: 1, code: 1 }];
        remove(&mut out, &HashSet::new()).expect("removed");
        assert_eq!(code(&out), [0xb400_0061, TAKE_DOWN, RET, 0x1400_0001, 0x9400_0000, UDF]);
        assert_eq!(out.traps[0].site, 20);
    }

    #[test]
    fn a_check_that_control_runs_into_is_no_check() {
        let mut out = function(&[NOP, UDF]);
        assert!(remove(&mut out, &HashSet::from([4])).is_err_and(|e| e.contains("runs into")));
        assert!(remove(&mut function(&[NOP]), &HashSet::new()).is_err_and(|e| e.contains("nothing starts")));
    }

    #[test]
    fn what_is_whole_stays_as_it_is() {
        let words = [0xb400_0040, RET, NOP, RET];
        let mut out = function(&words);
        remove(&mut out, &HashSet::new()).expect("nothing to do");
        assert_eq!(code(&out), words);
    }
}
