//! The systems: who runs a workload, and how its code is called.

mod ebpf;
pub(crate) mod native;
mod wasmi;
mod wasmkc;
mod wasmtime;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmkc_compiler::{Pass, Target};
use wasmkc_host::MACHINE;

use crate::toolchain::{Form, Toolchain};
use crate::trace::Trace;
use crate::workload::Workload;

/// A system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// clang -O2
    Clang,
    /// clang -O2 without vector registers, as kernels are compiled
    ClangGeneral,
    /// gcc -O2
    Gcc,
    /// wasmkc, author trusted
    Wasmkc,
    /// wasmkc with masks against speculation
    WasmkcMasked,
    /// wasmkc's portable code, interpreted
    WasmkcPortable,
    /// wasmkc, author trusted, packets in its memory and the loop inside, like wasmtime
    WasmkcMemory,
    /// eBPF, compiled by the running kernel
    Ebpf,
    /// wasmtime with guard pages, no fuel
    Wasmtime,
    /// wasmtime with explicit checks and fuel
    WasmtimeFuel,
    /// wasmi
    Wasmi,
}

impl Kind {
    /// Its name, as on the command line.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Why no build of this program for this machine has it.
    #[must_use]
    pub fn missing_here(self) -> Option<&'static str> {
        let native = matches!(self, Self::Wasmkc | Self::WasmkcMasked | Self::WasmkcMemory);
        (native && Target::by_machine(MACHINE).is_none()).then_some("wasmkc has no native code for this machine")
    }
}

/// What is known of a system's code for one workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Built {
    /// Bytes of machine code, or of bytecode; none where a system does not say.
    pub code_bytes: Option<usize>,
    /// Milliseconds from what is shipped (C source of native code, wasm, eBPF object) to code that runs, the least of
    /// the tries.
    pub compile_ms: f64,
    /// SHA-256 of the object that runs, of those that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Several passes over the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes {
    /// What they took.
    pub time: Duration,
    /// Digest of all verdicts of one pass.
    pub digest: u64,
}

/// A workload in a system.
pub trait System {
    /// What is known of its code.
    fn built(&self) -> &Built;

    /// Puts the trace where the code reads it.
    ///
    /// # Errors
    /// If it does not fit.
    fn place(&mut self, trace: &Trace) -> Result<()>;

    /// Judges every packet of the trace once; the digest of all verdicts.
    ///
    /// # Errors
    /// If the code traps.
    fn pass(&mut self) -> Result<u64>;

    /// The same `passes` times, timed.
    ///
    /// # Errors
    /// If the code traps, or two passes differ.
    fn run(&mut self, passes: u32) -> Result<Passes> {
        let mut digests = None;
        let begin = Stopwatch::start()?;
        for _ in 0..passes {
            let digest = self.pass()?;
            ensure!(*digests.get_or_insert(digest) == digest, "two passes differ");
        }
        Ok(Passes { time: begin.elapsed()?, digest: digests.unwrap_or_default() })
    }

    /// The trace as the code has left it.
    ///
    /// # Errors
    /// If it cannot be read.
    fn trace(&mut self) -> Result<Vec<u8>>;
}

/// Digest before the first verdict, and with one more: `FNV` of `workloads/bench.h`.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const fn fnv(digest: u64, verdict: u32) -> u64 {
    (digest ^ verdict as u64).wrapping_mul(0x100_0000_01b3)
}

/// Processor time of this thread from now on: what others on the processor take is not in it, as it is not in what
/// the kernel tells of an eBPF program.
#[derive(Clone, Copy, Debug)]
struct Stopwatch(Duration);

impl Stopwatch {
    fn now() -> Result<Duration> {
        Ok(Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?))
    }

    fn start() -> Result<Self> {
        Ok(Self(Self::now()?))
    }

    fn elapsed(self) -> Result<Duration> {
        Ok(Self::now()?.saturating_sub(self.0))
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What wasmkc's compiler is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ours<'a> {
    /// The `wasmkc` to compare the bytes with.
    pub command: Option<&'a Path>,
    /// Passes left out.
    pub without: &'a [Pass],
}

/// `workload` in system `kind`.
///
/// # Errors
/// If it cannot be compiled or loaded.
pub fn build(kind: Kind, workload: &Workload, toolchain: &Toolchain, ours: Ours<'_>) -> Result<Box<dyn System>> {
    Ok(match kind {
        Kind::Clang => Box::new(native::Native::new(workload, toolchain, Form::Clang)?),
        Kind::ClangGeneral => Box::new(native::Native::new(workload, toolchain, Form::ClangGeneral)?),
        Kind::Gcc => Box::new(native::Native::new(workload, toolchain, Form::Gcc)?),
        Kind::Wasmkc => Box::new(wasmkc::Shipped::new(workload, toolchain, ours, wasmkc::As::Trusted)?),
        Kind::WasmkcMasked => Box::new(wasmkc::Shipped::new(workload, toolchain, ours, wasmkc::As::Masked)?),
        Kind::WasmkcPortable => Box::new(wasmkc::Shipped::new(workload, toolchain, ours, wasmkc::As::Portable)?),
        Kind::WasmkcMemory => Box::new(wasmkc::InMemory::new(workload, toolchain, ours)?),
        Kind::Ebpf => Box::new(ebpf::Ebpf::new(workload, toolchain)?),
        Kind::Wasmtime => Box::new(wasmtime::Wasmtime::new(workload, toolchain, false)?),
        Kind::WasmtimeFuel => Box::new(wasmtime::Wasmtime::new(workload, toolchain, true)?),
        Kind::Wasmi => Box::new(wasmi::Wasmi::new(workload, toolchain)?),
    })
}
