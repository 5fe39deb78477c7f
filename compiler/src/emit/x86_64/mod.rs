//! x86_64: what the code generator's bytes need before they are placed.
//!
//! ```text
//! constants  cuts the constant pool off the code's end
//! dead       drops instructions that nothing reaches, and those that `extended` finds to change nothing
//! folds      makes one instruction of several; live tells what is read behind each
//! tails      turns calls that end a function into jumps
//! returns    turns epilogues into jumps to wkc_ret, proves that no other return is left
//! landing    finds bytes of endbr64 that are no entry's
//! ```

mod constants;
mod dead;
mod extended;
mod folds;
mod landing;
mod live;
mod returns;
mod tails;

use std::collections::HashMap;

use super::{Compiled, Field, Fixup, Target, prepend};
use crate::{passes::Pass, translate::Symbol};
pub use landing::stray;

/// `endbr64`.
const ENDBR: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];

/// All passes, in order, but those in `without`; `entered` says whether the loader enters the function, `arguments` how
/// many each callee takes.
pub fn finish(
    out: &mut Compiled,
    entered: bool,
    arguments: &HashMap<Symbol, usize>,
    without: &[Pass],
) -> Result<(), String> {
    constants::separate(out)?;
    dead::remove(out)?;
    if !without.contains(&Pass::Folds) {
        folds::fold(out, arguments)?;
    }
    tails::replace(out)?;
    returns::replace(out)?;
    if entered {
        prepend(out, &ENDBR);
    }
    Ok(())
}
