//! The filter in this process: the loader's core, linker and machine code, without root and without the kernel.

use super::engine::{Engine, Judgement};
use crate::args::{Author, Engine as RunBy, Run};
use crate::commands::build::{self, MAX_WASM};
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::output::read_file;
use crate::policy::{After, Policy};
use crate::sign::{check, read_cert};
use std::path::Path;
use std::time::Instant;
use wasmkc_abi::limits::{FUEL_DEFAULT, FUEL_MAX, MAX_OBJECT_BYTES};
use wasmkc_compiler::Target;
use wasmkc_host::{AfterTrap, MACHINE, Options, Program, Runner};

/// `EKEYREJECTED`: what the host is told when our own check has failed; the reason is kept here.
const REJECTED: i32 = 129;

/// One instance of the filter.
pub struct Here(Runner);

impl Here {
    /// Compiles or loads `file` and makes an instance of it.
    pub fn new(file: &Path, args: &Run) -> Result<Self> {
        let program = program(file, args)?;
        let policy = Policy::of(&args.traps)?;
        let options = Options {
            trap_verdict: policy.verdict,
            after_trap: match policy.after {
                After::Keep => AfterTrap::Keep,
                After::Reset => AfterTrap::Reset,
                After::Disable(limit) => AfterTrap::Disable(limit),
            },
            fuel: args.traps.fuel,
        };
        let runner = Runner::new(&program, options).map_err(|e| {
            Error::new(format_args!("{}: {e}", file.display()))
                .help("the filter cannot start like this in the kernel, either")
        })?;
        Ok(Self(runner))
    }
}

impl Engine for Here {
    fn judge(&mut self, packet: &mut Vec<u8>) -> Result<Option<Judgement>> {
        let start = Instant::now();
        let outcome = self.0.run(packet);
        let time = start.elapsed();
        let trap = outcome.trap.and_then(|_| self.0.last_trap()).cloned();
        Ok(Some(Judgement { verdict: outcome.verdict, trap, fuel: outcome.fuel_used, time }))
    }

    fn take_log(&mut self) -> Vec<String> {
        self.0.take_log()
    }

    fn disabled(&self) -> bool {
        self.0.disabled()
    }

    fn limits(&self) -> &'static str {
        "none"
    }
}

/// An object that a given certificate vouches for, or a filter compiled here and now.
pub fn program(file: &Path, args: &Run) -> Result<Program> {
    let bytes = read_file(file, MAX_WASM)?;
    let name = file.display();
    if !bytes.starts_with(b"\x7fELF") {
        if !args.certs.is_empty() {
            return Err(Error::usage(format_args!("`--cert` is for objects, but {name} is none")));
        }
        return match Kind::of(&bytes) {
            Kind::Wasm | Kind::Other => compile(file, args, &bytes),
            kind => Err(Error::new(format_args!("{name} is neither WebAssembly nor an object, but {kind}"))
                .help("give a FILTER.wasm, or an object that `wasmkc build` made of one")),
        };
    }
    if args.author.is_some() {
        return Err(Error::usage(format_args!("`--author` is for WebAssembly, but {name} is an object")));
    }
    if args.engine != RunBy::Native {
        return Err(Error::usage(format_args!("`--engine` is for WebAssembly, but {name} is an object")));
    }
    if args.certs.is_empty() {
        return Err(Error::usage(format_args!("an object runs only if its signature is good: who signed {name}?"))
            .help("give the signer's certificate with `--cert CERT`, or run the .wasm, which is compiled here"));
    }
    if bytes.len() as u64 > u64::from(MAX_OBJECT_BYTES) {
        return Err(Error::new(format_args!("{name} is above the limit of {MAX_OBJECT_BYTES} bytes")));
    }
    let certs: Vec<_> = args.certs.iter().map(|c| read_cert(c)).collect::<Result<_>>()?;
    let mut refusal = None;
    let program = Program::load(&bytes, |object, message| match check(object, message, &certs) {
        Ok(_) => Ok(()),
        Err(error) => {
            refusal = Some(error);
            Err(REJECTED)
        }
    });
    program.map_err(|e| refusal.unwrap_or_else(|| refused(e)).context(name))
}

/// What the loader's core says, with what else to do here than there.
fn refused(cause: wasmkc_core::Error) -> Error {
    let no_code = matches!(cause.code, wasmkc_core::error::Code::NoCode);
    let error = Error::new(cause);
    if !no_code {
        return error;
    }
    error.help("`wasmkc build` without --target makes code for every machine; `--target portable` is enough for any")
}

/// What a filter is compiled for.
fn target(engine: RunBy, machine: u16) -> Result<Target> {
    let target = match engine {
        RunBy::Native => Target::by_machine(machine),
        RunBy::Portable => Some(Target::Portable),
    };
    target.ok_or_else(|| {
        Error::new("the compiler makes no native code for this machine")
            .help("`--engine portable` interprets the filter, as the kernel does here")
    })
}

fn compile(file: &Path, args: &Run, wasm: &[u8]) -> Result<Program> {
    let target = target(args.engine, MACHINE)?;
    let options = wasmkc_compiler::Options {
        target,
        author_trusted: args.author == Some(Author::Trusted),
        fuel: args.traps.fuel.unwrap_or(FUEL_DEFAULT).min(FUEL_MAX),
        jobs: wasmkc_compiler::Jobs::available(),
        ..wasmkc_compiler::Options::default()
    };
    let object = build::compile(file, wasm, &options)?;
    Program::load_compiled_here(&object).map_err(|e| Error::new(e).context(file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_native_code_is_told_to_interpret() {
        const EM_ARM: u16 = 40;
        let said = target(RunBy::Native, EM_ARM).expect_err("there is none").render(false);
        assert!(said.contains("no native code for this machine\nhelp: `--engine portable`"), "{said}");
        assert_eq!(target(RunBy::Portable, EM_ARM).expect("interpreted"), Target::Portable);
        assert_eq!(target(RunBy::Native, MACHINE).ok(), Target::by_machine(MACHINE));
    }
}
