//! The maxima of memories and tables. An engine may refuse to grow at any size; ours does at its own limits. So
//! declared maxima are brought below those, and where there is none wasmtime gets the one that ours sets itself.

use wasm_encoder::{MemoryType, TableType};
use wasmkc_abi::limits::{DEFAULT_GROW_PAGES, MAX_GROWN_ELEMENTS};

use super::Side;
use crate::plan::Plan;

/// Pages that a declared maximum leaves to grow by: so few that all memories together stay below our limit.
const MORE_PAGES: u64 = 40;

/// Pages or elements at start: in tame modules not none, where all accesses would be outside.
pub fn minimum(declared: u64, tame: bool) -> u64 {
    if tame { declared.max(1) } else { declared }
}

pub fn memory(ty: MemoryType, plan: &Plan, side: Side) -> MemoryType {
    let minimum = minimum(ty.minimum, plan.tamed > 0);
    let declared = ty.maximum.filter(|_| !plan.drops_maxima).map(|max| max.clamp(minimum, minimum + MORE_PAGES));
    let ours = u64::from(DEFAULT_GROW_PAGES).max(minimum);
    MemoryType { minimum, maximum: declared.or((side == Side::Theirs).then_some(ours)), ..ty }
}

pub fn table(ty: TableType, plan: &Plan, side: Side) -> TableType {
    let minimum = minimum(ty.minimum, plan.tamed > 0);
    let most = u64::from(MAX_GROWN_ELEMENTS).max(minimum);
    let declared = ty.maximum.filter(|_| !plan.drops_maxima).map(|max| max.clamp(minimum, most));
    TableType { minimum, maximum: declared.or((side == Side::Theirs).then_some(most)), ..ty }
}
