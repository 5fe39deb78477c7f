//! Instructions of x86_64 as text.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Formatter, IntelFormatter};

use super::Instruction;

/// The instructions of `code`, which stands at `start`.
pub fn instructions(code: &[u8], start: u32) -> impl Iterator<Item = Instruction> {
    let mut formatter = IntelFormatter::new();
    formatter.options_mut().set_hex_prefix("0x");
    formatter.options_mut().set_hex_suffix("");
    formatter.options_mut().set_branch_leading_zeros(false);
    formatter.options_mut().set_uppercase_hex(false);
    let line = move |instruction: iced_x86::Instruction| {
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        let near = matches!(
            instruction.flow_control(),
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch | FlowControl::Call
        );
        let place = near.then(|| u32::try_from(instruction.near_branch_target()).ok()).flatten();
        Instruction { at: instruction.ip() as u32, next: instruction.next_ip() as u32, text, place, loader: None }
    };
    Decoder::with_ip(64, code, start.into(), DecoderOptions::NONE).into_iter().map(line)
}
