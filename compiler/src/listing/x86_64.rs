//! Instructions of x86_64 as text.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter, OpKind};

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
        // `syscall` and its like are calls, too, but name no place.
        let near = matches!(instruction.op0_kind(), OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64);
        let place = near.then(|| u32::try_from(instruction.near_branch_target()).ok()).flatten();
        Instruction { at: instruction.ip() as u32, next: instruction.next_ip() as u32, text, place, loader: None }
    };
    Decoder::with_ip(64, code, start.into(), DecoderOptions::NONE).into_iter().map(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_branches_and_calls_by_a_distance_name_a_place() {
        // syscall; vmcall; ret; call rax; jmp rax; call +0; je +0; jmp +0
        let code = [0x0f, 0x05, 0x0f, 0x01, 0xc1, 0xc3, 0xff, 0xd0, 0xff, 0xe0, 0xe8, 0, 0, 0, 0, 0x74, 0, 0xeb, 0];
        let places: Vec<Option<u32>> = instructions(&code, 0x100).map(|i| i.place).collect();
        assert_eq!(places, [None, None, None, None, None, Some(0x10f), Some(0x111), Some(0x113)]);
    }
}
