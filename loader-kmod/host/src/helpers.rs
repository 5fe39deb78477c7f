// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Seam: the helpers of `wasmkc_abi::helper::HELPERS`, as this process has them.
//!
//! Generated code calls them with the call block and arguments that it has checked and charged. None panics:
//! it could not unwind through generated code.
#![allow(unsafe_code)]

use std::time::{Duration, Instant};

use wasmkc_abi::limits::MAX_LOG;
use wasmkc_abi::vmctx::Call;
use wasmkc_core::interpret::{Helpers, MAX_ARGUMENTS};

/// Log lines within [`LOG_INTERVAL`]; further ones are suppressed. The kernel's default rate limit.
pub const LOG_BURST: u32 = 10;
/// See [`LOG_BURST`].
pub const LOG_INTERVAL: Duration = Duration::from_secs(5);
/// Lines kept until somebody takes them.
const LOG_LINES: usize = 1024;

/// What helpers of one runner share; `Call::hook_context` points at it.
#[derive(Debug, Default)]
pub struct HostContext {
    lines: Vec<String>,
    window: Option<Instant>,
    in_window: u32,
}

impl HostContext {
    /// Keeps `text`, unless there was too much lately; gives the bytes kept.
    fn log(&mut self, text: &[u8], now: Instant) -> u32 {
        if self.window.is_none_or(|start| now.duration_since(start) >= LOG_INTERVAL) {
            self.window = Some(now);
            self.in_window = 0;
        }
        if self.in_window >= LOG_BURST || self.lines.len() >= LOG_LINES {
            return 0;
        }
        self.in_window += 1;
        let text = &text[..text.len().min(MAX_LOG as usize)];
        self.lines.push(String::from_utf8_lossy(text).into_owned());
        u32::try_from(text.len()).unwrap_or(MAX_LOG)
    }

    /// Takes the lines logged so far.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

/// Address of helper `number`.
pub fn address(number: u32) -> Option<usize> {
    Some(match number {
        1 => ktime_ns as *const () as usize,
        2 => cpu as *const () as usize,
        3 => random32 as *const () as usize,
        4 => log as *const () as usize,
        _ => return None,
    })
}

/// The helpers for bytecode.
#[derive(Debug)]
pub struct ForBytecode;

impl Helpers for ForBytecode {
    unsafe fn call(&mut self, call: *mut Call, number: u32, arguments: [u64; MAX_ARGUMENTS]) -> u64 {
        let [first, second, ..] = arguments;
        match number {
            1 => ktime_ns(call),
            2 => cpu(call).into(),
            3 => random32(call).into(),
            4 => {
                let text = std::ptr::with_exposed_provenance(usize::try_from(first).unwrap_or(0));
                // SAFETY: the caller vouches for the call block and the range.
                unsafe { log(call, text, second) }.into()
            }
            _ => 0,
        }
    }
}

extern "C" fn ktime_ns(_call: *mut Call) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes a live local.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // fields of another width on a machine of 32 bits, and never negative
    let [seconds, nanoseconds] = [u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec)].map(|n| n.unwrap_or(0));
    seconds.wrapping_mul(1_000_000_000).wrapping_add(nanoseconds)
}

extern "C" fn cpu(_call: *mut Call) -> u32 {
    // SAFETY: it takes nothing and touches no memory of ours.
    let cpu = unsafe { libc::sched_getcpu() };
    u32::try_from(cpu).unwrap_or(0)
}

extern "C" fn random32(_call: *mut Call) -> u32 {
    let mut bytes = [0u8; 4];
    // SAFETY: writes at most four bytes to a live local.
    unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    u32::from_ne_bytes(bytes)
}

/// # Safety
/// `call` is the running call block, and `text` is readable for `len` bytes.
unsafe extern "C" fn log(call: *mut Call, text: *const u8, len: u64) -> u32 {
    let len = usize::try_from(len.min(u64::from(MAX_LOG))).unwrap_or(0);
    if len == 0 {
        return 0;
    }
    // SAFETY: generated code has checked that the filter's memory holds these bytes; nobody writes them now.
    let text = unsafe { std::slice::from_raw_parts(text, len) };
    // SAFETY: the trampoline's caller passed a live call block.
    let context = unsafe { (*call).hook_context };
    let context = std::ptr::with_exposed_provenance_mut::<HostContext>(usize::try_from(context).unwrap_or(0));
    // SAFETY: null, or the runner's context, which the runner does not touch while the filter runs.
    unsafe { context.as_mut() }.map_or(0, |c| c.log(text, Instant::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_has_a_function() {
        for h in wasmkc_abi::helper::HELPERS {
            assert!(address(h.number).is_some(), "{}", h.name);
        }
        assert!(address(0).is_none());
    }

    #[test]
    fn log_is_cut_and_rate_limited() {
        let mut c = HostContext::default();
        let start = Instant::now();
        assert_eq!(c.log(&[b'a'; 500], start), MAX_LOG);
        for _ in 1..LOG_BURST {
            assert_eq!(c.log(b"b", start), 1);
        }
        assert_eq!(c.log(b"c", start), 0);
        assert_eq!(c.log(b"d", start + LOG_INTERVAL), 1);
        assert_eq!(c.take().len(), LOG_BURST as usize + 1);
        assert!(c.take().is_empty());
    }

    #[test]
    fn time_and_cpu_are_plausible() {
        let first = ktime_ns(std::ptr::null_mut());
        assert!(first > 0 && ktime_ns(std::ptr::null_mut()) >= first);
        assert!(cpu(std::ptr::null_mut()) < 65536);
    }
}
