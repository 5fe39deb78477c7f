//! Everything that can go wrong, with who is to blame, where, and what to do about it.

mod one_target;

use std::fmt;

use one_target::elsewhere;

/// Who has to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The wasm module is wrong, or no filter.
    Wasm,
    /// The module is valid, but uses something that this version does not compile.
    Unsupported,
    /// The module or an option passes a limit.
    Limit,
    /// A bug of this compiler.
    Internal,
}

/// A function of the module, and the byte of the file at which something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name from the name section or an export; empty if it has none.
    pub name: String,
    /// Index in the module.
    pub index: u32,
    /// Byte offset in the wasm file.
    pub offset: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "function {} at wasm offset {:#x}", self.index, self.offset)
        } else {
            write!(f, "function `{}` (index {}) at wasm offset {:#x}", self.name, self.index, self.offset)
        }
    }
}

/// Why there is no object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The bytes do not start like a wasm module.
    #[error(
        "not a wasm file: it does not start with `\\0asm` version 1; give the output of a compiler for wasm32, not a text or component file"
    )]
    NotWasm,
    /// The validator refused the module.
    #[error("invalid wasm at offset {offset:#x}: {message}; the file is damaged or its compiler has a bug")]
    Invalid {
        /// Byte offset in the file.
        offset: usize,
        /// The validator's own words.
        message: String,
    },
    /// An import that the ABI lacks.
    #[error(
        "import `{module}.{name}` at wasm offset {offset:#x} does not exist: a filter may import functions of `xdp` and `kernel` only{hint}"
    )]
    UnknownImport {
        /// Module of the import.
        module: String,
        /// Its name.
        name: String,
        /// Byte offset in the file.
        offset: usize,
        /// A name that may have been meant, with its lead-in; or what else to do.
        hint: String,
    },
    /// An import of the ABI with another signature.
    #[error(
        "import `{module}.{name}` at wasm offset {offset:#x} has signature {found}, the ABI's is {expected}: correct the declaration"
    )]
    ImportSignature {
        /// Module of the import.
        module: String,
        /// Its name.
        name: String,
        /// Byte offset in the file.
        offset: usize,
        /// The signature in the wasm.
        found: String,
        /// The signature of the ABI.
        expected: String,
    },
    /// An import that works on linear memory in a module that has none.
    #[error("import `{module}.{name}` works on linear memory, but the module has none: define a memory")]
    ImportNeedsMemory {
        /// Module of the import.
        module: String,
        /// Its name.
        name: String,
    },
    /// The module has no `xdp` function.
    #[error(
        "no export `xdp`: export a function `xdp: () -> i32` that returns the verdict (C: `WASMKC_EXPORT(xdp) int xdp(void)`, Rust: `xdp!(filter);`, see abi/guest)"
    )]
    NoXdp,
    /// An entry has the wrong type.
    #[error("export `{name}` is {found}, it must be a function {expected}")]
    EntryType {
        /// `xdp`, `_initialize` or `init`.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// An active segment lies outside its memory or table.
    #[error(
        "{kind} segment {index} at wasm offset {offset:#x} writes [{start}, {end}) but the {what} has {size} {unit}: instantiation would trap"
    )]
    SegmentOutOfBounds {
        /// `data` or `element`.
        kind: &'static str,
        /// Index of the segment.
        index: usize,
        /// Byte offset in the file.
        offset: usize,
        /// First element written.
        start: u64,
        /// End of what is written.
        end: u64,
        /// `memory` or `table`.
        what: &'static str,
        /// Its size.
        size: u64,
        /// Unit of the size.
        unit: &'static str,
    },
    /// A function uses an operator, a type or a local that is not supported.
    #[error("{place}: {what} is not supported{advice}")]
    UnsupportedInFunction {
        /// Where.
        place: Place,
        /// The operator or type.
        what: String,
        /// What to do, with its lead-in.
        advice: &'static str,
    },
    /// Something outside functions is not supported.
    #[error("{what} at wasm offset {offset:#x} is not supported{advice}")]
    Unsupported {
        /// What it is.
        what: String,
        /// Byte offset in the file.
        offset: usize,
        /// What to do, with its lead-in.
        advice: &'static str,
    },
    /// The memory is larger than allowed.
    #[error("the memory needs {pages} pages of 64 KiB, the limit is {limit}: shrink static data or the stack (`-z stack-size=`), or allow more with `--max-memory`, {ceiling} pages at most", ceiling = wasmkc_abi::limits::MAX_MEMORY_PAGES)]
    MemoryTooLarge {
        /// Pages the module asks for at start.
        pages: u64,
        /// Pages it may have.
        limit: u32,
    },
    /// A count or size passes a limit of the ABI.
    #[error("{what}: {found}, the limit is {limit}")]
    Limit {
        /// What is too large.
        what: String,
        /// How large it is.
        found: u64,
        /// How large it may be.
        limit: u64,
    },
    /// One function needs more of the kernel's stack than a frame may have.
    #[error(
        "{place}: its frame takes {frame} bytes of stack, the limit is {limit}; split the function, so that fewer of its values are needed at once, or keep large locals in linear memory"
    )]
    FrameTooLarge {
        /// The function.
        place: Place,
        /// Bytes of its frame.
        frame: u32,
        /// Bytes that a frame may have.
        limit: u32,
    },
    /// One function is too much for the code generator.
    #[error("{place}: {what}; split the function or move large locals to linear memory")]
    FunctionTooLarge {
        /// The function.
        place: Place,
        /// What is too large.
        what: String,
    },
    /// The code would contain a landing pad for indirect jumps within.
    #[error(
        "{place}: the bytes of `endbr64` (f3 0f 1e fa) would stand inside its code, at {at:#x}, even with its constants hidden; change the constants of the function or split it"
    )]
    LandingPad {
        /// The function.
        place: Place,
        /// Offset in its code.
        at: u32,
    },
    /// An option has a value that no object can carry.
    #[error("option {option}: {what}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What is wrong and what to do.
        what: String,
    },
    /// What is wrong is wrong for one of several targets alone.
    #[error("for {target}: {cause}{}", elsewhere(fits))]
    Target {
        /// Its name.
        target: &'static str,
        /// What is wrong.
        cause: Box<CompileError>,
        /// Names of the others, if there is an object for all of them.
        fits: Vec<&'static str>,
    },
    /// The audit refused our own output.
    #[error(
        "the audit refused the compiled code, there is no object (a bug of wasmkc, please report it with the wasm file):\n{0}"
    )]
    Audit(String),
    /// A bug.
    #[error("internal error in {stage}: {message} (a bug of wasmkc, please report it with the wasm file)")]
    Internal {
        /// Stage that found it.
        stage: &'static str,
        /// What it found.
        message: String,
    },
}

impl CompileError {
    /// Who has to change something.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::NotWasm
            | Self::Invalid { .. }
            | Self::UnknownImport { .. }
            | Self::ImportSignature { .. }
            | Self::ImportNeedsMemory { .. }
            | Self::NoXdp
            | Self::EntryType { .. }
            | Self::SegmentOutOfBounds { .. } => Blame::Wasm,
            Self::UnsupportedInFunction { .. } | Self::Unsupported { .. } | Self::LandingPad { .. } => {
                Blame::Unsupported
            }
            Self::MemoryTooLarge { .. }
            | Self::Limit { .. }
            | Self::FrameTooLarge { .. }
            | Self::FunctionTooLarge { .. }
            | Self::Option { .. } => Blame::Limit,
            Self::Target { cause, .. } => cause.blame(),
            Self::Audit(_) | Self::Internal { .. } => Blame::Internal,
        }
    }

    pub(crate) fn internal(stage: &'static str, message: impl fmt::Display) -> Self {
        Self::Internal { stage, message: message.to_string() }
    }

    /// Passes unless `found` is above `limit`.
    pub(crate) fn check_limit(what: impl Into<String>, found: u64, limit: u64) -> Result<(), Self> {
        if found <= limit { Ok(()) } else { Err(Self::Limit { what: what.into(), found, limit }) }
    }
}

impl From<wasmparser::BinaryReaderError> for CompileError {
    fn from(e: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid { offset: e.offset(), message: e.message().to_owned() }
    }
}
