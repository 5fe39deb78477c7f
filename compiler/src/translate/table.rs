//! `call_indirect`: for each table and type that some call names, one dispatcher, a tree of comparisons
//! whose leaves are direct calls. Tables never change, so all is known here, and generated code has no
//! indirect call.
//!
//! A dispatcher takes the callee's arguments and then the index, so that the registers stay as they
//! are on the way through. Its caller has checked the index against the table's size. It is a function like
//! any other: it checks the stack and pays, for its frame and for its comparisons.

use std::collections::HashMap;

use cranelift_codegen::ir::{AbiParam, Block, InstBuilder, Signature, types};
use wasmkc_abi::trap::TrapCode;
use wasmparser::FuncType;

use super::{Refused, Symbol, Translator, control, cost, fuel, import, signature};
use crate::{CompileError, module::Module};

/// The dispatchers in use, numbered in the order of their first call.
#[derive(Default)]
pub struct Dispatchers {
    /// Table and canonical type of each.
    wanted: Vec<(u32, u32)>,
    numbers: HashMap<(u32, u32), u32>,
}

/// What an element is to a call of some type.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Element {
    Function(u32),
    Null,
    OtherType,
}

/// The callee's signature with the index at its end.
pub fn dispatcher_signature(ty: &FuncType) -> Result<Signature, Refused> {
    let mut out = signature(ty)?;
    out.params.push(AbiParam::new(types::I32));
    Ok(out)
}

impl Dispatchers {
    /// How many there are.
    pub fn len(&self) -> u32 {
        self.wanted.len() as u32
    }

    /// Number of the dispatcher of `table` for the canonical type `ty`.
    pub fn number(&mut self, table: u32, ty: u32) -> u32 {
        let next = self.len();
        *self.numbers.entry((table, ty)).or_insert_with(|| {
            self.wanted.push((table, ty));
            next
        })
    }

    /// Imported functions that a dispatcher may call, ascending.
    pub fn imports(&self, module: &Module<'_>) -> Vec<u32> {
        let mut out = Vec::new();
        for (table, ty) in &self.wanted {
            let elements = module.tables[*table as usize].elements.iter().flatten();
            out.extend(elements.filter(|f| {
                (**f as usize) < module.imports.len()
                    && module.canonical[module.functions[**f as usize] as usize] == *ty
            }));
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Table and canonical type of dispatcher `number`.
    pub fn wanted(&self, number: u32) -> (u32, u32) {
        self.wanted[number as usize]
    }
}

impl Translator<'_, '_, '_> {
    /// The body of the dispatcher of `table` for the canonical type `ty`.
    pub(super) fn dispatch(&mut self, table: u32, ty: u32) -> Result<(), CompileError> {
        let module: &Module<'_> = self.module;
        let callee_type = &module.types[ty as usize];
        let callee_signature = signature(callee_type).map_err(|r| r.at(module.place(self.index, 0)))?;
        let entry = self.builder.current_block().expect("entry block");
        let mut args = self.builder.block_params(entry).to_vec();
        let index = args.pop().expect("index of a dispatcher");

        let mut leaves: Vec<(Element, Block)> = Vec::new();
        let mut blocks: HashMap<Element, Block> = HashMap::new();
        let mut runs: Vec<(u32, Block)> = Vec::new();
        for (n, function) in module.tables[table as usize].elements.iter().enumerate() {
            let element = match function {
                None => Element::Null,
                Some(f) if module.canonical[module.functions[*f as usize] as usize] == ty => Element::Function(*f),
                Some(_) => Element::OtherType,
            };
            let block = *blocks.entry(element).or_insert_with(|| {
                let block = self.builder.create_block();
                leaves.push((element, block));
                block
            });
            if runs.last().is_none_or(|(_, last)| *last != block) {
                runs.push((n as u32, block));
            }
        }
        if runs.is_empty() {
            // An empty table: no index is inside it, the caller has trapped.
            let block = self.builder.create_block();
            leaves.push((Element::Null, block));
            runs.push((0, block));
        }
        self.check_stack();
        let params = callee_type.params().len() as u32;
        self.charge(fuel::FRAME + 1 + params + cost::tree(runs.len() as u32));
        control::compare_tree(&mut self.builder, index, &runs);
        for (element, block) in leaves {
            self.builder.seal_block(block);
            self.builder.switch_to_block(block);
            let code = match element {
                Element::Function(f) => {
                    let imported = (f as usize) < module.imports.len();
                    let symbol = if imported { Symbol::Thunk(f) } else { Symbol::Function(f) };
                    let callee = import(&mut self.builder, symbol, callee_signature.clone());
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
