//! Instructions of aarch64 as text.

use yaxpeax_arch::{Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Operand};

use super::Line;
use crate::emit::BTI_C;

/// The instructions of `code`, which stands at `start`.
pub fn lines(code: &[u8], start: u32) -> Vec<Line> {
    let decoder = InstDecoder::default();
    let words = code.chunks(4).enumerate();
    words
        .map(|(n, bytes)| {
            let at = start + n as u32 * 4;
            Line { at, next: at + 4, text: text(&decoder, bytes, at) }
        })
        .collect()
}

/// One instruction; a branch names where it leads, as on x86_64, and a landing pad what it is.
fn text(decoder: &InstDecoder, bytes: &[u8], at: u32) -> String {
    if bytes == BTI_C {
        return "bti c".to_owned();
    }
    let Ok(instruction) = decoder.decode(&mut U8Reader::new(bytes)) else { return format!("? {bytes:02x?}") };
    let text = instruction.to_string();
    let distance = instruction.operands.iter().find_map(|o| match o {
        Operand::PCOffset(distance) => Some(*distance),
        _ => None,
    });
    match (distance, text.rfind([' ', ','])) {
        (Some(distance), Some(end)) => {
            format!("{} {:#x}", text[..=end].trim_end(), i64::from(at).wrapping_add(distance))
        }
        _ => text,
    }
}
