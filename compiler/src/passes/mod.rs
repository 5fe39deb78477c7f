//! What is made better of a function between its translation and the code generator, one pass a file.
//!
//! ```text
//! translate ── checks ── sums ── swaps ── exits ──▶ code generator's own optimiser
//!                 └── range ─┘ what values may be
//! ```
//! A pass takes valid CLIF and gives valid CLIF that does the same: the same results, stores, traps and charges
//! in the same order. Each can be left out (`Options::without`), which is how it is tested and measured.

mod checks;
mod exits;
mod range;
mod sums;
mod swaps;

use std::collections::HashMap;

use cranelift_codegen::ir::{Function, Value};

pub use range::Interval;

/// A pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// Bounds checks that cannot fail are left out.
    Checks,
    /// Addresses are added up in 64 bits.
    Sums,
    /// Constants are swapped instead of what is compared with them.
    Swaps,
    /// Constant results have a block of their own.
    Exits,
}

impl Pass {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Checks, Self::Sums, Self::Swaps, Self::Exits];

    /// What leaves it out on the command line: `no-` and its name.
    #[must_use]
    pub const fn switch(self) -> &'static str {
        match self {
            Self::Checks => "no-checks",
            Self::Sums => "no-sums",
            Self::Swaps => "no-swaps",
            Self::Exits => "no-exits",
        }
    }

    /// The pass that this leaves out.
    #[must_use]
    pub fn by_switch(switch: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pass| pass.switch() == switch)
    }
}

/// Runs all passes but those in `without`. `known` says what loads may give.
pub fn run(func: &mut Function, known: &HashMap<Value, Interval>, without: &[Pass]) {
    let runs = |pass| !without.contains(&pass);
    // Asked before any mask goes: one that goes leaves an index that is inside whatever the processor guesses.
    let guesses = checks::has_masks(func);
    if runs(Pass::Checks) {
        checks::run(func, known);
    }
    if runs(Pass::Sums) {
        sums::run(func, known, !guesses);
    }
    if runs(Pass::Swaps) {
        swaps::run(func);
    }
    if runs(Pass::Exits) {
        exits::run(func);
    }
}
