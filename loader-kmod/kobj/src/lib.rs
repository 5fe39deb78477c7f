// SPDX-License-Identifier: GPL-2.0-only
//! The loader's core for the kernel: what C calls (`seam.rs`), what Rust calls (`glue.rs`), memory and panic.
//!
//! Built by `build.sh` into one relocatable object whose only global symbols are `wkc_core_*` and whose only
//! undefined ones are `wkc_plat_*`, four memory functions and the kernel's thunks.
#![no_std]

extern crate alloc;

mod glue;
mod heap;
mod seam;
