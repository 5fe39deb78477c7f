//! Which registers and flags are still read behind each instruction.
//!
//! ```text
//!   behind an instruction   what is read at the places it may lead to
//!   before it               that, less what it always writes, and what it reads
//! ```
//! Against the direction of control, until loops say nothing new. A call reads its arguments and what the caller is
//! given back, a return what may be a result too; the trap exit does not come back. See `abi/SPEC.md`.

use std::collections::HashMap;

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, Register};

use super::{Compiled, Target};
use crate::translate::Symbol;

/// Some of the registers and flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// General registers, one bit each in the order of their encoding.
    pub registers: u16,
    /// Flags, as iced's `RflagsBits`.
    pub flags: u32,
}

impl Set {
    const fn of(registers: u16) -> Self {
        Self { registers, flags: 0 }
    }

    const fn with(self, other: Self) -> Self {
        Self { registers: self.registers | other.registers, flags: self.flags | other.flags }
    }

    const fn without(self, other: Self) -> Self {
        Self { registers: self.registers & !other.registers, flags: self.flags & !other.flags }
    }

    /// Whether `register`, or a part of it, is among them.
    pub fn has(self, register: Register) -> bool {
        self.registers & bit(register) != 0
    }
}

/// What callees give back: rbx, rsp, rbp and r12 to r15.
pub const GIVEN_BACK: Set = Set::of(0xf038);
/// Where arguments are, in their order: rdi, rsi, rdx, rcx, r8 and r9. Others lie on the stack.
const ARGUMENTS: [u16; 6] = [1 << 7, 1 << 6, 1 << 2, 1 << 1, 1 << 8, 1 << 9];
// rax and rdx.
const RESULTS: Set = Set::of(0x0005);
// rsp and rbp, which a run that ends is left by.
const FRAME: Set = Set::of(0x0030);
const ALL_FLAGS: u32 = u32::MAX;

/// The bit of `register`, or of what it is a part of.
pub fn bit(register: Register) -> u16 {
    let full = register.full_register();
    if full.is_gpr64() { 1 << full.number() } else { 0 }
}

/// What is read behind each of `instructions`, which are all of `out`'s. `arguments` says how many a callee takes.
pub fn behind(out: &Compiled, instructions: &[Instruction], arguments: &HashMap<Symbol, usize>) -> Vec<Set> {
    let called = called(out);
    let effect = |instruction: &Instruction| {
        let callee = called.get(&instruction.next_ip()).copied();
        effect(instruction, callee, callee.and_then(|callee| arguments.get(&callee)).copied())
    };
    let effects: Vec<(Set, Set)> = instructions.iter().map(effect).collect();
    let mut from: Vec<Vec<usize>> = vec![Vec::new(); instructions.len()];
    for n in 0..instructions.len() {
        leads(instructions, n).into_iter().flatten().for_each(|to| from[to].push(n));
    }
    let mut behind = vec![Set::default(); instructions.len()];
    // Each register is added to each place once.
    let mut work: Vec<usize> = (0..instructions.len()).collect();
    while let Some(n) = work.pop() {
        let (reads, writes) = effects[n];
        let before = behind[n].without(writes).with(reads);
        for &n in &from[n] {
            let now = behind[n].with(before);
            if now != behind[n] {
                behind[n] = now;
                work.push(n);
            }
        }
    }
    behind
}

/// Numbers of the instructions that number `n` of `instructions`, which are all of a function, leads to.
pub fn leads(instructions: &[Instruction], n: usize) -> [Option<usize>; 2] {
    let instruction = &instructions[n];
    let next = Some(n + 1).filter(|next| *next < instructions.len());
    let to = || instructions.binary_search_by_key(&instruction.near_branch_target(), Instruction::ip).ok();
    match instruction.flow_control() {
        FlowControl::UnconditionalBranch => [to(), None],
        FlowControl::ConditionalBranch => [next, to()],
        FlowControl::Return | FlowControl::Exception => [None, None],
        _ => [next, None],
    }
}

/// Callees by the end of the call, which the relocation's four bytes end.
fn called(out: &Compiled) -> HashMap<u64, Symbol> {
    let calls = out.fixups.iter().filter_map(|fixup| match fixup.target {
        Target::Symbol(symbol) | Target::Tail(symbol) => Some((u64::from(fixup.at) + 4, symbol)),
        Target::Constant(_) => None,
    });
    calls.collect()
}

/// What it reads, and what it writes whatever happens. A callee of which nothing is known takes as many arguments as
/// there are registers for.
fn effect(instruction: &Instruction, callee: Option<Symbol>, arguments: Option<usize>) -> (Set, Set) {
    let all = Set { registers: u16::MAX, flags: ALL_FLAGS };
    match instruction.flow_control() {
        FlowControl::Call => {
            let taken = ARGUMENTS.iter().take(arguments.unwrap_or(ARGUMENTS.len()));
            let taken = Set::of(taken.fold(0, |all, register| all | register));
            match callee {
                Some(Symbol::Trap(_)) => (taken.with(FRAME), all),
                _ => (taken.with(GIVEN_BACK), all.without(GIVEN_BACK)),
            }
        }
        FlowControl::Return => (RESULTS.with(GIVEN_BACK), Set::default()),
        FlowControl::Exception => (Set::default(), all),
        _ => moves(instruction),
    }
}

/// Whether `instruction`, which is no call or return, reads `register` or a part of it.
pub fn reads(instruction: &Instruction, register: Register) -> bool {
    moves(instruction).0.has(register)
}

fn moves(instruction: &Instruction) -> (Set, Set) {
    let mut factory = InstructionInfoFactory::new();
    let (mut reads, mut writes) = (Set::default(), Set::default());
    let info = factory.info(instruction);
    for used in info.used_registers() {
        // 32 bits clear the upper half, fewer leave it as it was.
        let whole = used.register().is_gpr64() || used.register().is_gpr32();
        match used.access() {
            OpAccess::Write if whole => writes.registers |= bit(used.register()),
            OpAccess::None | OpAccess::NoMemAccess => {}
            _ => reads.registers |= bit(used.register()),
        }
    }
    reads.flags = instruction.rflags_read();
    use Mnemonic::{Add, And, Cmp, Neg, Or, Sub, Test, Xor};
    if matches!(instruction.mnemonic(), Add | And | Cmp | Neg | Or | Sub | Test | Xor) {
        writes.flags = ALL_FLAGS;
    }
    (reads, writes)
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions};

    use super::{
        super::{Field, Fixup},
        *,
    };

    fn live(code: &[u8]) -> Vec<Set> {
        live_with(code, vec![], &HashMap::new())
    }

    fn live_with(code: &[u8], fixups: Vec<Fixup>, arguments: &HashMap<Symbol, usize>) -> Vec<Set> {
        let out = Compiled { fixups, ..Compiled::of(code) };
        let instructions: Vec<_> = Decoder::with_ip(64, &out.code, 0, DecoderOptions::NONE).iter().collect();
        behind(&out, &instructions, arguments)
    }

    #[test]
    fn what_a_loop_reads_is_live_at_its_end() {
        // 0: xor ecx,ecx; 2: add eax,ecx; 4: sub edx,1; 7: jne 2; 9: ret
        let live = live(&[0x31, 0xc9, 0x01, 0xc8, 0x83, 0xea, 0x01, 0x75, 0xf9, 0xc3]);
        assert!(live[3].has(Register::RCX) && live[1].has(Register::EDX) && !live[0].has(Register::R9));
        assert_eq!((live[2].flags != 0, live[1].flags, live[3].flags), (true, 0, 0));
    }

    #[test]
    fn a_part_written_leaves_the_rest() {
        // sete al; ret: the rest of rax is what it was.
        let with_part = live(&[0x90, 0x0f, 0x94, 0xc0, 0xc3]);
        // mov eax,1; ret
        let with_half = live(&[0x90, 0xb8, 1, 0, 0, 0, 0xc3]);
        assert_eq!((with_part[0].has(Register::RAX), with_half[0].has(Register::RAX)), (true, false));
    }

    #[test]
    fn a_call_takes_its_arguments_and_leaves_nothing_else() {
        // call; ret
        let live = live(&[0x90, 0xe8, 0, 0, 0, 0, 0xc3]);
        assert!(live[0].has(Register::R9) && live[0].has(Register::RBX));
        assert!(!live[0].has(Register::RAX) && !live[0].has(Register::R11));
        // The same of a callee that is known to take two.
        let target = Target::Symbol(Symbol::Function(1));
        let fixup = |target| vec![Fixup { at: 2, field: Field::Distance32, target, addend: -4 }];
        let arguments = HashMap::from([(Symbol::Function(1), 2), (Symbol::Trap(9), 2)]);
        let code = [0x90, 0xe8, 0, 0, 0, 0, 0xc3];
        let live = live_with(&code, fixup(target), &arguments);
        assert!(live[0].has(Register::RSI) && live[0].has(Register::RBX) && !live[0].has(Register::RDX));
        // A trap gives nothing back.
        let live = live_with(&code, fixup(Target::Symbol(Symbol::Trap(9))), &arguments);
        assert!(live[0].has(Register::RSI) && live[0].has(Register::RSP) && !live[0].has(Register::RBX));
    }
}
