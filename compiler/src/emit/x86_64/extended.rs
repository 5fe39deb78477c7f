//! Drops extensions of what is extended already.
//!
//! Cranelift extends a value from 32 to 64 bits by `mov r32, r32`, as it does not know what the upper half holds. Mostly
//! all instructions that the value comes from have cleared it. So, in the direction of control, until loops say nothing
//! new: of which registers is the upper half zero, on every way here?

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind};

use super::live::{GIVEN_BACK, bit, leads};

/// What an instruction does to the registers whose upper half is zero: those of `kept` stay so, those of `cleared`
/// become so, and the second of `copied` becomes what the first one is.
struct Effect {
    kept: u16,
    cleared: u16,
    copied: Option<(u16, u16)>,
}

/// Numbers of those of `instructions`, all of a function, that extend what is extended already.
pub fn useless(instructions: &[Instruction]) -> Vec<usize> {
    if !instructions.iter().any(extends) {
        return Vec::new();
    }
    let effects: Vec<Effect> = instructions.iter().map(effect).collect();
    // What nothing is known to lead to has all bits set; each is taken away once.
    let mut before = vec![u16::MAX; instructions.len()];
    before[0] = 0;
    let mut work: Vec<usize> = (0..instructions.len()).rev().collect();
    while let Some(n) = work.pop() {
        let behind = effects[n].behind(before[n]);
        for to in leads(instructions, n).into_iter().flatten() {
            let now = before[to] & behind;
            if now != before[to] {
                before[to] = now;
                work.push(to);
            }
        }
    }
    let is_useless = |n: &usize| extends(&instructions[*n]) && before[*n] & bit(instructions[*n].op0_register()) != 0;
    (0..instructions.len()).filter(is_useless).collect()
}

impl Effect {
    fn behind(&self, before: u16) -> u16 {
        let copied = self.copied.filter(|(from, _)| before & from != 0).map_or(0, |(_, to)| to);
        before & self.kept | self.cleared | copied
    }
}

/// `mov r, r` of 32 bits.
fn extends(i: &Instruction) -> bool {
    i.mnemonic() == Mnemonic::Mov
        && (i.op0_kind(), i.op1_kind()) == (OpKind::Register, OpKind::Register)
        && i.op0_register() == i.op1_register()
        && i.op0_register().is_gpr32()
}

fn effect(i: &Instruction) -> Effect {
    if i.flow_control() == FlowControl::Call {
        return Effect { kept: GIVEN_BACK.registers, cleared: 0, copied: None };
    }
    let mut factory = InstructionInfoFactory::new();
    let written = factory.info(i).used_registers().iter().filter(|used| {
        !matches!(used.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::None | OpAccess::NoMemAccess)
    });
    let copies = i.mnemonic() == Mnemonic::Mov && i.op0_register().is_gpr64() && i.op1_kind() == OpKind::Register;
    Effect {
        kept: written.fold(u16::MAX, |kept, used| kept & !bit(used.register())),
        cleared: if clears(i) { bit(i.op0_register()) } else { 0 },
        copied: copies.then(|| (bit(i.op1_register()), bit(i.op0_register()))),
    }
}

/// Whether `i` writes its first operand, a register, and leaves its upper half zero, whatever happens. Of shifts only
/// those by an immediate: by a register they may be by nothing.
fn clears(i: &Instruction) -> bool {
    use Mnemonic::{
        Add, And, Bswap, Cmova, Cmovae, Cmovb, Cmovbe, Cmove, Cmovg, Cmovge, Cmovl, Cmovle, Cmovne, Cmovns, Cmovs,
        Imul, Lea, Mov, Movsx, Movzx, Neg, Not, Or, Rol, Ror, Sar, Shl, Shr, Sub, Xor,
    };
    if i.op0_kind() != OpKind::Register {
        return false;
    }
    let immediate = || Some(i.immediate(i.op_count().checked_sub(1)?) as i64);
    let by_immediate = i.op1_kind() == OpKind::Immediate8;
    if i.op0_register().is_gpr32() {
        return match i.mnemonic() {
            Add | And | Bswap | Lea | Mov | Movsx | Movzx | Neg | Not | Or | Sub | Xor => true,
            Cmova | Cmovae | Cmovb | Cmovbe | Cmove | Cmovg | Cmovge | Cmovl | Cmovle | Cmovne | Cmovns | Cmovs => true,
            // With one operand it writes rdx and rax.
            Imul => i.op_count() > 1,
            Rol | Ror | Sar | Shl | Shr => by_immediate,
            _ => false,
        };
    }
    i.op0_register().is_gpr64()
        && match i.mnemonic() {
            Movzx => true,
            Xor => i.op1_kind() == OpKind::Register && i.op1_register() == i.op0_register(),
            And => i.op1_kind() != OpKind::Register && i.op1_kind() != OpKind::Memory && immediate() >= Some(0),
            Shr => by_immediate && immediate().is_some_and(|by| (32..64).contains(&by)),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions};

    use super::*;

    fn useless_in(code: &[u8]) -> Vec<usize> {
        useless(&Decoder::with_ip(64, code, 0, DecoderOptions::NONE).iter().collect::<Vec<_>>())
    }

    const EXTEND_EBX: [u8; 2] = [0x89, 0xdb];
    const UD2: [u8; 2] = [0x0f, 0x0b];

    #[test]
    fn what_is_extended_already() {
        let clears: [&[u8]; 9] = [
            &[0x0f, 0xcb],                         // bswap ebx
            &[0x31, 0xc3],                         // xor ebx, eax
            &[0x0f, 0x42, 0xd8],                   // cmovb ebx, eax
            &[0x0f, 0xb6, 0x18],                   // movzx ebx, byte [rax]
            &[0x48, 0x0f, 0xb6, 0x18],             // movzx rbx, byte [rax]
            &[0x48, 0x31, 0xdb],                   // xor rbx, rbx
            &[0x48, 0x83, 0xe3, 0x7f],             // and rbx, 127
            &[0x48, 0xc1, 0xeb, 40],               // shr rbx, 40
            &[0x31, 0xc0, 0x48, 0x89, 0xc3, 0x90], // xor eax, eax; mov rbx, rax; nop
        ];
        for code in clears {
            let code = [code, &EXTEND_EBX, &UD2].concat();
            assert_eq!(useless_in(&code).len(), 1, "{code:x?}");
        }
    }

    #[test]
    fn what_may_not_be_extended() {
        let leaves: [&[u8]; 10] = [
            &[],                                      // an argument
            &[0x48, 0x0f, 0xcb],                      // bswap rbx
            &[0x0f, 0xc9],                            // bswap ecx
            &[0xd3, 0xe3],                            // shl ebx, cl: by nothing, perhaps
            &[0x48, 0x63, 0xd8],                      // movsxd rbx, eax
            &[0x48, 0x8b, 0x18],                      // mov rbx, [rax]
            &[0x48, 0x83, 0xe3, 0x80],                // and rbx, -128
            &[0x48, 0xc1, 0xeb, 31],                  // shr rbx, 31
            &[0x31, 0xdb, 0x48, 0xff, 0xcb],          // xor ebx, ebx; dec rbx
            &[0x31, 0xdb, 0xb3, 1, 0x48, 0x01, 0xc3], // xor ebx, ebx; mov bl, 1; add rbx, rax
        ];
        for code in leaves {
            let code = [code, &EXTEND_EBX, &UD2].concat();
            assert_eq!(useless_in(&code).len(), 0, "{code:x?}");
        }
    }

    #[test]
    fn every_way_must_have_extended_it() {
        // test eax, eax; je to the second; bswap ebx or rbx; jmp behind; bswap ebx; extend
        let ways = |rex: u8| [0x85, 0xc0, 0x74, 5, rex, 0x0f, 0xcb, 0xeb, 2, 0x0f, 0xcb, 0x89, 0xdb, 0x0f, 0x0b];
        assert_eq!((useless_in(&ways(0x40)).len(), useless_in(&ways(0x48)).len()), (1, 0));
        // A loop that counts in 64 bits: bswap ebx; extend; add rbx, 1; jne to the extension, or with add ebx, 1.
        let turn = |rex: u8| [0x0f, 0xcb, 0x89, 0xdb, rex, 0x83, 0xc3, 1, 0x75, 0xf8, 0x0f, 0x0b];
        assert_eq!((useless_in(&turn(0x40)).len(), useless_in(&turn(0x48)).len()), (1, 0));
        // A call keeps it in rbx, which is given back, not in rcx.
        let call = |clear: [u8; 2], extend: [u8; 2]| [&clear[..], &[0xe8, 0, 0, 0, 0], &extend, &UD2].concat();
        assert_eq!(useless_in(&call([0x0f, 0xcb], EXTEND_EBX)).len(), 1);
        assert_eq!(useless_in(&call([0x0f, 0xc9], [0x89, 0xc9])).len(), 0);
    }
}
