// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Seam: runs bytecode, as the trampoline runs native code.
//!
//! ```text
//! Machine::run ─▶ interpreter ─▶ returned: the low half of x0
//!                   ▲   ├─▶ call of the loader: trap, memmove, memset, a helper
//!                   └───┘   └─▶ trap: code and site in the call block, as after native code
//! ```
//! A machine is registers and a stack, both made with the instance: nothing is allocated while it runs. It starts anew
//! each time, so what a trap leaves behind does not matter. Bytecode sees the call block little-endian whatever the
//! machine is; all others see it as their own.
#![allow(unsafe_code)]

use core::ptr::{self, NonNull};

use pulley_interpreter::XReg;
use pulley_interpreter::interp::{DoneReason, TrapKind, Vm};
use wasmkc_abi::helper::{Arg, Helper};
use wasmkc_abi::limits::STACK_CALL_MAX;
use wasmkc_abi::trap::TrapCode;
use wasmkc_abi::vmctx::{Call, HOST_HELPER, HOST_MEMMOVE, HOST_MEMSET, HOST_TRAP};

use crate::error::{Code, Error};

/// Most parameters of a helper.
pub const MAX_ARGUMENTS: usize = 5;

/// Where a function returns to that the interpreter has entered from outside, and the frame pointer there: the
/// interpreter's own mark, which it gives a new machine.
const OUTSIDE: *mut u8 = ptr::without_provenance_mut(usize::MAX);

/// Registers by which the loader's functions take their arguments; the first holds the call block for helpers.
const ARGUMENTS: [XReg; 1 + MAX_ARGUMENTS] = [XReg::x0, XReg::x1, XReg::x2, XReg::x3, XReg::x4, XReg::x5];

/// What bytecode calls besides what the core does itself.
pub trait Helpers {
    /// Calls helper `number`, whose row says what of `arguments` there is and of which type; gives its result in the low
    /// bits.
    ///
    /// # Safety
    /// `call` is the running call block; a pointer among the arguments is one of as many readable bytes as the length
    /// behind it says.
    unsafe fn call(&mut self, call: *mut Call, number: u32, arguments: [u64; MAX_ARGUMENTS]) -> u64;
}

/// Registers and stack of one instance.
pub struct Machine {
    vm: Vm,
    /// The stack pointer of a run that may take all of the stack.
    top: u64,
}

impl core::fmt::Debug for Machine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Machine").field("top", &self.top).finish_non_exhaustive()
    }
}

impl Machine {
    /// A machine with the largest stack that a run is ever granted, zeroed: what was in that memory is nobody's to see.
    ///
    /// # Errors
    /// [`Code::NoMemory`].
    pub fn new() -> Result<Self, Error> {
        let mut vm = Vm::with_stack(STACK_CALL_MAX as usize).map_err(|_| Error::of(Code::NoMemory))?;
        let top = vm.state_mut()[XReg::sp].get_u64();
        let Some(lowest) = pointer(top.saturating_sub(STACK_CALL_MAX.into())) else {
            return Err(Error::of(Code::NoMemory));
        };
        // SAFETY: the stack that was just made, of at least so many bytes below its top, which nobody else knows of.
        unsafe { ptr::write_bytes(lowest.as_ptr(), 0, STACK_CALL_MAX as usize) };
        Ok(Self { vm, top })
    }

    /// Runs the function at `entry` as the trampoline does with native code: gives the low half of its result; code and
    /// site of a trap and the fuel left are in the call block. Neither allocates nor sleeps.
    ///
    /// # Safety
    /// `entry` is 0, which is not run, or an entry of a loaded program of bytecode that is kept until this returns.
    /// `call` is exclusive and names a live instance of that program which nobody else uses meanwhile, and a packet that
    /// is writable for `packet_len` bytes; its stack limit is the number of bytes that the run may take.
    pub unsafe fn run(&mut self, call: *mut Call, entry: u64, helpers: &mut impl Helpers) -> u32 {
        let Some(mut at) = pointer(entry) else { return 0 };
        // SAFETY: the caller lends the call block.
        let granted = unsafe { (*call).stack_limit }.min(u64::from(STACK_CALL_MAX)) & !15;
        let kept = u64::from(STACK_CALL_MAX).saturating_sub(granted);
        let state = self.vm.state_mut();
        state[XReg::sp].set_u64(self.top.saturating_sub(kept));
        state[XReg::x0].set_u64(call.expose_provenance() as u64);
        // SAFETY: what an entry returns to is outside, and there is no frame above its own.
        unsafe { self.vm.set_lr(OUTSIDE) };
        // SAFETY: the same.
        unsafe { self.vm.set_fp(OUTSIDE) };
        // SAFETY: the caller lends the call block.
        unsafe { turn(call) };
        let result = loop {
            // SAFETY: at first the entry of a program that the caller keeps, then where the interpreter says that it
            // goes on; the program's bytes are what a trusted signer has made or this process.
            match unsafe { self.vm.call_run(at) } {
                DoneReason::ReturnToHost(()) => break self.vm.state()[XReg::x0].get_u32(),
                DoneReason::CallIndirectHost { id: HOST_TRAP, resume } => {
                    let code = self.vm.state()[XReg::x1].get_u32();
                    // SAFETY: the caller lends the call block.
                    unsafe { trapped(call, code, address(resume)) };
                    break 0;
                }
                DoneReason::CallIndirectHost { id, resume } => {
                    // SAFETY: the caller lends the call block, and bytecode has checked what it passes.
                    unsafe { self.call_loader(call, id, helpers) };
                    at = resume;
                }
                DoneReason::Trap { pc, kind } => {
                    // The site is the byte behind the instruction's first, so that it lies in its function.
                    // SAFETY: the caller lends the call block.
                    unsafe { trapped(call, code_of(kind), address(pc).saturating_add(1)) };
                    break 0;
                }
            }
        };
        // SAFETY: the caller lends the call block.
        unsafe { turn(call) };
        result
    }

    /// Does what `call_indirect_host id` asks for. A number that there is no function of does nothing: the audit passes
    /// none.
    ///
    /// # Safety
    /// As for [`Machine::run`], while bytecode waits for this call.
    unsafe fn call_loader(&mut self, call: *mut Call, id: u8, helpers: &mut impl Helpers) {
        let values = ARGUMENTS.map(|register| self.vm.state()[register].get_u64());
        let [to, from, len, ..] = values;
        match id {
            HOST_MEMMOVE => {
                let (Some(to), Some(from), Ok(len)) = (pointer(to), pointer(from), usize::try_from(len)) else {
                    return;
                };
                // SAFETY: bytecode has checked both ranges against what they lie in.
                unsafe { ptr::copy(from.as_ptr(), to.as_ptr(), len) };
            }
            HOST_MEMSET => {
                let (Some(to), Ok(len)) = (pointer(to), usize::try_from(len)) else { return };
                let [byte, ..] = from.to_le_bytes();
                // SAFETY: bytecode has checked the range against what it lies in.
                unsafe { ptr::write_bytes(to.as_ptr(), byte, len) };
            }
            _ => {
                let number = u32::from(id.saturating_sub(HOST_HELPER));
                let Some(helper) = Helper::by_number(number) else { return };
                let [_, arguments @ ..] = values;
                let arguments = narrowed(helper, arguments);
                // A helper sees the block as everybody but bytecode does.
                // SAFETY: the caller lends the call block.
                unsafe { turn(call) };
                // SAFETY: the same; bytecode has checked what the row asks for.
                let result = unsafe { helpers.call(call, number, arguments) };
                // SAFETY: the caller lends the call block.
                unsafe { turn(call) };
                self.vm.state_mut()[XReg::x0].set_u64(result);
            }
        }
    }
}

/// `values` with the upper halves of those cleared that have 32 bits: bytecode leaves anything there.
fn narrowed(helper: &Helper, mut values: [u64; MAX_ARGUMENTS]) -> [u64; MAX_ARGUMENTS] {
    for (value, arg) in values.iter_mut().zip(helper.params) {
        if matches!(arg, Arg::I32) {
            *value &= u64::from(u32::MAX);
        }
    }
    values
}

/// The trap that an instruction is which traps by itself. Bytecode tests for all but the stack before.
const fn code_of(kind: Option<TrapKind>) -> u32 {
    let code = match kind {
        Some(TrapKind::StackOverflow) => TrapCode::StackOverflow,
        Some(TrapKind::DivideByZero) => TrapCode::DivisionByZero,
        Some(TrapKind::IntegerOverflow) => TrapCode::IntegerOverflow,
        Some(TrapKind::MemoryOutOfBounds) => TrapCode::MemoryOutOfBounds,
        Some(TrapKind::BadConversionToInteger | TrapKind::DisabledOpcode) | None => TrapCode::Unreachable,
    };
    code as u32
}

/// # Safety
/// `call` is valid and exclusive.
unsafe fn trapped(call: *mut Call, code: u32, site: u64) {
    // SAFETY: the caller vouches for it.
    let call = unsafe { &mut *call };
    call.trap_code = code;
    call.trap_site = site;
}

/// Turns what bytecode reads and writes of the call block from this machine's byte order into bytecode's, or back.
///
/// # Safety
/// `call` is valid and exclusive.
unsafe fn turn(call: *mut Call) {
    // SAFETY: the caller vouches for it.
    let call = unsafe { &mut *call };
    call.instance = call.instance.to_le();
    call.fuel = call.fuel.to_le();
    call.packet = call.packet.to_le();
    call.packet_len = call.packet_len.to_le();
    call.packet_total_len = call.packet_total_len.to_le();
}

/// An address of bytecode as one of this machine, whose addresses may be narrower; `None` for 0.
fn pointer(address: u64) -> Option<NonNull<u8>> {
    NonNull::new(ptr::with_exposed_provenance_mut(address as usize))
}

fn address(pointer: NonNull<u8>) -> u64 {
    pointer.as_ptr().expose_provenance() as u64
}
