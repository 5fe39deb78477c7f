// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The helper table: functions of module `kernel` that a filter may import.
//!
//! Compiler, audit, loader, C header and documents all read these rows. A row's number, signature
//! and effects are recorded in each object that imports it, so a new row never invalidates an old object.

/// What one parameter of a helper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A plain 32-bit value.
    I32,
    /// A plain 64-bit value.
    I64,
    /// A linear-memory address (i32). Generated code checks `[address, address + next parameter)`
    /// against the memory and passes a native pointer that the helper may read.
    MemRead,
    /// The i32 length in bytes of the `MemRead` before it.
    Len,
}

/// What a helper returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    /// Nothing.
    None,
    /// An i32.
    I32,
    /// An i64.
    I64,
}

/// Effect bit: the helper may move the packet, which ends all knowledge of its base and length.
pub const EFFECT_MOVES_PACKET: u32 = 1 << 0;
/// Effect bit: a successful call lets the run return REDIRECT.
pub const EFFECT_REDIRECTS: u32 = 1 << 1;
/// Effect bit: the helper writes the kernel's log.
pub const EFFECT_LOGS: u32 = 1 << 2;
/// Effect bit: two calls with the same arguments may differ (time, randomness, CPU).
pub const EFFECT_NONDETERMINISTIC: u32 = 1 << 3;

/// Context bit: process context at load (`_initialize`, start, `init`).
pub const CONTEXT_INIT: u32 = 1 << 0;
/// Context bit: softirq at the XDP hook.
pub const CONTEXT_XDP: u32 = 1 << 1;
/// Context: a call by name, in process context.
pub const CONTEXT_CALL: u32 = 1 << 2;

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Helper {
    /// Its number for ever; also the number in the object's import table.
    pub number: u32,
    /// Import name in module `kernel`.
    pub name: &'static str,
    /// The object's undefined symbol and the C function in the loader.
    pub symbol: &'static str,
    /// Parameters after the hidden call block.
    pub params: &'static [Arg],
    /// Result.
    pub ret: Ret,
    /// `EFFECT_*` bits.
    pub effects: u32,
    /// `CONTEXT_*` bits in which it may run.
    pub contexts: u32,
    /// Fuel charged before the call, in units.
    pub fuel: u32,
    /// Kernel stack it may use, in bytes; below [`crate::limits::STACK_RESERVE`].
    pub stack: u32,
    /// One line for documents.
    pub doc: &'static str,
}

/// All helpers in the order of their numbers.
pub const HELPERS: &[Helper] = &[
    Helper {
        number: 1,
        name: "ktime_ns",
        symbol: "wkc_helper_ktime_ns",
        params: &[],
        ret: Ret::I64,
        effects: EFFECT_NONDETERMINISTIC,
        contexts: CONTEXT_INIT | CONTEXT_XDP | CONTEXT_CALL,
        fuel: 50,
        stack: 256,
        doc: "nanoseconds of the monotonic clock",
    },
    Helper {
        number: 2,
        name: "cpu",
        symbol: "wkc_helper_cpu",
        params: &[],
        ret: Ret::I32,
        effects: EFFECT_NONDETERMINISTIC,
        contexts: CONTEXT_INIT | CONTEXT_XDP | CONTEXT_CALL,
        fuel: 5,
        stack: 64,
        doc: "number of the CPU that runs the filter",
    },
    Helper {
        number: 3,
        name: "random32",
        symbol: "wkc_helper_random32",
        params: &[],
        ret: Ret::I32,
        effects: EFFECT_NONDETERMINISTIC,
        contexts: CONTEXT_INIT | CONTEXT_XDP | CONTEXT_CALL,
        fuel: 200,
        stack: 512,
        doc: "32 random bits from the kernel's generator",
    },
    Helper {
        number: 4,
        name: "log",
        symbol: "wkc_helper_log",
        params: &[Arg::MemRead, Arg::Len],
        ret: Ret::I32,
        effects: EFFECT_LOGS,
        contexts: CONTEXT_INIT | CONTEXT_XDP | CONTEXT_CALL,
        fuel: 2000,
        stack: 1024,
        doc: "writes up to 128 bytes of text to the kernel's log, rate limited; returns the bytes written, 0 when suppressed",
    },
];

impl Helper {
    /// The row of import name `name`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        HELPERS.iter().find(|h| h.name == name)
    }

    /// The row of number `number`.
    #[must_use]
    pub fn by_number(number: u32) -> Option<&'static Self> {
        HELPERS.iter().find(|h| h.number == number)
    }

    /// The signature as recorded in objects: four bits a parameter from bit 4 on
    /// (1 `I32`, 2 `I64`, 3 `MemRead`, 4 `Len`), the result in bits 0 to 3 (0 none, 1 i32, 2 i64).
    #[must_use]
    pub const fn signature(&self) -> u64 {
        let mut s = match self.ret {
            Ret::None => 0,
            Ret::I32 => 1,
            Ret::I64 => 2,
        };
        let mut i = 0;
        while i < self.params.len() {
            let k: u64 = match self.params[i] {
                Arg::I32 => 1,
                Arg::I64 => 2,
                Arg::MemRead => 3,
                Arg::Len => 4,
            };
            s |= k << (4 + 4 * i);
            i += 1;
        }
        s
    }
}

const _: () = {
    let mut i = 0;
    while i < HELPERS.len() {
        assert!(HELPERS[i].number as usize == i + 1);
        assert!(HELPERS[i].params.len() <= 5);
        assert!(HELPERS[i].stack < crate::limits::STACK_RESERVE / 2);
        i += 1;
    }
};
