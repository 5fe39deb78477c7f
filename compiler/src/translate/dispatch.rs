//! `call_indirect`: for each type that some call names, and for each table that nothing changes, one dispatcher:
//! a tree of comparisons whose leaves are direct calls. Generated code has no indirect call and no code address
//! in data.
//!
//! A dispatcher takes the callee's arguments and then what selects the callee, so that the registers stay as they
//! are on the way through. For a table that nothing changes that is the index, which its caller has checked;
//! otherwise the reference that the caller has loaded. It is a function like any other: it checks the stack and
//! pays, for its frame and for its comparisons.

use std::collections::HashMap;

use cranelift_codegen::ir::{AbiParam, Block, InstBuilder, Signature, types};
use wasmkc_abi::{limits::MAX_TEXT_BYTES, trap::TrapCode};
use wasmparser::FuncType;

use super::{
    Symbol, Translator, control, cost, fuel, import,
    signature::{Refused, signature},
};
use crate::{
    CompileError, Target,
    module::{Module, function_reference, referenced_function},
};

/// Most elements that all dispatchers together look at.
const MAX_LOOKED_AT: u64 = 1 << 24;
/// Most runs of elements that all dispatchers together tell apart: each is a comparison and a jump, of 8 bytes and more.
const MAX_RUNS: u64 = MAX_TEXT_BYTES as u64 / 8;

/// What selects the callee.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// An index into a table that nothing changes.
    Table(u32),
    /// A reference.
    References,
}

/// The dispatchers in use, numbered in the order of their first call.
#[derive(Default)]
pub struct Dispatchers {
    /// Source and canonical type of each.
    wanted: Vec<(Source, u32)>,
    numbers: HashMap<(Source, u32), u32>,
}

/// What a selector is to a call of some type.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Element {
    Function(u32),
    Null,
    OtherType,
}

/// The callee's signature with the selector at its end.
pub fn dispatcher_signature(
    module: &Module<'_>,
    target: Target,
    ty: &FuncType,
    source: Source,
) -> Result<Signature, Refused> {
    let mut out = signature(module, target, ty)?;
    let selector = if source == Source::References { types::I64 } else { types::I32 };
    out.params.push(AbiParam::new(selector));
    Ok(out)
}

/// Whether function `f` is of the canonical type `ty`.
fn is_of(module: &Module<'_>, f: u32, ty: u32) -> bool {
    module.canonical[module.functions[f as usize] as usize] == ty
}

impl Dispatchers {
    /// How many there are.
    pub fn len(&self) -> u32 {
        self.wanted.len() as u32
    }

    /// Number of the dispatcher over `source` for the canonical type `ty`.
    pub fn number(&mut self, source: Source, ty: u32) -> u32 {
        let next = self.len();
        *self.numbers.entry((source, ty)).or_insert_with(|| {
            self.wanted.push((source, ty));
            next
        })
    }

    /// Imported functions that a dispatcher may call, ascending.
    pub fn imports(&self, module: &Module<'_>) -> Vec<u32> {
        let mut out = Vec::new();
        for (source, ty) in &self.wanted {
            let functions: Vec<u32> = match source {
                Source::Table(table) => {
                    module.tables[*table as usize].elements.iter().copied().filter_map(referenced_function).collect()
                }
                Source::References => module.referenced.clone(),
            };
            let imported = |f: &u32| (*f as usize) < module.imports.len() && is_of(module, *f, *ty);
            out.extend(functions.into_iter().filter(imported));
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Passes if it is not too much to tell all functions apart; each dispatcher looks at all of its source.
    pub fn check(&self, module: &Module<'_>) -> Result<(), CompileError> {
        let looked_at = |source: &Source| match source {
            Source::Table(table) => module.tables[*table as usize].elements.len() as u64,
            Source::References => module.referenced.len() as u64,
        };
        let sum = self.wanted.iter().map(|(source, _)| looked_at(source)).sum();
        CompileError::check_limit("types of indirect calls times elements", sum, MAX_LOOKED_AT)?;
        let runs = self.wanted.iter().map(|(source, ty)| meanings(module, *source, *ty).len() as u64).sum();
        CompileError::check_limit("runs of elements that indirect calls tell apart", runs, MAX_RUNS)
    }

    /// Source and canonical type of dispatcher `number`.
    pub fn wanted(&self, number: u32) -> (Source, u32) {
        self.wanted[number as usize]
    }
}

/// What each selector means: an entry holds up to the next one's number, the last for all above.
fn meanings(module: &Module<'_>, source: Source, ty: u32) -> Vec<(u32, Element)> {
    let of = |f: u32| if is_of(module, f, ty) { Element::Function(f) } else { Element::OtherType };
    let mut out: Vec<(u32, Element)> = Vec::new();
    match source {
        Source::Table(table) => {
            let elements = module.tables[table as usize].elements.iter();
            let meaning = |reference: &u64| referenced_function(*reference).map_or(Element::Null, of);
            out.extend(elements.map(meaning).enumerate().map(|(n, element)| (n as u32, element)));
            if out.is_empty() {
                // An empty table: no index is inside it, the caller has trapped.
                out.push((0, Element::Null));
            }
        }
        Source::References => {
            out.push((0, Element::Null));
            out.push((1, Element::OtherType));
            for f in module.referenced.iter().copied().filter(|f| is_of(module, *f, ty)) {
                let number = function_reference(f) as u32;
                out.pop_if(|(n, _)| *n == number);
                out.extend([(number, Element::Function(f)), (number + 1, Element::OtherType)]);
            }
        }
    }
    out.dedup_by_key(|(_, element)| *element);
    out
}

impl Translator<'_, '_, '_> {
    /// The body of the dispatcher over `source` for the canonical type `ty`.
    pub(super) fn dispatch(&mut self, source: Source, ty: u32) -> Result<(), CompileError> {
        let module: &Module<'_> = self.module;
        let callee_type = &module.types[ty as usize];
        let callee_signature =
            signature(module, self.target, callee_type).map_err(|r| r.at(module.place(self.index, 0)))?;
        let entry = self.builder.current_block().expect("entry block");
        let mut args = self.builder.block_params(entry).to_vec();
        let selector = args.pop().expect("selector of a dispatcher");

        let mut leaves: Vec<(Element, Block)> = Vec::new();
        let mut blocks: HashMap<Element, Block> = HashMap::new();
        let mut runs: Vec<(u32, Block)> = Vec::new();
        for (first, element) in meanings(module, source, ty) {
            let block = *blocks.entry(element).or_insert_with(|| {
                let block = self.builder.create_block();
                leaves.push((element, block));
                block
            });
            runs.push((first, block));
        }
        self.check_stack();
        let params = callee_type.params().len() as u32;
        self.charge(fuel::FRAME + 1 + params + cost::tree(runs.len() as u32));
        control::compare_tree(&mut self.builder, selector, &runs);
        for (element, block) in leaves {
            self.builder.seal_block(block);
            self.builder.switch_to_block(block);
            self.check_size()?;
            let code = match element {
                Element::Function(f) => {
                    self.carried += args.len() as u64;
                    let imported = (f as usize) < module.imports.len();
                    let symbol = if imported { Symbol::Thunk(f) } else { Symbol::Function(f) };
                    if module.tail_calls {
                        self.tail_call(symbol, callee_signature.clone(), &args);
                        continue;
                    }
                    let callee = import(&mut self.builder, symbol.external(), callee_signature.clone(), true);
                    let inst = self.builder.ins().call(callee, &args);
                    let results = self.builder.inst_results(inst).to_vec();
                    self.builder.ins().return_(&results);
                    continue;
                }
                Element::Null => TrapCode::IndirectCallToNull,
                Element::OtherType => TrapCode::BadSignature,
            };
            self.builder.set_cold_block(block);
            self.trap(code);
        }
        Ok(())
    }
}
