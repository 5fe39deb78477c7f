//! The workloads: what is measured.

/// What the payload of a workload's packets is, so that it has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Small letters.
    Letters,
    /// The same, with a word that the scan looks for in every fourth packet.
    Words,
    /// Most packets are DNS queries.
    Queries,
}

/// One workload.
#[derive(Debug)]
pub struct Workload {
    /// Its name, that of its file.
    pub name: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// Its C source.
    pub source: &'static str,
    /// Bytes in front of the frame that belong to the packet, for headers that the filter adds.
    pub room: usize,
    /// What its packets carry.
    pub payload: Payload,
}

impl Workload {
    /// Whether it only shows what the way into a filter and out of it takes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name == "empty"
    }
}

macro_rules! workload {
    ($name:literal, $room:literal, $payload:ident, $what:literal) => {
        Workload {
            name: $name,
            what: $what,
            source: include_str!(concat!("../workloads/", $name, ".c")),
            room: $room,
            payload: Payload::$payload,
        }
    };
}

/// All of them.
pub static ALL: [Workload; 9] = [
    workload!("empty", 0, Letters, "passes every packet: the way in and out"),
    workload!("rules", 0, Letters, "rules of layers 3 and 4"),
    workload!("blocklist", 0, Letters, "a hash table of 100,000 addresses"),
    workload!("prefixes", 0, Letters, "the longest of 10,000 prefixes"),
    workload!("balancer", 50, Letters, "load balancer, VXLAN and its checksum"),
    workload!("scan", 0, Words, "64 words in the payload, Aho-Corasick"),
    workload!("dns", 0, Queries, "the name of a DNS query, 4,096 listed"),
    workload!("checksum", 0, Letters, "the checksum of TCP and UDP"),
    workload!("siphash", 0, Letters, "SipHash-2-4 of the packet"),
];

macro_rules! straight {
    ($name:literal, $steps:literal) => {
        Workload {
            name: $name,
            what: "as many operations, one after the other",
            source: concat!("#define STEPS ", $steps, "\n", include_str!("../workloads/straight.c")),
            room: 0,
            payload: Payload::Letters,
        }
    };
}

/// What only `wkc-bench-kernel` measures: two filters that differ by a hundred operations, and the example `l4drop`,
/// of which the source is that for eBPF.
pub static KERNEL: [Workload; 3] = [
    straight!("line100", "100"),
    straight!("line200", "200"),
    Workload {
        name: "l4drop",
        what: "the example",
        source: include_str!("../../tests/ebpf/l4drop.c"),
        room: 0,
        payload: Payload::Letters,
    },
];

/// The workload of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Workload> {
    ALL.iter().find(|workload| workload.name == name)
}
