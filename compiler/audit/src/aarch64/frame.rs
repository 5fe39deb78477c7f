//! How frames begin and end.
//!
//! ```text
//!   [bti c] stp x29, x30, [sp, #-16]!; mov x29, sp        at the start
//!   ldp x29, x30, [sp], #16; ret | b FUNCTION             at a return, and at a jump to another function
//! ```
//! The load stands where nothing of the frame is left on the stack, and what it loads nothing has written since:
//! so x29 and x30 are what they were, and so is the stack pointer.

use super::decode::Meaning;
use super::fields::Fields;
use super::{BTI_C, BYTES, FP, LR, RET, Word};
use crate::descent::Body;
use crate::image::{Function, Image};
use crate::machine::Instruction;

/// `stp x29, x30, [sp, #-16]!`
const SAVE: u32 = 0xa9bf_7bfd;
/// `mov x29, sp`
const SET: u32 = 0x9100_03fd;
/// `ldp x29, x30, [sp], #16`
const TAKE_DOWN: u32 = 0xa8c1_7bfd;

/// What is wrong with how `i` names the frame's registers: both are saved and given back, the return address is
/// returned to, the frame pointer is the base of addresses, and nothing else. So no other register has a copy.
pub fn names(i: &Word, meaning: &Meaning) -> Option<&'static str> {
    let word = i.word?;
    let named = |r| meaning.named >> r & 1 != 0;
    if [SAVE, SET, TAKE_DOWN, RET].contains(&word) || !named(LR) && !named(FP) {
        return None;
    }
    if named(LR) {
        return Some("names x30, the return address");
    }
    let w = Fields(word);
    let pair = meaning.effects.memory.len() > 1;
    let data = w.rd() == FP || pair && w.register(10) == FP;
    let index = meaning.effects.memory.iter().any(|m| m.index == Some(FP));
    let is_base = !meaning.effects.memory.is_empty() && !data && !index;
    (!is_base).then_some("uses x29, the frame pointer, for something else than an address")
}

/// Whether `i` saves the frame's registers, which the start does once.
pub fn saves_frame(i: &Word) -> bool {
    i.word == Some(SAVE)
}

/// Place of `i` among what takes the frame down: it is one instruction.
pub fn takedown(i: &Word) -> Option<usize> {
    (i.word == Some(TAKE_DOWN)).then_some(0)
}

/// Whether a jump stands behind what takes the frame down; `stack` checks that they run so.
pub fn is_behind_frame(image: &Image<'_>, f: &Function, i: &Word) -> bool {
    let is_b = i.word.is_some_and(|w| w & 0xfc00_0000 == 0x1400_0000);
    is_b && image.text[f.start as usize..i.at as usize].ends_with(&TAKE_DOWN.to_le_bytes())
}

/// The offset behind what makes the frame.
pub fn prologue_end(body: &Body<'_>) -> Option<u32> {
    let word = |at: u32| match body.steps.get(&at)?.instruction {
        Instruction::Aarch64(i) => i.word,
        _ => None,
    };
    let start = body.function.start;
    let save = if word(start)? == BTI_C { start + BYTES } else { start };
    let set = save.checked_add(BYTES)?;
    (word(save)? == SAVE && word(set)? == SET).then_some(set + BYTES)
}
