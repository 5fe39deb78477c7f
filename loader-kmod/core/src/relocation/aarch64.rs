// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! aarch64: fields inside instructions of four bytes.
//!
//! ```text
//! R_AARCH64_CALL26              bl    100101 | imm26                              a function of the loader
//! R_AARCH64_ADR_PREL_PG_HI21    adrp  1 | immlo 2 | 10000 | immhi 19 | rd 5       .rodata, the page
//! R_AARCH64_ADD_ABS_LO12_NC     add   1001000100 | imm12 | rn 5 | rd 5            .rodata, within the page
//! ```
//! The last two are halves of one address: they stand next to each other, with one register and one addend. Jumps
//! between functions need no relocation, and there is no `wkc_ret`: the code returns itself.
#![forbid(unsafe_code)]

use wasmkc_abi::object::{R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_ADR_PREL_PG_HI21, R_AARCH64_CALL26};

use super::{Field, Kind, Relocation, Target};
use crate::platform::Symbol;

/// Bytes of an instruction.
const WORD: u32 = 4;
const BL: u32 = 0x9400_0000;
const ADRP: u32 = 0x9000_0000;
const ADD: u32 = 0x9100_0000;
/// Registers from here on are the frame pointer, the return address and, in `add`, the stack pointer.
const FRAME: u32 = 29;
/// The kernel's own, where it has a shadow call stack.
const PLATFORM: u32 = 18;
const PAGE_BITS: u32 = 12;

pub(super) fn kind(number: u32, rodata: i64) -> Option<Kind> {
    let (field, rodata, addends) = match number {
        R_AARCH64_CALL26 => (Field::Branch26, false, 0..=0),
        R_AARCH64_ADR_PREL_PG_HI21 => (Field::Page21, true, 0..=rodata),
        R_AARCH64_ADD_ABS_LO12_NC => (Field::Low12, true, 0..=rodata),
        _ => return None,
    };
    Some(Kind { field, rodata, addends })
}

/// The instruction that `this` is a field of, if it stands where instructions do.
fn word(text: &[u8], this: &Relocation) -> Option<u32> {
    let aligned = this.offset.is_multiple_of(WORD).then_some(this.offset as usize)?;
    text.get(aligned..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// A call with an empty field, or one half of an address whose other half stands beside it.
pub(super) fn fits_instruction(text: &[u8], all: &[Relocation], n: usize) -> bool {
    let Some(this) = all.get(n) else { return false };
    match this.field {
        Field::Branch26 => this.target != Target::Symbol(Symbol::Ret) && word(text, this) == Some(BL),
        Field::Page21 => is_address(text, all.get(n..)),
        Field::Low12 => is_address(text, n.checked_sub(1).and_then(|before| all.get(before..))),
        Field::Distance32 => false,
    }
}

/// Whether `relocations` begin with `adrp xN` and, behind it, `add xN, xN` of the same address.
fn is_address(text: &[u8], relocations: Option<&[Relocation]>) -> bool {
    let Some([page, low, ..]) = relocations else { return false };
    let (Some(adrp), Some(add)) = (word(text, page), word(text, low)) else { return false };
    let register = adrp & 31;
    let together = page.offset.checked_add(WORD) == Some(low.offset) && page.addend == low.addend;
    let fields = page.field == Field::Page21 && low.field == Field::Low12;
    let one_register = adrp == ADRP | register && add == ADD | register << 5 | register;
    fields && together && one_register && register < FRAME && register != PLATFORM
}

/// `word` with a branch's distance of 26 bits, in instructions: 128 MiB either way.
pub(super) fn branch26(word: u32, place: u64, target: u64) -> Option<u32> {
    let bytes = i128::from(target) - i128::from(place);
    if bytes % i128::from(WORD) != 0 {
        return None;
    }
    signed_field(bytes / i128::from(WORD), 26).map(|field| word | field)
}

/// `word` with a distance of 21 bits, in pages: 4 GiB either way.
pub(super) fn page21(word: u32, place: u64, target: u64) -> Option<u32> {
    let pages = i128::from(target >> PAGE_BITS) - i128::from(place >> PAGE_BITS);
    let field = signed_field(pages, 21)?;
    Some(word | (field & 3) << 29 | (field >> 2) << 5)
}

/// `word` with the target's place in its page.
pub(super) fn low12(word: u32, target: u64) -> u32 {
    let low = target.to_le_bytes();
    word | u32::from(u16::from_le_bytes([low[0], low[1]]) & 0xfff) << 10
}

/// The low `bits` bits of a number that they can tell.
fn signed_field(value: i128, bits: u32) -> Option<u32> {
    let bound = 1i128 << (bits - 1);
    let field = i32::try_from(value).ok().filter(|_| (-bound..bound).contains(&value))?;
    Some(field.cast_unsigned() & ((1 << bits) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const PLACE: u64 = 0xffff_8000_7a00_0ffc;
    const MIB_128: u64 = 128 << 20;
    const GIB_4: u64 = 4 << 30;

    /// Where `word` at `place` points, read as the processor does.
    fn branch_target(word: u32, place: u64) -> u64 {
        let distance = (word << 6).cast_signed() >> 6;
        place.wrapping_add_signed(i64::from(distance) * 4)
    }

    fn page(word: u32, place: u64) -> u64 {
        let field = (word >> 5 & 0x7_ffff) << 2 | word >> 29 & 3;
        let pages = (field << 11).cast_signed() >> 11;
        (place & !0xfff).wrapping_add_signed(i64::from(pages) << 12)
    }

    #[test]
    fn a_call_reaches_128_mib_either_way() {
        for target in [PLACE, PLACE + 4, PLACE - 4, PLACE + MIB_128 - 4, PLACE - MIB_128] {
            let word = branch26(BL, PLACE, target).unwrap();
            assert_eq!((word & 0xfc00_0000, branch_target(word, PLACE)), (BL, target));
        }
        for target in [PLACE + MIB_128, PLACE - MIB_128 - 4, 0, u64::MAX - 3] {
            assert_eq!(branch26(BL, PLACE, target), None, "{target:#x}");
        }
        for slip in 1..4 {
            assert_eq!(branch26(BL, PLACE, PLACE + slip), None, "a branch leads to whole instructions");
        }
    }

    #[test]
    fn an_address_reaches_4_gib_of_pages_either_way() {
        let first = PLACE & !0xfff;
        for target in [PLACE, PLACE + 4, first + GIB_4 - 1, first - GIB_4, first - 1] {
            let adrp = page21(ADRP | 7, PLACE, target).unwrap();
            assert_eq!(adrp & 0x9f00_001f, ADRP | 7);
            let add = low12(ADD | 7 << 5 | 7, target);
            assert_eq!(add & 0xffc0_03ff, ADD | 7 << 5 | 7);
            assert_eq!(page(adrp, PLACE) + u64::from(add >> 10 & 0xfff), target);
        }
        for target in [first + GIB_4, first - GIB_4 - 1, 0, u64::MAX >> 1] {
            assert_eq!(page21(ADRP, PLACE, target), None, "{target:#x}");
        }
    }

    fn relocation(offset: u32, field: Field, addend: i64) -> Relocation {
        let target = if field == Field::Branch26 { Target::Symbol(Symbol::Trap) } else { Target::Rodata };
        Relocation { offset, field, target, addend }
    }

    /// Whether each relocation fits the instructions `words`.
    fn fit(words: &[u32], all: &[Relocation]) -> Vec<bool> {
        let text: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        (0..all.len()).map(|n| fits_instruction(&text, all, n)).collect()
    }

    #[test]
    fn a_call_is_a_call_with_an_empty_field() {
        let call = relocation(4, Field::Branch26, 0);
        assert_eq!(fit(&[0, BL], &[call]), [true]);
        for other in [BL | 1, 0x1400_0000, 0xd65f_03c0, 0xd63f_0000, ADRP] {
            assert_eq!(fit(&[0, other], &[call]), [false], "{other:#x}");
        }
        assert_eq!(fit(&[0, BL, BL], &[relocation(6, Field::Branch26, 0)]), [false], "between two instructions");
        assert_eq!(fit(&[BL], &[call]), [false], "behind the code");
        let ret = Relocation { target: Target::Symbol(Symbol::Ret), ..call };
        assert_eq!(fit(&[0, BL], &[ret]), [false], "there is no wkc_ret");
    }

    #[test]
    fn an_address_is_two_instructions_of_one_register() {
        let halves = |addend| [relocation(0, Field::Page21, 8), relocation(4, Field::Low12, addend)];
        let words = |register: u32| [ADRP | register, ADD | register << 5 | register];
        for register in 0..32 {
            let may = !matches!(register, 18 | 29..);
            assert_eq!(fit(&words(register), &halves(8)), [may, may], "x{register}");
        }
        assert_eq!(fit(&words(3), &halves(16)), [false, false], "halves of two addresses");
        let others = [[ADRP | 3, ADD | 3 << 5 | 4], [ADRP | 3, ADD | 4 << 5 | 3], [ADRP | 3, BL], [ADRP | 1 << 5, ADD]];
        for words in others {
            assert_eq!(fit(&words, &halves(8)), [false, false], "{words:x?}");
        }
        // add with a shifted field, of 32 bits, that sets flags; adr
        for word in [ADD | 1 << 22, ADD & !(1 << 31), ADD | 1 << 29] {
            assert_eq!(fit(&[ADRP, word], &halves(8)), [false, false], "{word:#x}");
        }
        assert_eq!(fit(&[0x1000_0000, ADD], &halves(8)), [false, false]);
        assert_eq!(fit(&words(3), &halves(8)[..1]), [false], "no second half");
        assert_eq!(fit(&words(3), &halves(8)[1..]), [false], "no first half");
        let apart = [relocation(0, Field::Page21, 8), relocation(8, Field::Low12, 8)];
        assert_eq!(fit(&[ADRP, 0xd503_201f, ADD], &apart), [false, false], "something in between");
    }

    #[test]
    fn addends_stay_within_the_constants() {
        assert_eq!(kind(R_AARCH64_CALL26, 64).unwrap().addends, 0..=0);
        for number in [R_AARCH64_ADR_PREL_PG_HI21, R_AARCH64_ADD_ABS_LO12_NC] {
            assert_eq!(kind(number, 64).unwrap().addends, 0..=64);
        }
        // ABS64, PREL32, ADR_PREL_LO21, JUMP26, x86_64's
        for number in [257, 261, 274, 282, 2, 4] {
            assert!(kind(number, 64).is_none(), "{number}");
        }
    }
}
