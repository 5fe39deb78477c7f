//! Functions to machine code, one by one, those of all targets in one line.
//!
//! ```text
//!  translation   in order, one at a time: what a function calls for is numbered by the first that does
//!      │  │ │
//!   passes, code generator   each thread its own function
//!      │  │ │
//!   settled      in order again: the size of all so far, and which error is the first
//! ```
//! No more functions are in between than there are threads. What becomes of one does not depend on the others, so code
//! and errors are the same for any number of threads. What is too large is refused before all of it is made.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use cranelift_codegen::{Context, isa::TargetIsa};
use wasmkc_audit::Jobs;

use crate::{
    CompileError, Options,
    emit::{self, Compiled, Image},
    module::Module,
    passes,
    translate::{Symbol, Translated, Translation},
};

/// What a thread should be worth, in bytes of wasm: to compile so many takes ten times as long as to begin one.
const BYTES_A_JOB: usize = 128;

/// One target's functions on their way.
pub struct Functions<'m> {
    module: &'m Module<'m>,
    options: &'m Options,
    isa: &'m dyn TargetIsa,
    line: Mutex<Line<'m>>,
    settled: Mutex<Settled>,
}

struct Line<'m> {
    translation: Translation<'m, 'm>,
    /// Functions that were taken from it.
    taken: usize,
}

#[derive(Default)]
struct Settled {
    functions: Vec<Option<Compiled>>,
    /// How many have none before them that is missing, and where the text of those ends.
    count: usize,
    text: u32,
    /// The first error of those that are known, and its function.
    failed: Option<(usize, CompileError)>,
}

/// A function to be compiled.
struct Item {
    number: usize,
    symbol: Symbol,
    translated: Box<Translated>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // After a panic nobody looks at what is in it: the panic goes on.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'m> Functions<'m> {
    /// Those of `module`, for the target that `options` and `isa` are for.
    pub fn new(module: &'m Module<'m>, options: &'m Options, isa: &'m dyn TargetIsa) -> Self {
        let line = Line { translation: Translation::new(module, options, isa), taken: 0 };
        Self { module, options, isa, line: Mutex::new(line), settled: Mutex::default() }
    }

    /// The next function; none behind the last, or once there is an error: all before that were taken.
    fn take(&self) -> Option<Item> {
        if locked(&self.settled).failed.is_some() {
            return None;
        }
        let mut line = locked(&self.line);
        let number = line.taken;
        let translated = match line.translation.next() {
            Ok(None) => return None,
            Ok(Some(symbol)) => line.translation.function(symbol, false).map(|translated| (symbol, translated)),
            Err(error) => Err(error),
        };
        match translated {
            Ok((symbol, translated)) => {
                line.taken += 1;
                Some(Item { number, symbol, translated: Box::new(translated) })
            }
            Err(error) => {
                locked(&self.settled).fail(number, error);
                None
            }
        }
    }

    /// One whose code has a landing pad inside is made again with its constants hidden.
    fn compile(&self, context: &mut Context, symbol: Symbol, translated: Translated) -> Result<Compiled, CompileError> {
        let target = self.options.target;
        let mut code = |mut translated: Translated| {
            passes::run(&mut translated.clif, &mut translated.known, &self.options.without);
            emit::compile(self.module, translated, target, self.isa, context, &self.options.without)
        };
        let mut function = code(translated)?;
        if emit::stray(target, &function).is_some() {
            let hidden = locked(&self.line).translation.function(symbol, true)?;
            function = code(hidden)?;
        }
        match emit::stray(target, &function) {
            Some(at) => Err(CompileError::LandingPad { place: emit::place(self.module, symbol), at }),
            None => Ok(function),
        }
    }

    /// Bytes of wasm that `symbol` is made of.
    fn bytes(&self, symbol: Symbol) -> usize {
        let Symbol::Function(index) = symbol else { return 0 };
        self.module.bodies.get(index as usize - self.module.imports.len()).map_or(0, |body| body.range().len())
    }

    /// The image of all of them.
    pub fn into_image(self) -> Result<Image, CompileError> {
        let settled = self.settled.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, error)) = settled.failed {
            return Err(error);
        }
        let functions: Vec<Compiled> = settled.functions.into_iter().flatten().collect();
        if functions.len() != self.line.into_inner().unwrap_or_else(PoisonError::into_inner).taken {
            return Err(CompileError::internal("functions", "one was not compiled"));
        }
        emit::layout(self.module, self.options.target, functions)
    }
}

impl Settled {
    fn settle(&mut self, number: usize, function: Result<Compiled, CompileError>) {
        match function {
            Ok(function) => {
                self.functions.resize_with(self.functions.len().max(number + 1), || None);
                self.functions[number] = Some(function);
            }
            Err(error) => self.fail(number, error),
        }
        while let Some(Some(function)) = self.functions.get(self.count) {
            match emit::end_of_text(self.text, function) {
                Ok(end) => (self.text, self.count) = (end, self.count + 1),
                Err(error) => return self.fail(self.count, error),
            }
        }
    }

    fn fail(&mut self, number: usize, error: CompileError) {
        if self.failed.as_ref().is_none_or(|(first, _)| number < *first) {
            self.failed = Some((number, error));
        }
    }
}

/// Compiles all functions of `targets`. `tell` gets the bytes of wasm compiled so far, and of all.
pub fn compile_all(targets: &[Functions<'_>], jobs: Jobs, tell: &(dyn Fn(usize, usize) + Sync)) {
    let bodies = targets.iter().flat_map(|target| &target.module.bodies);
    let (count, all) = bodies.fold((0, 0), |(count, all), body| (count + 1, all + body.range().len()));
    let done = AtomicUsize::new(0);
    let mut rest = targets.iter().peekable();
    let next = || {
        loop {
            let target: &Functions<'_> = rest.peek()?;
            if let Some(item) = target.take() {
                return Some((target, item));
            }
            rest.next();
        }
    };
    jobs.at_most(all, BYTES_A_JOB).at_most(count, 1).each(next, Context::new, |context, (target, item)| {
        let Item { number, symbol, translated } = item;
        let function = target.compile(context, symbol, *translated);
        locked(&target.settled).settle(number, function);
        let bytes = target.bytes(symbol);
        tell(done.fetch_add(bytes, Ordering::Relaxed) + bytes, all);
    });
}
