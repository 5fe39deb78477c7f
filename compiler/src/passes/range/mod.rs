//! What integers values may be, and which is at most which: found once for all passes that ask.
//!
//! ```text
//! interval   a set of integers               transfer   an instruction's result
//! scope      what is known at one place      solve      over a whole function, loops included
//! ```
//!
//! Nothing here changes code. It is sound for whatever a filter does: each claim holds of every run that
//! comes to the place it is asked at, or the place is never come to.

mod interval;
mod scope;
mod solve;
mod transfer;

pub use interval::Interval;
pub use scope::Scope;
pub use solve::Solver;
pub use transfer::constant;
