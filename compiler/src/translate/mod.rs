//! wasm function bodies to CLIF, one operator family a file.
//!
//! ```text
//! mod       per function: locals, prologue (stack, fuel), operators in order
//! float     floats, by calls of the runtime       transfer  exports, results without register
//! control   blocks, branches, br_table            call      calls, dispatchers' use, helpers
//! numeric   integer arithmetic                    memory    loads, stores, size, grow, globals
//! packet    imports of module `xdp`               bulk      memory.copy, fill, init, data.drop
//! bounds    the only file that makes an address   dispatch  dispatchers of call_indirect
//! signature types and signatures                  table     references, tables, element segments
//! fuel      what is charged and where             trap      how a run ends
//! cost      what an operator costs, so which exist   hidden    what the optimiser must not see
//! budget    how large a function may become       functions which there are, in their order
//! ```
//! It must never emit a float or vector value, an indirect branch, or an access with an address
//! that `bounds` did not make.

mod bounds;
mod budget;
mod bulk;
mod call;
mod control;
mod cost;
mod dispatch;
mod float;
mod fuel;
mod functions;
mod hidden;
mod memory;
mod numeric;
mod packet;
mod signature;
mod symbol;
mod table;
mod transfer;
mod trap;

use std::collections::HashMap;

use cranelift_codegen::ir::{self, FuncRef, InstBuilder, Signature, SourceLoc, Type, UserExternalName, Value, types};
use cranelift_frontend::{FunctionBuilder, Variable};
use wasmparser::{FunctionBody, Operator, ValType};

use crate::{CompileError, Target, module::Module, passes::Interval};
use functions::{How, Made};
pub use functions::{Translated, Translation};
use signature::{clif_type, signature};
pub use symbol::Symbol;
#[cfg(test)]
pub use {cost::is_integer_only, float::runtime_names};

/// Whose function it is that calls others by index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    Guest,
    Runtime,
}

/// State of one function's translation.
struct Translator<'m, 'a, 'f> {
    module: &'m Module<'a>,
    /// Whether addresses are masked against speculation.
    masks: bool,
    target: Target,
    hidden: hidden::Hidden,
    made: &'m mut Made,
    space: Space,
    builder: FunctionBuilder<'f>,
    /// Index of the function.
    index: u32,
    /// File offset of the operator being translated.
    offset: usize,
    /// Pointer to the call block.
    call: Value,
    /// Operand stack.
    stack: Vec<Value>,
    frames: Vec<control::Frame>,
    /// Whether the current position can be reached.
    reachable: bool,
    locals: Vec<Variable>,
    costs: fuel::Costs,
    fuel: fuel::Kept,
    /// Whether it may be in a register.
    fuel_register: bool,
    /// Loops seen so far.
    loops: usize,
    /// Values that branches and blocks have carried so far.
    carried: u64,
    callees: HashMap<Symbol, FuncRef>,
    regions: bounds::Regions,
    /// The packet's length, as i64 and as i32, where nothing changes it.
    packet_len: Option<(Value, Value)>,
    /// What some loads may give.
    known: HashMap<Value, Interval>,
}

impl<'m, 'a, 'f> Translator<'m, 'a, 'f> {
    fn new(module: &'m Module<'a>, how: How, made: &'m mut Made, mut builder: FunctionBuilder<'f>, index: u32) -> Self {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let call = builder.block_params(entry)[0];
        let regions = bounds::Regions::new(&mut builder);
        Self {
            module,
            masks: how.masks,
            target: how.target,
            hidden: hidden::Hidden { constants: how.hides, slot: None },
            made,
            space: Space::Guest,
            builder,
            index,
            offset: 0,
            call,
            stack: Vec::new(),
            frames: Vec::new(),
            reachable: true,
            locals: Vec::new(),
            costs: fuel::Costs::default(),
            fuel: fuel::Kept::default(),
            fuel_register: how.fuel_register,
            loops: 0,
            carried: 0,
            callees: HashMap::new(),
            regions,
            packet_len: None,
            known: HashMap::new(),
        }
    }

    fn body(&mut self, body: &FunctionBody<'a>) -> Result<(), CompileError> {
        self.at(body.range().start);
        let ty = self.module.function_type(self.index);
        self.take_params(ty)?;
        for (param, value) in ty.params().iter().zip(std::mem::take(&mut self.stack)) {
            let ty = self.ty(*param)?;
            self.local(ty, value);
        }
        self.costs = fuel::Costs::of(self.module, self.index, body)?;
        self.declare_locals(body)?;
        self.load_packet_len();
        self.check_stack();
        if self.fuel_register && !self.costs.loops.is_empty() {
            self.keep_fuel_in_register();
        }
        self.charge(self.costs.entry);
        self.enter_function(ty)?;
        for item in body.get_operators_reader()?.into_iter_with_offsets() {
            let (op, offset) = item?;
            self.at(offset);
            self.check_size()?;
            self.operator(&op)?;
        }
        Ok(())
    }

    /// The body of an imported function: its parameters, the call, its results.
    fn thunk(&mut self) -> Result<(), CompileError> {
        self.take_params(self.module.function_type(self.index))?;
        let import = &self.module.imports[self.index as usize];
        self.check_stack();
        self.charge(fuel::FRAME + 1 + cost::imported(import));
        self.calls(&Operator::Call { function_index: self.index })?;
        self.give_results();
        Ok(())
    }

    /// The locals behind the parameters, all zero: one zero a type.
    fn declare_locals(&mut self, body: &FunctionBody<'_>) -> Result<(), CompileError> {
        let mut zeros: HashMap<Type, Value> = HashMap::new();
        for item in body.get_locals_reader()? {
            let (count, ty) = item?;
            let ty = self.ty(ty)?;
            let builder = &mut self.builder;
            let zero = *zeros.entry(ty).or_insert_with(|| builder.ins().iconst(ty, 0));
            (0..count).for_each(|_| self.local(ty, zero));
        }
        Ok(())
    }

    fn local(&mut self, ty: Type, value: Value) {
        let variable = self.builder.declare_var(ty);
        self.builder.def_var(variable, value);
        self.locals.push(variable);
    }

    /// Sets the file offset that traps and line rows of what follows get.
    fn at(&mut self, offset: usize) {
        self.offset = offset;
        // the runtime's bytes are not in the guest's file
        if self.space == Space::Guest {
            self.builder.set_srcloc(SourceLoc::new(offset as u32));
        }
    }

    fn operator(&mut self, op: &Operator<'a>) -> Result<(), CompileError> {
        if !self.reachable {
            self.skip(op);
            return Ok(());
        }
        let done = self.variable(op)
            || self.numeric(op)
            || self.float(op)?
            || self.memory(op)
            || self.table(op)
            || self.control(op)?
            || self.calls(op)?
            || self.bulk(op);
        if done { Ok(()) } else { Err(cost::refused(op, &|| self.module.place(self.index, self.offset))) }
    }

    fn variable(&mut self, op: &Operator<'_>) -> bool {
        match op {
            Operator::LocalGet { local_index } => {
                let value = self.builder.use_var(self.locals[*local_index as usize]);
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.builder.def_var(self.locals[*local_index as usize], value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.builder.def_var(self.locals[*local_index as usize], value);
                self.push(value);
            }
            Operator::GlobalGet { global_index } => self.global_get(*global_index),
            Operator::GlobalSet { global_index } => self.global_set(*global_index),
            Operator::Drop => {
                self.pop();
            }
            Operator::Nop => {}
            _ => return false,
        }
        true
    }

    fn ty(&self, ty: ValType) -> Result<Type, CompileError> {
        clif_type(ty).map_err(|r| r.at(self.module.place(self.index, self.offset)))
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().expect("operand of a validated function")
    }

    fn pop_many(&mut self, count: usize) -> Vec<Value> {
        let at = self.stack.len() - count;
        self.stack.split_off(at)
    }

    fn iconst64(&mut self, value: u64) -> Value {
        self.builder.ins().iconst(types::I64, value as i64)
    }

    fn iconst32(&mut self, value: u32) -> Value {
        self.builder.ins().iconst(types::I32, i64::from(value))
    }

    fn zero_extend(&mut self, value: Value) -> Value {
        self.builder.ins().uextend(types::I64, value)
    }

    /// Function reference for a direct call of `symbol`.
    fn callee(&mut self, symbol: Symbol, signature: impl FnOnce() -> Signature) -> FuncRef {
        let (builder, target) = (&mut self.builder, self.target);
        let near = target.calls_loader() || symbol.undefined().is_none();
        *self.callees.entry(symbol).or_insert_with(|| import(builder, symbol.external(), signature(), near))
    }
}

/// Declares `symbol` in the function that `builder` makes. What is `near` is called by its distance; the rest is what
/// bytecode calls by a number.
fn import(builder: &mut FunctionBuilder<'_>, symbol: UserExternalName, signature: Signature, near: bool) -> FuncRef {
    let signature = builder.import_signature(signature);
    let name = builder.func.declare_imported_user_function(symbol);
    builder.import_function(ir::ExtFuncData {
        name: ir::ExternalName::user(name),
        signature,
        colocated: near,
        patchable: false,
    })
}
