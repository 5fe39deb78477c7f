//! `folds`: what several instructions say one says.
//!
//! ```text
//! sub r, 9; test r, r; jl             ->  sub r, 9; js              flags of a result are there already
//! mov a, rsp; mov b, [m]; cmp a, b    ->  cmp rsp, [m]              the stack check
//! mov r, [m]; sub r, 9; mov [m], r    ->  sub [m], 9                a charge of fuel in memory
//! ```
//! The code generator has no form for these: it compares values, not flags, and reads the stack pointer, or a field that
//! others may look at, as a value of its own. Nothing else may lead into the middle of what is folded, and what the
//! instructions wrote on the way must be read by nobody behind them. Comes before `tails` and `returns`.
//!
//! Gain: without it the filters of `make bench` take 2 % more instructions (512 bytes, the way in taken off), and five
//! more on the way in.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use iced_x86::{Code, ConditionCode, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use super::{
    Compiled,
    dead::{branch_target, redirect},
    live,
};
use crate::translate::Symbol;

/// Instructions between a result and the test of it that are looked at.
const MOST_BETWEEN: usize = 3;

/// What to change.
#[derive(Default)]
struct Found {
    /// Instructions that go, by number.
    gone: BTreeSet<usize>,
    /// Instructions by number, and the bytes that stand for them now: no more than there is room for until the next
    /// one that stays.
    new: BTreeMap<usize, Vec<u8>>,
    /// Tests that go, by the instruction whose result they tested.
    tests: BTreeMap<usize, usize>,
}

/// Folds what there is in `out`. `arguments` says how many each callee takes.
pub fn fold(out: &mut Compiled, arguments: &HashMap<Symbol, usize>) -> Result<(), String> {
    let instructions: Vec<Instruction> = Decoder::with_ip(64, &out.code, 0, DecoderOptions::NONE).iter().collect();
    let function = Function {
        code: &out.code,
        targets: instructions.iter().filter_map(branch_target).collect(),
        live: live::behind(out, &instructions, arguments),
        instructions: &instructions,
    };
    let mut found = Found::default();
    for n in 0..instructions.len() {
        function.test(n, &mut found);
        function.stack_check(n, &mut found);
    }
    for n in 0..instructions.len() {
        function.charge(n, &mut found);
    }
    if found.gone.is_empty() {
        return Ok(());
    }
    found.apply(out, &instructions)
}

impl Found {
    fn apply(self, out: &mut Compiled, instructions: &[Instruction]) -> Result<(), String> {
        let mut kept: Vec<Range<u32>> = Vec::new();
        for (n, instruction) in instructions.iter().enumerate().filter(|(n, _)| !self.gone.contains(n)) {
            let start = instruction.ip() as u32;
            let bytes = self.new.get(&n);
            if let Some(bytes) = bytes {
                out.code[start as usize..start as usize + bytes.len()].copy_from_slice(bytes);
            }
            kept.push(start..start + bytes.map_or(instruction.len(), Vec::len) as u32);
        }
        let target = |old: u32| {
            let n = instructions.binary_search_by_key(&u64::from(old), Instruction::ip).ok()?;
            branch_target(&instructions[n])
        };
        out.keep(kept, |bytes, old, new, kept| target(old).map_or(Ok(()), |to| redirect(bytes, old, new, to, kept)))
    }
}

/// A function before anything is folded.
struct Function<'o> {
    code: &'o [u8],
    instructions: &'o [Instruction],
    /// Where branches lead.
    targets: BTreeSet<u32>,
    /// What is read behind each instruction.
    live: Vec<live::Set>,
}

impl Function<'_> {
    fn bytes(&self, n: usize) -> &[u8] {
        let instruction = &self.instructions[n];
        &self.code[instruction.ip() as usize..instruction.next_ip() as usize]
    }

    /// Whether control comes to all of these from the one before only.
    fn is_straight(&self, mut numbers: Range<usize>) -> bool {
        numbers.all(|n| !self.targets.contains(&(self.instructions[n].ip() as u32)))
    }

    fn dead_behind(&self, n: usize, register: Register) -> bool {
        !self.live[n].has(register)
    }

    /// A test of what was computed just before.
    fn test(&self, n: usize, found: &mut Found) {
        let test = &self.instructions[n];
        let register = test.op0_register();
        if test.mnemonic() != Mnemonic::Test || !of_registers(test) || register != test.op1_register() {
            return;
        }
        let Some(before) = self.computes(n, register) else { return };
        use Mnemonic::{Add, And, Or, Sub, Xor};
        match self.instructions[before].mnemonic() {
            // These leave what a test leaves.
            And | Or | Xor => {}
            Add | Sub => {
                let Some(branch) = self.instructions.get(n + 1) else { return };
                let to = match branch.condition_code() {
                    ConditionCode::e | ConditionCode::ne | ConditionCode::s | ConditionCode::ns => None,
                    ConditionCode::l => Some(ConditionCode::s),
                    ConditionCode::ge => Some(ConditionCode::ns),
                    _ => return,
                };
                if !branch.is_jcc_near() || !self.is_straight(n + 1..n + 2) || self.live[n + 1].flags != 0 {
                    return;
                }
                if let Some(to) = to {
                    let mut bytes = self.bytes(n + 1).to_vec();
                    bytes[1] = if to == ConditionCode::s { 0x88 } else { 0x89 };
                    found.new.insert(n + 1, bytes);
                }
            }
            _ => return,
        }
        found.gone.insert(n);
        found.tests.insert(before, n);
    }

    /// The number of the instruction whose result `register` is at `n`, if it is close and its flags are still there.
    fn computes(&self, n: usize, register: Register) -> Option<usize> {
        for before in (0..n).rev().take(MOST_BETWEEN + 1) {
            if !self.is_straight(before + 1..before + 2) {
                return None;
            }
            let instruction = &self.instructions[before];
            if moves_other_than(instruction, register) {
                continue;
            }
            let computes = instruction.op0_kind() == OpKind::Register && instruction.op0_register() == register;
            return computes.then_some(before);
        }
        None
    }

    /// The stack pointer is copied, and compared with what is loaded.
    fn stack_check(&self, n: usize, found: &mut Found) {
        let [copy, load, compare] = self.three(n) else { return };
        let (a, b) = (copy.op0_register(), load.op0_register());
        let shape = copy.code() == Code::Mov_rm64_r64
            && copy.op0_kind() == OpKind::Register
            && copy.op1_register() == Register::RSP
            && load.code() == Code::Mov_r64_rm64
            && load.op1_kind() == OpKind::Memory
            && compare.mnemonic() == Mnemonic::Cmp
            && of_registers(compare)
            && (compare.op0_register(), compare.op1_register()) == (a, b)
            && a != b
            && ![load.memory_base(), load.memory_index()].contains(&a);
        if !shape || !self.dead_behind(n + 2, a) || !self.dead_behind(n + 2, b) {
            return;
        }
        let mut bytes = self.bytes(n + 1).to_vec();
        // A prefix, the opcode, and the byte that names register and base.
        let [rex @ 0x48..=0x4f, opcode @ 0x8b, names, ..] = bytes.as_mut_slice() else { return };
        *rex &= !REX_R;
        *opcode = CMP_R_RM;
        *names = *names & !NAMES_REGISTER | RSP << 3;
        found.new.insert(n + 1, bytes);
        found.gone.extend([n, n + 2]);
    }

    /// A number is loaded, made smaller and stored again.
    fn charge(&self, n: usize, found: &mut Found) {
        let [load, sub, store] = self.three(n) else { return };
        let register = load.op0_register();
        let shape = load.code() == Code::Mov_r64_rm64
            && load.op1_kind() == OpKind::Memory
            && matches!(sub.code(), Code::Sub_rm64_imm8 | Code::Sub_rm64_imm32)
            && sub.op0_register() == register
            && store.code() == Code::Mov_rm64_r64
            && store.op0_kind() == OpKind::Memory
            && store.op1_register() == register
            && place(load) == place(store)
            && load.memory_base() != register
            && load.memory_index() == Register::None
            // What spilled values are the audit knows from moves only.
            && ![Register::RIP, Register::RSP, Register::RBP].contains(&load.memory_base());
        // A test that goes is no reader any more.
        let last = found.tests.get(&(n + 1)).copied().unwrap_or(n + 2);
        let read_before =
            self.instructions[n + 3..last.max(n + 3)].iter().any(|between| live::reads(between, register));
        if !shape || read_before || !self.dead_behind(last, register) || found.gone.contains(&(n + 2)) {
            return;
        }
        let mut bytes = self.bytes(n + 2).to_vec();
        let [rex @ 0x48..=0x4f, opcode @ 0x89, names, ..] = bytes.as_mut_slice() else { return };
        *rex &= !REX_R;
        *names = *names & !NAMES_REGISTER | SUB << 3;
        let number = sub.immediate(1) as i64;
        match i8::try_from(number) {
            Ok(number) => {
                *opcode = GROUP_IMM8;
                bytes.extend(number.to_le_bytes());
            }
            Err(_) => {
                *opcode = GROUP_IMM32;
                bytes.extend((number as i32).to_le_bytes());
            }
        }
        found.new.insert(n, bytes);
        found.gone.extend([n + 1, n + 2]);
    }

    /// The instructions from `n` on, if control comes to the second and third from the first only.
    fn three(&self, n: usize) -> &[Instruction] {
        match self.instructions.get(n..n + 3) {
            Some(three) if self.is_straight(n + 1..n + 3) => three,
            _ => &[],
        }
    }
}

/// Bit of the prefix that belongs to the register.
const REX_R: u8 = 4;
/// Bits of the byte behind the opcode that name the register, or tell which operation it is.
const NAMES_REGISTER: u8 = 0x38;
/// Number of rsp.
const RSP: u8 = 4;
/// Number of `sub` among operations with an immediate.
const SUB: u8 = 5;
/// `cmp r64, r/m64`.
const CMP_R_RM: u8 = 0x3b;
/// Operations with an immediate of eight bits.
const GROUP_IMM8: u8 = 0x83;
/// Operations with an immediate of 32 bits.
const GROUP_IMM32: u8 = 0x81;

/// Whether it only moves something to memory, or to a register that is not this one.
fn moves_other_than(instruction: &Instruction, register: Register) -> bool {
    let moves = matches!(instruction.mnemonic(), Mnemonic::Mov | Mnemonic::Movzx | Mnemonic::Lea);
    moves && instruction.op0_register().full_register() != register.full_register()
}

fn of_registers(instruction: &Instruction) -> bool {
    (instruction.op0_kind(), instruction.op1_kind()) == (OpKind::Register, OpKind::Register)
}

fn place(instruction: &Instruction) -> (Register, Register, u32, u64) {
    let (base, index) = (instruction.memory_base(), instruction.memory_index());
    (base, index, instruction.memory_index_scale(), instruction.memory_displacement64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(code: &[u8]) -> Vec<u8> {
        let mut out = Compiled::of(code);
        fold(&mut out, &HashMap::new()).expect("folded");
        out.code
    }

    const UD2: [u8; 2] = [0x0f, 0x0b];
    const SUB_R8: [u8; 4] = [0x49, 0x83, 0xe8, 9];
    const TEST_R8: [u8; 3] = [0x4d, 0x85, 0xc0];
    const JL_2: [u8; 6] = [0x0f, 0x8c, 2, 0, 0, 0];
    const JS_2: [u8; 6] = [0x0f, 0x88, 2, 0, 0, 0];

    #[test]
    fn a_result_is_not_tested_again() {
        assert_eq!(
            folded(&[&SUB_R8[..], &TEST_R8, &JL_2, &UD2, &UD2].concat()),
            [&SUB_R8[..], &JS_2, &UD2, &UD2].concat()
        );
        // A store in between: mov [rdi+24], r8, whose register is another one's too, so it stays.
        let store = [0x4c, 0x89, 0x47, 0x18];
        let with_store = [&SUB_R8[..], &store, &TEST_R8, &JL_2, &UD2, &UD2].concat();
        assert_eq!(folded(&with_store), [&SUB_R8[..], &store, &JS_2, &UD2, &UD2].concat());
        // and: any condition; jle
        let (and, jle) = ([0x49, 0x83, 0xe0, 9], [0x0f, 0x8e, 2, 0, 0, 0]);
        assert_eq!(folded(&[&and[..], &TEST_R8, &jle, &UD2, &UD2].concat()), [&and[..], &jle, &UD2, &UD2].concat());
    }

    #[test]
    fn a_test_that_says_something_new_stays() {
        // sub r9, 9
        let other = [0x49, 0x83, 0xe9, 9];
        // sub r8d, 9: the upper half is nothing that its flags say.
        let half = [0x41, 0x83, 0xe8, 9];
        let jle = [0x0f, 0x8e, 2, 0, 0, 0];
        // sete al; ud2: behind the branch flags are read.
        let sete = [0x0f, 0x94, 0xc0];
        // jmp over nothing, to the test
        let jump = [0xe9, 0, 0, 0, 0];
        for code in [
            [&other[..], &TEST_R8, &JL_2, &UD2, &UD2].concat(),
            [&half[..], &TEST_R8, &JL_2, &UD2, &UD2].concat(),
            [&SUB_R8[..], &TEST_R8, &jle, &UD2, &UD2].concat(),
            [&SUB_R8[..], &TEST_R8, &JL_2, &UD2, &sete, &UD2].concat(),
            [&SUB_R8[..], &jump, &TEST_R8, &JL_2, &UD2, &UD2].concat(),
        ] {
            assert_eq!(folded(&code), code);
        }
    }

    #[test]
    fn the_stack_check_is_one_comparison() {
        // mov r9, rsp; mov r10, [rdi+16]; cmp r9, r10; jb +2
        let check = [0x49, 0x89, 0xe1, 0x4c, 0x8b, 0x57, 0x10, 0x4d, 0x39, 0xd1, 0x0f, 0x82, 2, 0, 0, 0];
        let folds = [&check[..], &UD2, &UD2].concat();
        // cmp rsp, [rdi+16]
        assert_eq!(folded(&folds), [&[0x48, 0x3b, 0x67, 0x10, 0x0f, 0x82, 2, 0, 0, 0][..], &UD2, &UD2].concat());
        // lea rax, [r10]: the limit is wanted.
        let wanted = [&check[..], &UD2, &[0x49, 0x8d, 0x02], &[0xc3]].concat();
        assert_eq!(folded(&wanted), wanted);
    }

    #[test]
    fn a_charge_in_memory_is_one_subtraction() {
        let (load, store) = ([0x4c, 0x8b, 0x47, 0x18], [0x4c, 0x89, 0x47, 0x18]);
        let charge = [&load[..], &SUB_R8, &store, &TEST_R8, &JL_2, &UD2, &UD2].concat();
        // sub qword ptr [rdi+24], 9
        assert_eq!(folded(&charge), [&[0x48, 0x83, 0x6f, 0x18, 9][..], &JS_2, &UD2, &UD2].concat());
        // 300 of it
        let sub = [0x49, 0x81, 0xe8, 0x2c, 1, 0, 0];
        let charge = [&load[..], &sub, &store, &TEST_R8, &JL_2, &UD2, &UD2].concat();
        let large = [0x48, 0x81, 0x6f, 0x18, 0x2c, 1, 0, 0];
        assert_eq!(folded(&charge), [&large[..], &JS_2, &UD2, &UD2].concat());
        // mov r14, rdi between them hinders nothing; mov r14, r8 wants the number.
        for (between, folds) in [([0x49, 0x89, 0xfe], true), ([0x4d, 0x89, 0xc6], false)] {
            let code = [&load[..], &SUB_R8, &store, &between, &TEST_R8, &JL_2, &UD2, &UD2].concat();
            let short = [&[0x48, 0x83, 0x6f, 0x18, 9][..], &between, &JS_2, &UD2, &UD2].concat();
            let long = [&load[..], &SUB_R8, &store, &between, &JS_2, &UD2, &UD2].concat();
            assert_eq!(folded(&code), if folds { short } else { long });
        }
        // In the frame, where a value is spilled: mov r8, [rsp+8] and mov [rsp+8], r8.
        let spilled = [&[0x4c, 0x8b, 0x44, 0x24, 8][..], &SUB_R8, &[0x4c, 0x89, 0x44, 0x24, 8]].concat();
        let code = [&spilled[..], &TEST_R8, &JL_2, &UD2, &UD2].concat();
        assert_eq!(folded(&code), [&spilled[..], &JS_2, &UD2, &UD2].concat());
        // Into another field, which is none: the test goes alone.
        let other = [0x4c, 0x89, 0x47, 0x20];
        let charge = [&load[..], &SUB_R8, &other, &TEST_R8, &JL_2, &UD2, &UD2].concat();
        assert_eq!(folded(&charge), [&load[..], &SUB_R8, &other, &JS_2, &UD2, &UD2].concat());
        // mov rax, r8; ret: who comes back wants it.
        let wanted = [&load[..], &SUB_R8, &store, &TEST_R8, &JL_2, &UD2, &[0x4c, 0x89, 0xc0, 0xc3]].concat();
        let left = [&load[..], &SUB_R8, &store, &JS_2, &UD2, &[0x4c, 0x89, 0xc0, 0xc3]].concat();
        assert_eq!(folded(&wanted), left);
    }
}
