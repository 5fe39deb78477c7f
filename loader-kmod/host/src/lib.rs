// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The loader's core in user space: the very linker, ABI and code bytes of the kernel, without root.
//!
//! ```text
//! Program::load ── wasmkc_core::load over arena.rs (mmap, never writable and executable at once)
//! Instance::new ── block, memories, init entries (instance.rs); Instance::call by export name
//! Runner::run   ── packets (runner.rs; many of them: stream.rs) ── entry.rs: trampoline ──▶ generated code ──▶ helpers.rs
//! ```
//!
//! Design principles:
//! 1. What decides about an object or a packet is in `wasmkc-core` or done as the kernel's glue does it.
//! 2. A program's code runs only after its signature was found good, or in the process that compiled it.
//! 3. `unsafe` stands in `arch/`, `arena.rs`, `entry.rs`, `helpers.rs` and one call in `instance.rs`; all else forbids it.
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

#[cfg(not(target_os = "linux"))]
compile_error!("the loader's core runs in the kernel and in processes of Linux only");
#[cfg(all(target_arch = "aarch64", target_endian = "big"))]
compile_error!("native code is little-endian");

mod arch;
mod arena;
mod entry;
mod helpers;
mod instance;
mod program;
mod report;
mod runner;
mod stream;

pub use arch::MACHINE;
pub use helpers::{LOG_BURST, LOG_INTERVAL};
pub use instance::{CallError, Called, Grant, Instance, StartError};
pub use program::Program;
pub use report::{Counters, Trap};
pub use runner::{AfterTrap, Options, Outcome, Runner};
