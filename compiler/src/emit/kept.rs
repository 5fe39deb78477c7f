//! What is left of a function's code when some of its instructions go, and where that is then.
//!
//! In: the code that a pass has judged, with its references, trap sites and source positions. Out: the instructions
//! that stay, one behind the other, and all of that pointing at them. Which go, and what a branch looks like, is told
//! by the pass of each machine.

use std::ops::Range;

use super::Compiled;

/// An instruction that stays.
#[derive(Clone, Debug)]
struct Piece {
    /// Its bytes in the old code.
    old: Range<u32>,
    /// Its first byte in the new code.
    new: u32,
}

/// Where the old code's bytes are in the new one.
#[derive(Debug)]
pub struct Kept {
    /// Ascending.
    pieces: Vec<Piece>,
    /// Bytes of the new code.
    end: u32,
}

impl Kept {
    fn new(instructions: impl IntoIterator<Item = Range<u32>>) -> Self {
        let mut end = 0;
        let pieces = instructions.into_iter().map(|old| {
            let new = end;
            end += old.end - old.start;
            Piece { old, new }
        });
        Self { pieces: pieces.collect(), end }
    }

    /// Where old byte `at` is, if it belongs to an instruction that stays.
    fn byte(&self, at: u32) -> Option<u32> {
        let behind = self.pieces.partition_point(|piece| piece.old.start <= at);
        let piece = &self.pieces[behind.checked_sub(1)?];
        piece.old.contains(&at).then(|| piece.new + (at - piece.old.start))
    }

    /// Whether an instruction that starts at old byte `at` stays.
    pub fn has(&self, at: u32) -> bool {
        self.pieces.binary_search_by_key(&at, |piece| piece.old.start).is_ok()
    }

    /// Where what stood at old byte `at` goes on: the first instruction from there on that stays.
    pub fn next(&self, at: u32) -> u32 {
        let n = self.pieces.partition_point(|piece| piece.old.start < at);
        self.pieces.get(n).map_or(self.end, |piece| piece.new)
    }
}

impl Compiled {
    /// Leaves `instructions` only, which are ascending. `redirect` gets each of them, with its old and its new place,
    /// to write where it leads now.
    pub fn keep(
        &mut self,
        instructions: impl IntoIterator<Item = Range<u32>>,
        redirect: impl Fn(&mut [u8], u32, u32, &Kept) -> Result<(), String>,
    ) -> Result<(), String> {
        let kept = Kept::new(instructions);
        let mut code = Vec::with_capacity(kept.end as usize);
        for Piece { old, new } in &kept.pieces {
            code.extend_from_slice(&self.code[old.start as usize..old.end as usize]);
            redirect(&mut code[*new as usize..], old.start, *new, &kept)?;
        }
        // What points into an instruction moves or goes with it; a site is the byte behind one. A source position is
        // where the next instruction is.
        self.fixups.retain_mut(|f| kept.byte(f.at).map(|at| f.at = at).is_some());
        self.traps.retain_mut(|t| kept.byte(t.site - 1).map(|at| t.site = at + 1).is_some());
        self.lines.iter_mut().for_each(|line| line.at = kept.next(line.at));
        self.code = code;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Field, Fixup, LineRow, Target, TrapSite},
        *,
    };
    use crate::translate::Symbol;

    #[test]
    fn what_points_at_an_instruction_moves_or_goes_with_it() {
        let target = Target::Symbol(Symbol::Trap(1));
        let mut out = Compiled {
            symbol: Symbol::Function(0),
            // Instructions of two, three, one and two bytes; the second and the last go.
            code: vec![0x10, 0x11, 0x20, 0x21, 0x22, 0x30, 0x40, 0x41],
            constants: vec![],
            fixups: [1, 3, 5].map(|at| Fixup { at, field: Field::Distance32, target, addend: 0 }).to_vec(),
            traps: [2, 5, 6, 8].map(|site| TrapSite { site, wasm_offset: site, code: 1 }).to_vec(),
            lines: [0, 2, 5, 6, 8].map(|at| LineRow { at, wasm_offset: at }).to_vec(),
            stack: 16,
        };
        out.keep([0..2, 5..6], |bytes, old, new, kept| {
            assert_eq!(
                (bytes.len() as u32, kept.next(old)),
                (kept.pieces[usize::from(old != 0)].old.len() as u32, new)
            );
            bytes[0] += 1;
            Ok(())
        })
        .expect("kept");
        let kept = Kept::new([0..2, 5..6]);
        assert_eq!([0, 1, 2, 5, 6].map(|at| kept.has(at)), [true, false, false, true, false]);
        assert_eq!(out.code, [0x11, 0x11, 0x31]);
        assert_eq!(out.fixups.iter().map(|f| f.at).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(out.traps.iter().map(|t| (t.wasm_offset, t.site)).collect::<Vec<_>>(), [(2, 2), (6, 3)]);
        assert_eq!(out.lines.iter().map(|l| l.at).collect::<Vec<_>>(), [0, 2, 2, 3, 3]);
        assert!(out.keep(std::iter::once(0..3), |_, _, _, _| Err("no".to_owned())).is_err());
    }
}
