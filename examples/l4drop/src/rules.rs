// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is dropped. Change the tables and build again; the compiler unrolls them.

/// UDP destination ports.
pub const UDP_PORTS: &[u16] = &[9999];

/// TCP destination ports.
pub const TCP_PORTS: &[u16] = &[9998];

/// TCP flags that no honest sender sets: which bits to look at, and their values.
pub const TCP_FLAGS: &[(u8, u8)] = &[
    (FIN | SYN | RST | PSH | ACK | URG, 0),               // null scan
    (FIN | SYN | RST | PSH | ACK | URG, FIN | PSH | URG), // xmas scan
    (SYN | FIN, SYN | FIN),
    (SYN | RST, SYN | RST),
];

/// First bytes of a TCP segment's or UDP datagram's payload.
pub const PAYLOADS: &[&[u8]] = &[b"BLOCKME"];

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;
