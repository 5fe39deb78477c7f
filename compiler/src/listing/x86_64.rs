//! Instructions of x86_64 as text.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

use super::Line;

/// The instructions of `code`, which stands at `start`.
pub fn lines(code: &[u8], start: u32) -> Vec<Line> {
    let mut formatter = IntelFormatter::new();
    formatter.options_mut().set_hex_prefix("0x");
    formatter.options_mut().set_hex_suffix("");
    formatter.options_mut().set_branch_leading_zeros(false);
    let mut line = |instruction: iced_x86::Instruction| {
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        Line { at: instruction.ip() as u32, next: instruction.next_ip() as u32, text }
    };
    Decoder::with_ip(64, code, start.into(), DecoderOptions::NONE).iter().map(&mut line).collect()
}
