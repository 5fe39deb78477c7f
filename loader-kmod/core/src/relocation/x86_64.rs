// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! x86_64: fields of 32 bits, relative to their own place.
#![forbid(unsafe_code)]

use wasmkc_abi::object::{R_X86_64_PC32, R_X86_64_PLT32};

use super::{Field, Kind, Relocation, Target};
use crate::platform::Symbol;

/// Bytes that an instruction may have behind a 32-bit field: an immediate of at most four.
const MAX_BEHIND: i64 = 4;
/// Bytes of the largest constant.
const MAX_CONSTANT: i64 = 8;
/// What makes a distance from a field's start one from its end.
const END: i64 = -4;

pub(super) fn kind(number: u32, rodata: i64) -> Option<Kind> {
    let (rodata, addends) = match number {
        R_X86_64_PLT32 => (false, END..=END),
        R_X86_64_PC32 => (true, END - MAX_BEHIND..=rodata.saturating_add(END)),
        _ => return None,
    };
    Some(Kind { field: Field::Distance32, rodata, addends })
}

/// A jump to `wkc_ret`, a call of anything else, an address relative to the next instruction for data, which must
/// not be read past its end.
pub(super) fn fits_instruction(text: &[u8], this: &Relocation, rodata: i64) -> bool {
    const JMP: u8 = 0xe9;
    const CALL: u8 = 0xe8;
    const LEA: u8 = 0x8d;
    let byte = |back: u32| this.offset.checked_sub(back).and_then(|at| text.get(at as usize)).copied();
    match this.target {
        Target::Symbol(Symbol::Ret) => byte(1) == Some(JMP),
        Target::Symbol(_) => byte(1) == Some(CALL),
        Target::Rodata => {
            let last = rodata.saturating_add(END - MAX_CONSTANT);
            // ModRM with mod 00 and r/m 101
            byte(1).is_some_and(|modrm| modrm & 0xc7 == 0x05) && (byte(2) == Some(LEA) || this.addend <= last)
        }
    }
}

/// `target - place`.
pub(super) fn distance32(place: u64, target: u64) -> Option<i32> {
    i32::try_from(i128::from(target) - i128::from(place)).ok()
}

#[cfg(test)]
mod tests {
    use super::distance32;

    const PLACE: u64 = 0xffff_ffff_c010_0000;

    #[test]
    fn a_distance_has_32_bits() {
        assert_eq!(distance32(PLACE, PLACE - 4), Some(-4));
        assert_eq!(distance32(PLACE, PLACE - (1 << 31)), Some(i32::MIN));
        assert_eq!(distance32(PLACE, PLACE - (1 << 31) - 1), None);
        assert_eq!(distance32(0x1000, 0x1000 + i32::MAX as u64), Some(i32::MAX));
        assert_eq!(distance32(0x1000, 0x1000 + (1 << 31)), None);
        assert_eq!(distance32(0, u64::MAX), None);
    }
}
