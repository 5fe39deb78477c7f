// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The imports of module `xdp`: packet access that the compiler lowers inline. No relocation, no call.

/// What an `xdp` import does. Offsets are unsigned bytes from the packet's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketOp {
    /// `() -> i32`: bytes of the packet that are directly accessible.
    Len,
    /// `() -> i32`: bytes of the whole packet, fragments included.
    TotalLen,
    /// `(off: i32) -> i32|i64`: load of `bytes` bytes, zero-extended.
    Load {
        /// 1, 2, 4 or 8; 8 gives an i64.
        bytes: u8,
        /// Network byte order.
        big_endian: bool,
    },
    /// `(off: i32, value: i32|i64)`: store of the low `bytes` bytes.
    Store {
        /// 1, 2, 4 or 8; 8 takes an i64.
        bytes: u8,
        /// Network byte order.
        big_endian: bool,
    },
    /// `(memory: i32, off: i32, len: i32)`: copies packet bytes into linear memory.
    CopyIn,
    /// `(off: i32, memory: i32, len: i32)`: copies linear memory into the packet.
    CopyOut,
}

/// Import names of module `xdp`.
pub const PACKET_OPS: &[(&str, PacketOp)] = &[
    ("len", PacketOp::Len),
    ("total_len", PacketOp::TotalLen),
    ("load8", PacketOp::Load { bytes: 1, big_endian: false }),
    ("load16_le", PacketOp::Load { bytes: 2, big_endian: false }),
    ("load16_be", PacketOp::Load { bytes: 2, big_endian: true }),
    ("load32_le", PacketOp::Load { bytes: 4, big_endian: false }),
    ("load32_be", PacketOp::Load { bytes: 4, big_endian: true }),
    ("load64_le", PacketOp::Load { bytes: 8, big_endian: false }),
    ("load64_be", PacketOp::Load { bytes: 8, big_endian: true }),
    ("store8", PacketOp::Store { bytes: 1, big_endian: false }),
    ("store16_le", PacketOp::Store { bytes: 2, big_endian: false }),
    ("store16_be", PacketOp::Store { bytes: 2, big_endian: true }),
    ("store32_le", PacketOp::Store { bytes: 4, big_endian: false }),
    ("store32_be", PacketOp::Store { bytes: 4, big_endian: true }),
    ("store64_le", PacketOp::Store { bytes: 8, big_endian: false }),
    ("store64_be", PacketOp::Store { bytes: 8, big_endian: true }),
    ("copy_in", PacketOp::CopyIn),
    ("copy_out", PacketOp::CopyOut),
];

/// Name in module `xdp` of the packet as a memory: `(memory 0 (pagesize 1))`, as large as what is directly accessible.
pub const PACKET_MEMORY: &str = "packet";

/// The operation of import `xdp.name`.
#[must_use]
pub fn packet_op(name: &str) -> Option<PacketOp> {
    PACKET_OPS.iter().find(|(n, _)| *n == name).map(|(_, op)| *op)
}
