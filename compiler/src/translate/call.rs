//! Calls: of wasm functions, of helpers, and through tables.

use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, Value, types};
use wasmkc_abi::helper::{Arg, Helper, Ret};
use wasmparser::{FuncType, Operator};

use super::{
    Space, Symbol, Translator,
    dispatch::{self, Source},
    import, signature,
};
use crate::{
    CompileError, Target,
    module::{Import, Module},
};

impl Translator<'_, '_, '_> {
    pub(super) fn calls(&mut self, op: &Operator<'_>) -> Result<bool, CompileError> {
        match op {
            Operator::Call { function_index } => match self.module.imports.get(*function_index as usize) {
                Some(Import::Packet(op)) => self.packet(*op),
                Some(Import::Helper(helper)) => self.call_helper(helper),
                None => self.call(*function_index)?,
            },
            Operator::CallIndirect { type_index, table_index } => {
                let (symbol, signature, args) = self.indirect(*type_index, *table_index)?;
                self.call_symbol(symbol, signature, &args, &self.module.types[*type_index as usize])?;
            }
            Operator::ReturnCall { function_index } if (*function_index as usize) < self.module.imports.len() => {
                self.calls(&Operator::Call { function_index: *function_index })?;
                self.control(&Operator::Return)?;
            }
            Operator::ReturnCall { function_index } => {
                let (symbol, signature, args) = self.direct(*function_index)?;
                self.tail_call(symbol, signature, &args);
            }
            Operator::ReturnCallIndirect { type_index, table_index } => {
                let (symbol, signature, args) = self.indirect(*type_index, *table_index)?;
                self.tail_call(symbol, signature, &args);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn call(&mut self, index: u32) -> Result<(), CompileError> {
        let (symbol, signature, args) = self.direct(index)?;
        self.call_symbol(symbol, signature, &args, self.module.function_type(index))
    }

    fn call_symbol(
        &mut self,
        symbol: Symbol,
        signature: Signature,
        args: &[Value],
        ty: &FuncType,
    ) -> Result<(), CompileError> {
        let callee = self.callee(symbol, || signature);
        self.give_fuel();
        let inst = self.builder.ins().call(callee, args);
        self.take_fuel();
        let results = self.builder.inst_results(inst).to_vec();
        self.take_results(&results, ty)
    }

    /// Leaves the function for `symbol`, which returns to this one's caller. Where the code generator makes no jump
    /// of it `emit` does: nothing may stand between the call and the return.
    pub(super) fn tail_call(&mut self, symbol: Symbol, signature: Signature, args: &[Value]) {
        self.reachable = false;
        self.give_fuel();
        if self.target.has_tail_calls() {
            let callee = import(&mut self.builder, symbol.external(), signature, true);
            self.builder.ins().return_call(callee, args);
            return;
        }
        let callee = import(&mut self.builder, symbol.tail_external(), signature, true);
        let inst = self.builder.ins().call(callee, args);
        let results = self.builder.inst_results(inst).to_vec();
        self.builder.ins().return_(&results);
    }

    /// What a call of function `index` takes, with its arguments popped.
    fn direct(&mut self, index: u32) -> Result<(Symbol, Signature, Vec<Value>), CompileError> {
        let module: &Module<'_> = self.module;
        let ty = module.function_type(index);
        let signature = signature(module, self.target, ty).map_err(|r| r.at(module.place(self.index, self.offset)))?;
        let symbol = match self.space {
            Space::Guest => Symbol::Function(index),
            Space::Runtime => self.runtime(index),
        };
        Ok((symbol, signature, self.give_arguments(ty)))
    }

    /// Function `index` of the runtime module, noted as one that is needed.
    pub(super) fn runtime(&mut self, index: u32) -> Symbol {
        if !self.made.runtime.contains(&index) {
            self.made.runtime.push(index);
        }
        Symbol::Runtime(index)
    }

    /// The bound is checked here, the element's type by the dispatcher.
    fn indirect(&mut self, type_index: u32, table_index: u32) -> Result<(Symbol, Signature, Vec<Value>), CompileError> {
        let module: &Module<'_> = self.module;
        let ty = &module.types[type_index as usize];
        let table = &module.tables[table_index as usize];
        let source = if table.changes { Source::References } else { Source::Table(table_index) };
        let signature = dispatch::dispatcher_signature(module, self.target, ty, source)
            .map_err(|r| r.at(module.place(self.index, self.offset)))?;
        let selector = if table.changes {
            let index = self.pop_index();
            let element = self.element(table_index, index);
            self.load(types::I64, element)
        } else {
            let index = self.pop();
            self.index_of_fixed(table_index, index)
        };
        let number = self.made.dispatchers.number(source, module.canonical[type_index as usize]);
        let mut args = self.give_arguments(ty);
        args.push(selector);
        Ok((Symbol::Dispatcher(number), signature, args))
    }

    /// Checks pointers, charges the helper's fuel, calls.
    fn call_helper(&mut self, helper: &'static Helper) {
        let operands = self.pop_many(helper.params.len());
        let mut args = vec![self.call];
        let mut range_len = None;
        for (n, (arg, operand)) in helper.params.iter().zip(&operands).enumerate() {
            match arg {
                Arg::I32 | Arg::I64 => args.push(*operand),
                Arg::MemRead => {
                    let len = self.zero_extend(operands[n + 1]);
                    let range = self.first_memory_range(*operand, len);
                    args.push(range.start);
                    range_len = Some(range.len);
                }
                Arg::Len => args.push(range_len.take().expect("row with a pointer before its length")),
            }
        }
        self.charge(helper.fuel);
        let target = self.target;
        let callee = self.callee(Symbol::Helper(helper.number), || helper_signature(target, helper));
        self.give_fuel();
        let inst = self.builder.ins().call(callee, &args);
        self.take_fuel();
        self.stack.extend_from_slice(self.builder.inst_results(inst));
    }

    /// Calls a runtime symbol without the call block: `fn(a, b, len)`.
    pub(super) fn call_runtime(&mut self, symbol: Symbol, args: [Value; 3]) {
        let second = self.builder.func.dfg.value_type(args[1]);
        let target = self.target;
        let callee = self.callee(symbol, || {
            let mut out = Signature::new(target.call_conv());
            out.params.extend([types::I64, second, types::I64].map(AbiParam::new));
            out
        });
        self.builder.ins().call(callee, &args);
    }
}

fn helper_signature(target: Target, helper: &Helper) -> Signature {
    let mut out = Signature::new(target.call_conv());
    out.params.push(AbiParam::new(types::I64));
    for arg in helper.params {
        out.params.push(AbiParam::new(match arg {
            Arg::I32 => types::I32,
            Arg::I64 | Arg::MemRead | Arg::Len => types::I64,
        }));
    }
    match helper.ret {
        Ret::None => {}
        Ret::I32 => out.returns.push(AbiParam::new(types::I32)),
        Ret::I64 => out.returns.push(AbiParam::new(types::I64)),
    }
    out
}
