//! The code generator's settings for each target: the one place where Cranelift flags are chosen.

use cranelift_codegen::{
    isa::{self, CallConv, OwnedTargetIsa},
    settings::{self, Configurable},
};

use crate::CompileError;

/// Calling convention of every generated function and of the runtime's symbols.
pub const CALL_CONV: CallConv = CallConv::SystemV;

/// Results that the convention returns in registers; the others go through the transfer area. The code
/// generator's own way takes the first argument's register, which holds the call block's address in every function.
pub const REGISTER_RESULTS: usize = 2;

/// Parameters that have registers in a module with tail calls; the others go through the transfer area, so that no
/// argument lies in a frame. The call block and a dispatcher's selector take the other two registers.
pub const TAIL_REGISTER_PARAMS: usize = 4;

/// Parameters that are passed by the convention in a module without tail calls; the others go through the transfer
/// area, so that no frame has to hold all of a call's thousand arguments.
pub const PASSED_PARAMS: usize = 64;

/// x86_64, baseline instructions, integers only in effect: the translator makes no float or vector value.
pub fn x86_64() -> Result<OwnedTargetIsa, CompileError> {
    const FLAGS: [(&str, &str); 8] = [
        ("opt_level", "speed"),
        ("is_pic", "false"),
        // Kernel backtraces walk rbp, and `wkc_ret` does `leave`.
        ("preserve_frame_pointers", "true"),
        // Prologues check the stack themselves (translate/trap.rs).
        ("enable_probestack", "false"),
        // Bounds and masks are made in translate/bounds.rs.
        ("enable_heap_access_spectre_mitigation", "false"),
        ("enable_table_access_spectre_mitigation", "false"),
        ("unwind_info", "false"),
        ("enable_verifier", "true"),
    ];
    let internal = |e: &dyn std::fmt::Display| CompileError::internal("isa", e);
    let mut flags = settings::builder();
    for (name, value) in FLAGS {
        flags.set(name, value).map_err(|e| internal(&format!("{name}: {e}")))?;
    }
    let triple = "x86_64-unknown-none-elf".parse().map_err(|e| internal(&e))?;
    let builder = isa::lookup(triple).map_err(|e| internal(&e))?;
    builder.finish(settings::Flags::new(flags)).map_err(|e| internal(&e))
}
