//! eBPF, compiled by the running kernel and run by `BPF_PROG_TEST_RUN`.
//!
//! The packets lie in a map, and one run of the program judges all of them: a test run has one packet, which would
//! train the branch predictor, and each call of it costs milliseconds. User space fills the tables, as it does for
//! eBPF programs: with what native code has made of the seed.
#![forbid(unsafe_code)]

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions};
use libbpf_rs::{MapCore, MapFlags, Object, ObjectBuilder, ProgramInput};

use super::native::Native;
use super::{Built, Passes, System, milliseconds};
use crate::toolchain::{Form, Toolchain};
use crate::trace::{BYTES, Trace};
use crate::workload::Workload;

/// A workload as an eBPF program.
#[derive(Debug)]
pub struct Ebpf {
    object: Object,
    bytes: usize,
    built: Built,
}

/// Offset of the digest behind the four arguments in `struct arguments`.
const DIGEST: usize = 16;

/// Writes the whole map behind section `name`; what `value` is too short for is zero.
fn fill(object: &Object, name: &str, value: &[u8]) -> Result<()> {
    let map = object.maps().find(|map| map.name() == name).with_context(|| format!("no map {name}"))?;
    let mut whole = vec![0; map.value_size() as usize];
    ensure!(value.len() <= whole.len(), "{name} has {} bytes, not {}", whole.len(), value.len());
    whole[..value.len()].copy_from_slice(value);
    Ok(map.update(&0u32.to_ne_bytes(), &whole, MapFlags::ANY)?)
}

fn read(object: &Object, name: &str) -> Result<Vec<u8>> {
    let map = object.maps().find(|map| map.name() == name).with_context(|| format!("no map {name}"))?;
    map.lookup(&0u32.to_ne_bytes(), MapFlags::ANY)?.with_context(|| format!("{name} is empty"))
}

impl Ebpf {
    /// Compiles, has the kernel verify and compile it, fills the tables.
    pub fn new(workload: &Workload, toolchain: &Toolchain) -> Result<Self> {
        // an older kernel takes older instructions only
        Self::of(workload, toolchain, Form::Ebpf).or_else(|_| Self::of(workload, toolchain, Form::EbpfOld))
    }

    fn of(workload: &Workload, toolchain: &Toolchain, form: Form) -> Result<Self> {
        let image = toolchain.compile(workload, form)?.bytes()?;
        let tables = Native::new(workload, toolchain, Form::Clang)?;
        // what libbpf would say on stderr is in the error
        libbpf_rs::set_print(None);
        let load = || ObjectBuilder::default().name("wkc_bench")?.open_memory(&image)?.load();
        let (object, time) = toolchain.timed(load).context("the kernel refuses it")?;
        fill(&object, ".data.tables", tables.tables())?;
        let built = Built { code_bytes: None, compile_ms: milliseconds(time), sha256: None };
        let mut ebpf = Self { object, bytes: 0, built };
        let jited = ebpf.jited().context("the kernel interprets it: `sysctl net.core.bpf_jit_enable=1`")?;
        ebpf.built.code_bytes = Some(jited);
        Ok(ebpf)
    }

    /// Bytes of machine code, all functions, as the kernel tells of the newest program of that name.
    fn jited(&self) -> Option<usize> {
        let options = ProgInfoQueryOptions::default().include_jited_prog_insns(true);
        let ours = ProgInfoIter::with_query_opts(options).filter(|program| program.name == "wkc_bench_run").last()?;
        Some(ours.jited_prog_insns.len()).filter(|bytes| *bytes > 0)
    }
}

impl System for Ebpf {
    fn built(&self) -> &Built {
        &self.built
    }

    fn place(&mut self, trace: &Trace) -> Result<()> {
        ensure!(trace.bytes.len() <= BYTES, "the trace is too long");
        fill(&self.object, ".data.trace", &trace.bytes)?;
        let arguments: Vec<u8> = trace.arguments().iter().flat_map(|argument| argument.to_ne_bytes()).collect();
        fill(&self.object, ".data.arguments", &arguments)?;
        self.bytes = trace.bytes.len();
        Ok(())
    }

    fn pass(&mut self) -> Result<u64> {
        Ok(self.run(1)?.digest)
    }

    /// The kernel runs and times the passes itself.
    fn run(&mut self, passes: u32) -> Result<Passes> {
        let program = self.object.progs_mut().next().context("no program")?;
        let packet = [0; 64];
        let ran = program.test_run(ProgramInput { data_in: Some(&packet), repeat: passes, ..Default::default() })?;
        let arguments = read(&self.object, ".data.arguments")?;
        let digest = arguments.get(DIGEST..).and_then(<[u8]>::first_chunk).context("no digest")?;
        // the kernel tells the mean of the passes, without what the call itself costs
        let time = Duration::from_nanos(ran.duration.as_nanos() as u64 * u64::from(passes));
        Ok(Passes { time, digest: u64::from_ne_bytes(*digest) })
    }

    fn trace(&mut self) -> Result<Vec<u8>> {
        let mut bytes = read(&self.object, ".data.trace")?;
        bytes.truncate(self.bytes);
        Ok(bytes)
    }
}
