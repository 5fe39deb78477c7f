//! `wkc-packets`: writes a capture for the comparison of engines. Always the same packets: whole ones of
//! every kind that l4drop tells apart, each cut off at every length, changed ones and random bytes.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use etherparse::{PacketBuilder, VlanId};
use fastrand::Rng;
use pcap_file::pcap::{PcapPacket, PcapWriter};

/// What the kernel gives an XDP program at least, and what a test run takes at most.
const LENGTHS: std::ops::RangeInclusive<usize> = 14..=3520;

#[derive(Parser)]
#[command(about = "Writes a capture of well-formed, cut, changed and random packets", version)]
struct Args {
    /// The capture to write.
    out: PathBuf,
    /// Changed packets and random ones.
    #[arg(long, default_value_t = 600)]
    random: usize,
    /// Where the random numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy)]
enum Transport {
    Udp { port: u16 },
    Tcp { port: u16, flags: u8 },
    Icmp,
}

/// A well-formed packet with `tags` VLAN tags.
fn packet(v6: bool, tags: usize, transport: Transport, payload: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut out = Vec::new();
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let ip =
        if v6 { ethernet.ipv6([0xfd; 16], [0xfe; 16], 64) } else { ethernet.ipv4([10, 9, 0, 1], [10, 9, 0, 2], 64) };
    match transport {
        Transport::Udp { port } => ip.udp(5000, port).write(&mut out, payload)?,
        Transport::Tcp { port, .. } => ip.tcp(5000, port, 1, 1024).write(&mut out, payload)?,
        Transport::Icmp => ip.icmpv4_echo_request(1, 1).write(&mut out, payload)?,
    }
    if let Transport::Tcp { flags, .. } = transport {
        let ip_bytes = if v6 { 40 } else { 20 };
        out[14 + ip_bytes + 13] = flags;
    }
    for tag in 0..tags {
        let id = VlanId::try_new(7 + tag as u16)?.value().to_be_bytes();
        let kind: u16 = if tag == 0 { 0x8100 } else { 0x88a8 };
        let kind = kind.to_be_bytes();
        out.splice(12..12, [kind[0], kind[1], id[0], id[1]]);
    }
    Ok(out)
}

/// Every kind that the rules of l4drop tell apart.
fn whole() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut all = Vec::new();
    for v6 in [false, true] {
        for tags in 0..=3 {
            for payload in [&b""[..], b"BLOCKME", b"BLOCKME and more", b"hello, this is a payload", &[0x42; 1400]] {
                for port in [9999, 9998, 80] {
                    all.push(packet(v6, tags, Transport::Udp { port }, payload)?);
                    all.push(packet(v6, tags, Transport::Tcp { port, flags: 0x18 }, payload)?);
                }
            }
        }
        for flags in 0..=0xff {
            all.push(packet(v6, 0, Transport::Tcp { port: 80, flags }, b"x")?);
        }
    }
    all.push(packet(false, 0, Transport::Icmp, b"ping")?);
    Ok(all)
}

/// One that is to be dropped, of every length from the least to its own.
fn cut() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut all = Vec::new();
    for v6 in [false, true] {
        for transport in [Transport::Udp { port: 7000 }, Transport::Tcp { port: 80, flags: 0x18 }] {
            let packet = packet(v6, 1, transport, b"BLOCKME!")?;
            all.extend((*LENGTHS.start()..packet.len()).map(|len| packet[..len].to_vec()));
        }
    }
    Ok(all)
}

/// `count` of `packets` with a few bytes changed and the end cut off, and as many of random bytes.
fn random(packets: &[Vec<u8>], count: usize, rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for _ in 0..count {
        let mut changed = packets[rng.usize(..packets.len())].clone();
        for _ in 0..rng.usize(1..=4) {
            let headers = changed.len().min(80);
            changed[rng.usize(..headers)] = rng.u8(..);
        }
        if rng.bool() {
            changed.truncate(rng.usize(*LENGTHS.start()..=changed.len()));
        }
        all.push(changed);
        let mut bytes = vec![0; rng.usize(*LENGTHS.start()..=1514)];
        rng.fill(&mut bytes);
        all.push(bytes);
    }
    all.extend([1500, 1514, *LENGTHS.end()].map(|len| vec![0x45; len]));
    all
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let mut packets = whole()?;
    let changed = random(&packets, args.random, &mut Rng::with_seed(args.seed));
    packets.extend(cut()?);
    packets.extend(changed);
    let mut writer = PcapWriter::new(BufWriter::new(File::create(&args.out)?))?;
    for (index, packet) in packets.iter().enumerate() {
        let time = Duration::from_millis(index as u64);
        writer.write_packet(&PcapPacket::new(time, packet.len() as u32, packet))?;
    }
    println!("packets {}", packets.len());
    Ok(())
}
