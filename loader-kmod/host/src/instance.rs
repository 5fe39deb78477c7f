// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! One instance of a program: its block, its memories, and the ways into its code.
//!
//! `&mut self` is the busy flag: an instance cannot be entered from within itself.
#![allow(unsafe_code)]

use std::fmt;

use wasmkc_abi::control::ENGINE_PORTABLE;
use wasmkc_abi::limits::{FUEL_INIT, STACK_XDP, WASM_PAGE};
use wasmkc_abi::object::NONE;
use wasmkc_abi::trap::TrapCode;
use wasmkc_abi::vmctx::{self, CALL_REDIRECTED, Call, INSTANCE_GLOBALS, INSTANCE_SLOT};
use wasmkc_core::interpret::Machine;

use crate::entry;
use crate::helpers::{ForBytecode, HostContext};
use crate::program::Program;
use crate::report::Trap;

/// Why an instance could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// Its start function, `_initialize` or `init` trapped.
    Trap(Trap),
    /// Its memory could not be had.
    NoMemory,
    /// The program has no entry for packets.
    NoHook,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(trap) => write!(f, "initialisation trapped: {trap}"),
            Self::NoMemory => f.write_str("no memory for the instance"),
            Self::NoHook => f.write_str("the program exports no `xdp`, so it judges no packets"),
        }
    }
}

impl std::error::Error for StartError {}

/// What one call may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Fuel units.
    pub fuel: u64,
    /// Bytes of stack.
    pub stack: u32,
}

/// A call that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// One slot a result; of 32-bit types the low half counts.
    pub results: Vec<u64>,
    /// Fuel it took.
    pub fuel_used: u64,
}

/// A call that gave no results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// There is no export of that name.
    NoExport,
    /// It takes another number of arguments.
    Arguments {
        /// What it takes.
        wanted: usize,
    },
    /// It trapped.
    Trap(Trap),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoExport => f.write_str("there is no exported function of that name"),
            Self::Arguments { wanted } => write!(f, "the function takes {wanted} arguments"),
            Self::Trap(trap) => trap.fmt(f),
        }
    }
}

impl std::error::Error for CallError {}

/// How one entry into generated code ended.
pub(crate) struct Ended {
    pub result: u64,
    pub trap: Option<(TrapCode, u64)>,
    pub fuel_used: u64,
    pub redirected: bool,
}

/// One instance.
#[derive(Debug)]
pub struct Instance {
    program: Program,
    block: Vec<u8>,
    memory: Vec<u8>,
    context: Box<HostContext>,
    /// What runs a program of bytecode.
    machine: Option<Machine>,
}

fn zeroed(len: usize) -> Result<Vec<u8>, StartError> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| StartError::NoMemory)?;
    bytes.resize(len, 0);
    Ok(bytes)
}

fn slot_offset(slot: u32) -> usize {
    (INSTANCE_GLOBALS + slot * INSTANCE_SLOT) as usize
}

impl Instance {
    /// Makes an instance and runs its start function, `_initialize` and `init`.
    ///
    /// # Errors
    /// [`StartError::Trap`], [`StartError::NoMemory`].
    pub fn new(program: &Program) -> Result<Self, StartError> {
        let info = program.info();
        let memory = u64::from(info.memory_max) * WASM_PAGE;
        let mut instance = Self {
            block: zeroed(info.instance_bytes as usize)?,
            memory: zeroed(usize::try_from(memory).map_err(|_| StartError::NoMemory)?)?,
            program: program.clone(),
            context: Box::default(),
            machine: (info.engine == ENGINE_PORTABLE)
                .then(Machine::new)
                .transpose()
                .map_err(|_| StartError::NoMemory)?,
        };
        instance.initialize()?;
        Ok(instance)
    }

    /// Makes it anew in place.
    ///
    /// # Errors
    /// As for [`Instance::new`].
    pub fn reset(&mut self) -> Result<(), StartError> {
        self.memory.fill(0);
        self.initialize()
    }

    /// The program.
    #[must_use]
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// Takes the lines that the filter logged.
    pub fn take_log(&mut self) -> Vec<String> {
        self.context.take()
    }

    /// Bytes of the first memory that are in use.
    #[must_use]
    pub fn memory(&self) -> &[u8] {
        let size = std::mem::offset_of!(vmctx::Instance, memory_size);
        let used = self.block.get(size..).and_then(<[u8]>::first_chunk).map_or(0, |b| u64::from_le_bytes(*b));
        usize::try_from(used).ok().and_then(|used| self.memory.get(..used)).unwrap_or_default()
    }

    /// The same, to be written.
    pub fn memory_mut(&mut self) -> &mut [u8] {
        let used = self.memory().len();
        self.memory.get_mut(..used).unwrap_or_default()
    }

    /// Value of a slot: globals come first, in the order of their index.
    #[must_use]
    pub fn slot(&self, slot: u32) -> Option<u64> {
        self.block.get(slot_offset(slot)..).and_then(<[u8]>::first_chunk).map(|b| u64::from_le_bytes(*b))
    }

    /// Calls export `name`.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn call(&mut self, name: &str, arguments: &[u64], grant: Grant) -> Result<Called, CallError> {
        self.call_with(name, arguments, grant, &mut [])
    }

    /// Calls export `name` with a packet at hand, which it may change.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn call_with(
        &mut self,
        name: &str,
        arguments: &[u64],
        grant: Grant,
        packet: &mut [u8],
    ) -> Result<Called, CallError> {
        let program = self.program.clone();
        let (entry, signature) = program.core().export(name).ok_or(CallError::NoExport)?;
        if signature.params.len() != arguments.len() {
            return Err(CallError::Arguments { wanted: signature.params.len() });
        }
        let transfer = program.info().transfer;
        // with no arguments and no results there may be no area
        for (slot, value) in arguments.iter().enumerate().map(|(n, value)| (transfer + n as u32, value)) {
            self.block[slot_offset(slot)..][..8].copy_from_slice(&value.to_le_bytes());
        }
        let ended = self.enter(entry, grant, packet);
        if let Some((code, site)) = ended.trap {
            let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
            return Err(CallError::Trap(Trap::new(code, program.trap_site(site), len)));
        }
        let result = |slot| self.block[slot_offset(slot)..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        let results = (0..signature.results.len() as u32).map(|n| result(transfer + n)).collect();
        Ok(Called { results, fuel_used: ended.fuel_used })
    }

    fn initialize(&mut self) -> Result<(), StartError> {
        let program = self.program.clone();
        program.core().instantiate(&mut self.block, &mut self.memory).map_err(|_| StartError::NoMemory)?;
        let mut fuel = FUEL_INIT;
        for entry in program.info().entry_init.into_iter().filter(|e| *e != 0) {
            let ended = self.enter(entry, Grant { fuel, stack: STACK_XDP }, &mut []);
            if let Some((code, site)) = ended.trap {
                return Err(StartError::Trap(Trap::new(code, program.trap_site(site), 0)));
            }
            fuel = fuel.saturating_sub(ended.fuel_used);
        }
        // the value that a trap restores is the one at the end of instantiation
        if let Some(at) = self.shadow_sp_offset() {
            self.copy_word(at, std::mem::offset_of!(vmctx::Instance, shadow_sp));
        }
        Ok(())
    }

    fn shadow_sp_offset(&self) -> Option<usize> {
        let slot = self.program.info().shadow_sp_slot;
        (slot != NONE).then(|| slot_offset(slot))
    }

    fn copy_word(&mut self, from: usize, to: usize) {
        self.block.copy_within(from..from + 8, to);
    }

    /// One entry: a call block on this stack, the trampoline, and what came of it.
    pub(crate) fn enter(&mut self, entry: u64, grant: Grant, packet: &mut [u8]) -> Ended {
        let mut call = self.call_block(grant);
        let result = self.step(&mut call, entry, packet);
        let left = u64::try_from(call.fuel).unwrap_or(0);
        let trap = TrapCode::from_u32(call.trap_code);
        if trap.is_some() {
            self.after_trap();
        }
        Ended {
            result,
            trap: trap.map(|code| (code, call.trap_site)),
            fuel_used: grant.fuel.saturating_sub(left),
            redirected: call.flags & CALL_REDIRECTED != 0,
        }
    }

    /// The guest's shadow-stack pointer gets its value of the end of instantiation.
    pub(crate) fn after_trap(&mut self) {
        if let Some(at) = self.shadow_sp_offset() {
            self.copy_word(std::mem::offset_of!(vmctx::Instance, shadow_sp), at);
        }
    }

    /// A call block without a packet; the stack that it grants begins about here.
    pub(crate) fn call_block(&mut self, grant: Grant) -> Call {
        Call {
            instance: self.block.as_mut_ptr().expose_provenance() as u64,
            saved_sp: 0,
            stack_limit: match self.machine {
                Some(_) => grant.stack.into(),
                None => entry::stack_pointer().saturating_sub(u64::from(grant.stack)),
            },
            fuel: i64::try_from(grant.fuel).unwrap_or(i64::MAX),
            packet: 0,
            packet_len: 0,
            packet_total_len: 0,
            hook_context: (&raw mut *self.context).expose_provenance() as u64,
            trap_code: 0,
            flags: 0,
            trap_site: 0,
        }
    }

    /// Runs the code at `entry` on `packet`. What came of it is in `call`, which is of [`Instance::call_block`].
    pub(crate) fn step(&mut self, call: &mut Call, entry: u64, packet: &mut [u8]) -> u64 {
        let bytes = packet.len().min(u32::MAX as usize) as u64;
        call.packet = packet.as_mut_ptr().expose_provenance() as u64;
        call.packet_len = bytes;
        call.packet_total_len = bytes;
        // pointers to block and memory were given out before; they are given out again for this run
        call.instance = self.block.as_mut_ptr().expose_provenance() as u64;
        let _ = self.memory.as_mut_ptr().expose_provenance();
        // The entry is one of `self.program`, which outlives this call; instance, memory and packet are
        // borrowed exclusively through `&mut`; the code was made by a trusted signer or by this process.
        match &mut self.machine {
            // SAFETY: the same.
            Some(machine) => unsafe { machine.run(&raw mut *call, entry, &mut ForBytecode) }.into(),
            // SAFETY: the same.
            None => unsafe { entry::enter(call, entry) },
        }
    }
}
