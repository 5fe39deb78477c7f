//! The transfer area of an instance: arguments and results of exports, results that find no register, and parameters
//! that are not passed by the convention (`Module::passed`).
//!
//! Whoever calls reads the results before anything else runs, and whoever is called its parameters, so that one
//! area serves all functions.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmparser::{FuncType, ValType};

use super::{Translator, cost, fuel};
use crate::{CompileError, isa::REGISTER_RESULTS};

impl Translator<'_, '_, '_> {
    /// The body of an export's entry: arguments from the area, the call, results to the area.
    pub(super) fn export(&mut self) -> Result<(), CompileError> {
        let ty = self.module.function_type(self.index).clone();
        self.check_stack();
        let called = cost::called(self.module, &ty, &|| self.module.place(self.index, 0))?;
        self.charge(fuel::FRAME + 2 * called);
        for (n, param) in ty.params().iter().enumerate() {
            let value = self.take(n, *param)?;
            self.push(value);
        }
        self.call(self.index)?;
        let results = std::mem::take(&mut self.stack);
        for (n, value) in results.into_iter().enumerate().take(REGISTER_RESULTS) {
            self.put(n, value);
        }
        self.builder.ins().return_(&[]);
        Ok(())
    }

    /// Pushes the parameters of this function: those passed by the convention, then the others.
    pub(super) fn take_params(&mut self, ty: &FuncType) -> Result<(), CompileError> {
        let entry = self.builder.current_block().expect("entry block");
        self.stack.extend_from_slice(&self.builder.block_params(entry)[1..]);
        for (n, param) in ty.params().iter().enumerate().skip(self.module.passed(ty)) {
            let value = self.take(n, *param)?;
            self.push(value);
        }
        Ok(())
    }

    /// Pops the arguments of a call: gives those passed by the convention, behind the call block, and stores the others.
    pub(super) fn give_arguments(&mut self, ty: &FuncType) -> Vec<Value> {
        let passed = self.module.passed(ty);
        let mut operands = self.pop_many(ty.params().len());
        for (n, value) in operands.iter().enumerate().skip(passed) {
            self.put(n, *value);
        }
        operands.truncate(passed);
        operands.insert(0, self.call);
        operands
    }

    /// Returns with the operand stack as the results.
    pub(super) fn give_results(&mut self) {
        let results = std::mem::take(&mut self.stack);
        let (registers, rest) = results.split_at(results.len().min(REGISTER_RESULTS));
        for (n, value) in rest.iter().enumerate() {
            self.put(REGISTER_RESULTS + n, *value);
        }
        self.give_fuel();
        self.builder.ins().return_(registers);
    }

    /// Pushes the results of a call: those in registers, then the others.
    pub(super) fn take_results(&mut self, registers: &[Value], ty: &FuncType) -> Result<(), CompileError> {
        self.stack.extend_from_slice(registers);
        for (n, result) in ty.results().iter().enumerate().skip(REGISTER_RESULTS) {
            let value = self.take(n, *result)?;
            self.push(value);
        }
        Ok(())
    }

    fn take(&mut self, n: usize, ty: ValType) -> Result<Value, CompileError> {
        let ty = self.ty(ty)?;
        let slot = self.transfer(n as u32);
        Ok(self.load(ty, slot))
    }

    /// Stores all 64 bits of the slot.
    fn put(&mut self, n: usize, value: Value) {
        let wide = self.builder.func.dfg.value_type(value) == types::I64;
        let value = if wide { value } else { self.zero_extend(value) };
        let slot = self.transfer(n as u32);
        self.store(value, slot);
    }
}
