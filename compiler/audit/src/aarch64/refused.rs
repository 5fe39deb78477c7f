//! Names for what is not on the list: the rule that a refused word breaks.

use super::fields::Fields;
use crate::finding::Rule;
use crate::machine::Broken;

/// Whether no CPU knows the word: whole groups of the encoding are free.
pub fn is_unallocated(word: u32) -> bool {
    let w = Fields(word);
    match w.field(25, 4) {
        0b0001 | 0b0011 => true,
        // Beside udf there is SME, with bit 31 set.
        0b0000 => !w.bit(31) && word >> 16 != 0,
        _ => false,
    }
}

/// Whether the word is among those that lead elsewhere, or into the kernel.
pub fn is_branch(word: u32) -> bool {
    matches!(Fields(word).field(25, 4), 0b1010 | 0b1011) && Fields(word).field(24, 8) != 0xd5
}

/// What is wrong with a word that is not on the list.
pub fn name(word: u32) -> Broken {
    let w = Fields(word);
    let (rule, detail) = match w.field(25, 4) {
        0b0000 | 0b0010 => (Rule::FloatOrSimd, "uses SVE or SME"),
        0b0111 | 0b1111 => (Rule::FloatOrSimd, "computes in floating-point or vector registers"),
        0b1000 | 0b1001 => immediate(w),
        0b1010 | 0b1011 => branch(w),
        0b0100 | 0b0110 | 0b1100 | 0b1110 => access(w),
        _ => registers(w),
    };
    (rule, detail.to_owned())
}

const NOT_ALLOWED: (Rule, &str) = (Rule::NotAllowed, "is not on the allow-list");

fn immediate(w: Fields) -> (Rule, &'static str) {
    match w.field(23, 3) {
        0 | 1 => (Rule::RipMemory, "makes an address of code"),
        3 => (Rule::CpuFeature, "tags memory"),
        _ => NOT_ALLOWED,
    }
}

fn registers(w: Fields) -> (Rule, &'static str) {
    match () {
        () if w.is(0xffff_0000, 0xdac1_0000) || w.is(0xffe0_fc00, 0x9ac0_3000) => {
            (Rule::CpuFeature, "signs or checks a pointer")
        }
        () if w.is(0x7fe0_e000, 0x1ac0_4000) => (Rule::CpuFeature, "makes a checksum"),
        () => NOT_ALLOWED,
    }
}

fn branch(w: Fields) -> (Rule, &'static str) {
    match w.field(24, 8) {
        0xd4 if w.field(21, 3) == 0 => (Rule::SystemCall, "changes the exception level"),
        0xd4 => (Rule::NotAllowed, "stops the CPU for a debugger"),
        0xd5 if w.is(0xffff_f01f, 0xd503_201f) => match w.field(5, 7) {
            7 | 8..=15 | 24..=31 => (Rule::CpuFeature, "signs or checks a pointer"),
            _ => (Rule::NotAllowed, "is a hint that the compiler does not use"),
        },
        0xd5 if w.is(0xffff_f000, 0xd503_3000) => (Rule::NotAllowed, "is a barrier"),
        0xd5 => (Rule::Privileged, "reads or writes the machine's state"),
        0xd6 | 0xd7 => match w.field(21, 3) {
            0 => (Rule::IndirectJump, "jumps to a computed address"),
            1 => (Rule::IndirectCall, "calls a computed address"),
            2 => (Rule::BareReturn, "returns to a computed address"),
            _ => (Rule::SystemCall, "returns to another exception level"),
        },
        _ => NOT_ALLOWED,
    }
}

fn access(w: Fields) -> (Rule, &'static str) {
    match () {
        () if w.bit(26) => (Rule::FloatOrSimd, "loads or stores floating-point or vector registers"),
        () if w.is(0x3f00_0000, 0x0800_0000) => (Rule::Atomic, "is exclusive or ordered"),
        () if w.is(0x3b20_0c00, 0x3820_0000) => (Rule::Atomic, "reads and writes at once"),
        () if w.is(0x3f20_0c00, 0x1900_0000) => (Rule::Atomic, "is ordered"),
        () if w.is(0x3b00_0000, 0x1800_0000) => (Rule::RipMemory, "reads a constant among the instructions"),
        () if w.is(0x3b20_0400, 0x3820_0400) => (Rule::CpuFeature, "checks a pointer"),
        () => NOT_ALLOWED,
    }
}
