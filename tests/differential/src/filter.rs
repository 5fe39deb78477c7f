//! The imports of the ABI as host functions of wasmtime: a model of `translate/packet.rs`, on plain bytes.

use std::fmt;

use wasmkc_abi::helper::{Arg, HELPERS, Ret};
use wasmkc_abi::packet::{PACKET_OPS, PacketOp};
use wasmtime::{Caller, Error, Extern, FuncType, Linker, Result, Val, ValType};

/// What the store of a filter has.
#[derive(Debug, Default)]
pub struct Packet {
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A trap that wasmtime has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside(pub &'static str);

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Outside {}

const PACKET: Outside = Outside("packet-out-of-bounds");
const MEMORY: Outside = Outside("memory-out-of-bounds");

/// The numbers of arguments, without their signs.
fn numbers(values: &[Val]) -> Vec<u64> {
    let number = |value: &Val| match value {
        Val::I32(n) => u64::from(n.cast_unsigned()),
        Val::I64(n) => n.cast_unsigned(),
        _ => 0,
    };
    values.iter().map(number).collect()
}

/// `len` bytes from `start`, if all are inside.
fn range(bytes: &mut [u8], start: u64, len: u64, outside: Outside) -> Result<&mut [u8]> {
    let (start, end) = (usize::try_from(start), usize::try_from(start + len));
    start.ok().zip(end.ok()).and_then(|(start, end)| bytes.get_mut(start..end)).ok_or_else(|| Error::new(outside))
}

fn packet(caller: &mut Caller<'_, Packet>, op: PacketOp, values: &[Val]) -> Result<u64> {
    let arguments = numbers(values);
    let argument = |n: usize| arguments.get(n).copied().unwrap_or(0);
    match op {
        PacketOp::Len | PacketOp::TotalLen => Ok(caller.data().bytes.len() as u64),
        PacketOp::Load { bytes, big_endian } => {
            let from = range(&mut caller.data_mut().bytes, argument(0), bytes.into(), PACKET)?;
            let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            Ok(if big_endian { from.iter().fold(0, add) } else { from.iter().rev().fold(0, add) })
        }
        PacketOp::Store { bytes, big_endian } => {
            let to = range(&mut caller.data_mut().bytes, argument(0), bytes.into(), PACKET)?;
            for (n, byte) in to.iter_mut().enumerate() {
                let place = if big_endian { usize::from(bytes) - 1 - n } else { n };
                *byte = (argument(1) >> (8 * place)) as u8;
            }
            Ok(0)
        }
        PacketOp::CopyIn | PacketOp::CopyOut => {
            let inward = op == PacketOp::CopyIn;
            let (at, offset) = if inward { (argument(0), argument(1)) } else { (argument(1), argument(0)) };
            let memory = caller.get_export("m0").and_then(Extern::into_memory).ok_or_else(|| Error::new(MEMORY))?;
            let (memory, packet) = memory.data_and_store_mut(caller);
            let memory = range(memory, at, argument(2), MEMORY)?;
            let packet = range(&mut packet.bytes, offset, argument(2), PACKET)?;
            if inward {
                memory.copy_from_slice(packet)
            } else {
                packet.copy_from_slice(memory)
            }
            Ok(0)
        }
    }
}

/// Of text only that it lies in memory is checked; nothing looks at what the helpers give.
fn helper(caller: &mut Caller<'_, Packet>, params: &[Arg], values: &[Val]) -> Result<u64> {
    if params.contains(&Arg::MemRead) {
        let arguments = numbers(values);
        let memory = caller.get_export("m0").and_then(Extern::into_memory).ok_or_else(|| Error::new(MEMORY))?;
        range(memory.data_mut(caller), arguments[0], arguments[1], MEMORY)?;
    }
    Ok(0)
}

fn give(results: &mut [Val], wide: bool, value: u64) {
    if let Some(result) = results.first_mut() {
        *result = if wide { Val::I64(value.cast_signed()) } else { Val::I32((value as u32).cast_signed()) };
    }
}

/// Defines them all.
pub fn define(linker: &mut Linker<Packet>) -> Result<()> {
    let engine = linker.engine().clone();
    for (name, op) in PACKET_OPS {
        let (params, result): (&[ValType], _) = match op {
            PacketOp::Len | PacketOp::TotalLen => (&[], Some(ValType::I32)),
            PacketOp::Load { bytes: 8, .. } => (&[ValType::I32], Some(ValType::I64)),
            PacketOp::Load { .. } => (&[ValType::I32], Some(ValType::I32)),
            PacketOp::Store { bytes: 8, .. } => (&[ValType::I32, ValType::I64], None),
            PacketOp::Store { .. } => (&[ValType::I32, ValType::I32], None),
            PacketOp::CopyIn | PacketOp::CopyOut => (&[ValType::I32, ValType::I32, ValType::I32], None),
        };
        let ty = FuncType::new(&engine, params.iter().cloned(), result);
        linker.func_new("xdp", name, ty, |mut caller, values, results| {
            let wide = matches!(op, PacketOp::Load { bytes: 8, .. });
            give(results, wide, packet(&mut caller, *op, values)?);
            Ok(())
        })?;
    }
    for row in HELPERS {
        let result = match row.ret {
            Ret::None => None,
            Ret::I32 => Some(ValType::I32),
            Ret::I64 => Some(ValType::I64),
        };
        let params = row.params.iter().map(|arg| if *arg == Arg::I64 { ValType::I64 } else { ValType::I32 });
        linker.func_new(
            "kernel",
            row.name,
            FuncType::new(&engine, params, result),
            |mut caller, values, results| {
                give(results, row.ret == Ret::I64, helper(&mut caller, row.params, values)?);
                Ok(())
            },
        )?;
    }
    Ok(())
}
