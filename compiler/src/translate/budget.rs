//! How large functions may become: a few bytes of wasm can carry a thousand values each, and what is not in the
//! final code costs time and memory all the same.
//!
//! A function's size counts the instructions and values of its CLIF, the values that branches and blocks carry, and
//! its locals. Filters have about two bytes of code for each, so what is refused here would hardly fit an object.

use wasmkc_abi::limits::MAX_TEXT_BYTES;

use super::{Translator, fuel::Costs};
use crate::{CompileError, Place};

/// Largest size of a function.
const MAX_FUNCTION: u64 = MAX_TEXT_BYTES as u64 / 2;
/// Largest size of all functions together.
const MAX_ALL: u64 = MAX_TEXT_BYTES as u64 * 2;
/// Most locals times places where paths meet: at each, each local may become a value.
const MAX_MERGED_LOCALS: u64 = 1 << 22;

/// Passes if all functions together have an acceptable size.
pub fn check_all(size: u64) -> Result<(), CompileError> {
    CompileError::check_limit("instructions, values and locals of all functions", size, MAX_ALL)
}

/// Passes unless a function is too large already.
pub fn check(size: u64, place: impl FnOnce() -> Place) -> Result<(), CompileError> {
    if size <= MAX_FUNCTION {
        return Ok(());
    }
    let what = format!("its instructions and the values that they move are more than {MAX_FUNCTION}");
    Err(CompileError::FunctionTooLarge { place: place(), what })
}

/// Passes if paths do not meet too often in a function for its locals.
pub fn check_joins(costs: &Costs, place: impl FnOnce() -> Place) -> Result<(), CompileError> {
    let merged = u64::from(costs.locals) * u64::from(costs.joins);
    if merged > MAX_MERGED_LOCALS {
        let (locals, joins) = (costs.locals, costs.joins);
        let what =
            format!("{locals} locals where {joins} blocks end are too many, their product may be {MAX_MERGED_LOCALS}");
        return Err(CompileError::FunctionTooLarge { place: place(), what });
    }
    Ok(())
}

impl Translator<'_, '_, '_> {
    /// The function's size so far.
    pub(super) fn size(&self) -> u64 {
        let dfg = &self.builder.func.dfg;
        (dfg.num_insts() + dfg.num_values() + self.locals.len()) as u64 + self.carried
    }

    /// Passes unless the function is too large already.
    pub(super) fn check_size(&self) -> Result<(), CompileError> {
        check(self.size(), || match self.index {
            // a dispatcher
            u32::MAX => Place { name: "wasmkc.call_indirect".to_owned(), index: u32::MAX, offset: 0 },
            index => self.module.place(index, self.offset),
        })
    }
}
