//! The packets: a few thousand different ones from a seed, the same for all systems.
//!
//! All packets of a trace have one size, as the results are told by size; what differs is all else: protocols,
//! tags, addresses that are listed and others, ports, flags, payload, checksums that are right and wrong.

use crate::workload::{Payload, Workload};

/// Packets of a whole trace; that many fit into what `workloads/bench.h` reserves.
pub const PACKETS: usize = 2048;
/// Bytes that `workloads/bench.h` reserves for the packets.
pub const BYTES: usize = PACKETS * 1600;
/// Bytes in front of each frame, as drivers leave some; a workload's room is the end of them.
const FRONT: usize = 64;
/// Sizes of frames that are measured.
pub const SIZES: [usize; 3] = [64, 512, 1500];

/// Reads the bytes of a frame from the command line.
///
/// # Errors
/// With what it may be.
pub fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().map_err(|_| format!("{text} is no number"))?;
    if (64..=1500).contains(&size) { Ok(size) } else { Err("a frame has 64 to 1500 bytes here".to_owned()) }
}

/// Packets, one in each slot.
#[derive(Clone, Debug)]
pub struct Trace {
    /// All slots.
    pub bytes: Vec<u8>,
    /// Packets.
    pub count: usize,
    /// Bytes from one slot to the next.
    pub stride: usize,
    /// Where in its slot a packet begins.
    pub start: usize,
    /// Bytes of each packet.
    pub len: usize,
}

impl Trace {
    /// `count` packets of `size` bytes for `workload`.
    #[must_use]
    pub fn new(workload: &Workload, size: usize, count: usize, seed: u64) -> Self {
        let stride = (FRONT + size).next_multiple_of(64);
        let count = count.min(PACKETS);
        let mut bytes = vec![0; count * stride];
        let mut random = fastrand::Rng::with_seed(seed);
        for slot in bytes.chunks_exact_mut(stride) {
            frame(&mut random, workload.payload, &mut slot[FRONT..][..size]);
        }
        Self { bytes, count, stride, start: FRONT - workload.room, len: size + workload.room }
    }

    /// The same of which nothing is judged.
    #[must_use]
    pub fn without_packets(&self) -> Self {
        Self { bytes: Vec::new(), count: 0, ..*self }
    }

    /// What the loop inside a target takes: count, stride, start, length.
    #[must_use]
    pub fn arguments(&self) -> [u32; 4] {
        [self.count, self.stride, self.start, self.len].map(|n| u32::try_from(n).unwrap_or(u32::MAX))
    }

    /// The packets.
    pub fn packets(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let (start, len) = (self.start, self.len);
        self.bytes.chunks_exact_mut(self.stride).map(move |slot| &mut slot[start..start + len])
    }
}

/// The n-th number of the seed that the tables are made of; `mix` of `workloads/bench.h`.
fn mix(n: u32) -> u32 {
    let n = n.wrapping_add(0x9e37_79b9);
    let n = (n ^ (n >> 16)).wrapping_mul(0x85eb_ca6b);
    let n = (n ^ (n >> 13)).wrapping_mul(0xc2b2_ae35);
    n ^ (n >> 16)
}

fn put(to: &mut [u8], at: usize, bytes: &[u8]) {
    to[at..at + bytes.len()].copy_from_slice(bytes);
}

/// One of several, at random.
fn one<T: Copy>(random: &mut fastrand::Rng, of: &[T]) -> T {
    of[random.usize(..of.len())]
}

/// A random Ethernet frame as long as `to`.
fn frame(random: &mut fastrand::Rng, payload: Payload, to: &mut [u8]) {
    random.fill(&mut to[..12]);
    for byte in &mut to[14..] {
        *byte = random.u8(b'a'..=b'z');
    }
    if payload == Payload::Queries && random.u8(..100) < 75 {
        return ip4(random, payload, to, 14, true);
    }
    match random.u8(..100) {
        0..4 => put(to, 12, &[0x08, 0x06]),
        4..12 => ip6(random, to),
        12..18 => {
            put(to, 12, &[0x81, 0x00, 0x00, random.u8(..), 0x08, 0x00]);
            ip4(random, payload, to, 18, false);
        }
        _ => ip4(random, payload, to, 14, false),
    }
}

fn ip6(random: &mut fastrand::Rng, to: &mut [u8]) {
    put(to, 12, &[0x86, 0xdd, 0x60, 0, 0, 0]);
    let len = (to.len() - 54) as u16;
    put(to, 18, &len.to_be_bytes());
    // a TCP header does not fit into the shortest
    let protocol = if to.len() < 80 || random.bool() { 17 } else { 6 };
    put(to, 20, &[protocol, 64]);
    random.fill(&mut to[22..54]);
    transport(random, to, 54, protocol, None);
}

fn source(random: &mut fastrand::Rng) -> u32 {
    match random.u8(..10) {
        // one of the list; one of the networks of prefixes
        0..3 => mix(random.u32(..100_000)),
        3..6 => (mix(random.u32(..2000)) & 0xffff_0000) | random.u32(..0x1_0000),
        _ => random.u32(..),
    }
}

fn ip4(random: &mut fastrand::Rng, payload: Payload, to: &mut [u8], ip: usize, query: bool) {
    put(to, ip - 2, &[0x08, 0x00]);
    let words = if !query && random.u8(..100) < 3 { 6 } else { 5 };
    let total = (to.len() - ip) as u16;
    let protocol = if query { 17 } else { one(random, &[6, 6, 6, 6, 6, 6, 17, 17, 17, 17, 17, 17, 1, 47]) };
    let fragment: u16 = if !query && random.u8(..100) < 2 { random.u16(1..0x2000) } else { 0 };
    put(to, ip, &[0x40 | words, 0]);
    put(to, ip + 2, &total.to_be_bytes());
    put(to, ip + 4, &random.u16(..).to_be_bytes());
    put(to, ip + 6, &fragment.to_be_bytes());
    put(to, ip + 8, &[64, protocol, 0, 0]);
    put(to, ip + 12, &source(random).to_be_bytes());
    let service = random.u8(..10) < 7;
    let target = if service { 0xc633_6400 | random.u32(..16) } else { random.u32(..) };
    put(to, ip + 16, &target.to_be_bytes());
    let at = ip + usize::from(words) * 4;
    let header = !sum(&to[ip..at], 0);
    put(to, ip + 10, &header.to_be_bytes());
    transport(random, to, at, protocol, query.then_some(53));
    match payload {
        _ if query => question(random, &mut to[at + 8..]),
        Payload::Words if random.u8(..4) == 0 => word(random, &mut to[at + 20..]),
        _ => {}
    }
    if protocol == 6 || protocol == 17 {
        let field = at + if protocol == 6 { 16 } else { 6 };
        put(to, field, &[0, 0]);
        let pseudo = u32::from(protocol) + (to.len() - at) as u32 + u32::from(sum(&to[ip + 12..ip + 20], 0));
        let wrong = u16::from(random.u8(..5) == 0);
        let right = (!sum(&to[at..], pseudo)) ^ wrong;
        put(to, field, &right.to_be_bytes());
    }
}

/// The sum of 16-bit words that the internet's checksums are the complement of.
fn sum(bytes: &[u8], start: u32) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum = words.fold(start, |sum, word| sum + word);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn transport(random: &mut fastrand::Rng, to: &mut [u8], at: usize, protocol: u8, port: Option<u16>) {
    let known = [22, 23, 53, 80, 123, 137, 389, 443, 445, 1900, 8080, 9999, 11211];
    let either = |random: &mut fastrand::Rng| if random.bool() { one(random, &known) } else { random.u16(1024..) };
    let from = either(random);
    let target = port.unwrap_or_else(|| either(random));
    match protocol {
        6 => {
            put(to, at, &from.to_be_bytes());
            put(to, at + 2, &target.to_be_bytes());
            random.fill(&mut to[at + 4..at + 12]);
            let flags = one(random, &[0x10, 0x10, 0x10, 0x18, 0x18, 0x02, 0x02, 0x12, 0x11, 0x04, 0x00, 0x29, 0x03]);
            put(to, at + 12, &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        }
        17 => {
            let len = (to.len() - at) as u16;
            put(to, at, &from.to_be_bytes());
            put(to, at + 2, &target.to_be_bytes());
            put(to, at + 4, &len.to_be_bytes());
        }
        1 => put(to, at, &[one(random, &[0, 3, 5, 8, 8, 11]), 0]),
        _ => {}
    }
}

/// Plants a word that `workloads/scan.c` looks for, where it fits.
fn word(random: &mut fastrand::Rng, to: &mut [u8]) {
    let word = random.u32(..64);
    let len = 6 + mix(word + 5000) % 7;
    let letters: Vec<u8> = (0..len).map(|at| b'a' + (mix(word * 16 + at + 6000) % 26) as u8).collect();
    if let Some(last) = to.len().checked_sub(letters.len()) {
        put(to, random.usize(..=last), &letters);
    }
}

/// Name `n` of `workloads/dns.c`, as it travels; one label for every fourth, three for the others.
fn name(n: u32) -> Vec<u8> {
    let m = mix(n + 70000);
    let lengths = if n.is_multiple_of(4) { vec![2 + m % 3] } else { vec![3 + (m & 7), 4 + (m >> 3 & 7), 3] };
    let mut name = Vec::new();
    for (label, len) in (0..).zip(lengths) {
        name.push(len as u8);
        let letter = |at| {
            if label == 2 { b"com"[at as usize] } else { b'a' + (mix(n * 64 + label * 16 + at + 80000) % 26) as u8 }
        };
        name.extend((0..len).map(letter));
    }
    name.push(0);
    name
}

/// A DNS query: header and one question. Half of the names are listed.
fn question(random: &mut fastrand::Rng, to: &mut [u8]) {
    put(to, 0, &random.u16(..).to_be_bytes());
    put(to, 2, &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let n = if random.bool() { random.u32(..4096) } else { random.u32(4096..1_000_000) };
    let mut question = name(n);
    if question.len() + 16 > to.len() {
        question = name(n / 4 * 4);
    }
    for byte in &mut question {
        // labels are shorter than any letter, so this changes letters only
        if byte.is_ascii_lowercase() && random.u8(..8) == 0 {
            byte.make_ascii_uppercase();
        }
    }
    put(to, 12, &question);
    put(to, 12 + question.len(), &[0, 1, 0, 1]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload;
    use std::collections::HashSet;

    #[test]
    fn packets_differ_and_the_seed_says_which_they_are() {
        for workload in &workload::ALL {
            let mut trace = Trace::new(workload, 64, PACKETS, 7);
            assert!(trace.bytes.len() <= BYTES);
            assert_eq!(trace.bytes, Trace::new(workload, 64, PACKETS, 7).bytes);
            assert_ne!(trace.bytes, Trace::new(workload, 64, PACKETS, 8).bytes);
            let different: HashSet<Vec<u8>> = trace.packets().map(|packet| packet.to_vec()).collect();
            assert_eq!(different.len(), PACKETS, "{}", workload.name);
        }
    }
}
