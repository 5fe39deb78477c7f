//! The machines that code may be for, behind one face: what differs between them is asked here.

use crate::descent::Body;
use crate::effects::{Condition, Control, Effects, Register};
use crate::finding::{Finding, Rule};
use crate::image::{Function, Image, Target};
use crate::state::State;
use crate::{aarch64, portable, x86_64};
use std::fmt;

/// A rule that is broken, and how.
pub type Broken = (Rule, String);

/// A machine that the audit knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Machine {
    /// x86_64.
    #[default]
    X86_64,
    /// aarch64.
    Aarch64,
    /// Bytecode, for any machine.
    Portable,
}

/// What all code of a machine keeps to.
#[derive(Debug)]
pub struct Convention {
    /// How many registers it has, the stack pointer among them.
    pub registers: usize,
    /// Number of the stack pointer.
    pub stack_pointer: Register,
    /// Number of the frame pointer.
    pub frame_pointer: Register,
    /// Registers that only the frame's start and end write, one bit each.
    pub frame_registers: u32,
    /// What divides every depth of the stack.
    pub stack_alignment: u32,
    /// Where callees get the call block and the next two arguments.
    pub arguments: [Register; 3],
    /// Registers that a function gives back as it found them, those of the frame aside.
    pub callee_saved: &'static [Register],
    /// What divides the offset of every instruction.
    pub code_alignment: u32,
    /// Each byte between functions.
    pub padding: u8,
    /// What entry points begin with.
    pub landing_pad: &'static [u8],
    /// Arguments may lie on the stack.
    pub stack_arguments: bool,
    /// Whatever takes stack compares it with what there is.
    pub checks_stack: bool,
    /// A return stands behind the frame's end, and does not take it down by itself.
    pub returns_behind_frame: bool,
    /// Instructions that take a frame down.
    pub takedown: usize,
    /// A register's name.
    pub name: fn(Register) -> String,
}

/// The instructions that make a frame.
#[derive(Clone, Debug, Default)]
pub struct Prologue {
    /// The offset behind them.
    pub end: u32,
    /// What they do beside: relative to the frame pointer, where the stack pointer is by then.
    pub effects: Effects,
}

impl Prologue {
    /// They make the frame and do nothing else.
    pub fn plain(end: u32) -> Self {
        Self { end, effects: Effects::default() }
    }
}

impl Machine {
    /// What its code keeps to.
    pub fn convention(self) -> &'static Convention {
        match self {
            Self::X86_64 => &x86_64::CONVENTION,
            Self::Aarch64 => &aarch64::CONVENTION,
            Self::Portable => &portable::CONVENTION,
        }
    }

    /// Reads the instruction at offset `at` of `.text`, where `bytes` start.
    pub fn decode(self, bytes: &[u8], at: u32) -> Instruction {
        match self {
            Self::X86_64 => Instruction::X86_64(x86_64::decode(bytes, at)),
            Self::Aarch64 => Instruction::Aarch64(aarch64::decode(bytes, at)),
            Self::Portable => Instruction::Portable(portable::decode(bytes, at)),
        }
    }

    /// The instructions that make the frame, where they are what they must be.
    pub fn prologue(self, body: &Body<'_>) -> Option<Prologue> {
        match self {
            Self::X86_64 => x86_64::prologue_end(body).map(Prologue::plain),
            Self::Aarch64 => aarch64::prologue_end(body).map(Prologue::plain),
            Self::Portable => portable::prologue(body),
        }
    }

    /// Landing pads stand at entry points only.
    pub fn landing_pads(self, image: &Image<'_>, findings: &mut Vec<Finding>) {
        match self {
            Self::X86_64 => x86_64::landing::check(image, findings),
            Self::Aarch64 => aarch64::landing::check(image, findings),
            // No processor runs it.
            Self::Portable => {}
        }
    }
}

/// One instruction of a machine, valid or not.
#[derive(Clone, Copy, Debug)]
pub enum Instruction {
    /// Of x86_64; its ip is its offset in `.text`.
    X86_64(iced_x86::Instruction),
    /// Of aarch64.
    Aarch64(aarch64::Word),
    /// Of bytecode.
    Portable(portable::Code),
}

/// The same call for each machine.
macro_rules! each {
    ($self:ident, $i:ident => $name:ident($($argument:expr),*)) => {
        match $self {
            Instruction::X86_64($i) => x86_64::$name($($argument),*),
            Instruction::Aarch64($i) => aarch64::$name($($argument),*),
            Instruction::Portable($i) => portable::$name($($argument),*),
        }
    };
}

impl Instruction {
    /// Its offset in `.text`.
    pub fn at(&self) -> u32 {
        match self {
            Self::X86_64(i) => i.ip() as u32,
            Self::Aarch64(i) => i.at,
            Self::Portable(i) => i.at,
        }
    }

    /// The offset behind it.
    pub fn next(&self) -> u32 {
        match self {
            Self::X86_64(i) => i.next_ip() as u32,
            Self::Aarch64(i) => i.next(),
            Self::Portable(i) => i.next,
        }
    }

    /// Whether the bytes form no instruction.
    pub fn is_invalid(&self) -> bool {
        match self {
            Self::X86_64(i) => i.is_invalid(),
            Self::Aarch64(i) => i.is_invalid(),
            Self::Portable(i) => i.is_invalid(),
        }
    }

    /// Refuses what no filter may contain, wherever it stands.
    pub fn check(&self) -> Result<(), Broken> {
        each!(self, i => check(i))
    }

    /// Whether control goes on behind an instruction that was refused.
    pub fn goes_on(&self) -> bool {
        each!(self, i => goes_on(i))
    }

    /// Its relocation, which lies where it may.
    pub fn relocation<'i>(&self, image: &'i Image<'_>) -> Result<Option<&'i Target>, Broken> {
        each!(self, i => relocation(image, i))
    }

    /// Refuses what names memory in a wrong way. Gives the constant that its memory operand is.
    pub fn references(&self, image: &Image<'_>, reloc: Option<&Target>) -> Result<Option<u64>, Broken> {
        each!(self, i => references(image, i, reloc))
    }

    /// Where control goes.
    pub fn control(&self) -> Control {
        each!(self, i => control(i))
    }

    /// When a branch is taken.
    pub fn condition(&self) -> Condition {
        each!(self, i => condition(i))
    }

    /// What it does; `constant` is what [`Self::references`] gave.
    pub fn effects(&self, constant: Option<u64>) -> Effects {
        each!(self, i => effects(i, constant))
    }

    /// Whether it does nothing but stop: ud2, udf, trap.
    pub fn is_fault(&self) -> bool {
        each!(self, i => is_fault(i))
    }

    /// Whether it saves a register of the frame, which is the start's to do.
    pub fn saves_frame(&self) -> bool {
        each!(self, i => saves_frame(i))
    }

    /// Its place among the instructions that take a frame down, if it is one of them.
    pub fn takedown(&self) -> Option<usize> {
        each!(self, i => takedown(i))
    }

    /// Whether what stands before a jump reads as what takes the frame down.
    pub fn is_behind_frame(&self, image: &Image<'_>, function: &Function) -> bool {
        each!(self, i => is_behind_frame(image, function, i))
    }

    /// Says why a division may fault, if it is one and may.
    pub fn division(&self, state: &State) -> Result<(), &'static str> {
        match self {
            Self::X86_64(i) => x86_64::division::check(state, i),
            // There, a division by zero gives zero, and what overflows wraps.
            Self::Aarch64(_) => Ok(()),
            // What runs it compares the operands by itself, and ends the run.
            Self::Portable(_) => Ok(()),
        }
    }

    /// The register that the callee gets as its first argument, if the call puts it there by itself.
    pub fn first_argument(&self) -> Option<Register> {
        if let Self::Portable(i) = self { portable::first_argument(i) } else { None }
    }

    /// The site of the trap that the instruction is where there is no stack left to take.
    pub fn stack_site(&self) -> Option<u32> {
        if let Self::Portable(i) = self { portable::stack_site(i) } else { None }
    }

    /// The name of what it does.
    pub fn mnemonic(&self) -> String {
        each!(self, i => mnemonic(i))
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X86_64(i) => i.fmt(f),
            Self::Aarch64(i) => i.fmt(f),
            Self::Portable(i) => i.fmt(f),
        }
    }
}
