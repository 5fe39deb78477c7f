// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a filter written in Rust needs: the packet, the kernel's helpers, and the verdicts.
//!
//! ```ignore
//! #![no_std]
//! use wasmkc_guest::{Verdict, packet, xdp};
//!
//! xdp!(|| if packet::len() > 1000 { Verdict::Drop } else { Verdict::Pass });
//! ```
//! Build it for `wasm32-unknown-unknown` as a `cdylib`. Everything here is safe: an access outside the
//! packet is a trap, which ends the run and gives the packet its trap verdict.
#![no_std]

pub mod kernel;
pub mod packet;

/// What becomes of a packet.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Dropped, and counted as an error of the filter.
    Aborted = 0,
    /// Dropped.
    Drop = 1,
    /// Passed on to the network stack.
    Pass = 2,
    /// Sent back out of the interface it came from.
    Tx = 3,
    /// Sent where a redirect helper said; a trap where none did.
    Redirect = 4,
}

/// Exports the filter: a function or closure without parameters that returns a [`Verdict`].
#[macro_export]
macro_rules! xdp {
    ($filter:expr) => {
        /// The entry that the loader calls for each packet.
        #[unsafe(export_name = "xdp")]
        pub extern "C" fn wasmkc_xdp_entry() -> i32 {
            let filter: fn() -> $crate::Verdict = $filter;
            filter() as i32
        }
    };
}

/// Exports what runs once at load, without a packet: a function or closure without parameters.
#[macro_export]
macro_rules! init {
    ($init:expr) => {
        /// The entry that the loader calls once an instance.
        #[unsafe(export_name = "init")]
        pub extern "C" fn wasmkc_init_entry() {
            let init: fn() = $init;
            init();
        }
    };
}

#[cfg(all(feature = "panic-handler", target_arch = "wasm32"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
