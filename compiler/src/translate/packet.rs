//! Imports of module `xdp`, lowered inline: no call, no copy but where one is asked for.

use cranelift_codegen::ir::{InstBuilder, Type, types};
use wasmkc_abi::packet::PacketOp;

use super::{Symbol, Translator};

impl Translator<'_, '_, '_> {
    pub(super) fn packet(&mut self, op: PacketOp) {
        match op {
            PacketOp::Len => {
                let len = self.packet_len32();
                self.push(len);
            }
            PacketOp::TotalLen => {
                let len = self.packet_total_len();
                let len = self.builder.ins().ireduce(types::I32, len);
                self.push(len);
            }
            PacketOp::Load { bytes, big_endian } => self.packet_load(bytes, big_endian),
            PacketOp::Store { bytes, big_endian } => self.packet_store(bytes, big_endian),
            PacketOp::CopyIn => {
                let (len, offset, memory) = (self.pop_len(), self.pop(), self.pop());
                let to = self.first_memory_range(memory, len);
                let from = self.packet_range(offset, to.len);
                self.charge_bytes(from.len);
                self.call_runtime(Symbol::Memmove, [to.start, from.start, from.len]);
            }
            PacketOp::CopyOut => {
                let (len, memory, offset) = (self.pop_len(), self.pop(), self.pop());
                let from = self.first_memory_range(memory, len);
                let to = self.packet_range(offset, from.len);
                self.charge_bytes(to.len);
                self.call_runtime(Symbol::Memmove, [to.start, from.start, to.len]);
            }
        }
    }

    fn packet_load(&mut self, bytes: u8, big_endian: bool) {
        let (ty, result) = packet_types(bytes);
        let offset = self.pop();
        let a = self.packet_address(offset, 0, ty.bytes());
        let value = if bytes == 1 {
            self.builder.ins().uload8(result, a.flags, a.base, a.offset)
        } else if bytes == 2 && !big_endian {
            self.builder.ins().uload16(result, a.flags, a.base, a.offset)
        } else {
            let raw = self.load(ty, a);
            let value = if big_endian { self.builder.ins().bswap(raw) } else { raw };
            if ty == result { value } else { self.builder.ins().uextend(result, value) }
        };
        self.push(value);
    }

    fn packet_store(&mut self, bytes: u8, big_endian: bool) {
        let (ty, operand) = packet_types(bytes);
        let value = self.pop();
        let offset = self.pop();
        let address = self.packet_address(offset, 0, ty.bytes());
        let value = if ty == operand { value } else { self.builder.ins().ireduce(ty, value) };
        let value = if big_endian && bytes > 1 { self.builder.ins().bswap(value) } else { value };
        self.store(value, address);
    }
}

/// Type in the packet, type in wasm.
fn packet_types(bytes: u8) -> (Type, Type) {
    match bytes {
        1 => (types::I8, types::I32),
        2 => (types::I16, types::I32),
        4 => (types::I32, types::I32),
        _ => (types::I64, types::I64),
    }
}
