//! aarch64: which of its instructions a filter may contain, and what they do.
//!
//! ```text
//! fields      bits of a word, and immediates made of them
//! decode      the list of allowed instructions, by their place in the encoding
//! arithmetic  what those that compute do
//! memory      what those that load and store do
//! refused     names for what is not on the list
//! frame       how frames begin and end
//! operand     relocations, and addresses of constants
//! landing     where indirect branches may end
//! ```
//! The list is a decoder: a word is either read to the last bit here, or refused. A test compares it with a
//! disassembler over millions of words.

mod arithmetic;
mod decode;
mod fields;
mod frame;
pub mod landing;
mod memory;
mod operand;
mod refused;
#[cfg(test)]
mod tests;

use std::fmt;

use self::decode::Meaning;
use crate::effects::{Condition, Control, Effects, Register};
use crate::finding::Rule;
use crate::machine::{Broken, Convention};
pub use frame::{is_behind_frame, prologue_end, saves_frame, takedown};
pub use operand::{references, relocation};

/// Bytes of an instruction.
const BYTES: u32 = 4;
/// The frame pointer.
const FP: Register = 29;
/// The return address.
const LR: Register = 30;
/// The stack pointer, where it is no zero register.
const SP: Register = 31;
/// What the kernel keeps for itself.
const PLATFORM: Register = 18;
/// `ret`
const RET: u32 = 0xd65f_03c0;
/// `bti c`
const BTI_C: u32 = 0xd503_245f;

/// What all code keeps to.
pub const CONVENTION: Convention = Convention {
    registers: 32,
    stack_pointer: SP,
    frame_pointer: FP,
    frame_registers: 1 << FP | 1 << LR,
    // The CPU faults on an access through a stack pointer of another kind.
    stack_alignment: 16,
    arguments: [0, 1, 2],
    callee_saved: &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28],
    code_alignment: BYTES,
    padding: 0,
    landing_pad: &BTI_C.to_le_bytes(),
    stack_arguments: true,
    checks_stack: false,
    returns_behind_frame: true,
    takedown: 1,
    name: |n| if n == SP { "sp".to_owned() } else { format!("x{n}") },
};

/// The four bytes of an instruction at their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Offset in `.text`.
    pub at: u32,
    /// The bytes, or none if the function ends before.
    word: Option<u32>,
}

impl Word {
    /// The offset behind it.
    pub fn next(&self) -> u32 {
        self.at.saturating_add(BYTES)
    }

    /// Whether there is no room for it, or no CPU knows it.
    pub fn is_invalid(&self) -> bool {
        self.word.is_none_or(refused::is_unallocated)
    }

    fn meaning(&self) -> Option<Meaning> {
        decode::decode(self.word?, self.at)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word {
            Some(word) => write!(f, "{} ({word:#010x})", mnemonic(self)),
            None => f.write_str("half an instruction"),
        }
    }
}

/// Reads the word at the start of `bytes`.
pub fn decode(bytes: &[u8], at: u32) -> Word {
    Word { at, word: bytes.first_chunk().map(|word| u32::from_le_bytes(*word)) }
}

/// Refuses what is not on the list, any use of x18, and other uses of the frame's registers than frames have.
pub fn check(i: &Word) -> Result<(), Broken> {
    let Some(meaning) = i.meaning() else { return Err(refused::name(i.word.unwrap_or_default())) };
    if meaning.named >> PLATFORM & 1 != 0 {
        return Err((Rule::PlatformRegister, "names x18".to_owned()));
    }
    frame::names(i, &meaning).map_or(Ok(()), |what| Err((Rule::Frame, what.to_owned())))
}

/// Whether control goes on behind an instruction that is refused.
pub fn goes_on(i: &Word) -> bool {
    i.word.is_some_and(|w| !refused::is_branch(w))
}

/// Where control goes.
pub fn control(i: &Word) -> Control {
    i.meaning().map_or_else(|| Control::Other("an unknown instruction".to_owned()), |m| m.control)
}

/// When a branch is taken.
pub fn condition(i: &Word) -> Condition {
    i.meaning().map_or(Condition::Other, |m| m.condition)
}

/// What it does. No memory operand is a constant by itself.
pub fn effects(i: &Word, _: Option<u64>) -> Effects {
    i.meaning().map(|m| m.effects).unwrap_or_default()
}

/// `udf`
pub fn is_fault(i: &Word) -> bool {
    i.word.is_some_and(|w| w >> 16 == 0)
}

/// The name of what it does.
pub fn mnemonic(i: &Word) -> String {
    i.meaning().map_or(".inst", |m| m.name).to_owned()
}
