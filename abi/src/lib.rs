// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The ABI between compiler, object, loader and guest: every number that two of them share stands here once.
//!
//! Design principles:
//! 1. No code path, only tables and layouts: this crate has no dependencies and cannot fail.
//! 2. A number, once released, is never reused and never changes its meaning.
//! 3. Every layout is asserted at compile time, here and (through the generated header) in C.
//! 4. All integers in an object are little-endian; all offsets are in bytes from the start they name.
//!
//! `SPEC.md` beside this crate says the same in prose. `include/wasmkc_abi.h` is generated from it
//! (`cargo run -p wasmkc-abi --example header`) and committed; a test compares the two.
#![no_std]
#![forbid(unsafe_code)]

pub mod control;
pub mod helper;
pub mod limits;
pub mod object;
pub mod packet;
pub mod trap;
pub mod verdict;
pub mod vmctx;

/// ABI major version: an object of another major is refused.
pub const ABI_MAJOR: u16 = 1;
/// ABI minor version: an object of a higher minor is refused, a lower one is accepted.
pub const ABI_MINOR: u16 = 0;
