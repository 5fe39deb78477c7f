//! How far a build is, for who waits for it.

/// A stage that takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Functions to machine code, for all targets; counted in bytes of wasm.
    Compile,
    /// The check of the final bytes; counted in bytes of code.
    Audit,
}

/// What is done of a stage. Nothing follows from it for the object: threads tell it as they come to it, so of two calls
/// the later one may tell less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which.
    pub stage: Stage,
    /// How much of it is done.
    pub done: usize,
    /// How much there is.
    pub all: usize,
}

/// Who is told.
pub type Watch<'w> = &'w (dyn Fn(Progress) + Sync);

/// Tells nobody.
pub const NOBODY: Watch<'static> = &|_| {};
