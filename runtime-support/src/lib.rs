// SPDX-License-Identifier: MIT OR Apache-2.0
//! Floating point in integer registers: every float operation of WebAssembly as a function on bit patterns.
//!
//! ```text
//! compiler_builtins (add, mul, ... on integers) ─┐
//! compare, round, root (here)                    ├─▶ exports, named as wasm operators ──▶ softfloat.wasm
//! WebAssembly's NaN rules (here)                 ┘
//! ```
//! The result is itself WebAssembly without float arithmetic, memory or tables: the compiler translates the
//! functions that a filter needs together with the filter, so they are sandboxed, metered, audited and signed like
//! its own code, on every target alike.
//!
//! Design principles:
//! 1. An `f32` is a `u32` and an `f64` a `u64` at every boundary; no float crosses one.
//! 2. Results are those of WebAssembly 2.0, section 4.3.3, bit for bit where it fixes the bits. Where it lets a NaN's
//!    payload open, the first operand that is a NaN gives it, made quiet.
//! 3. No table, no allocation, no panic: the module has no data.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![deny(unsafe_code)]

pub mod arithmetic;
pub mod compare;
pub mod convert;
mod exports;
mod format;
pub mod root;
pub mod round;

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
