// SPDX-License-Identifier: MIT OR Apache-2.0
//! l4drop: drops packets by destination port, TCP flags and the first bytes of their payload.
//!
//! `rules.rs` says what is dropped, `headers.rs` finds the transport header. All that is not dropped
//! passes: other protocols, later fragments, and packets that are cut off or malformed.
#![no_std]

mod headers;
mod rules;

use headers::{TCP, Transport, UDP};
use wasmkc_guest::{Verdict, packet, xdp};

xdp!(filter);

fn filter() -> Verdict {
    match headers::transport() {
        Some(t) if is_dropped(&t) => Verdict::Drop,
        _ => Verdict::Pass,
    }
}

fn is_dropped(t: &Transport) -> bool {
    match t.protocol {
        UDP if t.holds(t.start, 8) => {
            rules::UDP_PORTS.contains(&packet::load16_be(t.start + 2)) || has_payload(t, t.start + 8)
        }
        TCP if t.holds(t.start, 20) => {
            let flags = packet::load8(t.start + 13);
            let header = u32::from(packet::load8(t.start + 12) >> 4) * 4;
            rules::TCP_PORTS.contains(&packet::load16_be(t.start + 2))
                || rules::TCP_FLAGS.iter().any(|(mask, value)| flags & mask == *value)
                || (header >= 20 && has_payload(t, t.start + header))
        }
        _ => false,
    }
}

/// Whether what follows at `off` begins with one of the payload prefixes.
fn has_payload(t: &Transport, off: u32) -> bool {
    rules::PAYLOADS.iter().any(|prefix| {
        t.holds(off, prefix.len() as u32) && (off..).zip(prefix.iter()).all(|(at, byte)| packet::load8(at) == *byte)
    })
}
