//! Our engine: the compiler with its audit, the loader's core, the code itself.

use wasmkc_abi::object::NONE;
use wasmkc_abi::trap::TrapCode;
use wasmkc_compiler::{Blame, CompileError, Object, Options, Pass, Target, compile};
use wasmkc_host::{CallError, Grant, Instance, MACHINE, Program, StartError};

use crate::plan::Plan;
use crate::{End, Engine, Export, Global};

/// Far beyond what a module that ends within its steps needs. The stack is that of the thread; bytecode has its own.
const GRANT: Grant = Grant { fuel: 2_000_000_000, stack: 16 << 20 };

/// An instance.
pub struct Ours {
    instance: Instance,
    restored: Option<u32>,
    /// Places where its code traps.
    traps: u32,
}

/// Why there is no instance.
#[derive(Debug)]
pub enum NoInstance {
    /// The compiler refuses the module by name, as it may.
    Refused(String),
    /// The compiler says that instantiation would trap.
    WouldTrap(&'static str),
    /// The compiler or the loader failed on what it must not fail on.
    Bug(String),
    /// It trapped at start.
    Trap(&'static str),
}

/// Why it was refused, in few words, so that it can be counted.
fn reason(error: &CompileError) -> String {
    match error {
        CompileError::UnsupportedInFunction { what, .. } | CompileError::Unsupported { what, .. } => {
            format!("unsupported: {what}")
        }
        CompileError::Limit { what, .. } => format!("limit: {what}"),
        CompileError::MemoryTooLarge { .. } => "limit: memory".to_owned(),
        CompileError::FunctionTooLarge { what, .. } => {
            format!("function too large: {}", what.trim_matches(|c: char| !c.is_alphabetic()))
        }
        CompileError::LandingPad { .. } => "a landing pad in code".to_owned(),
        CompileError::NoXdp => "no export".to_owned(),
        CompileError::Invalid { message, .. } => format!("invalid: {message}"),
        other => other.to_string(),
    }
}

/// What `plan` says of how it is compiled.
fn options(plan: &Plan) -> Options {
    let native = Target::by_machine(MACHINE).filter(|_| !plan.portable);
    let target = native.unwrap_or(Target::Portable);
    Options { author_trusted: plan.trusted, target, ..Options::default() }
}

/// The object of `wasm`.
fn object(wasm: &[u8], options: &Options, twice: bool) -> Result<Object, NoInstance> {
    let compiled = || match std::panic::catch_unwind(|| compile(wasm, options)) {
        Ok(result) => result.map_err(|e| match e {
            CompileError::SegmentOutOfBounds { kind: "data", .. } => NoInstance::WouldTrap("memory-out-of-bounds"),
            CompileError::SegmentOutOfBounds { .. } => NoInstance::WouldTrap("table-out-of-bounds"),
            e if e.blame() == Blame::Internal => NoInstance::Bug(e.to_string()),
            e => NoInstance::Refused(reason(&e)),
        }),
        Err(_) => Err(NoInstance::Bug("it panics".to_owned())),
    };
    let object = compiled()?;
    if twice && compiled()?.bytes != object.bytes {
        return Err(NoInstance::Bug("two compilations give different bytes".to_owned()));
    }
    Ok(object)
}

impl Ours {
    /// Compiles and starts `wasm`.
    pub fn new(wasm: &[u8], plan: &Plan) -> Result<Self, NoInstance> {
        Self::without(wasm, plan, &[])
    }

    /// The same without these passes of the compiler.
    pub fn without(wasm: &[u8], plan: &Plan, without: &[Pass]) -> Result<Self, NoInstance> {
        let object = object(wasm, &Options { without: without.to_vec(), ..options(plan) }, plan.twice)?;
        let program = Program::load_compiled_here(&object.bytes).map_err(|e| NoInstance::Bug(e.to_string()))?;
        let slot = program.info().shadow_sp_slot;
        match Instance::new(&program) {
            Ok(instance) => {
                Ok(Self { instance, restored: (slot != NONE).then_some(slot), traps: object.report.trap_sites })
            }
            Err(StartError::Trap(trap)) => Err(NoInstance::Trap(trap.code.name())),
            Err(error) => Err(NoInstance::Refused(error.to_string())),
        }
    }

    /// The global that gets its value at start back after a trap: what looks like the guest's shadow-stack pointer.
    pub fn restored(&self) -> Option<u32> {
        self.restored
    }
}

impl Ours {
    /// Places where its code traps.
    pub fn traps(&self) -> u32 {
        self.traps
    }

    /// Bytes of the first memory in use, where they are.
    pub fn seen(&self) -> &[u8] {
        self.instance.memory()
    }

    /// Calls an export with so much fuel; gives how it ended and the fuel that it took, if it came back.
    pub fn call_for(&mut self, name: &str, arguments: &[u64], packet: &mut [u8], fuel: u64) -> (End, Option<u64>) {
        match self.instance.call_with(name, arguments, Grant { fuel, ..GRANT }, packet) {
            Ok(called) => (End::Back(called.results), Some(called.fuel_used)),
            Err(error) => (end(error), None),
        }
    }
}

fn end(error: CallError) -> End {
    match error {
        CallError::Trap(trap) => match trap.code {
            TrapCode::OutOfFuel | TrapCode::StackOverflow => End::GaveUp(trap.code.name()),
            code => End::Trap(code.name()),
        },
        error => End::Failed(error.to_string()),
    }
}

impl Engine for Ours {
    fn call(&mut self, export: &Export, arguments: &[u64], packet: &mut Vec<u8>) -> End {
        self.call_for(&export.name, arguments, packet, GRANT.fuel).0
    }

    fn memory(&mut self) -> Vec<u8> {
        self.instance.memory().to_vec()
    }

    fn global(&mut self, global: &Global) -> Option<u64> {
        self.instance.slot(global.index)
    }
}
