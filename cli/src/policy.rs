//! What happens after a trap, as the options say it, for the kernel and for `run` alike.

use crate::args::{AfterTrap, TrapOptions, TrapVerdict};
use crate::error::{Error, Result};
use wasmkc_abi::verdict::Verdict;

/// Checked options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Verdict for the packet.
    pub verdict: Verdict,
    /// What becomes of the instance.
    pub after: After,
}

/// What becomes of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It goes on.
    Keep,
    /// It is made anew.
    Reset,
    /// The program is disabled after this many traps.
    Disable(u32),
}

impl Policy {
    /// Checks the options.
    pub fn of(options: &TrapOptions) -> Result<Self> {
        let after = match (options.after_trap.unwrap_or(AfterTrap::Keep), options.trap_limit) {
            (AfterTrap::Keep, None) => After::Keep,
            (AfterTrap::Reset, None) => After::Reset,
            (AfterTrap::Disable, Some(limit)) => After::Disable(limit),
            _ => return Err(Error::usage("`--after-trap disable` and `--trap-limit N` go together")),
        };
        let verdict = match options.trap_verdict.unwrap_or(TrapVerdict::Aborted) {
            TrapVerdict::Aborted => Verdict::Aborted,
            TrapVerdict::Drop => Verdict::Drop,
            TrapVerdict::Pass => Verdict::Pass,
        };
        Ok(Self { verdict, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_without_disable_and_disable_without_a_limit_are_wrong_usage() {
        let limit = TrapOptions { trap_limit: Some(3), ..TrapOptions::default() };
        assert_eq!(Policy::of(&limit).unwrap_err().exit_code(), 2);
        let disable = TrapOptions { after_trap: Some(AfterTrap::Disable), ..TrapOptions::default() };
        assert_eq!(Policy::of(&disable).unwrap_err().exit_code(), 2);
        let both = TrapOptions { trap_limit: Some(3), ..disable };
        assert_eq!(Policy::of(&both).unwrap().after, After::Disable(3));
    }

    #[test]
    fn the_default_is_aborted_and_keep() {
        let policy = Policy::of(&TrapOptions::default()).unwrap();
        assert_eq!(policy, Policy { verdict: Verdict::Aborted, after: After::Keep });
    }
}
