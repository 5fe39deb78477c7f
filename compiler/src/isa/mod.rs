//! The machines that code is made for, and the code generator's settings for each: the one place where Cranelift
//! flags are chosen.

mod aarch64;
mod portable;
mod x86_64;

use cranelift_codegen::{
    isa::{self, CallConv, OwnedTargetIsa},
    settings::{self, Configurable},
};
use wasmkc_abi::object::{EM_AARCH64, EM_NONE, EM_X86_64, MACHINE_PORTABLE};

use crate::CompileError;

/// A machine that code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Target {
    /// `x86_64`
    #[default]
    X86_64,
    /// `aarch64`, little-endian.
    Aarch64,
    /// Bytecode, for any machine.
    Portable,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::X86_64, Self::Aarch64, Self::Portable];

    /// Its name: a machine's as `uname -m` gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Portable => "portable",
        }
    }

    /// The target of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Its number in `Meta::machine`.
    #[must_use]
    pub const fn machine(self) -> u16 {
        match self {
            Self::X86_64 => EM_X86_64,
            Self::Aarch64 => EM_AARCH64,
            Self::Portable => MACHINE_PORTABLE,
        }
    }

    /// Its number in ELF headers.
    #[must_use]
    pub const fn elf_machine(self) -> u16 {
        match self {
            Self::Portable => EM_NONE,
            native => native.machine(),
        }
    }

    /// Whether addresses are masked against speculation. An interpreter goes from one instruction to the next by
    /// branches of its own, which no mask in its code can guard.
    pub(crate) const fn masks(self) -> bool {
        !matches!(self, Self::Portable)
    }

    /// Whether a function compares its stack with the limit; the interpreter does it wherever stack is taken.
    pub(crate) const fn checks_stack(self) -> bool {
        !matches!(self, Self::Portable)
    }

    /// Whether the address of a place in the frame is a value.
    pub(crate) const fn addresses_frame(self) -> bool {
        !matches!(self, Self::Portable)
    }

    /// Whether the loader's functions are called as any other, and not by a number.
    pub(crate) const fn calls_loader(self) -> bool {
        !matches!(self, Self::Portable)
    }

    /// Whether the code generator leaves a function for another by itself.
    pub(crate) const fn has_tail_calls(self) -> bool {
        matches!(self, Self::Portable)
    }

    /// Calling convention of every generated function and of the runtime's symbols.
    pub(crate) const fn call_conv(self) -> CallConv {
        match self {
            Self::X86_64 | Self::Aarch64 => CallConv::SystemV,
            // the one with jumps to other functions; registers are as in any other
            Self::Portable => CallConv::Tail,
        }
    }

    /// Parameters of a wasm function that are passed by the convention; the others go through the transfer area.
    pub(crate) const fn passed_params(self, tail_calls: bool) -> usize {
        match (self, tail_calls) {
            (Self::Portable, _) => PORTABLE_REGISTER_PARAMS,
            (_, true) => TAIL_REGISTER_PARAMS,
            (_, false) => PASSED_PARAMS,
        }
    }

    /// Whether a division by zero, or one whose quotient has no room, is a fault of the machine and no number.
    pub(crate) const fn division_faults(self) -> bool {
        matches!(self, Self::X86_64)
    }

    /// Whether the code generator counts bits without a vector register.
    pub(crate) const fn counts_bits(self) -> bool {
        matches!(self, Self::X86_64 | Self::Portable)
    }

    /// Whether an atomic load is an ordinary one in machine code.
    pub(crate) const fn loads_are_ordered(self) -> bool {
        matches!(self, Self::X86_64)
    }

    /// The target with this number in `Meta::machine`.
    #[must_use]
    pub fn by_machine(machine: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.machine() == machine)
    }
}

/// Results that the convention returns in registers; the others go through the transfer area. The code
/// generator's own way takes the first argument's register, which holds the call block's address in every function.
pub const REGISTER_RESULTS: usize = 2;

/// Parameters that have registers in a module with tail calls; the others go through the transfer area, so that no
/// argument lies in a frame. The call block and a dispatcher's selector take the other two registers.
const TAIL_REGISTER_PARAMS: usize = 4;

/// Parameters that have registers in bytecode, where none may lie in a frame: frames are smaller where the interpreter
/// runs on a machine of 32 bits. The call block and a dispatcher's selector take the other two of fifteen.
pub const PORTABLE_REGISTER_PARAMS: usize = 13;

/// Parameters that are passed by the convention in a module without tail calls; the others go through the transfer
/// area, so that no frame has to hold all of a call's thousand arguments.
const PASSED_PARAMS: usize = 64;

/// What every machine's code is like.
const COMMON: [(&str, &str); 8] = [
    ("opt_level", "speed"),
    ("is_pic", "false"),
    // Kernel backtraces walk the frames; on x86_64 `wkc_ret` does `leave`.
    ("preserve_frame_pointers", "true"),
    // Prologues check the stack themselves (translate/trap.rs).
    ("enable_probestack", "false"),
    // Bounds and masks are made in translate/bounds.rs.
    ("enable_heap_access_spectre_mitigation", "false"),
    ("enable_table_access_spectre_mitigation", "false"),
    ("unwind_info", "false"),
    // What we have made is verified, before its optimiser and behind it (emit/mod.rs); with this each of its own steps
    // would be, too.
    ("enable_verifier", "false"),
];

/// The code generator for `target`.
pub fn code_generator(target: Target) -> Result<OwnedTargetIsa, CompileError> {
    let (triple, own): (&str, &[(&str, &str)]) = match target {
        Target::X86_64 => (x86_64::TRIPLE, &x86_64::FLAGS),
        Target::Aarch64 => (aarch64::TRIPLE, &aarch64::FLAGS),
        Target::Portable => (portable::TRIPLE, &portable::FLAGS),
    };
    let internal = |e: &dyn std::fmt::Display| CompileError::internal("isa", e);
    let mut flags = settings::builder();
    for (name, value) in COMMON {
        flags.set(name, value).map_err(|e| internal(&format!("{name}: {e}")))?;
    }
    let mut builder = isa::lookup(triple.parse().map_err(|e| internal(&e))?).map_err(|e| internal(&e))?;
    for (name, value) in own {
        builder.set(name, value).map_err(|e| internal(&format!("{name}: {e}")))?;
    }
    builder.finish(settings::Flags::new(flags)).map_err(|e| internal(&e))
}
