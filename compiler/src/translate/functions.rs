//! The functions of an object, one at a time: those of the module, then what the compiler makes for them.

use std::collections::{HashMap, VecDeque};

use cranelift_codegen::{
    ir::{Function, UserFuncName, Value},
    isa::TargetIsa,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use wasmparser::FunctionBody;

use super::{Space, Symbol, Translator, budget, dispatch, signature};
use crate::{
    CompileError, Options, Target,
    module::Module,
    passes::{Interval, Pass},
    runtime::Runtime,
};

/// One function ready for the code generator.
pub struct Translated {
    /// What it is.
    pub symbol: Symbol,
    /// Its CLIF.
    pub clif: Function,
    /// What some of its loads may give.
    pub known: HashMap<Value, Interval>,
}

/// How one function is translated.
#[derive(Clone, Copy)]
pub struct How {
    /// Addresses are masked against speculation.
    pub masks: bool,
    /// Constants are hidden.
    pub hides: bool,
    /// For which machine.
    pub target: Target,
    /// Functions with loops keep their fuel in a register.
    pub fuel_register: bool,
}

/// What functions have called for that is no function of the module.
#[derive(Default)]
pub struct Made {
    /// Dispatchers that some call goes through.
    pub dispatchers: dispatch::Dispatchers,
    /// Functions of the runtime module, in the order of their first call.
    pub runtime: Vec<u32>,
}

/// A module's functions, one at a time: in the order of their index, then what the compiler makes for them.
pub struct Translation<'m, 'a> {
    module: &'m Module<'a>,
    masks: bool,
    fuel_register: bool,
    target: Target,
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
            masks: !options.author_trusted && options.target.masks(),
            fuel_register: !options.without.contains(&Pass::FuelRegister),
            target: options.target,
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
        let how = How { masks: self.masks, hides, target: self.target, fuel_register: self.fuel_register };
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
        let made = function(module, how, self.isa, &mut self.context, &mut self.made, symbol, body);
        // What an error has left half done would be in the way of the next function.
        let (translated, size) = made.inspect_err(|_| self.context = FunctionBuilderContext::new())?;
        if !hides {
            self.size += size;
            budget::check_all(self.size)?;
        }
        Ok(translated)
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
) -> Result<(Translated, u64), CompileError> {
    let target = how.target;
    let (index, signature) = match symbol {
        Symbol::Dispatcher(number) => {
            let (source, ty) = made.dispatchers.wanted(number);
            (u32::MAX, dispatch::dispatcher_signature(module, target, &module.types[ty as usize], source))
        }
        Symbol::Function(index) | Symbol::Thunk(index) | Symbol::Runtime(index) => {
            (index, signature(module, target, module.function_type(index)))
        }
        Symbol::Export(number) => {
            (module.exports[number as usize].function, signature(module, target, &wasmparser::FuncType::new([], [])))
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
    let known = std::mem::take(&mut translator.known);
    translator.builder.finalize(isa.frontend_config());
    Ok((Translated { symbol, clif, known }, size))
}
