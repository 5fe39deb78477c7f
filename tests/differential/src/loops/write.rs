//! The text of a module of a few functions with loops.

use std::fmt::Write as _;

use fastrand::Rng;
use wasmkc_abi::packet::{PACKET_OPS, PacketOp};

use super::expr::{COMPARISONS, condition, edge, index, number, one, small};

/// Turns that all loops of one call may make together.
const STEPS: u32 = 150;
/// What loops count with, the outermost first.
const COUNTERS: [&str; 3] = ["$i", "$j", "$k"];
/// What a number may be made of anywhere.
const LOCALS: [&str; 5] = ["$a", "$b", "$x", "$i", "$j"];

/// The module of a seed.
pub fn module(rng: &mut Rng) -> Option<Vec<u8>> {
    let mut text = String::from("(module\n");
    for (name, op) in PACKET_OPS {
        let ty = match op {
            PacketOp::Len | PacketOp::TotalLen => "(result i32)",
            PacketOp::Load { bytes: 8, .. } => "(param i32) (result i64)",
            PacketOp::Load { .. } => "(param i32) (result i32)",
            PacketOp::Store { bytes: 8, .. } => "(param i32 i64)",
            PacketOp::Store { .. } => "(param i32 i32)",
            PacketOp::CopyIn | PacketOp::CopyOut => continue,
        };
        let _ = writeln!(text, "(import \"xdp\" \"{name}\" (func ${name} {ty}))");
    }
    // One that can grow has another check.
    let most = one(rng, &[1, 1, 1, 2]);
    let _ = writeln!(text, "(memory $own (export \"m0\") 1 {most})");
    for n in 0..rng.usize(2..5) {
        let mut function = Body { rng, text: &mut text, labels: 0 };
        function.all(n);
    }
    if most > 1 {
        text.push_str("(func (export \"grow\") (result i32) (memory.grow $own (i32.const 1)))\n");
    }
    text.push(')');
    wat::parse_str(&text).ok()
}

struct Body<'a> {
    rng: &'a mut Rng,
    text: &'a mut String,
    labels: u32,
}

impl Body<'_> {
    fn all(&mut self, number: usize) {
        let _ = writeln!(
            self.text,
            "(func (export \"f{number}\") (param $a i32) (param $b i32) (result i32)
             (local $i i32) (local $j i32) (local $k i32) (local $x i32) (local $n i32) (local $sum i32)
             (local $steps i32) (local.set $steps (i32.const {STEPS}))"
        );
        for _ in 0..self.rng.usize(..3) {
            self.guard();
        }
        for _ in 0..self.rng.usize(1..4) {
            self.statement(0, "$a");
        }
        self.put("(local.get $sum))");
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Leaves if the packet is too short, or whatever else it asks.
    fn guard(&mut self) {
        let asked = if self.rng.u8(..3) > 0 {
            format!("(i32.lt_u (call $len) (i32.const {}))", self.rng.u8(1..70))
        } else {
            condition(self.rng, &LOCALS)
        };
        let verdict = self.rng.u8(..4);
        self.put(&format!("(if {asked} (then (return (i32.const {verdict}))))"));
    }

    /// Something, inside of `depth` loops of which the innermost counts with `var`.
    fn statement(&mut self, depth: usize, var: &str) {
        match self.rng.u8(..16) {
            0..4 if depth < 3 => self.counted(depth),
            4 => self.guard(),
            5 => {
                let x = number(self.rng, &LOCALS);
                self.put(&format!("(local.set $x {x})"));
            }
            6 | 7 => {
                let asked = condition(self.rng, &LOCALS);
                self.put(&format!("(if {asked} (then"));
                self.statement(3, var);
                self.put(") (else");
                if self.rng.bool() {
                    self.statement(3, var);
                }
                self.put("))");
            }
            8 | 9 => self.compared(),
            _ => self.access(var),
        }
    }

    /// What is compared is the index, often one that may be negative.
    fn compared(&mut self) {
        let var = one(self.rng, &LOCALS);
        if self.rng.bool() {
            let (from, by) = (number(self.rng, &["$a", "$b"]), small(self.rng));
            self.put(&format!("(local.set $x (i32.sub {from} (i32.const {by})))"));
        }
        let var = if self.rng.bool() { "$x" } else { var };
        let compare = if self.rng.bool() { one(self.rng, &["lt_s", "le_s"]) } else { one(self.rng, &COMPARISONS) };
        let bound = number(self.rng, &["$a", "$b", "$n"]);
        self.put(&format!("(if (i32.{compare} (local.get {var}) {bound}) (then"));
        if self.rng.bool() {
            self.put(&format!("(i32.store8 $own (local.get {var}) (local.get $sum))"));
        } else {
            self.access(var);
        }
        self.put("))");
    }

    fn counted(&mut self, depth: usize) {
        let (i, label) = (COUNTERS[depth], self.labels);
        self.labels += 1;
        let tame = self.rng.bool();
        let start = match self.rng.u8(..4) {
            _ if tame => format!("(i32.const {})", one(self.rng, &[0, 0, 0, 2, 8])),
            0 | 1 => format!("(i32.const {})", small(self.rng)),
            2 => format!("(i32.const {})", edge(self.rng)),
            _ => number(self.rng, &LOCALS),
        };
        let limit = match self.rng.u8(..2) {
            0 if tame => "(call $len)".to_owned(),
            1 if tame => format!("(i32.const {})", one(self.rng, &[8, 16, 24, 64, 1 << 12])),
            _ => number(self.rng, &["$a", "$b", "$x", "$n"]),
        };
        // Once before the loop, or again in each turn.
        let limit = if self.rng.u8(..4) == 0 {
            limit
        } else {
            self.put(&format!("(local.set $n {limit})"));
            "(local.get $n)".to_owned()
        };
        let step = match self.rng.u8(..12) {
            n if tame => format!("(i32.const {})", [1, 1, 1, 2, 4, 8][usize::from(n / 2)]),
            0..6 => "(i32.const 1)".to_owned(),
            6 => "(i32.and (local.get $a) (i32.const 3))".to_owned(),
            _ => format!("(i32.const {})", one(self.rng, &[0, 2, 3, 4, 8, -1, -1, -4])),
        };
        let often = one(self.rng, &["ne", "lt_u", "lt_u", "lt_s"]);
        let compare = if tame || self.rng.u8(..3) > 0 { often } else { one(self.rng, &COMPARISONS) };
        let stays = format!("(i32.{compare} (local.get {i}) {limit})");
        let next = format!("(local.set {i} (i32.add (local.get {i}) {step}))");
        let (top, before) = (self.rng.bool(), self.rng.u8(..6) == 0 && !tame);
        self.put(&format!("(local.set {i} {start}) (block $out{label} (loop $l{label}"));
        self.put(&format!(
            "(br_if $out{label} (i32.eqz (local.tee $steps (i32.sub (local.get $steps) (i32.const 1)))))"
        ));
        if top {
            self.put(&format!("(br_if $out{label} (i32.eqz {stays}))"));
        }
        if before {
            self.put(&next);
        }
        for _ in 0..self.rng.usize(1..3) {
            self.statement(depth + 1, i);
        }
        if self.rng.u8(..3) == 0 {
            let asked = condition(self.rng, &LOCALS);
            self.put(&format!("(br_if $out{label} {asked})"));
            self.access(i);
        }
        if !before {
            self.put(&next);
        }
        if top {
            self.put(&format!("(br $l{label})"));
        } else {
            self.put(&format!("(br_if $l{label} {stays})"));
        }
        self.put("))");
        // The counter is what it ended as.
        if self.rng.u8(..3) == 0 {
            self.access(i);
        }
    }

    /// One or two accesses, the second near the first.
    fn access(&mut self, var: &str) {
        // Twice the same often: the second check is the first.
        let at = match self.rng.u8(..3) {
            0 => format!("(local.get {var})"),
            _ => index(self.rng, var, &LOCALS),
        };
        self.one_access(&at);
        if self.rng.u8(..3) == 0 {
            let near = format!("(i32.add {at} (i32.const {}))", small(self.rng));
            self.one_access(&near);
        }
    }

    fn one_access(&mut self, at: &str) {
        let (bits, order) =
            one(self.rng, &[(8, ""), (8, ""), (16, "_le"), (16, "_be"), (32, "_le"), (32, "_be"), (64, "_le")]);
        let (packet, store) = (self.rng.u8(..5) < 3, self.rng.u8(..3) == 0);
        // Packets are short and memory is not: an index of the one is often inside of the other.
        let inside = match self.rng.u8(..6) {
            0 | 1 if packet => Some(format!("(i32.const {})", self.rng.u8(..34))),
            0..3 if !packet => Some(format!("(i32.and {at} (i32.const {}))", one(self.rng, &[15, 255, 4088, 65_528]))),
            _ => None,
        };
        let at = inside.as_deref().unwrap_or(at);
        let (wide, suffix) = (bits == 64, if bits < 32 { "_u" } else { "" });
        let (ty, cut) = if wide { ("i64", "") } else { ("i32", if bits == 32 { "" } else { suffix }) };
        let offset = if self.rng.u8(..4) == 0 { one(self.rng, &[1, 4, 8, 8, 60, 1024, 65_500, 65_530]) } else { 0 };
        let value = if wide { "(i64.extend_i32_u (local.get $sum))" } else { "(local.get $sum)" };
        let narrow = if bits < 32 { bits.to_string() } else { String::new() };
        let text = match (packet, store) {
            (true, true) => format!("(call $store{bits}{order} {at} {value})"),
            (false, true) => format!("({ty}.store{narrow} $own offset={offset} align=1 {at} {value})"),
            (true, false) => self.summed(wide, &format!("(call $load{bits}{order} {at})")),
            (false, false) => {
                let load = format!("({ty}.load{narrow}{cut} $own offset={offset} align=1 {at})");
                self.summed(wide, &load)
            }
        };
        self.put(&text);
    }

    fn summed(&mut self, wide: bool, load: &str) -> String {
        let load = if wide { format!("(i32.wrap_i64 {load})") } else { load.to_owned() };
        match self.rng.u8(..6) {
            // What is loaded is the next index, or says whether to go on.
            0 => format!("(local.set $x {load})"),
            1 => format!("(if (i32.eq {load} (i32.const {})) (then (return (i32.const 2))))", self.rng.u8(..)),
            _ => format!("(local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) {load}))"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_gives_a_module() {
        for seed in 0..300 {
            assert!(module(&mut Rng::with_seed(seed)).is_some(), "{seed}");
        }
    }
}
