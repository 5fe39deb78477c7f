//! Native code: a shared object of a C compiler, loaded into this process. The seam to it.
#![allow(unsafe_code, reason = "calls C functions by name and writes into their memory")]

use anyhow::{Context, Result, ensure};
use libloading::Library;
use object::{Object, ObjectSection};

use super::{Built, System, milliseconds};
use crate::toolchain::{Form, Toolchain};
use crate::trace::{BYTES, Trace};
use crate::workload::Workload;

/// `run` of `workloads/bench.h`: count, stride, start, length; the digest.
type Run = unsafe extern "C" fn(u32, u32, u32, u32) -> u64;

/// A workload as native code.
#[derive(Debug)]
pub struct Native {
    run: Run,
    /// `BYTES` of the library's own memory.
    trace: *mut u8,
    tables: Vec<u8>,
    arguments: [u32; 4],
    bytes: usize,
    built: Built,
    /// Keeps the code and memory that the fields above point to.
    _library: Library,
}

impl Native {
    /// Compiles, loads, fills the tables.
    pub fn new(workload: &Workload, toolchain: &Toolchain, form: Form) -> Result<Self> {
        let (compiled, time) = toolchain.timed(|| toolchain.compile(workload, form))?;
        let image = compiled.bytes()?;
        let file = object::File::parse(&*image)?;
        let code_bytes = file.section_by_name(".text").map(|text| text.size() as usize);
        // SAFETY: the object was made a moment ago from a source of ours and has no constructors.
        let library = unsafe { Library::new(&compiled.path) }.context("loading native code")?;
        // SAFETY: the name and type are those of BENCH_WORKLOAD.
        let run = *unsafe { library.get::<Run>(b"run") }?;
        // SAFETY: the same.
        let init = unsafe { library.get::<unsafe extern "C" fn()>(b"init") }?;
        // SAFETY: the same.
        let trace_at = unsafe { library.get::<unsafe extern "C" fn() -> *mut u8>(b"trace_at") }?;
        // SAFETY: the same.
        let tables_at = unsafe { library.get::<unsafe extern "C" fn() -> *const u8>(b"tables_at") }?;
        // SAFETY: the same.
        let tables_size = unsafe { library.get::<unsafe extern "C" fn() -> u32>(b"tables_size") }?;
        // SAFETY: it takes nothing and writes the library's tables, which nobody else uses yet.
        unsafe { init() };
        // SAFETY: it returns an address.
        let at = unsafe { tables_at() };
        // SAFETY: it returns a number.
        let size = unsafe { tables_size() } as usize;
        // SAFETY: the tables have that size, are initialised, and nothing writes them any more.
        let tables = unsafe { std::slice::from_raw_parts(at, size) }.to_vec();
        // SAFETY: it returns an address.
        let trace = unsafe { trace_at() };
        let built = Built { code_bytes, compile_ms: milliseconds(time), sha256: None };
        Ok(Self { run, trace, tables, arguments: [0; 4], bytes: 0, built, _library: library })
    }

    /// The tables that `init` made.
    pub fn tables(&self) -> &[u8] {
        &self.tables
    }
}

impl System for Native {
    fn built(&self) -> &Built {
        &self.built
    }

    fn place(&mut self, trace: &Trace) -> Result<()> {
        ensure!(trace.bytes.len() <= BYTES, "the trace is too long");
        // SAFETY: `trace` has `BYTES` bytes, in the library that `self` keeps; `&mut self` says that nobody reads them.
        let memory = unsafe { std::slice::from_raw_parts_mut(self.trace, BYTES) };
        memory[..trace.bytes.len()].copy_from_slice(&trace.bytes);
        self.arguments = trace.arguments();
        self.bytes = trace.bytes.len();
        Ok(())
    }

    fn pass(&mut self) -> Result<u64> {
        let [count, stride, start, len] = self.arguments;
        // SAFETY: the arguments are those of a trace that `place` has put into the library's memory.
        Ok(unsafe { (self.run)(count, stride, start, len) })
    }

    fn trace(&mut self) -> Result<Vec<u8>> {
        // SAFETY: as in `place`.
        Ok(unsafe { std::slice::from_raw_parts(self.trace, self.bytes) }.to_vec())
    }
}
