//! How a run ends without a verdict: a branch to a cold block that calls the trap exit.
//!
//! One block a site, so that the return address of its call tells function, operator and cause.

use cranelift_codegen::ir::{self, AbiParam, FuncRef, InstBuilder, Signature, Value, condcodes::IntCC, types};
use cranelift_frontend::FunctionBuilder;
use wasmkc_abi::trap::TrapCode;

use super::{Symbol, Translator};
use crate::Target;

/// Cranelift's code on the `ud2` that closes a trap block: it follows a call that never returns.
pub const AFTER_TRAP: ir::TrapCode = ir::TrapCode::unwrap_user(1);

/// `fn(call, code: u32)`, never returns.
pub fn signature(target: Target) -> Signature {
    let mut out = Signature::new(target.call_conv());
    out.params.push(AbiParam::new(types::I64));
    out.params.push(AbiParam::new(types::I32));
    out
}

/// Ends the current block with a call of the trap exit.
pub fn leave(builder: &mut FunctionBuilder<'_>, exit: FuncRef, call: Value, code: TrapCode) {
    let code = builder.ins().iconst(types::I32, i64::from(code as u32));
    builder.ins().call(exit, &[call, code]);
    builder.ins().trap(AFTER_TRAP);
}

impl Translator<'_, '_, '_> {
    /// Ends the run with `code` if `condition` holds; what follows is reached only if it does not.
    pub(super) fn trap_if(&mut self, condition: Value, code: TrapCode) {
        let taken = self.builder.create_block();
        let next = self.builder.create_block();
        self.builder.set_cold_block(taken);
        self.builder.ins().brif(condition, taken, &[], next, &[]);
        self.builder.seal_block(taken);
        self.builder.seal_block(next);
        self.builder.switch_to_block(taken);
        self.trap(code);
        self.builder.switch_to_block(next);
    }

    /// Ends the run and the current block.
    pub(super) fn trap(&mut self, code: TrapCode) {
        self.store_kept_fuel();
        let target = self.target;
        let exit = self.callee(Symbol::Trap(code as u32), || signature(target));
        leave(&mut self.builder, exit, self.call, code);
    }

    /// Ends the run, and goes on in a block that nothing reaches (the code generator drops it).
    pub(super) fn trap_always(&mut self, code: TrapCode) {
        self.trap(code);
        let dead = self.builder.create_block();
        self.builder.seal_block(dead);
        self.builder.switch_to_block(dead);
    }

    /// The prologue's check: the stack pointer, frame included, is not below the limit.
    pub(super) fn check_stack(&mut self) {
        if !self.target.checks_stack() {
            return;
        }
        let limit = self.stack_limit();
        let sp = self.builder.ins().get_stack_pointer(types::I64);
        let below = self.builder.ins().icmp(IntCC::UnsignedLessThan, sp, limit);
        self.trap_if(below, TrapCode::StackOverflow);
    }
}
