//! The examples end to end: built from source, compiled, audited, and run on packets by the host's
//! runner, which executes the very code bytes that the kernel would.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use etherparse::{IpNumber, Ipv4Header, Ipv4Options, Ipv6Header, PacketBuilder, VlanId};
use wasmkc_abi::verdict::Verdict::{self, Drop, Pass};
use wasmkc_host::{Options, Program, Runner};

const MACS: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
const V4: ([u8; 4], [u8; 4]) = ([10, 9, 0, 1], [10, 9, 0, 2]);
const V6: ([u8; 16], [u8; 16]) = ([0xfd; 16], [0xfe; 16]);

/// Builds all examples once, and gives `name`, compiled.
fn program(name: &str) -> Program {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let root = BUILT.get_or_init(|| {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let done = Command::new("sh").arg(root.join("examples/build.sh")).output().expect("sh");
        assert!(done.status.success(), "examples/build.sh: {}", String::from_utf8_lossy(&done.stderr));
        root
    });
    let wasm = std::fs::read(root.join(format!("build/examples/{name}.wasm"))).expect("the example's wasm");
    let options = wasmkc_compiler::Options { name: name.to_owned(), ..Default::default() };
    let object = wasmkc_compiler::compile(&wasm, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(wasmkc_audit::audit(&object.bytes).is_ok());
    Program::load_compiled_here(&object.bytes).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn l4drop() -> Runner {
    Runner::new(&program("l4drop"), Options::default()).expect("an instance")
}

fn drop_port() -> Runner {
    Runner::new(&program("drop-port"), Options::default()).expect("an instance")
}

/// The verdict of `packet`; a trap or a changed packet fails the test.
#[track_caller]
fn verdict(runner: &mut Runner, packet: &[u8]) -> Verdict {
    let mut bytes = packet.to_vec();
    let outcome = runner.run(&mut bytes);
    assert_eq!(outcome.trap, None, "{} bytes {packet:02x?}", packet.len());
    assert!(outcome.fuel_used > 0);
    assert_eq!(bytes, packet, "a filter that only looks changed the packet");
    outcome.verdict
}

fn ethernet() -> etherparse::PacketBuilderStep<etherparse::Ethernet2Header> {
    PacketBuilder::ethernet2(MACS.0, MACS.1)
}

fn vlan(id: u16) -> VlanId {
    VlanId::try_new(id).expect("a VLAN id")
}

/// UDP over IPv4.
fn udp4(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ethernet().ipv4(V4.0, V4.1, 64).udp(5000, port).write(&mut out, payload).expect("a packet");
    out
}

/// UDP over IPv6.
fn udp6(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ethernet().ipv6(V6.0, V6.1, 64).udp(5000, port).write(&mut out, payload).expect("a packet");
    out
}

/// TCP over IPv4 with the flag byte `flags`.
fn tcp4(port: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ethernet().ipv4(V4.0, V4.1, 64).tcp(5000, port, 1, 1024).write(&mut out, payload).expect("a packet");
    out[14 + 20 + 13] = flags;
    out
}

/// An IPv6 packet whose extension headers are `extensions`, the first of kind `first`, around a UDP datagram.
fn extended6(first: u8, extensions: &[u8], port: u16) -> Vec<u8> {
    let udp = &udp6(port, b"hello")[54..];
    let header = Ipv6Header {
        payload_length: (extensions.len() + udp.len()) as u16,
        next_header: IpNumber(first),
        hop_limit: 64,
        source: V6.0,
        destination: V6.1,
        ..Default::default()
    };
    let mut out = udp6(port, b"")[..14].to_vec();
    out.extend_from_slice(&header.to_bytes());
    out.extend_from_slice(extensions);
    out.extend_from_slice(udp);
    out
}

#[test]
fn ports_flags_and_payloads() {
    let f = &mut l4drop();
    assert_eq!(verdict(f, &udp4(9999, b"hello")), Drop);
    assert_eq!(verdict(f, &udp4(9998, b"hello")), Pass);
    assert_eq!(verdict(f, &udp4(7000, b"BLOCKME and more")), Drop);
    assert_eq!(verdict(f, &udp4(7000, b"BLOCKME")), Drop);
    assert_eq!(verdict(f, &udp4(7000, b"BLOCKM")), Pass);
    assert_eq!(verdict(f, &udp4(7000, b"BLOCKMe")), Pass);
    assert_eq!(verdict(f, &udp4(7000, b"xBLOCKME")), Pass);
    assert_eq!(verdict(f, &tcp4(9998, 0x02, b"")), Drop);
    assert_eq!(verdict(f, &tcp4(9999, 0x02, b"")), Pass);
    assert_eq!(verdict(f, &tcp4(80, 0x18, b"BLOCKME")), Drop);
    assert_eq!(verdict(f, &tcp4(80, 0x18, b"GET / HTTP/1.1")), Pass);
    for honest in [0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x38] {
        assert_eq!(verdict(f, &tcp4(80, honest, b"")), Pass, "flags {honest:#x}");
    }
    // Null, xmas, SYN+FIN, SYN+RST; the two upper bits (ECE, CWR) do not matter.
    for scan in [0x00, 0x29, 0x03, 0x06, 0xc0, 0xe9, 0x3f] {
        assert_eq!(verdict(f, &tcp4(80, scan, b"")), Drop, "flags {scan:#x}");
    }
}

#[test]
fn tcp_options_move_the_payload() {
    let f = &mut l4drop();
    for (payload, expected) in [(&b"BLOCKME"[..], Drop), (b"\x01\x01\x01\x01BLOCKME", Pass)] {
        let mut packet = Vec::new();
        let tcp = ethernet().ipv4(V4.0, V4.1, 64).tcp(5000, 80, 1, 1024).ack(7);
        tcp.options_raw(&[1; 12]).expect("options").write(&mut packet, payload).expect("a packet");
        assert_eq!(verdict(f, &packet), expected);
    }
    // A data offset below five words is malformed: no payload to compare, the port still counts.
    let mut packet = tcp4(80, 0x18, b"BLOCKME");
    packet[14 + 20 + 12] = 0x40;
    assert_eq!(verdict(f, &packet), Pass);
}

#[test]
fn vlan_tags() {
    let f = &mut l4drop();
    for (port, expected) in [(9999, Drop), (7000, Pass)] {
        let mut single = Vec::new();
        let b = ethernet().single_vlan(vlan(7)).ipv4(V4.0, V4.1, 64).udp(5000, port);
        b.write(&mut single, b"hello").expect("a packet");
        assert_eq!(verdict(f, &single), expected);
        let mut double = Vec::new();
        let b = ethernet().double_vlan(vlan(7), vlan(8)).ipv6(V6.0, V6.1, 64).udp(5000, port);
        b.write(&mut double, b"hello").expect("a packet");
        assert_eq!(double[12..14], [0x88, 0xa8]);
        assert_eq!(verdict(f, &double), expected);
        // A third tag is more than l4drop looks through.
        let mut triple = double[..12].to_vec();
        triple.extend_from_slice(&[0x81, 0, 0, 9]);
        triple.extend_from_slice(&double[12..]);
        assert_eq!(verdict(f, &triple), Pass);
    }
    // drop-port looks through none.
    let mut single = Vec::new();
    let b = ethernet().single_vlan(vlan(7)).ipv4(V4.0, V4.1, 64).udp(5000, 9999);
    b.write(&mut single, b"hello").expect("a packet");
    assert_eq!(verdict(&mut drop_port(), &single), Pass);
}

#[test]
fn ipv4_options_move_the_ports() {
    for mut f in [l4drop(), drop_port()] {
        for (port, expected) in [(9999, Drop), (7000, Pass)] {
            let mut ip = Ipv4Header::new(13, 64, IpNumber::UDP, V4.0, V4.1).expect("a header");
            // Options that look like ports where an option-blind filter would read.
            ip.options = Ipv4Options::try_from(&[0x27, 0x0f, 0x27, 0x0f, 0, 0, 0, 0][..]).expect("options");
            ip.set_payload_len(13).expect("a length");
            let mut packet = udp4(port, b"")[..14].to_vec();
            packet.extend_from_slice(&ip.to_bytes());
            packet.extend_from_slice(&udp4(port, b"hello")[34..]);
            assert_eq!(verdict(&mut f, &packet), expected);
        }
    }
}

#[test]
fn ipv4_fragments() {
    for mut f in [l4drop(), drop_port()] {
        let mut packet = udp4(9999, b"hello");
        packet[20] = 0x20; // more fragments: the first one has the ports
        assert_eq!(verdict(&mut f, &packet), Drop);
        packet[21] = 1; // a later one: what stands there is payload
        assert_eq!(verdict(&mut f, &packet), Pass);
        packet[20] = 0x1f;
        assert_eq!(verdict(&mut f, &packet), Pass);
    }
}

#[test]
fn ipv6_and_its_extension_headers() {
    let f = &mut l4drop();
    assert_eq!(verdict(f, &udp6(9999, b"hello")), Drop);
    assert_eq!(verdict(f, &udp6(7000, b"hello")), Pass);
    assert_eq!(verdict(f, &udp6(7000, b"BLOCKME")), Drop);
    assert_eq!(verdict(&mut drop_port(), &udp6(9999, b"hello")), Pass);

    let hop_by_hop = |next: u8| vec![next, 1, 5, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let authentication = |next: u8| vec![next, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
    let fragment = |next: u8, offset: u8, more: u8| vec![next, 0, 0, offset << 3 | more, 0, 0, 0, 1];
    for (port, expected) in [(9999, Drop), (7000, Pass)] {
        assert_eq!(verdict(f, &extended6(0, &hop_by_hop(17), port)), expected);
        assert_eq!(verdict(f, &extended6(51, &authentication(17), port)), expected);
        assert_eq!(verdict(f, &extended6(44, &fragment(17, 0, 1), port)), expected);
        assert_eq!(
            verdict(f, &extended6(0, &[hop_by_hop(60), hop_by_hop(43), hop_by_hop(17)].concat(), port)),
            expected
        );
        assert_eq!(verdict(f, &extended6(44, &fragment(17, 1, 1), port)), Pass, "a later fragment");
        assert_eq!(verdict(f, &extended6(59, &[], port)), Pass, "no next header");
    }
    // Seven are looked through, a chain that leads through more than eight is not.
    let chain = |n: usize| [vec![hop_by_hop(60); n - 1].concat(), hop_by_hop(17)].concat();
    assert_eq!(verdict(f, &extended6(60, &chain(7), 9999)), Drop);
    assert_eq!(verdict(f, &extended6(60, &chain(20), 9999)), Pass);
    // A length that leads out of the packet.
    assert_eq!(verdict(f, &extended6(0, &[17, 255, 0, 0, 0, 0, 0, 0], 9999)), Pass);
}

#[test]
fn truncated_packets_of_every_length() {
    // Packet, and how many bytes l4drop and drop-port need to see to drop it.
    let never = usize::MAX;
    let cases = [
        (udp4(9999, &[0; 40]), 42, 42),
        (udp4(7000, b"BLOCKME, and twenty more bytes"), 49, never),
        (tcp4(9998, 2, &[0; 40]), 54, never),
        (udp6(9999, &[0; 40]), never, never), // 62 bytes: beyond what is cut here
        (udp4(7000, &[0; 40]), never, never),
    ];
    let (mut f, mut g) = (l4drop(), drop_port());
    for (packet, for_l4drop, for_drop_port) in cases {
        for len in 0..=60 {
            let expected = |needed| if len >= needed { Drop } else { Pass };
            assert_eq!(verdict(&mut f, &packet[..len]), expected(for_l4drop), "l4drop, {len} bytes");
            assert_eq!(verdict(&mut g, &packet[..len]), expected(for_drop_port), "drop-port, {len} bytes");
        }
    }
    let packet = udp6(9999, &[0; 40]);
    assert_eq!(verdict(&mut f, &packet[..61]), Pass);
    assert_eq!(verdict(&mut f, &packet[..62]), Drop);
}

#[test]
fn ethernet_padding_is_no_payload() {
    let f = &mut l4drop();
    let mut packet = udp4(7000, b"");
    packet.extend_from_slice(b"BLOCKME padding");
    assert_eq!(verdict(f, &packet), Pass);
}

#[test]
fn packets_of_1500_bytes_and_more() {
    for size in [1500 - 28, 8972] {
        let payload = vec![0x5a; size];
        let mut blocked = payload.clone();
        blocked[..7].copy_from_slice(b"BLOCKME");
        let (mut f, mut g) = (l4drop(), drop_port());
        assert_eq!(verdict(&mut f, &udp4(9999, &payload)), Drop);
        assert_eq!(verdict(&mut g, &udp4(9999, &payload)), Drop);
        assert_eq!(verdict(&mut f, &udp4(7000, &payload)), Pass);
        assert_eq!(verdict(&mut g, &udp4(7000, &payload)), Pass);
        assert_eq!(verdict(&mut f, &udp4(7000, &blocked)), Drop);
        assert_eq!(verdict(&mut g, &udp4(7000, &blocked)), Pass);
    }
}

#[test]
fn other_protocols_pass() {
    let mut ping = Vec::new();
    ethernet().ipv4(V4.0, V4.1, 64).icmpv4_echo_request(1, 1).write(&mut ping, b"BLOCKME").expect("a packet");
    let mut arp = udp4(9999, b"BLOCKME");
    arp[12..14].copy_from_slice(&[0x08, 0x06]);
    let mut version = udp4(9999, b"hello");
    version[14] = 0x55;
    let mut short_header = udp4(9999, b"hello");
    short_header[14] = 0x44;
    let f = &mut l4drop();
    for packet in [ping, arp, version, short_header] {
        assert_eq!(verdict(f, &packet), Pass);
    }
}

#[test]
fn no_packet_makes_an_example_trap() {
    // Noise behind every plausible start, from a fixed seed (xorshift).
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as u8
    };
    let starts =
        [udp4(9999, b"")[..14].to_vec(), udp6(9999, b"")[..14].to_vec(), udp4(9999, b""), udp6(9999, b""), vec![]];
    let (mut f, mut g) = (l4drop(), drop_port());
    for round in 0..20_000 {
        let mut packet = starts[round % starts.len()].clone();
        let noise = usize::from(random()) % 120;
        packet.extend((0..noise).map(|_| random()));
        for _ in 0..round % 4 {
            let at = usize::from(random()) % packet.len().max(1);
            if let Some(byte) = packet.get_mut(at) {
                *byte = random();
            }
        }
        verdict(&mut f, &packet);
        verdict(&mut g, &packet);
    }
}

#[test]
fn the_guest_side_declares_every_import() {
    let read = |path: &str| {
        std::fs::read_to_string(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../abi/guest")).join(path))
            .unwrap_or_else(|e| panic!("{path}: {e}"))
    };
    let (c, packet, kernel) = (read("c/wasmkc.h"), read("rust/src/packet.rs"), read("rust/src/kernel.rs"));
    for (name, _) in wasmkc_abi::packet::PACKET_OPS {
        assert!(c.contains(&format!("WASMKC_IMPORT(\"xdp\", \"{name}\")")), "wasmkc.h lacks xdp.{name}");
        assert!(packet.contains(&format!("fn {name}(")), "the Rust crate lacks xdp.{name}");
    }
    for helper in wasmkc_abi::helper::HELPERS {
        let name = helper.name;
        assert!(c.contains(&format!("WASMKC_IMPORT(\"kernel\", \"{name}\")")), "wasmkc.h lacks kernel.{name}");
        assert!(kernel.contains(&format!("fn {name}(")), "the Rust crate lacks kernel.{name}");
    }
    for (verdict, name) in wasmkc_abi::verdict::VERDICTS {
        let line = format!("XDP_{} = {},", name.to_uppercase(), verdict as u32);
        assert!(c.contains(&line), "wasmkc.h lacks {line}");
    }
}
