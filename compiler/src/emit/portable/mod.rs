//! Bytecode: what the code generator's needs before it is placed.
//!
//! ```text
//! ops        instructions and what they do to the flow of control
//! registers  whether an instruction names the stack pointer
//! dead       drops instructions that nothing reaches
//! allowed    proves that nothing is left that the object must not have
//! ```
//! The code generator makes jumps of tail calls by itself, and no constants behind functions. The loader is called by
//! numbers of the ABI, so no relocation is left for it. The interpreter compares the stack pointer with its stack
//! wherever it goes down: those places are the sites of the trap `stack-overflow`.

mod allowed;
mod dead;
mod ops;
mod registers;

use wasmkc_abi::{trap::TrapCode, vmctx};

use super::{Compiled, Field, Target, TrapSite};
use crate::translate::Symbol;

/// Bytes from the start of `call_indirect_host` to the number of what it calls.
const NUMBER: usize = 3;

/// All passes, in order.
pub fn finish(out: &mut Compiled) -> Result<(), String> {
    dead::remove(out)?;
    number_host_calls(out)?;
    allowed::prove(&out.code)?;
    add_stack_sites(out)
}

/// Adds the distance `by` to what the field of a distance holds: bytes from its instruction's start to itself.
pub fn set_distance(field: &mut [u8], by: i64) -> Result<(), String> {
    let bytes: &mut [u8; 4] = field.try_into().map_err(|_| "a distance that is cut off".to_owned())?;
    let distance = i64::from(i32::from_le_bytes(*bytes)) + by;
    let distance = i32::try_from(distance).map_err(|_| format!("a distance of {distance} bytes"))?;
    *bytes = distance.to_le_bytes();
    Ok(())
}

/// Writes which function of the loader is called, so that no reference is left.
fn number_host_calls(out: &mut Compiled) -> Result<(), String> {
    let (host, near) = std::mem::take(&mut out.fixups).into_iter().partition(|f| f.field == Field::HostCall);
    out.fixups = near;
    for fixup in host {
        let number = match fixup.target {
            Target::Symbol(Symbol::Trap(_)) => Some(vmctx::HOST_TRAP),
            Target::Symbol(Symbol::Memmove) => Some(vmctx::HOST_MEMMOVE),
            Target::Symbol(Symbol::Memset) => Some(vmctx::HOST_MEMSET),
            Target::Symbol(Symbol::Helper(number)) => vmctx::host_helper(number),
            _ => None,
        };
        let number = number.ok_or_else(|| format!("a call of the loader's {:?}", fixup.target))?;
        let place = out.code.get_mut(fixup.at as usize + NUMBER).ok_or("a call of the loader that is cut off")?;
        *place = number;
    }
    Ok(())
}

/// The site of each instruction that takes stack is the byte behind its first.
fn add_stack_sites(out: &mut Compiled) -> Result<(), String> {
    for step in ops::steps(&out.code)?.iter().filter(|step| ops::takes_stack(&step.op)) {
        let line = out.lines.iter().find(|line| line.wasm_offset != u32::MAX);
        let wasm_offset = line.map_or(u32::MAX, |line| line.wasm_offset);
        out.traps.push(TrapSite { site: step.at + 1, wasm_offset, code: TrapCode::StackOverflow as u32 });
    }
    Ok(())
}
