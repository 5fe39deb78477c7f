//! The engine in this process: the loader's core, linker and code bytes in user space.

use wasmkc_abi::limits::{FUEL_CALL_MAX, STACK_CALL_MAX};
use wasmkc_compiler::Target;
use wasmkc_host::{CallError, Grant, Instance, MACHINE, Program};

use super::{
    plan::Plan,
    run::{Engine, Outcome},
};

/// What a call may use: as much as the kernel gives at most.
const GRANT: Grant = Grant { fuel: FUEL_CALL_MAX, stack: STACK_CALL_MAX };

/// Which code this process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// That of its processor.
    Native,
    /// Bytecode, through the core's interpreter.
    Bytecode,
}

impl Code {
    /// What the engine is called in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native if cfg!(target_arch = "x86_64") => "HOST",
            Self::Native => "HOST-AARCH64",
            Self::Bytecode => "BYTECODE",
        }
    }

    /// The target of such code.
    ///
    /// # Panics
    /// If the loader's host runs on a machine that the compiler does not know.
    #[must_use]
    pub fn target(self) -> Target {
        match self {
            Self::Native => {
                Target::by_machine(MACHINE).expect("the compiler knows the machines that the loader's host runs on")
            }
            Self::Bytecode => Target::Portable,
        }
    }
}

/// This process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

impl Engine for Host {
    type Instance = Instance;

    fn start(&mut self, plan: &Plan, number: usize) -> Result<Instance, String> {
        let program = Program::load_compiled_here(&plan.objects[number].bytes).map_err(|e| e.to_string())?;
        Instance::new(&program).map_err(|e| e.to_string())
    }

    fn call(&mut self, instance: &mut Instance, export: &str, args: &[u64]) -> Outcome {
        match instance.call(export, args, GRANT) {
            Ok(called) => Outcome::Results(called.results),
            Err(CallError::Trap(trap)) => Outcome::Trap(trap.code),
            Err(e) => Outcome::Error(e.to_string()),
        }
    }
}
