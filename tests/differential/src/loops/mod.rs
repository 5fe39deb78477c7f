//! Small modules of loops over packet and memory, made for the passes that reason about ranges: counters that begin and
//! end at edges, guards before them, indices that nearly fit.
//!
//! ```text
//! write    a seed's module          compare    ours without any pass = ours with them = wasmtime
//! ```
//! Most of what wasm-smith makes has no check that a pass could take away; here a third goes or more.

mod compare;
mod expr;
mod write;

pub use compare::compare;
pub use write::module;
