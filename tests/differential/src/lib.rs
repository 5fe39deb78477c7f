//! Random modules through our compiler and loader, and through wasmtime; whatever an observer can see must be equal.
//!
//! ```text
//! seed ── make (wasm-smith, or wasm-mutate on the official suite) ── prepare ─┬─ ours: compile, audit, load, call ─┐
//!                                                                            └─ theirs: wasmtime ─────────────────┴─ compare
//! ```
//! A third are loops made for the compiler's passes (`loops`), which go through our compiler with and without them too.
//!
//! Compared are: whether it instantiates, each exported function's results or trap on several arguments, and at the
//! end all memories, globals and tables; now and then also that a second compilation gives the same bytes.
//!
//! Design principles:
//! 1. A seed says everything: the module, how it is prepared, the options, the arguments. A module that differs is
//!    kept with what its seed said, so that it can be run again when the generators have changed.
//! 2. Nothing that the specification leaves open may show: `prepare` closes it in the module, or `same` allows it.
//! 3. What is looked at is looked at through code of the module, which both engines compile.
#![forbid(unsafe_code)]

mod arguments;
mod compare;
mod filter;
mod loops;
mod make;
mod ours;
mod plan;
mod prepare;
mod shape;
mod shrink;
mod suite;
mod surface;
mod tally;
mod theirs;

pub use compare::{Difference, Outcome, compare, compare_two, prepared};
pub use make::{Case, case, case_of};
pub use plan::{Plan, Source};
pub use shrink::shrink;
pub use tally::{Found, Tally};

/// How an engine's call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Results, as slots.
    Back(Vec<u64>),
    /// A trap, by our name of its cause.
    Trap(&'static str),
    /// It used up what only this engine limits (fuel, stack): nothing more can be compared.
    GaveUp(&'static str),
    /// Something that must not happen.
    Failed(String),
}

/// What engines have in common.
pub trait Engine {
    /// Calls the export with arguments as slots, and a packet that a filter may change.
    fn call(&mut self, export: &Export, arguments: &[u64], packet: &mut Vec<u8>) -> End;

    /// Bytes of the first memory in use.
    fn memory(&mut self) -> Vec<u8>;

    /// Value of the exported global, as a slot.
    fn global(&mut self, global: &Global) -> Option<u64>;
}

/// An exported function, its types as letters of `wasmkc_abi::object::VALUE_TYPES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// Types of its parameters.
    pub params: String,
    /// Types of its results.
    pub results: String,
}

/// An exported global.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its type.
    pub letter: char,
}
