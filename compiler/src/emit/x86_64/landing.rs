//! Finds the bytes of `endbr64` where they are no entry: inside an instruction, in a constant or across two
//! fields. A jump that an attacker controls may land there, since the CPU's branch tracking lets it.
//!
//! A function that has them is translated once more with its constants hidden (`translate/hidden.rs`).

use super::{Compiled, ENDBR};

/// Offset of the first such bytes in a finished function. At its start they are the entry's own.
pub fn stray(function: &Compiled) -> Option<u32> {
    let at = function.code.windows(ENDBR.len()).skip(1).position(|bytes| bytes == ENDBR)?;
    Some(at as u32 + 1)
}
