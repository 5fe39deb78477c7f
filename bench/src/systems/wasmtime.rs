//! wasmtime, with guard pages, or with explicit checks and fuel.
#![forbid(unsafe_code)]

use anyhow::{Context, Result, anyhow, ensure};
use wasmtime::{Config, Engine, Instance, Memory, Module, Store, TypedFunc};

use super::{Built, System, milliseconds};
use crate::toolchain::{Form, Toolchain};
use crate::trace::{BYTES, Trace};
use crate::workload::Workload;

/// `run` of `workloads/bench.h`.
type Run = TypedFunc<(u32, u32, u32, u32), u64>;

/// A workload in wasmtime.
pub struct Wasmtime {
    store: Store<()>,
    run: Run,
    memory: Memory,
    trace_at: usize,
    arguments: [u32; 4],
    bytes: usize,
    fuel: bool,
    built: Built,
}

/// Explicit checks are cheapest where the memory stays where it is.
fn config(fuel: bool) -> Config {
    let mut config = Config::new();
    if fuel {
        config.consume_fuel(true).signals_based_traps(false);
        config.memory_reservation(8 << 20).memory_guard_size(0).memory_may_move(false);
    }
    config
}

/// Its errors are no errors of the standard library.
fn told(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:?}")
}

impl Wasmtime {
    /// Compiles, instantiates, fills the tables.
    pub fn new(workload: &Workload, toolchain: &Toolchain, fuel: bool) -> Result<Self> {
        let wasm = toolchain.compile(workload, Form::Memory)?.bytes()?;
        Self::of(&wasm, toolchain, fuel).map_err(told)
    }

    fn of(wasm: &[u8], toolchain: &Toolchain, fuel: bool) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config(fuel))?;
        let (module, time) = toolchain.timed(|| Module::new(&engine, wasm))?;
        let mut store = Store::new(&engine, ());
        if fuel {
            store.set_fuel(u64::MAX)?;
        }
        let instance = Instance::new(&mut store, &module, &[])?;
        instance.get_typed_func::<(), ()>(&mut store, "init")?.call(&mut store, ())?;
        let trace_at = instance.get_typed_func::<(), u32>(&mut store, "trace_at")?.call(&mut store, ())? as usize;
        let run = instance.get_typed_func(&mut store, "run")?;
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or_else(|| wasmtime::Error::msg("no memory"))?;
        let code = module.functions().map(|function| function.len).sum();
        let built = Built { code_bytes: Some(code), compile_ms: milliseconds(time), sha256: None };
        Ok(Self { store, run, memory, trace_at, arguments: [0; 4], bytes: 0, fuel, built })
    }
}

impl System for Wasmtime {
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
        if self.fuel {
            self.store.set_fuel(u64::MAX).map_err(told)?;
        }
        self.run.call(&mut self.store, self.arguments.into()).map_err(told)
    }

    fn trace(&mut self) -> Result<Vec<u8>> {
        let memory = self.memory.data(&self.store);
        Ok(memory.get(self.trace_at..self.trace_at + self.bytes).context("no memory")?.to_vec())
    }
}
