// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! One instance of a program and the packets it judges, step by step as the kernel's kfunc does it.
//!
//! `&mut self` is the busy flag: an instance cannot be entered from within itself.
#![allow(unsafe_code)]

use std::fmt;

use wasmkc_abi::limits::{FUEL_INIT, STACK_XDP, WASM_PAGE};
use wasmkc_abi::object::NONE;
use wasmkc_abi::trap::TrapCode;
use wasmkc_abi::verdict::Verdict;
use wasmkc_abi::vmctx::{CALL_REDIRECTED, Call, INSTANCE_GLOBALS, INSTANCE_SLOT, Instance};

use crate::entry;
use crate::helpers::HostContext;
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

/// Why an instance could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// Its start function, `_initialize` or `init` trapped.
    Trap(Trap),
    /// Its memory could not be had.
    NoMemory,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(trap) => write!(f, "initialisation trapped: {trap}"),
            Self::NoMemory => f.write_str("no memory for the instance"),
        }
    }
}

impl std::error::Error for StartError {}

/// One instance and its counters.
#[derive(Debug)]
pub struct Runner {
    program: Program,
    options: Options,
    fuel: u64,
    instance: Vec<u8>,
    memory: Vec<u8>,
    context: Box<HostContext>,
    counters: Counters,
    traps: TrapLog,
    trap_count: u32,
    disabled: bool,
}

/// How one entry into generated code ended.
struct Ended {
    result: u64,
    trap: Option<(TrapCode, u64)>,
    fuel_used: u64,
    redirected: bool,
}

fn zeroed(len: usize) -> Result<Vec<u8>, StartError> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| StartError::NoMemory)?;
    bytes.resize(len, 0);
    Ok(bytes)
}

impl Runner {
    /// Makes an instance and runs its start function, `_initialize` and `init`.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn new(program: &Program, options: Options) -> Result<Self, StartError> {
        let info = program.info();
        let memory = u64::from(info.memory_max) * WASM_PAGE;
        let mut runner = Self {
            fuel: options.fuel.map_or(info.fuel, |f| f.min(info.fuel)),
            instance: zeroed(info.instance_bytes as usize)?,
            memory: zeroed(usize::try_from(memory).map_err(|_| StartError::NoMemory)?)?,
            program: program.clone(),
            options,
            context: Box::default(),
            counters: Counters::default(),
            traps: TrapLog::default(),
            trap_count: 0,
            disabled: false,
        };
        runner.initialize()?;
        Ok(runner)
    }

    /// Judges a packet, which the filter may change.
    pub fn run(&mut self, packet: &mut [u8]) -> Outcome {
        let packet_len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        if self.disabled {
            return self.trapped(TrapCode::Disabled, None, 0, packet_len);
        }
        let ended = self.enter(self.program.info().entry_xdp, self.fuel, packet);
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
        self.context.take()
    }

    /// The program.
    #[must_use]
    pub const fn program(&self) -> &Program {
        &self.program
    }

    fn initialize(&mut self) -> Result<(), StartError> {
        let program = self.program.clone();
        program.core().instantiate(&mut self.instance, &mut self.memory).map_err(|_| StartError::NoMemory)?;
        let mut fuel = FUEL_INIT;
        for entry in program.info().entry_init.into_iter().filter(|e| *e != 0) {
            let ended = self.enter(entry, fuel, &mut []);
            if let Some((code, site)) = ended.trap {
                return Err(StartError::Trap(Trap::new(code, program.trap_site(site), 0)));
            }
            fuel = fuel.saturating_sub(ended.fuel_used);
        }
        // the value that a trap restores is the one at the end of instantiation
        if let Some(at) = self.shadow_sp_offset() {
            self.copy_word(at, std::mem::offset_of!(Instance, shadow_sp));
        }
        Ok(())
    }

    fn shadow_sp_offset(&self) -> Option<usize> {
        let index = self.program.info().shadow_sp_global;
        (index != NONE).then(|| (INSTANCE_GLOBALS + index * INSTANCE_SLOT) as usize)
    }

    fn copy_word(&mut self, from: usize, to: usize) {
        self.instance.copy_within(from..from + 8, to);
    }

    /// One entry: a call block on this stack, the trampoline, and what came of it.
    fn enter(&mut self, entry: u64, fuel: u64, packet: &mut [u8]) -> Ended {
        let bytes = packet.len().min(u32::MAX as usize) as u64;
        let mut call = Call {
            instance: self.instance.as_mut_ptr().expose_provenance() as u64,
            saved_sp: 0,
            stack_limit: entry::stack_pointer().saturating_sub(u64::from(STACK_XDP)),
            fuel: i64::try_from(fuel).unwrap_or(i64::MAX),
            packet: packet.as_mut_ptr().expose_provenance() as u64,
            packet_len: bytes,
            packet_total_len: bytes,
            hook_context: (&raw mut *self.context).expose_provenance() as u64,
            trap_code: 0,
            flags: 0,
            trap_site: 0,
        };
        // the memory's pointer was given out at instantiation; it is given out again for this run
        let _ = self.memory.as_mut_ptr().expose_provenance();
        // SAFETY: the entry is one of `self.program`, which outlives this call; instance, memory and packet are
        // borrowed exclusively through `&mut`; the code was made by a trusted signer or by this process.
        let result = unsafe { entry::enter(&mut call, entry) };
        let left = u64::try_from(call.fuel).unwrap_or(0);
        let trap = TrapCode::from_u32(call.trap_code);
        if trap.is_some()
            && let Some(at) = self.shadow_sp_offset()
        {
            self.copy_word(std::mem::offset_of!(Instance, shadow_sp), at);
        }
        Ended {
            result,
            trap: trap.map(|code| (code, call.trap_site)),
            fuel_used: fuel.saturating_sub(left),
            redirected: call.flags & CALL_REDIRECTED != 0,
        }
    }

    fn trapped(&mut self, code: TrapCode, site: Option<u64>, fuel_used: u64, packet_len: u32) -> Outcome {
        let verdict = self.options.trap_verdict;
        self.counters.count(verdict, Some(code), fuel_used);
        let site = site.and_then(|s| self.program.trap_site(s));
        self.traps.push(Trap::new(code, site, packet_len));
        Outcome { verdict, trap: Some(code), fuel_used }
    }

    fn after_trap(&mut self) {
        self.trap_count = self.trap_count.saturating_add(1);
        match self.options.after_trap {
            AfterTrap::Keep => {}
            AfterTrap::Disable(limit) => self.disabled = self.trap_count >= limit,
            AfterTrap::Reset => {
                self.instance.fill(0);
                self.memory.fill(0);
                self.disabled = self.initialize().is_err();
            }
        }
    }
}
