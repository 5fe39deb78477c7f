//! The list against a disassembler, over millions of words: what is read here, it reads alike.

use std::collections::{BTreeMap, BTreeSet};

use yaxpeax_arch::{Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Instruction, Opcode, Operand, SizeCode};

use super::decode::{Meaning, decode};
use super::fields::Fields;
use crate::effects::{Control, Move};

const WORDS: u32 = 4_000_000;
const AT: u32 = 1 << 28;

/// Words all over, none of them twice.
fn words() -> impl Iterator<Item = u32> {
    (0..WORDS).map(|n| {
        let x = n.wrapping_mul(0x9e37_79b1);
        let x = (x ^ x >> 15).wrapping_mul(0x85eb_ca6b);
        x ^ x >> 13
    })
}

fn disassembled(word: u32) -> Option<Instruction> {
    InstDecoder::default().decode(&mut U8Reader::new(&word.to_le_bytes())).ok()
}

/// The disassembler's name of an instruction, where the list has one for several.
fn name(i: &Instruction) -> String {
    match i.opcode {
        Opcode::Bcc(_) => "b.cond".to_owned(),
        Opcode::HINT => "hint".to_owned(),
        other => {
            let name = format!("{other:?}").to_lowercase();
            // ldur and ldr differ in their offset's form only.
            if let Some(rest) = name.strip_prefix("ldur").or_else(|| name.strip_prefix("stur")) {
                return format!("{}r{rest}", &name[..2]);
            }
            name
        }
    }
}

fn is_vector(o: &Operand) -> bool {
    format!("{o:?}").starts_with("SIMD")
}

/// Where an instruction differs from what the disassembler reads.
fn difference(meaning: &Meaning, i: &Instruction) -> Option<String> {
    let theirs = name(i);
    let ours = if matches!(meaning.name, "nop" | "csdb" | "bti") { "hint" } else { meaning.name };
    if theirs != ours {
        return Some(format!("is {theirs}"));
    }
    if i.operands.iter().any(is_vector) {
        return Some("has vector registers".to_owned());
    }
    // Every general register that it names, and 31 in any role.
    let mut named = 0_u32;
    for o in &i.operands {
        match o {
            Operand::Register(_, r)
            | Operand::RegisterOrSP(_, r)
            | Operand::RegPreIndex(r, _, _)
            | Operand::RegPostIndex(r, _)
            | Operand::RegShift(_, _, _, r) => named |= 1 << r,
            Operand::RegRegOffset(a, b, _, _, _) => named |= 1 << a | 1 << b,
            // The distance of adrp is the loader's to fill in.
            Operand::PCOffset(distance) if ours != "adrp" => {
                let to = u64::from(AT).wrapping_add_signed(*distance);
                let leads =
                    matches!(meaning.control, Control::Jump(t) | Control::Branch(t) | Control::Call(t) if t == to);
                if !leads {
                    return Some(format!("leads to {to:#x}"));
                }
            }
            _ => {}
        }
    }
    if named & !(1 << 31) != meaning.named & !(1 << 31) && ours != "ret" {
        return Some(format!("names {named:#010x}"));
    }
    memory(meaning, i).or_else(|| written(meaning, i))
}

/// The address, the move of the stack pointer, and how much is read or written.
fn memory(meaning: &Meaning, i: &Instruction) -> Option<String> {
    let Some(first) = meaning.effects.memory.first() else {
        let touches = i
            .operands
            .iter()
            .any(|o| matches!(o, Operand::RegPreIndex(..) | Operand::RegPostIndex(..) | Operand::RegRegOffset(..)));
        return touches.then(|| "touches memory".to_owned());
    };
    let expected = i.operands.iter().find_map(|o| match *o {
        Operand::RegPreIndex(r, n, false) => Some((r, None, i64::from(n), None)),
        Operand::RegPreIndex(r, n, true) => Some((r, None, i64::from(n), Some(Move::Deeper(-n as u32)))),
        Operand::RegPostIndex(r, n) => Some((r, None, 0, Some(Move::Flatter(n as u32)))),
        Operand::RegRegOffset(r, index, ..) => Some((r, Some(index as u8), 0, None)),
        _ => None,
    });
    let stack = match meaning.effects.stack {
        Some(Move::Record) => Some(Move::Flatter(16)),
        other => other,
    };
    let ours = Some((u16::from(first.base?), first.index, first.displacement, stack));
    if ours != expected {
        return Some(format!("is at {expected:?}, not {ours:?}"));
    }
    let bytes = match (meaning.name.as_bytes().last(), i.operands[0]) {
        (Some(b'b'), _) => 1,
        (Some(b'h'), _) => 2,
        (Some(b'w'), _) => 4,
        (_, Operand::Register(SizeCode::W, _)) => 4,
        _ => 8,
    };
    let second = meaning.effects.memory.get(1).map(|m| m.displacement - first.displacement);
    let pair = meaning.name.ends_with('p');
    let fits = first.size == Some(bytes)
        && first.writes == meaning.name.starts_with("st")
        && second == pair.then_some(i64::from(bytes));
    (!fits).then(|| format!("is of {bytes} bytes"))
}

/// The registers that are written, and how wide.
fn written(meaning: &Meaning, i: &Instruction) -> Option<String> {
    let number = |o: Operand| match o {
        Operand::Register(width, r) | Operand::RegisterOrSP(width, r) => Some((width, r)),
        _ => None,
    };
    let (width, first) = number(i.operands[0])?;
    let bit = |r: u16| if r == 31 { 0 } else { 1 << r };
    let expected = match meaning.name {
        "ldp" => bit(first) | number(i.operands[1]).map_or(0, |(_, r)| bit(r)),
        "stp" | "str" | "strb" | "strh" | "cbz" | "cbnz" | "tbz" | "tbnz" | "ccmp" | "ccmn" | "ret" => 0,
        _ => bit(first),
    };
    if meaning.effects.written != expected {
        return Some(format!("writes {expected:#010x}"));
    }
    let narrow = meaning.effects.sets.first().is_some_and(|s| s.narrow);
    (expected != 0 && narrow != (width == SizeCode::W)).then(|| format!("writes {width:?}"))
}

#[test]
fn what_the_list_has_a_disassembler_reads_alike() {
    let (mut seen, mut wrong) = (BTreeMap::<&str, u32>::new(), Vec::new());
    for word in words().chain([0xd65f_03c0, 0xd503_201f, 0xd503_229f, 0xd503_245f, 0, 0xffff]) {
        let Some(meaning) = decode(word, AT) else { continue };
        *seen.entry(meaning.name).or_default() += 1;
        let Some(i) = disassembled(word) else {
            wrong.push(format!("{word:#010x} {} is nothing", meaning.name));
            continue;
        };
        if let Some(how) = difference(&meaning, &i) {
            wrong.push(format!("{word:#010x} {}: `{i}` {how}", meaning.name));
        }
        assert!(wrong.len() < 60, "{}", wrong.join("\n"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() >= 70, "{} kinds: {seen:?}", seen.len());
    assert!(seen.values().sum::<u32>() > WORDS / 8, "{seen:?}");
}

#[test]
fn masks_are_what_a_disassembler_reads() {
    let mut masks = 0;
    for low in 0..1_u32 << 14 {
        // Each N, immr and imms, of 32 and 64 bits.
        let word = 0x1200_0000 | (low & 0x1fff) << 10 | (low >> 13) << 31;
        let Some(mask) = Fields(word).mask() else { continue };
        let theirs = disassembled(word).and_then(|i| match i.operands[2] {
            Operand::Imm64(n) => Some(n),
            Operand::Immediate(n) => Some(u64::from(n)),
            _ => None,
        });
        assert_eq!(Some(mask), theirs, "{word:#010x}");
        masks += 1;
    }
    // Runs of ones in elements of 2 to 32 bits, and in 64: the disassembler reads what is reserved as well.
    let short = 1 + 3 + 7 + 15 + 31;
    assert_eq!(masks, 64 * (short + short + 63));
}

/// Whether the manual has no instruction there, though the disassembler reads one.
fn is_reserved(word: u32) -> bool {
    let w = Fields(word);
    let narrow = !w.bit(31);
    let none_of = |patterns: &[(u32, u32)]| !patterns.iter().any(|(mask, value)| w.is(*mask, *value));
    match (w.field(24, 5), w.field(23, 1)) {
        (0 | 1, _) => word >> 16 != 0,
        (0x0a, _) => narrow && w.bit(15),
        (0x0b, _) if w.bit(21) => w.field(22, 2) != 0 || w.field(10, 3) > 4,
        (0x0b, _) => narrow && w.bit(15) || w.field(22, 2) == 3,
        (0x12, 0) => w.mask().is_none(),
        (0x12, 1) => narrow && w.bit(22),
        (0x13, 0) => w.bit(22) != w.bit(31) || narrow && (w.bit(21) || w.bit(15)),
        (0x13, 1) => w.bit(22) != w.bit(31) || narrow && w.bit(15) || w.bit(21) || w.field(29, 2) != 0,
        (0x1a, _) => none_of(&[
            (0x1fe0_fc00, 0x1a00_0000), // with carry
            (0x3fe0_0410, 0x3a40_0000), // compare on a condition
            (0x3fe0_0800, 0x1a80_0000), // select
            (0x7fe0_0000, 0x1ac0_0000), // two sources
            (0x7fff_0000, 0x5ac0_0000), // one source
        ]),
        (0x1b, _) => none_of(&[
            (0x7fe0_0000, 0x1b00_0000), // madd, msub
            (0xff60_0000, 0x9b20_0000), // long ones
            (0xff60_fc00, 0x9b40_7c00), // high halves
        ]),
        // An index that is extended in no way that there is.
        (0x18, _) => w.is(0x3b20_0c00, 0x3820_0800) && !w.bit(14),
        _ => false,
    }
}

/// Whether it is known why an instruction that the disassembler calls like one of the list is not on it.
fn is_explained(i: &Instruction) -> bool {
    match name(i).as_str() {
        // Always true.
        "b.cond" | "csel" | "csinc" | "csinv" | "csneg" | "ccmp" | "ccmn" => true,
        "ret" | "hint" => true,
        "ldr" | "str" | "ldrb" | "strb" | "ldrh" | "strh" | "ldrsb" | "ldrsh" | "ldrsw" | "ldp" | "stp" => {
            // A base that is written, zero as an index, a constant among the instructions, one register twice.
            let form = |o: &Operand| match o {
                Operand::RegPreIndex(_, _, writes) => *writes,
                Operand::RegRegOffset(_, index, ..) => *index == 31,
                other => matches!(other, Operand::RegPostIndex(..) | Operand::PCOffset(_)) || is_vector(other),
            };
            i.operands.iter().any(form) || name(i) == "ldp" && i.operands[0] == i.operands[1]
        }
        _ => i.operands.iter().any(is_vector),
    }
}

#[test]
fn what_is_not_on_the_list_is_left_out_on_purpose() {
    let listed: BTreeSet<&str> = words().filter_map(|word| decode(word, AT)).map(|meaning| meaning.name).collect();
    let mut wrong = Vec::new();
    for word in words().filter(|w| decode(*w, AT).is_none()) {
        let Some(i) = disassembled(word) else { continue };
        if listed.contains(name(&i).as_str()) && !is_reserved(word) && !is_explained(&i) {
            wrong.push(format!("{word:#010x} `{i}`"));
        }
        assert!(wrong.len() < 60, "{}", wrong.join("\n"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
