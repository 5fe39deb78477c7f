//! Memory operands and relocations of one instruction.
//!
//! An address is made from registers, or names a constant in `.rodata` through a PC32 relocation.
//! Whether a register's value is a good address is proven elsewhere.

use iced_x86::{Decoder, DecoderOptions, Instruction, InstructionInfo, Mnemonic, OpAccess, OpKind, Register};

use super::misplaced;
use crate::finding::Rule;
use crate::image::{Image, Target};
use crate::machine::Broken;

type Check = Result<(), Broken>;

/// Where in the instruction its one relocation may lie, and that nothing else is relocated.
pub fn relocation<'i>(image: &'i Image<'_>, i: &Instruction) -> Result<Option<&'i Target>, Broken> {
    let (start, end) = (i.ip() as u32, i.next_ip() as u32);
    // A relocation takes four bytes: one that starts up to three bytes before would reach in as well.
    let mut inside = image.relocations.range(start.saturating_sub(3)..end);
    let Some((offset, target)) = inside.next() else { return Ok(None) };
    let bytes = &image.text[start as usize..end as usize];
    let mut decoder = Decoder::with_ip(64, bytes, i.ip(), DecoderOptions::NONE);
    let at = decoder.decode();
    let at = decoder.get_constant_offsets(&at);
    let field = match target {
        Target::Symbol(_) if i.is_call_near() || i.is_jmp_near() => {
            at.has_immediate().then(|| start + at.immediate_offset() as u32).filter(|_| at.immediate_size() == 4)
        }
        Target::Rodata(_) if i.is_ip_rel_memory_operand() => at
            .has_displacement()
            .then(|| start + at.displacement_offset() as u32)
            .filter(|_| at.displacement_size() == 4),
        _ => None,
    };
    if field != Some(*offset) || inside.next().is_some() {
        return Err(misplaced(*offset));
    }
    Ok(Some(target))
}

/// The memory operand, if there is one, is of an allowed shape.
pub fn memory(image: &Image<'_>, i: &Instruction, info: &InstructionInfo, reloc: Option<&Target>) -> Check {
    let Some(op) = info.used_memory().iter().find(|m| !is_stack_push(i, m.base())) else {
        return address_only(image, i, reloc);
    };
    if i.is_ip_rel_memory_operand() {
        let writes = info.used_memory().iter().any(|m| {
            !matches!(m.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::None | OpAccess::NoMemAccess)
        });
        if writes {
            return Err((Rule::RipMemory, "it writes to a constant".to_owned()));
        }
        return rodata(image, i, reloc, op.memory_size().size() as u64);
    }
    if op.base() == Register::None {
        return Err((Rule::AbsoluteMemory, "the address has no base register".to_owned()));
    }
    Ok(())
}

/// `lea` of a constant's address; other `lea` are arithmetic.
fn address_only(image: &Image<'_>, i: &Instruction, reloc: Option<&Target>) -> Check {
    if i.mnemonic() == Mnemonic::Lea && i.is_ip_rel_memory_operand() {
        return rodata(image, i, reloc, 0);
    }
    Ok(())
}

/// First byte in `.rodata` of a relocated operand.
fn rodata_offset(image: &Image<'_>, i: &Instruction, reloc: Option<&Target>) -> Option<u64> {
    let Some(Target::Rodata(addend)) = reloc else { return None };
    // The loader writes `rodata + addend - place`, and the CPU adds the address of the next instruction.
    let place = image.relocations.range(i.ip() as u32..i.next_ip() as u32).next().map_or(0, |(o, _)| i64::from(*o));
    addend.checked_add(i.next_ip() as i64 - place).and_then(|f| u64::try_from(f).ok())
}

/// The eight bytes that an instruction reads of `.rodata`, which nothing changes.
pub fn constant(image: &Image<'_>, i: &Instruction, reloc: Option<&Target>) -> Option<u64> {
    let at = usize::try_from(rodata_offset(image, i, reloc)?).ok()?;
    let bytes = image.rodata.get(at..at.checked_add(8)?)?;
    let reads = i.is_ip_rel_memory_operand() && i.mnemonic() != Mnemonic::Lea && i.memory_size().size() == 8;
    reads.then(|| u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
}

fn rodata(image: &Image<'_>, i: &Instruction, reloc: Option<&Target>, size: u64) -> Check {
    let Some(Target::Rodata(addend)) = reloc else {
        return Err((Rule::RipMemory, "the operand has no relocation against .rodata".to_owned()));
    };
    let inside = rodata_offset(image, i, reloc).and_then(|f| f.checked_add(size));
    match inside {
        Some(end) if end <= image.rodata.len() as u64 => Ok(()),
        _ => Err((
            Rule::RipMemory,
            format!("{size} bytes at .rodata{addend:+} do not lie inside its {} bytes", image.rodata.len()),
        )),
    }
}

/// The implied access of push, pop and call.
fn is_stack_push(i: &Instruction, base: Register) -> bool {
    base == Register::RSP
        && matches!(i.mnemonic(), Mnemonic::Push | Mnemonic::Pop | Mnemonic::Call)
        && i.memory_base() == Register::None
}

/// The constant operand, extended as the instruction does it.
pub fn immediate(i: &Instruction) -> Option<i64> {
    let n = i.op_count().checked_sub(1)?;
    let is_immediate = matches!(
        i.op_kind(n),
        OpKind::Immediate8
            | OpKind::Immediate32
            | OpKind::Immediate64
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64
    );
    is_immediate.then(|| i.immediate(n) as i64)
}
