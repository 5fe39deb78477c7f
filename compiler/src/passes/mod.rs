//! What is made better of a function between its translation and the code generator, one pass a file.
//!
//! ```text
//! translate ── versions ── checks ── sums ── counters ── swaps ── exits ──▶ code generator's own optimiser
//!                 └───────────┴───────┴───────┴── range: what values may be         └── invariants ──▶ its back end
//! ```
//! Fuel in a register is the translation's own (`translate/fuel/register.rs`), folding instructions that of what is done
//! with the code generator's bytes (`emit/x86_64/folds.rs`); both have their switches here.
//!
//! A pass takes valid CLIF and gives valid CLIF that does the same: the same results, stores, traps and charges
//! in the same order. Each can be left out (`Options::without`), which is how it is tested and measured.
//!
//! Masks against speculation hold where the processor guesses a branch wrong, so nothing that a branch says may
//! take one away or change what it compares: in functions with masks only what values are by themselves counts for
//! that. What branches say may take away branches.

mod checks;
mod counters;
mod exits;
mod invariants;
mod range;
mod sums;
mod swaps;
mod versions;

use std::collections::HashMap;

use cranelift_codegen::{
    Context,
    cursor::{Cursor, FuncCursor},
    ir::{Function, Inst, Opcode, Value},
};

pub use range::Interval;

/// A pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// Functions with loops keep their fuel in a register: `translate` does it, as it makes the charges.
    FuelRegister,
    /// What is reached through one pointer is checked once.
    Versions,
    /// Bounds checks that cannot fail are left out.
    Checks,
    /// Addresses are added up in 64 bits.
    Sums,
    /// Counters that make addresses are of 64 bits.
    Counters,
    /// Constants are swapped instead of what is compared with them.
    Swaps,
    /// Constant results have a block of their own.
    Exits,
    /// Copies that the code generator's optimiser makes go where they cost a loop time.
    Invariants,
    /// What several instructions of x86_64 say one says: `emit` does it.
    Folds,
}

impl Pass {
    /// All of them, in their order.
    pub const ALL: [Self; 9] = [
        Self::FuelRegister,
        Self::Versions,
        Self::Checks,
        Self::Sums,
        Self::Counters,
        Self::Swaps,
        Self::Exits,
        Self::Invariants,
        Self::Folds,
    ];

    /// What leaves it out on the command line: `no-` and its name.
    #[must_use]
    pub const fn switch(self) -> &'static str {
        match self {
            Self::Versions => "no-versions",
            Self::Checks => "no-checks",
            Self::Sums => "no-sums",
            Self::Counters => "no-counters",
            Self::Swaps => "no-swaps",
            Self::Exits => "no-exits",
            Self::Invariants => "no-invariants",
            Self::FuelRegister => "no-fuel-register",
            Self::Folds => "no-folds",
        }
    }

    /// The pass that this leaves out.
    #[must_use]
    pub fn by_switch(switch: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pass| pass.switch() == switch)
    }
}

/// Runs all passes that come before the code generator, but those in `without`. `known` says what loads may give,
/// those of copies too afterwards.
pub fn run(func: &mut Function, known: &mut HashMap<Value, Interval>, without: &[Pass]) {
    let runs = |pass| !without.contains(&pass);
    let has_masks = has_masks(func);
    if runs(Pass::Versions) && !has_masks {
        versions::run(func, known);
    }
    if runs(Pass::Checks) {
        checks::run(func, known, has_masks);
    }
    if runs(Pass::Sums) {
        sums::run(func, known, has_masks);
    }
    if runs(Pass::Counters) && !has_masks {
        counters::run(func, known);
    }
    if runs(Pass::Swaps) {
        swaps::run(func);
    }
    if runs(Pass::Exits) {
        exits::run(func);
    }
}

/// Runs the passes behind the code generator's own optimiser, but those in `without`.
pub fn run_behind(context: &mut Context, without: &[Pass]) {
    if !without.contains(&Pass::Invariants) {
        invariants::run(context);
    }
}

/// Puts `value` in the place of the only result of `inst`, which goes.
fn replace(func: &mut Function, inst: Inst, value: Value) {
    let old = func.dfg.first_result(inst);
    FuncCursor::new(func).at_inst(inst).remove_inst();
    func.dfg.clear_results(inst);
    func.dfg.change_to_alias(old, value);
}

/// Has `inst` use what stands in `values` for the values that it uses.
fn rename(func: &mut Function, inst: Inst, values: &HashMap<Value, Value>) {
    let old: Vec<Value> = func.dfg.inst_values(inst).map(|value| func.dfg.resolve_aliases(value)).collect();
    func.dfg.overwrite_inst_values(inst, old.into_iter().map(|value| values.get(&value).copied().unwrap_or(value)));
}

fn has_masks(func: &Function) -> bool {
    let mut insts = func.layout.blocks().flat_map(|block| func.layout.block_insts(block));
    insts.any(|inst| func.dfg.insts[inst].opcode() == Opcode::SelectSpectreGuard)
}
