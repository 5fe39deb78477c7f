//! wasmi, an interpreter.
#![forbid(unsafe_code)]

use anyhow::{Context, Result, ensure};
use wasmi::{CompilationMode, Config, Engine, Linker, Memory, Module, Store, TypedFunc};

use super::{Built, System, milliseconds};
use crate::toolchain::{Form, Toolchain};
use crate::trace::{BYTES, Trace};
use crate::workload::Workload;

/// A workload in wasmi.
#[derive(Debug)]
pub struct Wasmi {
    store: Store<()>,
    run: TypedFunc<(u32, u32, u32, u32), u64>,
    memory: Memory,
    trace_at: usize,
    arguments: [u32; 4],
    bytes: usize,
    built: Built,
}

impl Wasmi {
    /// Translates, instantiates, fills the tables.
    pub fn new(workload: &Workload, toolchain: &Toolchain) -> Result<Self> {
        let wasm = toolchain.compile(workload, Form::Memory)?.bytes()?;
        let mut config = Config::default();
        config.compilation_mode(CompilationMode::Eager);
        let engine = Engine::new(&config);
        let (module, time) = toolchain.timed(|| Module::new(&engine, &wasm))?;
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module)?;
        instance.get_typed_func::<(), ()>(&store, "init")?.call(&mut store, ())?;
        let trace_at = instance.get_typed_func::<(), u32>(&store, "trace_at")?.call(&mut store, ())? as usize;
        let run = instance.get_typed_func(&store, "run")?;
        let memory = instance.get_memory(&store, "memory").context("no memory")?;
        let built = Built { code_bytes: None, compile_ms: milliseconds(time), sha256: None };
        Ok(Self { store, run, memory, trace_at, arguments: [0; 4], bytes: 0, built })
    }
}

impl System for Wasmi {
    fn built(&self) -> &Built {
        &self.built
    }

    fn place(&mut self, trace: &Trace) -> Result<()> {
        ensure!(trace.bytes.len() <= BYTES, "the trace is too long");
        self.memory.write(&mut self.store, self.trace_at, &trace.bytes)?;
        self.arguments = trace.arguments();
        self.bytes = trace.bytes.len();
        Ok(())
    }

    fn pass(&mut self) -> Result<u64> {
        Ok(self.run.call(&mut self.store, self.arguments.into())?)
    }

    fn trace(&mut self) -> Result<Vec<u8>> {
        let memory = self.memory.data(&self.store);
        Ok(memory.get(self.trace_at..self.trace_at + self.bytes).context("no memory")?.to_vec())
    }
}
