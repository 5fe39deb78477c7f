//! Where `run` has its packets judged: in this process, or by a program in the kernel.

use crate::error::Result;
use std::time::Duration;
use wasmkc_abi::verdict::Verdict;
use wasmkc_host::Trap;

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Its verdict: the filter's, or the trap verdict.
    pub verdict: Verdict,
    /// Why the filter gave none.
    pub trap: Option<Trap>,
    /// Fuel it took.
    pub fuel: u64,
    /// Time it took, the way into the filter and out of it included.
    pub time: Duration,
}

/// One instance or program that judges packets in their order.
pub trait Engine {
    /// Judges `packet`, which the filter may change; `None` if it cannot be given to this engine.
    fn judge(&mut self, packet: &mut Vec<u8>) -> Result<Option<Judgement>>;

    /// What the filter has logged since the last call.
    fn take_log(&mut self) -> Vec<String>;

    /// Whether traps have ended the program.
    fn disabled(&self) -> bool;

    /// Which packets are `None`, for the user.
    fn limits(&self) -> &'static str;
}
