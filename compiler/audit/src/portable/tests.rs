//! What is read here against Pulley's disassembler and encoder, over millions of random bytes.

use std::collections::{BTreeMap, BTreeSet};

use pulley_interpreter::decode::{Decoder, OpVisitor as _};
use pulley_interpreter::disas::Disassembler;
use pulley_interpreter::op::{ExtendedOp, Op};
use pulley_interpreter::opcode::{ExtendedOpcode, Opcode};

use super::fields::fields;
use super::{Code, allowed, branch, decode, lower};
use crate::effects::{Control, Move};

const ROUNDS: u64 = 1_000_000;
const AT: u32 = 1 << 28;
/// Bytes of the longest instruction.
const LONGEST: usize = 22;

/// Bytes all over; every other time they start with an opcode, in turn, and small numbers for what follows.
fn bytes(round: u64) -> [u8; LONGEST] {
    let mut out = [0; LONGEST];
    for (n, chunk) in out.chunks_mut(8).enumerate() {
        let x = (round * 3 + n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(x ^ x >> 31).to_le_bytes()[..chunk.len()]);
    }
    if round.is_multiple_of(2) {
        out[0] = (round / 2 % (u64::from(Opcode::MAX) + 1)) as u8;
        let operands = if out[0] == Opcode::ExtendedOp as u8 { 3 } else { 1 };
        if operands == 3 {
            let code = (round / 2 / (u64::from(Opcode::MAX) + 1)) % (u64::from(ExtendedOpcode::MAX) + 1);
            out[1..3].copy_from_slice(&(code as u16).to_le_bytes());
        }
        // Registers stand first, or behind an address.
        [0, 1, 2, 3, 4, 5].iter().for_each(|n| out[operands + n] &= 31);
    }
    out
}

/// The disassembler's text, and the bytes that it took.
fn disassembled(bytes: &[u8]) -> Option<(String, usize)> {
    let mut text = Disassembler::new(bytes);
    text.offsets(false).hexdump(false).br_tables(false).start_offset(AT as usize);
    Decoder::new().decode_one(&mut text).ok()?;
    let len = text.bytecode().position();
    Some((text.disas().trim().to_owned(), len))
}

/// Names in an instruction's text: its own, then its operands.
fn words(text: &str) -> Vec<&str> {
    let text = text.split("//").next().unwrap_or_default();
    text.split([' ', ',']).filter(|word| !word.is_empty()).collect()
}

/// Where what is read differs from the disassembler's text.
fn difference(i: &Code, text: &str) -> Option<String> {
    let op = i.op?;
    let seen = fields(&op);
    let words = words(text);
    if words.first() != Some(&seen.name) {
        return Some(format!("is called {}", seen.name));
    }
    let number = |word: &str| match word {
        "sp" => Some(30),
        "spilltmp0" => Some(31),
        _ => word.strip_prefix('x').and_then(|n| n.parse::<u8>().ok()),
    };
    let named = words[1..].iter().filter_map(|w| number(w)).fold(0_u32, |all, r| all | 1 << r);
    let other = words[1..].iter().any(|w| ['f', 'v'].iter().any(|c| w.strip_prefix(*c).is_some_and(is_number)));
    // What is refused for its address or its other registers is looked at no further.
    if !seen.checked && !seen.other && named != seen.named | seen.bases {
        return Some(format!("names {named:#010x}, not {:#010x} and {:#010x}", seen.named, seen.bases));
    }
    if other && !seen.other {
        return Some("names registers of floats or vectors".to_owned());
    }
    let target = text.split("target = 0x").nth(1).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let to = match branch::control(i) {
        Control::Jump(to) | Control::Branch(to) | Control::Call(to) => Some(to),
        _ => None,
    };
    let leads = target.filter(|_| seen.name != "xpcadd");
    (to != leads).then(|| format!("leads to {to:?}, not {leads:?}"))
}

fn is_number(text: &str) -> bool {
    text.parse::<u8>().is_ok()
}

/// Where its effects differ from what the allowed instruction's text says.
fn odd_effects(op: &Op, text: &str) -> Option<String> {
    let words = words(text);
    let effects = lower::effects(op);
    let first = words.get(1).and_then(|w| w.strip_prefix('x')).and_then(|n| n.parse::<u32>().ok());
    let name = words[0];
    let is_store = name.starts_with("xstore");
    let writes_first = name.starts_with(['x', 'b', 'z', 's']) && !is_store && !name.starts_with("br_");
    let expected = match name {
        "call1" => 0b1,
        "call2" => 0b11,
        "call3" => 0b111,
        "call4" => 0b1111,
        _ if writes_first => 1 << first?,
        _ => effects.written & 0xffff_0000,
    };
    if effects.written != expected {
        return Some(format!("writes {expected:#010x}, not {:#010x}", effects.written));
    }
    let moves = name.starts_with("push_") || name.starts_with("pop_");
    if effects.stack.is_some() != moves || effects.stack == Some(Move::Unknown) && !name.starts_with("push_") {
        return Some(format!("moves the stack pointer by {:?}", effects.stack));
    }
    if !is_store && !name.starts_with("xload") {
        return (effects.memory.is_empty() == name.starts_with("pop_frame_restore") && words.len() > 2)
            .then(|| "touches other memory".to_owned());
    }
    // xload16le_u32_o32: the bits that are touched come first.
    let bits: u32 = name[if is_store { 6 } else { 5 }..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .ok()?;
    let [access] = &effects.memory[..] else { return Some("touches no memory".to_owned()) };
    let fits = access.size == Some(bits / 8)
        && access.writes == is_store
        && access.value.is_some() == (is_store && bits == 64)
        && !access.implied;
    (!fits).then(|| format!("is of {bits} bits, not {access:?}"))
}

#[test]
fn what_is_read_a_disassembler_reads_alike() {
    let (mut plain, mut extended) = (BTreeSet::new(), BTreeSet::new());
    let (mut listed, mut wrong) = (BTreeMap::<&str, u32>::new(), Vec::new());
    for round in 0..ROUNDS {
        let bytes = bytes(round);
        let i = decode(&bytes, AT);
        // The disassembler would go on for as many branches as the table says; it is refused.
        if matches!(i.op, Some(Op::BrTable32(_))) {
            plain.insert(bytes[0].into());
            assert!(allowed::check(&i).is_err());
            continue;
        }
        let theirs = disassembled(&bytes);
        let (Some(op), Some((text, len))) = (i.op, &theirs) else {
            assert_eq!(i.is_invalid(), theirs.is_none(), "{bytes:02x?} {theirs:?}");
            assert_eq!(i.next, AT + 1);
            continue;
        };
        assert_eq!((i.next - AT) as usize, *len, "{text}");
        match bytes[0] {
            b if b == Opcode::ExtendedOp as u8 => extended.insert(u16::from_le_bytes([bytes[1], bytes[2]])),
            b => plain.insert(u16::from(b)),
        };
        let mut encoded = Vec::new();
        op.encode(&mut encoded);
        // What means nothing is the highest bit of two bytes of registers, in what is allowed.
        let is_same = bytes.starts_with(&encoded);
        let refusal = allowed::check(&i);
        if refusal.is_ok() {
            assert!(is_same, "{text} {bytes:02x?} is {encoded:02x?}");
            *listed.entry(fields(&op).name).or_default() += 1;
        }
        let found = difference(&i, text).or_else(|| refusal.is_ok().then(|| odd_effects(&op, text)).flatten());
        wrong.extend(found.map(|how| format!("{bytes:02x?} `{text}` {how}")));
        assert!(wrong.len() < 40, "{}", wrong.join("\n"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(plain.len(), usize::from(Opcode::MAX), "an opcode was never decoded");
    assert_eq!(extended.len(), usize::from(ExtendedOpcode::MAX) + 1, "an extended opcode was never decoded");
    assert_eq!(listed.len(), LISTED, "{listed:?}");
}

/// How many instructions are on the list.
const LISTED: usize = 193;

#[test]
fn what_names_a_register_beside_the_integers_or_ends_elsewhere_is_refused() {
    let mut refused = BTreeMap::<&str, &str>::new();
    for round in (0..ROUNDS).step_by(2) {
        let i = decode(&bytes(round), AT);
        let Some(op) = i.op else { continue };
        let seen = fields(&op);
        let elsewhere = matches!(op, Op::CallIndirect(_) | Op::XJump(_) | Op::BrTable32(_));
        let own = matches!(op, Op::ExtendedOp(ExtendedOp::XmovFp(_) | ExtendedOp::XmovLr(_)));
        let big = seen.name.contains("be_");
        if seen.other || seen.checked || elsewhere || own || big || seen.name.contains("trap") && seen.name != "trap" {
            let rule = allowed::check(&i).map_or_else(|(rule, _)| rule.name(), |()| panic!("{} is allowed", seen.name));
            refused.insert(seen.name, rule);
        }
    }
    for (name, rule) in [
        ("call_indirect", "indirect-call"),
        ("xjump", "indirect-jump"),
        ("br_table32", "indirect-jump"),
        ("xmov_fp", "frame"),
        ("xmov_lr", "frame"),
        ("fadd32", "float-or-simd"),
        ("vaddi32x4", "float-or-simd"),
        ("vconst128", "float-or-simd"),
        ("bitcast_int_from_float_32", "float-or-simd"),
        ("xload8_u32_z", "instruction-not-allowed"),
        ("xload32le_g32", "instruction-not-allowed"),
        ("xstore64le_g32bne", "instruction-not-allowed"),
        ("xload32be_o32", "instruction-not-allowed"),
        ("xadd32_uoverflow_trap", "instruction-not-allowed"),
    ] {
        assert_eq!(refused.get(name), Some(&rule), "{name}");
    }
}
