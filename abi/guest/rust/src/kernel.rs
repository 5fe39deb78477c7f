// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's helpers: the rows of the ABI's helper table.

mod import {
    #[link(wasm_import_module = "kernel")]
    unsafe extern "C" {
        pub safe fn ktime_ns() -> u64;
        pub safe fn cpu() -> u32;
        pub safe fn random32() -> u32;
        pub fn log(text: *const u8, len: u32) -> u32;
    }
}

/// Nanoseconds of the monotonic clock.
#[inline(always)]
pub fn ktime_ns() -> u64 {
    import::ktime_ns()
}

/// Number of the CPU that runs the filter.
#[inline(always)]
pub fn cpu() -> u32 {
    import::cpu()
}

/// 32 random bits from the kernel's generator.
#[inline(always)]
pub fn random32() -> u32 {
    import::random32()
}

/// Writes up to 128 bytes of text to the kernel's log, rate limited; returns the bytes written, 0 when suppressed.
#[inline]
pub fn log(text: &str) -> u32 {
    // SAFETY: the import reads `text.len()` bytes from `text`'s start on or traps; usize is 32 bits on wasm32.
    unsafe { import::log(text.as_ptr(), text.len() as u32) }
}
