// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! One instance of a program and the packets it judges, step by step as the kernel's kfunc does it.
#![forbid(unsafe_code)]

use wasmkc_abi::limits::STACK_XDP;
use wasmkc_abi::trap::TrapCode;
use wasmkc_abi::verdict::Verdict;

use crate::instance::{Grant, Instance, StartError};
use crate::program::Program;
use crate::report::{Counters, Trap, TrapLog};

/// What becomes of an instance after a trap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterTrap {
    /// It goes on with its memory as it is.
    #[default]
    Keep,
    /// It is instantiated anew.
    Reset,
    /// After this many traps the program gives the trap verdict only.
    Disable(u32),
}

/// How to run a program.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Verdict of a packet whose run trapped.
    pub trap_verdict: Verdict,
    /// See [`AfterTrap`].
    pub after_trap: AfterTrap,
    /// Fuel ceiling, never above the object's.
    pub fuel: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { trap_verdict: Verdict::Aborted, after_trap: AfterTrap::Keep, fuel: None }
    }
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its verdict: the filter's, or the trap verdict.
    pub verdict: Verdict,
    /// Why the filter gave none.
    pub trap: Option<TrapCode>,
    /// Fuel it took.
    pub fuel_used: u64,
}

/// One instance and its counters.
#[derive(Debug)]
pub struct Runner {
    instance: Instance,
    options: Options,
    fuel: u64,
    counters: Counters,
    traps: TrapLog,
    trap_count: u32,
    disabled: bool,
}

impl Runner {
    /// Makes an instance and runs its start function, `_initialize` and `init`.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(program: &Program, options: Options) -> Result<Self, StartError> {
        let info = program.info();
        if info.entry_xdp == 0 {
            return Err(StartError::NoHook);
        }
        Ok(Self {
            fuel: options.fuel.map_or(info.fuel, |f| f.min(info.fuel)),
            instance: Instance::new(program)?,
            options,
            counters: Counters::default(),
            traps: TrapLog::default(),
            trap_count: 0,
            disabled: false,
        })
    }

    /// Judges a packet, which the filter may change.
    pub fn run(&mut self, packet: &mut [u8]) -> Outcome {
        let packet_len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        if self.disabled {
            return self.trapped(TrapCode::Disabled, None, 0, packet_len);
        }
        let ended =
            self.instance.enter(self.program().info().entry_xdp, Grant { fuel: self.fuel, stack: STACK_XDP }, packet);
        if let Some((code, site)) = ended.trap {
            let outcome = self.trapped(code, Some(site), ended.fuel_used, packet_len);
            self.after_trap();
            return outcome;
        }
        // the result is an i32: its upper half is undefined
        let verdict = match Verdict::from_u32((ended.result & u64::from(u32::MAX)) as u32) {
            Some(Verdict::Redirect) if !ended.redirected => Err(TrapCode::RedirectWithoutTarget),
            Some(verdict) => Ok(verdict),
            None => Err(TrapCode::BadVerdict),
        };
        match verdict {
            Ok(verdict) => {
                self.counters.count(verdict, None, ended.fuel_used);
                Outcome { verdict, trap: None, fuel_used: ended.fuel_used }
            }
            Err(code) => {
                let outcome = self.trapped(code, None, ended.fuel_used, packet_len);
                self.after_trap();
                outcome
            }
        }
    }

    /// Counters since the runner was made.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The last traps, oldest first.
    pub fn traps(&self) -> impl DoubleEndedIterator<Item = &Trap> {
        self.traps.iter()
    }

    /// The last trap.
    #[must_use]
    pub fn last_trap(&self) -> Option<&Trap> {
        self.traps.iter().next_back()
    }

    /// True once the program gives the trap verdict only.
    #[must_use]
    pub const fn disabled(&self) -> bool {
        self.disabled
    }

    /// Takes the lines that the filter logged.
    pub fn take_log(&mut self) -> Vec<String> {
        self.instance.take_log()
    }

    /// The program.
    #[must_use]
    pub const fn program(&self) -> &Program {
        self.instance.program()
    }

    fn trapped(&mut self, code: TrapCode, site: Option<u64>, fuel_used: u64, packet_len: u32) -> Outcome {
        let verdict = self.options.trap_verdict;
        self.counters.count(verdict, Some(code), fuel_used);
        let site = site.and_then(|s| self.instance.program().trap_site(s));
        self.traps.push(Trap::new(code, site, packet_len));
        Outcome { verdict, trap: Some(code), fuel_used }
    }

    fn after_trap(&mut self) {
        self.trap_count = self.trap_count.saturating_add(1);
        match self.options.after_trap {
            AfterTrap::Keep => {}
            AfterTrap::Disable(limit) => self.disabled = self.trap_count >= limit,
            AfterTrap::Reset => {
                self.disabled = self.instance.reset().is_err();
            }
        }
    }
}
