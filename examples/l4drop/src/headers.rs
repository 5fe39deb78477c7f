// SPDX-License-Identifier: MIT OR Apache-2.0
//! Walks the headers from Ethernet to the transport header.
//!
//! Every function answers `None` for what it does not know or what is cut off: the caller passes such
//! packets on. Nothing is loaded before its bytes are known to be there.

use wasmkc_guest::packet;

/// UDP's protocol number.
pub const UDP: u8 = 17;
/// TCP's protocol number.
pub const TCP: u8 = 6;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const VLAN_OUTER: u16 = 0x88a8;

/// A transport header and what follows it.
#[derive(Clone, Copy)]
pub struct Transport {
    /// Protocol number.
    pub protocol: u8,
    /// Offset of the header.
    pub start: u32,
    /// Offset behind the IP packet's last byte, which Ethernet padding may follow.
    pub end: u32,
}

impl Transport {
    /// Whether `bytes` bytes of the IP packet follow at `off`.
    pub fn holds(&self, off: u32, bytes: u32) -> bool {
        off + bytes <= self.end
    }
}

/// Ethernet with up to two VLAN tags.
pub fn transport() -> Option<Transport> {
    if !packet::holds(0, 14) {
        return None;
    }
    let mut ether_type = packet::load16_be(12);
    let mut at = 14;
    for _ in 0..2 {
        if ether_type == VLAN || ether_type == VLAN_OUTER {
            if !packet::holds(at, 4) {
                return None;
            }
            ether_type = packet::load16_be(at + 2);
            at += 4;
        }
    }
    match ether_type {
        IPV4 => ipv4(at),
        IPV6 => ipv6(at),
        _ => None,
    }
}

/// IPv4 with options. Later fragments have no transport header; the first one has.
fn ipv4(at: u32) -> Option<Transport> {
    if !packet::holds(at, 20) {
        return None;
    }
    let first = packet::load8(at);
    let header = u32::from(first & 15) * 4;
    let total = u32::from(packet::load16_be(at + 2));
    let fragment_offset = packet::load16_be(at + 6) & 0x1fff;
    if first >> 4 != 4 || header < 20 || total < header || fragment_offset != 0 {
        return None;
    }
    Some(Transport { protocol: packet::load8(at + 9), start: at + header, end: packet::len().min(at + total) })
}

/// IPv6 with up to eight extension headers.
fn ipv6(at: u32) -> Option<Transport> {
    if !packet::holds(at, 40) || packet::load8(at) >> 4 != 6 {
        return None;
    }
    let end = packet::len().min(at + 40 + u32::from(packet::load16_be(at + 4)));
    let mut t = Transport { protocol: packet::load8(at + 6), start: at + 40, end };
    for _ in 0..8 {
        let units = match t.protocol {
            // Hop-by-hop, routing, destination options: length in 8 bytes, without the first 8.
            0 | 43 | 60 if t.holds(t.start, 2) => u32::from(packet::load8(t.start + 1)) * 8 + 8,
            // Authentication: length in 4 bytes, without the first 8.
            51 if t.holds(t.start, 2) => u32::from(packet::load8(t.start + 1)) * 4 + 8,
            // Fragment: only the first one goes on with a transport header.
            44 if t.holds(t.start, 8) && packet::load16_be(t.start + 2) & 0xfff8 == 0 => 8,
            0 | 43 | 44 | 51 | 60 => return None,
            _ => return Some(t),
        };
        t.protocol = packet::load8(t.start);
        t.start += units;
    }
    None
}
