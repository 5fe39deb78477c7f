//! Our engine: the compiler with its audit, the loader's core, the code itself.

use wasmkc_abi::trap::TrapCode;
use wasmkc_compiler::{Blame, Options, compile};
use wasmkc_host::{CallError, Grant, Instance, Program, StartError};

use crate::{End, Engine, Export};

/// Far beyond what a module that ends within its steps needs.
const GRANT: Grant = Grant { fuel: 1_000_000_000, stack: 256 << 10 };

/// An instance.
pub struct Ours {
    instance: Instance,
    globals: Vec<String>,
}

/// Why there is no instance.
#[derive(Debug)]
pub enum NoInstance {
    /// The compiler refuses the module by name, as it may.
    Refused(String),
    /// The compiler or the loader failed on what it must not fail on.
    Bug(String),
    /// It trapped at start.
    Trap(&'static str),
}

impl Ours {
    /// Compiles and starts `wasm`; `globals` are the names of its exported globals by index.
    pub fn new(wasm: &[u8], globals: Vec<String>) -> Result<Self, NoInstance> {
        let object = compile(wasm, &Options { author_trusted: false, ..Options::default() }).map_err(|e| {
            let text = e.to_string();
            // a segment that would trap at instantiation is refused at compile time
            match e.blame() {
                Blame::Internal => NoInstance::Bug(text),
                _ => NoInstance::Refused(text),
            }
        })?;
        let program = Program::load_compiled_here(&object.bytes).map_err(|e| NoInstance::Bug(e.to_string()))?;
        match Instance::new(&program) {
            Ok(instance) => Ok(Self { instance, globals }),
            Err(StartError::Trap(trap)) => Err(NoInstance::Trap(trap.code.name())),
            Err(error) => Err(NoInstance::Refused(error.to_string())),
        }
    }
}

impl Engine for Ours {
    fn call(&mut self, export: &Export, arguments: &[u64]) -> End {
        match self.instance.call(&export.name, arguments, GRANT) {
            Ok(called) => End::Back(called.results),
            Err(CallError::Trap(trap)) => match trap.code {
                TrapCode::OutOfFuel | TrapCode::StackOverflow => End::GaveUp(trap.code.name()),
                code => End::Trap(code.name()),
            },
            Err(error) => panic!("{}: {error}", export.name),
        }
    }

    fn memory(&mut self) -> Vec<u8> {
        self.instance.memory().to_vec()
    }

    fn global(&mut self, name: &str) -> Option<u64> {
        let index = self.globals.iter().position(|known| known == name)?;
        self.instance.slot(u32::try_from(index).ok()?)
    }
}
