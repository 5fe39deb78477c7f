// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What is particular to the processor that this process runs on.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod generic;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub use aarch64::{FILL, MACHINE, synchronise, thunk};
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use generic::{FILL, MACHINE, synchronise, thunk};
#[cfg(target_arch = "x86_64")]
pub use x86_64::{FILL, MACHINE, synchronise, thunk};

/// Bytes of the code that goes to a function of the process.
pub const THUNK: usize = 16;
