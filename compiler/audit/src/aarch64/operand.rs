//! Relocations, and addresses of constants.
//!
//! ```text
//!   bl SYMBOL                               an undefined symbol of the ABI
//!   adrp xN, PAGE; add xN, xN, REST         a byte of .rodata: two halves of one address, side by side
//! ```
//! The loader fills empty fields in; whether a register's value is a good address is proven nowhere.

use super::fields::Fields;
use super::{BYTES, SP, Word};
use crate::finding::Rule;
use crate::image::{Image, Target};
use crate::machine::Broken;

const BL: u32 = 0x9400_0000;
const ADRP: u32 = 0x9000_0000;
const ADD: u32 = 0x9100_0000;

/// The register of `adrp` with an empty field.
fn page(word: u32) -> Option<u8> {
    (word & !31 == ADRP).then(|| Fields(word).rd())
}

/// The register of `add` to itself with an empty field.
fn low(word: u32) -> Option<u8> {
    let w = Fields(word);
    (word & !0x3ff == ADD && w.rd() == w.rn() && w.rd() != SP).then(|| w.rd())
}

/// The relocation of `i`: one, in an instruction that is made for it.
pub fn relocation<'i>(image: &'i Image<'_>, i: &Word) -> Result<Option<&'i Target>, Broken> {
    // A relocation takes four bytes: one that starts up to three bytes before would reach in as well.
    let mut inside = image.relocations.range(i.at.saturating_sub(BYTES - 1)..i.next());
    let Some((offset, target)) = inside.next() else { return Ok(None) };
    let word = i.word.unwrap_or_default();
    let fits = match target {
        Target::Symbol(_) => word == BL,
        Target::RodataPage(_) => page(word).is_some(),
        Target::RodataLow(_) => low(word).is_some(),
        Target::Rodata(_) => false,
    };
    if *offset != i.at || !fits || inside.next().is_some() {
        let detail = format!("a relocation at .text+{offset:#x} is not in an empty field that it may fill");
        return Err((Rule::Relocation, detail));
    }
    Ok(Some(target))
}

/// An address of a constant has both halves, of one byte of `.rodata`.
pub fn references(image: &Image<'_>, i: &Word, reloc: Option<&Target>) -> Result<Option<u64>, Broken> {
    let word = i.word.unwrap_or_default();
    let other = |at: Option<u32>| {
        let at = at?;
        let bytes = image.text.get(at as usize..)?.first_chunk()?;
        Some((u32::from_le_bytes(*bytes), image.relocations.get(&at)?))
    };
    let is_adrp = word & 0x9f00_0000 == ADRP;
    let addend = match reloc {
        Some(Target::RodataPage(n)) => match other(Some(i.next())) {
            Some((next, Target::RodataLow(m))) if n == m && low(next) == page(word) => *n,
            _ => return Err((Rule::RipMemory, "the other half of the address is not behind it".to_owned())),
        },
        Some(Target::RodataLow(n)) => match other(i.at.checked_sub(BYTES)) {
            Some((before, Target::RodataPage(m))) if n == m && page(before) == low(word) => *n,
            _ => return Err((Rule::RipMemory, "the other half of the address is not before it".to_owned())),
        },
        _ if is_adrp => return Err((Rule::RipMemory, "it has no relocation against .rodata".to_owned())),
        _ => return Ok(None),
    };
    if u64::try_from(addend).is_ok_and(|n| n <= image.rodata.len() as u64) {
        return Ok(None);
    }
    Err((Rule::RipMemory, format!(".rodata{addend:+} does not lie inside its {} bytes", image.rodata.len())))
}
