//! aarch64: what the code generator needs before it gives out registers, and its bytes before they are placed.
//!
//! ```text
//! constants  makes a constant anew where its next use is far
//! word       what one instruction does to the flow of control
//! dead       drops the code generator's own checks of divisions, and instructions that nothing reaches
//! tails      turns calls that end a function into jumps
//! allowed    proves that nothing is left that a kernel cannot run
//! ```
//! A function returns with `ret`: kernels for this machine need no thunk for it. The code generator puts no constants
//! behind functions as long as there are only integers; `allowed` proves it.

mod allowed;
mod constants;
mod dead;
mod tails;
mod word;

use std::collections::HashSet;

use super::{Compiled, prepend};
pub use constants::bring_near;
pub use word::set_distance;

/// `bti c`: what an indirect call may lead to.
pub const BTI_C: [u8; 4] = 0xd503_245f_u32.to_le_bytes();

/// All passes, in order; `entered` says whether the loader enters the function, `own_checks` are the places of the
/// traps that the code generator's own checks of divisions lead to.
pub fn finish(out: &mut Compiled, entered: bool, own_checks: &HashSet<u32>) -> Result<(), String> {
    dead::remove(out, own_checks)?;
    tails::replace(out)?;
    allowed::prove(&out.code)?;
    if entered {
        prepend(out, &BTI_C);
    }
    Ok(())
}

/// The instructions of a function with their offsets.
fn words(code: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    let words = code.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    words.enumerate().map(|(n, word)| (n as u32 * 4, word))
}
