//! What integers values may be, and which is at most which: found once for all passes that ask.
//!
//! ```text
//! interval   a set of integers               transfer   an instruction's result
//! scope      what is known at one place      solve      over a whole function, loops included
//! ```
//!
//! Nothing here changes code. It is sound for whatever a filter does: each claim holds of every run that
//! comes to the place it is asked at, or the place is never come to. That is by the wasm's semantics; where the
//! processor guesses branches only what is found without them holds.
//!
//! It rests on this: what a branch says of values holds wherever the branch dominates, loops included, as a value is
//! not made anew without passing there again; ways back lead to headers only (`solve` says nothing of other
//! functions); and the walk that shows what was found is the one that found nothing new.

mod interval;
mod scope;
mod solve;
mod transfer;

pub use interval::Interval;
pub use scope::Scope;
pub use solve::Solver;
pub use transfer::{block_of, condition, constant};
