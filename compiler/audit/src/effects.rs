//! What one instruction does, without the machine that it is for.
//!
//! Each machine says this of its instructions, and the other stages read nothing else of them:
//!
//! ```text
//!   add rax, 8        written {rax}  sets rax = rax + 8           compare: nothing known
//!   ldr x1, [sp]      written {x1}   sets x1 = 8 bytes at sp      memory: read 8 bytes at sp
//!   cmp x1, #0        compare: x1 with 0
//! ```
//! Registers are numbered as the machine's encodings do. Addresses are relative to what registers hold before it.

/// Number of a register, less than 32.
pub type Register = u8;

/// What one instruction does. Where it goes is [`Control`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Registers that it writes, one bit each, but for the stack pointer.
    pub written: u32,
    /// What registers get that is worth knowing.
    pub sets: Vec<Set>,
    /// What it does to the stack pointer, if it writes it.
    pub stack: Option<Move>,
    /// The memory that it touches.
    pub memory: Vec<Access>,
    /// What the flags say behind it, if it writes them, and what a branch that compares by itself asks.
    pub compare: Option<Compare>,
}

/// A register gets a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Which register.
    pub to: Register,
    /// The value.
    pub value: Value,
    /// Of which the low 32 bits, extended with zeros.
    pub narrow: bool,
}

/// A value that an instruction computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Anything.
    Any,
    /// Anything below 2^32.
    Short,
    /// This.
    Same(Operand),
    /// The sum of both.
    Sum(Operand, Operand),
    /// The first less the second.
    Difference(Operand, Operand),
    /// The bits that both have.
    And(Operand, Operand),
    /// The smaller of both, without signs.
    Least(Operand, Operand),
    /// The bits that one of both has.
    Xor(Operand, Operand),
    /// One of both.
    Either(Operand, Operand),
    /// The operand's bits of this mask, and these others.
    Masked(Operand, u64, u64),
    /// A register shifted to the right, by so many bits if that is known.
    ShiftRight(Register, Option<u32>),
    /// The sign of a register, or of its low half: all ones or all zeros.
    Sign {
        /// Which register.
        of: Register,
        /// All 64 bits of it.
        wide: bool,
    },
    /// The low byte is 1 if what was compared was equal, else 0.
    Equal,
}

/// What an instruction reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Anything.
    Unknown,
    /// A number.
    Const(u64),
    /// A register, or its low half.
    Register(Register, Width),
    /// Eight bytes of memory.
    Memory(Place),
}

/// How much of a register is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// All 64 bits.
    Wide,
    /// The low 32.
    Narrow,
}

/// An address: a register and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The register.
    pub base: Register,
    /// Added to it.
    pub displacement: i64,
}

/// Memory that an instruction touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Register that the address starts from.
    pub base: Option<Register>,
    /// Register that is added.
    pub index: Option<Register>,
    /// Number that is added.
    pub displacement: i64,
    /// Bytes, if that is known.
    pub size: Option<u32>,
    /// Whether it writes them.
    pub writes: bool,
    /// The register whose 64 bits it writes there, all and as they are.
    pub value: Option<Register>,
    /// The number by which it makes the eight bytes there smaller.
    pub less: Option<i64>,
    /// It goes with the stack pointer's move: what push, pop and call do.
    pub implied: bool,
}

/// What happens to the stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The frame gets deeper by so many bytes.
    Deeper(u32),
    /// The frame gets flatter by so many bytes.
    Flatter(u32),
    /// The frame's bytes go, the caller's frame pointer comes next.
    ToRecord,
    /// Takes the caller's frame pointer, and what lies with it, from where the function's start put it.
    Record,
    /// Something else.
    Unknown,
}

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Nothing that matters.
    Unknown,
    /// A register, or its low half, with something of that width.
    With(Register, Width, Operand),
    /// The low bytes of two registers were anded.
    Both(Register, Register),
    /// Two registers were anded, which compares with zero if both hold one value.
    Anded(Register, Register, Width),
    /// What a register, or its low half, gets, with zero.
    Result(Register, Width),
    /// The eight bytes that are there afterwards, with zero.
    Stored(Place),
    /// The stack pointer with something.
    StackPointer(Operand),
}

/// When a branch is taken, in terms of what was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Both are the same; for anded bytes, there is no common bit.
    Equal,
    /// They are not.
    NotEqual,
    /// The first is less than the second, without signs.
    Below,
    /// It is not.
    NotBelow,
    /// The first is less than the second, with signs, or their difference is less than zero.
    Less,
    /// It is not.
    NotLess,
    /// Something else.
    Other,
}

/// Where control goes, as the instruction has it; targets are offsets in `.text`, below zero they wrap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// To the next instruction.
    Next,
    /// There.
    Jump(u64),
    /// There or on.
    Branch(u64),
    /// There, and back behind it.
    Call(u64),
    /// To a function of the loader, and back behind it.
    Symbol(&'static str),
    /// To the caller.
    Return,
    /// Nowhere: the CPU stops it.
    Fault,
    /// In a way that has no form here.
    Other(String),
}

impl Access {
    /// Whether the address has `register` in it.
    pub fn is_through(&self, register: Register) -> bool {
        self.base == Some(register) || self.index == Some(register)
    }
}

impl Place {
    /// The place that an access without an index names.
    pub fn of(access: &Access) -> Option<Self> {
        let base = access.base.filter(|_| access.index.is_none())?;
        Some(Self { base, displacement: access.displacement })
    }
}
