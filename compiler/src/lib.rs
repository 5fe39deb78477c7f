//! WebAssembly bytes in, kernel object out.
//!
//! ```text
//! wasm ── validate ── parse ── translate ── passes ── compile ── emit ── object ── join ── audit ──▶ .kwo bytes
//!                     └──────────────── once a target ─────────────────────┘
//! ```
//!
//! Design principles:
//! 1. Bytes in, bytes out: no file, no clock, no environment, so the same input gives the same object everywhere.
//! 2. The wasm's author is hostile: every address is made in `translate/bounds.rs`, every cycle charges fuel,
//!    and nothing leaves without the audit of the final bytes.
//! 3. What is not supported is refused by name, with function and byte offset; nothing is approximated.
//! 4. Every layout and number comes from `wasmkc-abi`; this crate adds none of its own.
//!
//! [`pipeline`](self) lists the stages in order; each is one module.
#![forbid(unsafe_code)]

mod debug;
mod emit;
mod error;
mod functions;
mod isa;
mod limits;
mod lines;
mod listing;
mod module;
mod names;
mod object;
mod parse;
mod passes;
mod pipeline;
mod progress;
mod runtime;
mod translate;

pub use error::{Blame, CompileError, Place};
pub use isa::Target;
pub use listing::{Instruction, Listing, disassemble};
pub use names::printable;
pub use object::fat;
pub use passes::Pass;
pub use pipeline::{FunctionReport, Object, Report};
pub use progress::{Progress, Stage};
pub use wasmkc_audit::Jobs;

/// Name and version of the compiler, recorded in the object.
const PRODUCER: &str = concat!("wasmkc-compiler ", env!("CARGO_PKG_VERSION"));

/// What the caller decides about a build.
#[derive(Clone, Debug)]
pub struct Options {
    /// Leave out the Spectre v1 masks; recorded in the object's signed bytes.
    pub author_trusted: bool,
    /// Fuel ceiling of one run.
    pub fuel: u64,
    /// Most pages of linear memory an instance may have; the ABI's limit where `None`.
    pub max_memory_pages: Option<u32>,
    /// Purpose note, shown by `inspect` and `list`.
    pub note: String,
    /// Name of the program in the object; empty for none.
    pub name: String,
    /// The machine that the code is for.
    pub target: Target,
    /// Passes to leave out; the code does the same, slower.
    pub without: Vec<Pass>,
    /// The most threads that work on it; the object is the same for any number.
    pub jobs: Jobs,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            author_trusted: false,
            fuel: wasmkc_abi::limits::FUEL_DEFAULT,
            max_memory_pages: None,
            note: String::new(),
            name: String::new(),
            target: Target::default(),
            without: Vec::new(),
            jobs: Jobs::ONE,
        }
    }
}

/// Compiles `wasm` to an unsigned object.
///
/// # Errors
/// Says who is to blame ([`CompileError::blame`]), where, and what to do.
pub fn compile(wasm: &[u8], options: &Options) -> Result<Object, CompileError> {
    pipeline::run(wasm, options)
}

/// The same for several targets in one object: the audited bytes of all, the first of [`Target::ALL`] outermost.
/// [`Options::target`] is not looked at.
///
/// # Errors
/// As [`compile`]; [`CompileError::Target`] names the target that alone has the error.
pub fn compile_all(wasm: &[u8], options: &Options, targets: &[Target]) -> Result<Vec<u8>, CompileError> {
    pipeline::run_all(wasm, options, targets, progress::NOBODY)
}

/// [`compile_all`] for who waits: `watch` is called often, by the threads that work.
///
/// # Errors
/// As [`compile_all`].
pub fn compile_all_watched(
    wasm: &[u8],
    options: &Options,
    targets: &[Target],
    watch: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<u8>, CompileError> {
    pipeline::run_all(wasm, options, targets, watch)
}

/// What a module must keep to for [`validate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// WebAssembly 1.0.
    V1,
    /// WebAssembly 2.0.
    V2,
    /// 2.0 and memories with addresses of 64 bits.
    V2Memory64,
    /// WebAssembly 3.0: what [`compile`] asks.
    V3,
}

/// Whether `wasm` is a valid module.
///
/// # Errors
/// [`CompileError::NotWasm`], [`CompileError::Invalid`].
pub fn validate(wasm: &[u8], standard: Standard) -> Result<(), CompileError> {
    pipeline::validate(wasm, standard)
}

/// What an intermediate stage makes of `wasm`, as text: for golden tests and for authors who want to see.
///
/// # Errors
/// As [`compile`].
pub fn list(wasm: &[u8], options: &Options, what: Listing) -> Result<String, CompileError> {
    listing::list(wasm, options, what)
}
