// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a runner remembers: counters by verdict and trap, and the last traps.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::fmt;

use wasmkc_abi::control::{TRAP_RECORDS, TrapRecord};
use wasmkc_abi::object::NONE;
use wasmkc_abi::trap::{TRAP_COUNTERS, TrapCode};
use wasmkc_abi::verdict::Verdict;

/// Counters of one runner, as `wasmkc_abi::control::Stats` has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets by the verdict they got, by number.
    pub verdicts: [u64; 8],
    /// Traps by cause.
    pub traps: [u64; TRAP_COUNTERS],
    /// Fuel used by all runs, those that trapped too.
    pub fuel: u64,
}

impl Counters {
    /// Counts a run.
    pub fn count(&mut self, verdict: Verdict, trap: Option<TrapCode>, fuel: u64) {
        self.verdicts[verdict as usize] += 1;
        if let Some(code) = trap {
            self.traps[code as usize] += 1;
        }
        self.fuel += fuel;
    }

    /// Packets seen.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.verdicts.iter().sum()
    }

    /// Traps of all causes.
    #[must_use]
    pub fn all_traps(&self) -> u64 {
        self.traps.iter().sum()
    }
}

/// One trap with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Cause.
    pub code: TrapCode,
    /// Offset of the site in `.text`, if generated code trapped.
    pub site: Option<u32>,
    /// Offset in the wasm file, if known.
    pub wasm_offset: Option<u32>,
    /// Function's name, or empty.
    pub function: String,
    /// Source file's name, or empty.
    pub file: String,
    /// Source line, 0 if unknown.
    pub line: u32,
    /// Bytes of the packet.
    pub packet_len: u32,
}

impl Trap {
    /// A trap that nothing more is known of.
    #[must_use]
    pub fn without_place(code: TrapCode, packet_len: u32) -> Self {
        Self::new(code, None, packet_len)
    }

    /// The trap that the kernel's loader kept as `record`.
    #[must_use]
    pub fn from_record(record: &TrapRecord) -> Option<Self> {
        let text = |field: &[u8]| {
            String::from_utf8_lossy(field.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
        };
        Some(Self {
            code: TrapCode::from_u32(record.code)?,
            site: Some(record.site).filter(|site| *site != NONE),
            wasm_offset: Some(record.wasm_offset).filter(|offset| *offset != NONE),
            function: text(&record.function),
            file: text(&record.file),
            line: record.line,
            packet_len: record.packet_len,
        })
    }

    pub(crate) fn new(code: TrapCode, site: Option<wasmkc_core::TrapSite<'_>>, packet_len: u32) -> Self {
        Self {
            code,
            site: site.map(|s| s.site),
            wasm_offset: site.map(|s| s.wasm_offset).filter(|o| *o != NONE),
            function: site.map_or(String::new(), |s| s.function.to_owned()),
            file: site.map_or(String::new(), |s| s.file.to_owned()),
            line: site.map_or(0, |s| s.line),
            packet_len,
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.name())?;
        if !self.function.is_empty() {
            write!(f, " in {}", self.function)?;
        }
        if let Some(offset) = self.wasm_offset {
            write!(f, " at wasm offset {offset:#x}")?;
        }
        if !self.file.is_empty() {
            write!(f, " ({}:{})", self.file, self.line)?;
        }
        Ok(())
    }
}

/// The last traps, oldest first.
#[derive(Clone, Debug, Default)]
pub struct TrapLog(VecDeque<Trap>);

impl TrapLog {
    pub(crate) fn push(&mut self, trap: Trap) {
        if self.0.len() == TRAP_RECORDS {
            self.0.pop_front();
        }
        self.0.push_back(trap);
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Trap> {
        self.0.iter()
    }
}
