//! wasmkc: the object of a normal build, run by the loader's core in this process.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};
use object::{Object as _, ObjectSection};
use wasmkc_abi::limits::STACK_XDP;
use wasmkc_compiler::{Object, Options, Target, compile, compile_all};
use wasmkc_host::{Grant, Instance, MACHINE, Program};

use super::{Built, FNV_START, Ours, System, fnv, milliseconds, sha256};
use crate::toolchain::{Compiled, Form, Toolchain};
use crate::trace::{BYTES, Trace};
use crate::workload::Workload;

/// In which of its ways wasmkc runs a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// Native code, author trusted.
    Trusted,
    /// Native code with masks, what a build gives without `--author`.
    Masked,
    /// The portable code of the same object.
    Portable,
}

/// What wasmkc makes native code for, here.
fn native() -> Result<Target> {
    Target::by_machine(MACHINE).context("wasmkc has no native code for this machine")
}

/// Compiles for one machine, and loads `image`, or what was compiled.
fn load(wasm: &[u8], options: &Options, image: Option<&[u8]>) -> Result<(Object, Program)> {
    let object = compile(wasm, options)?;
    let program = Program::load_compiled_here(image.unwrap_or(&object.bytes)).map_err(|e| anyhow!("{e}"))?;
    Ok((object, program))
}

/// The object of `wasm` for all targets, which must be what the command makes, and the part of it for `target`.
fn object(compiled: &Compiled, options: &Options, command: Option<&Path>) -> Result<Vec<u8>> {
    let object = compile_all(&compiled.bytes()?, options, &Target::ALL)?;
    let Some(command) = command else { return Ok(object) };
    let path = compiled.path.with_extension("kwo");
    let author = if options.author_trusted { "trusted" } else { "untrusted" };
    let output = Command::new(command)
        .args(["build", "--author", author, "--output"])
        .args([&path, &compiled.path])
        .args(options.without.iter().flat_map(|pass| ["-Z", pass.switch()]))
        .output()
        .with_context(|| command.display().to_string())?;
    if !output.status.success() {
        bail!("{} build: {}", command.display(), String::from_utf8_lossy(&output.stderr));
    }
    let built = std::fs::read(&path)?;
    ensure!(built == object, "{} makes another object than what would be measured: build it anew", command.display());
    Ok(object)
}

/// A workload as a user ships it. Each packet is an entry of its own, by the loader's way in.
#[derive(Debug)]
pub struct Shipped {
    instance: Instance,
    trace: Option<Trace>,
    built: Built,
}

impl Shipped {
    /// Compiles, compares with what the command makes, loads.
    pub fn new(workload: &Workload, toolchain: &Toolchain, ours: Ours<'_>, way: As) -> Result<Self> {
        let wasm = toolchain.compile(workload, Form::Shipped)?;
        let options = Options {
            author_trusted: way != As::Masked,
            name: workload.name.to_owned(),
            target: if way == As::Portable { Target::Portable } else { native()? },
            without: ours.without.to_vec(),
            ..Options::default()
        };
        let shipped = object(&wasm, &options, ours.command)?;
        let bytes = wasm.bytes()?;
        // of the whole object the loader takes what is native
        let whole = (way != As::Portable).then_some(&*shipped);
        let ((alone, program), time) = toolchain.timed(|| load(&bytes, &options, whole))?;
        if way == As::Portable {
            let file = object::File::parse(&*shipped)?;
            let inner = file.section_by_name(".wkc.target.portable").context("the object has no portable code")?;
            ensure!(inner.data()? == alone.bytes, "the portable code of the object is another one");
        }
        let built = Built {
            code_bytes: Some(alone.report.text_bytes as usize),
            compile_ms: milliseconds(time),
            sha256: Some(sha256(&shipped)),
        };
        Ok(Self { instance: Instance::of_hook(&program)?, trace: None, built })
    }
}

impl System for Shipped {
    fn built(&self) -> &Built {
        &self.built
    }

    fn place(&mut self, trace: &Trace) -> Result<()> {
        self.trace = Some(trace.clone());
        Ok(())
    }

    fn pass(&mut self) -> Result<u64> {
        let trace = self.trace.as_mut().context("no trace")?;
        let mut digest = FNV_START;
        let judged = self.instance.judge_each(trace.packets(), |verdict| digest = fnv(digest, verdict));
        judged.map_err(|trap| anyhow!("{trap}"))?;
        Ok(digest)
    }

    fn trace(&mut self) -> Result<Vec<u8>> {
        Ok(self.trace.as_ref().context("no trace")?.bytes.clone())
    }
}

/// A workload with packets in linear memory and the loop inside: what the other systems for wasm run.
#[derive(Debug)]
pub struct InMemory {
    instance: Instance,
    trace_at: usize,
    arguments: [u32; 4],
    bytes: usize,
    built: Built,
}

/// A whole trace is judged in one call.
const GRANT: Grant = Grant { fuel: 1 << 40, stack: STACK_XDP };

impl InMemory {
    /// Compiles, loads, fills the tables.
    pub fn new(workload: &Workload, toolchain: &Toolchain, ours: Ours<'_>) -> Result<Self> {
        let wasm = toolchain.compile(workload, Form::Memory)?.bytes()?;
        let (name, without) = (workload.name.to_owned(), ours.without.to_vec());
        let options = Options { author_trusted: true, name, target: native()?, without, ..Options::default() };
        let ((object, program), time) = toolchain.timed(|| load(&wasm, &options, None))?;
        let built = Built {
            code_bytes: Some(object.report.text_bytes as usize),
            compile_ms: milliseconds(time),
            sha256: Some(sha256(&object.bytes)),
        };
        let mut instance = Instance::new(&program)?;
        let called = instance.call("trace_at", &[], GRANT)?;
        let trace_at = called.results.first().map_or(0, |slot| *slot as u32) as usize;
        Ok(Self { instance, trace_at, arguments: [0; 4], bytes: 0, built })
    }
}

impl System for InMemory {
    fn built(&self) -> &Built {
        &self.built
    }

    fn place(&mut self, trace: &Trace) -> Result<()> {
        ensure!(trace.bytes.len() <= BYTES, "the trace is too long");
        let memory = self.instance.memory_mut().get_mut(self.trace_at..).context("no memory")?;
        memory.get_mut(..trace.bytes.len()).context("no memory")?.copy_from_slice(&trace.bytes);
        self.arguments = trace.arguments();
        self.bytes = trace.bytes.len();
        Ok(())
    }

    fn pass(&mut self) -> Result<u64> {
        let called = self.instance.call("run", &self.arguments.map(u64::from), GRANT)?;
        called.results.first().copied().context("no result")
    }

    fn trace(&mut self) -> Result<Vec<u8>> {
        let memory = self.instance.memory();
        Ok(memory.get(self.trace_at..self.trace_at + self.bytes).context("no memory")?.to_vec())
    }
}
