// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The loader's core: the only reader of objects (`.kwo`) in the project.
//!
//! The same code runs inside the kernel (through `loader-kmod/kobj`) and in user space (through
//! `wasmkc-host`); both give it a [`Platform`] and a [`Verifier`]. There is no way past the verifier.
//!
//! Design principles:
//! 1. Types name how far bytes are trusted; a skipped stage does not compile. `load.rs` lists the stages.
//! 2. The signature is verified before a byte of the ELF file is looked at.
//! 3. Parse once into checked values; raw bytes are never read again.
//! 4. All or nothing: whatever was taken goes back when its owner is dropped, on success and on failure alike.
//! 5. No allocation that may abort, no indexing that may panic; every sum is checked.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod describe;
pub mod elf;
pub mod error;
pub mod image;
pub mod interpret;
pub mod link;
pub mod load;
pub mod memory;
pub mod parse;
pub mod platform;
mod portable;
pub mod program;
pub mod relocation;
pub mod tables;
pub mod targets;

pub use error::{Code, Error};
pub use load::{load, load_as};
pub use platform::{Arena, Platform, Symbol, Verifier};
pub use program::{Info, Program, TrapSite};
pub use targets::Wanted;
