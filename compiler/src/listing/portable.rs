//! Instructions of bytecode as text.

use pulley_interpreter::{
    decode::{Decoder, OpVisitor},
    disas::Disassembler,
};
use wasmkc_abi::{helper::HELPERS, vmctx};

use super::Instruction;

/// The instructions of `code`, which stands at `start`.
pub fn instructions(code: &[u8], start: u32) -> impl Iterator<Item = Instruction> {
    let (mut decoder, mut at) = (Decoder::new(), 0);
    std::iter::from_fn(move || {
        let left = code.get(at..).filter(|left| !left.is_empty())?;
        let mut text = Disassembler::new(left);
        text.offsets(false).hexdump(false).start_offset(start as usize + at);
        let decoded = decoder.decode_one(&mut text).is_ok();
        let end = if decoded { code.len() - text.bytecode().as_slice().len() } else { code.len() };
        let bytes = &code[at..end];
        let text = if decoded { text.disas().trim().to_owned() } else { format!("? {bytes:02x?}") };
        let (loader, place) = (host(&text), place(&text));
        let instruction = Instruction { at: start + at as u32, next: start + end as u32, text, place, loader };
        at = end;
        Some(instruction)
    })
}

/// Where a distance leads to, which the disassembler says behind it.
fn place(text: &str) -> Option<u32> {
    let (_, place) = text.split_once("// target = 0x")?;
    u32::from_str_radix(place.trim(), 16).ok()
}

/// What a call of the loader calls.
fn host(text: &str) -> Option<&'static str> {
    let number: u8 = text.strip_prefix("call_indirect_host ")?.trim().parse().ok()?;
    match number {
        vmctx::HOST_TRAP => Some(vmctx::SYMBOL_TRAP),
        vmctx::HOST_MEMMOVE => Some(vmctx::SYMBOL_MEMMOVE),
        vmctx::HOST_MEMSET => Some(vmctx::SYMBOL_MEMSET),
        _ => HELPERS.iter().find(|h| vmctx::host_helper(h.number) == Some(number)).map(|h| h.symbol),
    }
}
