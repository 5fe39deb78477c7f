//! x86_64: which of its instructions a filter may contain, and what they do.
//!
//! ```text
//! allowed    single instructions that may stand in a filter
//! operand    memory operands and relocations
//! lower      what an instruction does, in the terms of `effects`
//! frame      how frames begin and end
//! division   what keeps a division from faulting
//! landing    where indirect branches may end
//! ```

mod allowed;
pub mod division;
mod frame;
pub mod landing;
mod lower;
mod operand;

use iced_x86::{
    ConditionCode, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, Register,
};

use crate::effects::{self, Condition, Control};
use crate::finding::Rule;
use crate::image::{Image, Target};
use crate::machine::{Broken, Convention};
pub use frame::{is_behind_frame, prologue_end, saves_frame, takedown};
pub use lower::effects;
pub use operand::relocation;

/// What all code keeps to.
pub const CONVENTION: Convention = Convention {
    registers: 16,
    stack_pointer: number(Register::RSP),
    frame_pointer: number(Register::RBP),
    frame_registers: 1 << number(Register::RBP),
    stack_alignment: 8,
    arguments: [number(Register::RDI), number(Register::RSI), number(Register::RDX)],
    callee_saved: &[3, 12, 13, 14, 15],
    code_alignment: 1,
    padding: 0xcc,
    landing_pad: &[0xf3, 0x0f, 0x1e, 0xfa],
    stack_arguments: true,
    checks_stack: false,
    // wkc_ret takes the frame down.
    returns_behind_frame: false,
    takedown: 2,
    name: register_name,
};

/// The number of a 64-bit register.
const fn number(r: Register) -> effects::Register {
    (r as u32 - Register::RAX as u32) as effects::Register
}

fn register_name(n: effects::Register) -> String {
    const NAMES: [&str; 8] = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"];
    NAMES.get(usize::from(n)).map_or_else(|| format!("r{n}"), |name| (*name).to_owned())
}

/// Reads the instruction at the start of `bytes`, valid or not.
pub fn decode(bytes: &[u8], at: u32) -> Instruction {
    Decoder::with_ip(64, bytes, u64::from(at), DecoderOptions::NONE).decode()
}

/// Refuses what is not allowed, wherever it stands.
pub fn check(i: &Instruction) -> Result<(), Broken> {
    allowed::check(i, InstructionInfoFactory::new().info(i))
}

/// Refuses memory operands of a wrong shape. Gives the constant that the memory operand is.
pub fn references(image: &Image<'_>, i: &Instruction, reloc: Option<&Target>) -> Result<Option<u64>, Broken> {
    operand::memory(image, i, InstructionInfoFactory::new().info(i), reloc)?;
    Ok(operand::constant(image, i, reloc))
}

/// Where control goes.
pub fn control(i: &Instruction) -> Control {
    let to = i.near_branch_target();
    match i.flow_control() {
        FlowControl::Next => Control::Next,
        FlowControl::Interrupt | FlowControl::Exception => Control::Fault,
        FlowControl::Call => Control::Call(to),
        FlowControl::UnconditionalBranch => Control::Jump(to),
        FlowControl::ConditionalBranch => Control::Branch(to),
        other => Control::Other(format!("{other:?}")),
    }
}

/// When a branch is taken.
pub fn condition(i: &Instruction) -> Condition {
    use ConditionCode as C;
    match i.condition_code() {
        C::e => Condition::Equal,
        C::ne => Condition::NotEqual,
        C::b => Condition::Below,
        C::ae => Condition::NotBelow,
        C::l | C::s => Condition::Less,
        C::ge | C::ns => Condition::NotLess,
        _ => Condition::Other,
    }
}

/// `ud2`
pub fn is_fault(i: &Instruction) -> bool {
    i.mnemonic() == Mnemonic::Ud2 && i.len() == 2
}

/// Whether control goes on behind an instruction that is refused.
pub fn goes_on(i: &Instruction) -> bool {
    i.flow_control() == FlowControl::Next
}

/// The name of what it does.
pub fn mnemonic(i: &Instruction) -> String {
    format!("{:?}", i.mnemonic()).to_lowercase()
}

/// Refuses a relocation at the wrong place.
fn misplaced(offset: u32) -> Broken {
    (Rule::Relocation, format!("a relocation at .text+{offset:#x} is not the operand it may be"))
}
