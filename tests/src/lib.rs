//! What the tools and tests of this crate share: the official WebAssembly suite on our engine.
#![forbid(unsafe_code)]

pub mod spec;
