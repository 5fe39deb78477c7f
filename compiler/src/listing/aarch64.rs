//! Instructions of aarch64 as text.

use yaxpeax_arch::{Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Operand};

use super::Instruction;
use crate::emit::BTI_C;

/// The instructions of `code`, which stands at `start`.
pub fn instructions(code: &[u8], start: u32) -> impl Iterator<Item = Instruction> {
    let decoder = InstDecoder::default();
    let words = code.chunks(4).enumerate();
    words.map(move |(n, bytes)| instruction(&decoder, bytes, start + n as u32 * 4))
}

/// One instruction; a branch names where it leads, as on x86_64, and a landing pad what it is.
fn instruction(decoder: &InstDecoder, bytes: &[u8], at: u32) -> Instruction {
    let of = |text, place| Instruction { at, next: at + bytes.len() as u32, text, place, loader: None };
    if bytes == BTI_C {
        return of("bti c".to_owned(), None);
    }
    let Ok(instruction) = decoder.decode(&mut U8Reader::new(bytes)) else { return of(format!("? {bytes:02x?}"), None) };
    let text = instruction.to_string();
    let distance = instruction.operands.iter().find_map(|o| match o {
        Operand::PCOffset(distance) => Some(*distance),
        _ => None,
    });
    match (distance, text.rfind([' ', ','])) {
        (Some(distance), Some(end)) => {
            let place = i64::from(at).wrapping_add(distance);
            of(format!("{} {place:#x}", text[..=end].trim_end()), u32::try_from(place).ok())
        }
        _ => of(text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_that_is_cut_off_ends_where_the_code_does() {
        let code = [0x5f, 0x24, 0x03, 0xd5, 0xc0, 0x03];
        let all: Vec<Instruction> = instructions(&code, 16).collect();
        assert_eq!(all.iter().map(|i| (i.at, i.next)).collect::<Vec<_>>(), [(16, 20), (20, 22)]);
        assert_eq!(all[1].text, "? [c0, 03]");
    }
}
