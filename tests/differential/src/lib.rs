//! Random modules through our compiler and loader, and through wasmtime; whatever an observer can see must be equal.
//!
//! ```text
//! random bytes ── generate (wasm-smith) ── wasm ─┬─ ours: compile, audit, load, call ─┐
//!                                                └─ wasmtime: instantiate, call ──────┴─ compare
//! ```
//! Compared are: whether it instantiates, each exported function's results or trap on several arguments, and at the
//! end the memory and the globals.
#![forbid(unsafe_code)]

mod compare;
mod generate;
mod ours;
mod theirs;

pub use compare::{Difference, Outcome, compare, compare_two};
pub use generate::{generate, random_bytes};

/// How an engine's call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Results, as slots.
    Back(Vec<u64>),
    /// A trap, by our name of its cause.
    Trap(&'static str),
    /// It used up what only this engine limits (fuel, stack): nothing more can be compared.
    GaveUp(&'static str),
}

/// What engines have in common.
pub trait Engine {
    /// Calls the export with arguments as slots.
    fn call(&mut self, export: &Export, arguments: &[u64]) -> End;

    /// Bytes of the first memory in use.
    fn memory(&mut self) -> Vec<u8>;

    /// Value of the exported global `name`, as a slot.
    fn global(&mut self, name: &str) -> Option<u64>;
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
