//! `call_indirect`: for each table and type that some call names, one dispatcher, a tree of comparisons
//! whose leaves are direct calls. Tables never change, so all is known here, and generated code has no
//! indirect call.
//!
//! A dispatcher takes the callee's arguments and then the index, so that the registers stay as they
//! are on the way through. Its caller has checked the index against the table's size.

use std::collections::HashMap;

use cranelift_codegen::{
    ir::{AbiParam, Block, Function, InstBuilder, Signature, UserFuncName, types},
    isa::TargetIsa,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use wasmkc_abi::trap::TrapCode;
use wasmparser::FuncType;

use super::{Refused, Symbol, control, import, trap};
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
pub fn signature(ty: &FuncType) -> Result<Signature, Refused> {
    let mut out = super::signature(ty)?;
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

    /// The code of dispatcher `number`.
    pub fn translate(
        &self,
        number: u32,
        module: &Module<'_>,
        isa: &dyn TargetIsa,
        context: &mut FunctionBuilderContext,
    ) -> Result<Function, CompileError> {
        let (table, ty) = self.wanted[number as usize];
        let callee_type = &module.types[ty as usize];
        let internal = |r: Refused| CompileError::internal("translate", format!("dispatcher with {}", r.what));
        let name = UserFuncName::User(Symbol::Dispatcher(number).external());
        let mut clif = Function::with_name_signature(name, signature(callee_type).map_err(internal)?);
        let callee_signature = super::signature(callee_type).map_err(internal)?;
        let mut builder = FunctionBuilder::new(&mut clif, context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let mut args = builder.block_params(entry).to_vec();
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
                let block = builder.create_block();
                leaves.push((element, block));
                block
            });
            if runs.last().is_none_or(|(_, last)| *last != block) {
                runs.push((n as u32, block));
            }
        }
        if runs.is_empty() {
            // An empty table: no index is inside it, the caller has trapped.
            let block = builder.create_block();
            leaves.push((Element::Null, block));
            runs.push((0, block));
        }
        control::compare_tree(&mut builder, index, &runs);
        for (element, block) in leaves {
            builder.seal_block(block);
            builder.switch_to_block(block);
            let code = match element {
                Element::Function(f) => {
                    let imported = (f as usize) < module.imports.len();
                    let symbol = if imported { Symbol::Thunk(f) } else { Symbol::Function(f) };
                    let callee = import(&mut builder, symbol, callee_signature.clone());
                    let inst = builder.ins().call(callee, &args);
                    let results = builder.inst_results(inst).to_vec();
                    builder.ins().return_(&results);
                    continue;
                }
                Element::Null => TrapCode::IndirectCallToNull,
                Element::OtherType => TrapCode::BadSignature,
            };
            builder.set_cold_block(block);
            let exit = import(&mut builder, Symbol::Trap(code as u32), trap::signature());
            trap::leave(&mut builder, exit, args[0], code);
        }
        builder.finalize(isa.frontend_config());
        Ok(clif)
    }
}
