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
//! budget    how large a function may become
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
mod hidden;
mod memory;
mod numeric;
mod packet;
mod signature;
mod symbol;
mod table;
mod transfer;
mod trap;

use std::collections::{HashMap, VecDeque};

use cranelift_codegen::{
    ir::{
        self, FuncRef, Function, InstBuilder, Signature, SourceLoc, Type, UserExternalName, UserFuncName, Value, types,
    },
    isa::TargetIsa,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use wasmparser::{FunctionBody, Operator, ValType};

use crate::{CompileError, Options, module::Module, runtime::Runtime};
use signature::{clif_type, signature};
pub use symbol::Symbol;
#[cfg(test)]
pub use {cost::is_integer_only, float::runtime_names};

/// One function ready for the code generator.
pub struct Translated {
    /// What it is.
    pub symbol: Symbol,
    /// Its CLIF.
    pub clif: Function,
}

/// How one function is translated.
#[derive(Clone, Copy)]
struct How {
    /// Addresses are masked against speculation.
    masks: bool,
    /// Constants are hidden.
    hides: bool,
}

/// What functions have called for that is no function of the module.
#[derive(Default)]
struct Made {
    dispatchers: dispatch::Dispatchers,
    /// Functions of the runtime module, in the order of their first call.
    runtime: Vec<u32>,
}

/// A module's functions, one at a time: in the order of their index, then what the compiler makes for them.
pub struct Translation<'m, 'a> {
    module: &'m Module<'a>,
    masks: bool,
    isa: &'m dyn TargetIsa,
    context: FunctionBuilderContext,
    made: Made,
    /// What comes next; dispatchers and thunks once all calls are known.
    queue: VecDeque<Symbol>,
    all_calls_known: bool,
    /// Functions of the runtime module given so far.
    runtime: usize,
    /// Size of all functions so far.
    size: u64,
}

impl<'m, 'a> Translation<'m, 'a> {
    /// Of all functions of `module`.
    pub fn new(module: &'m Module<'a>, options: &Options, isa: &'m dyn TargetIsa) -> Self {
        let indices = (module.imports.len() as u32..).zip(&module.bodies).map(|(index, _)| Symbol::Function(index));
        Self {
            module,
            masks: !options.author_trusted,
            isa,
            context: FunctionBuilderContext::new(),
            made: Made::default(),
            queue: indices.chain((0..module.exports.len() as u32).map(Symbol::Export)).collect(),
            all_calls_known: false,
            runtime: 0,
            size: 0,
        }
    }

    /// The next function to translate. All before it have been.
    pub fn next(&mut self) -> Result<Option<Symbol>, CompileError> {
        if self.queue.is_empty() && !std::mem::replace(&mut self.all_calls_known, true) {
            self.made.dispatchers.check(self.module)?;
            self.queue.extend((0..self.made.dispatchers.len()).map(Symbol::Dispatcher));
            self.queue.extend(self.made.dispatchers.imports(self.module).into_iter().map(Symbol::Thunk));
        }
        if let Some(symbol) = self.queue.pop_front() {
            return Ok(Some(symbol));
        }
        // They call each other, so the list grows while it is worked off.
        let next = self.made.runtime.get(self.runtime).copied();
        self.runtime += 1;
        Ok(next.map(Symbol::Runtime))
    }

    /// `symbol` as CLIF, with the author's constants hidden if it `hides` them.
    pub fn function(&mut self, symbol: Symbol, hides: bool) -> Result<Translated, CompileError> {
        let how = How { masks: self.masks, hides };
        let (module, body): (&Module<'_>, _) = match symbol {
            Symbol::Function(index) => {
                (self.module, self.module.bodies.get(index as usize - self.module.imports.len()))
            }
            Symbol::Runtime(index) => {
                let runtime = &Runtime::get()?.module;
                (runtime, runtime.bodies.get(index as usize))
            }
            _ => (self.module, None),
        };
        let (clif, size) = function(module, how, self.isa, &mut self.context, &mut self.made, symbol, body)?;
        if !hides {
            self.size += size;
            budget::check_all(self.size)?;
        }
        Ok(Translated { symbol, clif })
    }
}

/// A function's CLIF and its size: of one with a body, of a dispatcher, or of a thunk.
fn function(
    module: &Module<'_>,
    how: How,
    isa: &dyn TargetIsa,
    context: &mut FunctionBuilderContext,
    made: &mut Made,
    symbol: Symbol,
    body: Option<&FunctionBody<'_>>,
) -> Result<(Function, u64), CompileError> {
    let (index, signature) = match symbol {
        Symbol::Dispatcher(number) => {
            let (source, ty) = made.dispatchers.wanted(number);
            (u32::MAX, dispatch::dispatcher_signature(module, &module.types[ty as usize], source))
        }
        Symbol::Function(index) | Symbol::Thunk(index) | Symbol::Runtime(index) => {
            (index, signature(module, module.function_type(index)))
        }
        Symbol::Export(number) => {
            (module.exports[number as usize].function, signature(module, &wasmparser::FuncType::new([], [])))
        }
        other => return Err(CompileError::internal("translate", format!("{other:?} has no code"))),
    };
    let place = module.place(index, body.map_or(0, |b| b.range().start));
    let signature = signature.map_err(|r| r.at(place))?;
    let mut clif = Function::with_name_signature(UserFuncName::User(symbol.external()), signature);
    let builder = FunctionBuilder::new(&mut clif, context);
    let mut translator = Translator::new(module, how, made, builder, index);
    match (symbol, body) {
        (Symbol::Dispatcher(number), _) => {
            let (source, ty) = translator.made.dispatchers.wanted(number);
            translator.dispatch(source, ty)?;
        }
        (Symbol::Export(_), _) => translator.export()?,
        (Symbol::Runtime(_), Some(body)) => {
            translator.space = Space::Runtime;
            translator.body(body)?;
        }
        (_, Some(body)) => translator.body(body)?,
        (_, None) => translator.thunk()?,
    }
    translator.check_size()?;
    let size = translator.size();
    translator.builder.finalize(isa.frontend_config());
    Ok((clif, size))
}

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
    /// Loops seen so far.
    loops: usize,
    /// Values that branches and blocks have carried so far.
    carried: u64,
    callees: HashMap<Symbol, FuncRef>,
    regions: bounds::Regions,
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
            loops: 0,
            carried: 0,
            callees: HashMap::new(),
            regions,
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
        self.check_stack();
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
        let builder = &mut self.builder;
        *self.callees.entry(symbol).or_insert_with(|| import(builder, symbol.external(), signature()))
    }
}

/// Declares `symbol` in the function that `builder` makes. All are within 2 GiB, hence "colocated".
fn import(builder: &mut FunctionBuilder<'_>, symbol: UserExternalName, signature: Signature) -> FuncRef {
    let signature = builder.import_signature(signature);
    let name = builder.func.declare_imported_user_function(symbol);
    builder.import_function(ir::ExtFuncData {
        name: ir::ExternalName::user(name),
        signature,
        colocated: true,
        patchable: false,
    })
}
