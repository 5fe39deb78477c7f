//! The steps in bytecode: x16 keeps the call block, x17 and x18 are the two registers.

use pulley_interpreter::encode;
use wasmkc_abi::vmctx::HOST_MEMMOVE;

use super::{Register, Steps};
use crate::common::Kwo;
use crate::common::portable::{Code as Ops, at, upper, x};

#[derive(Clone)]
pub struct Code(Ops);

/// Registers that the frame keeps, and its bytes.
const KEPT: [u8; 3] = [16, 17, 18];
const FRAME: u16 = 32;
/// The helper that gives the time.
const KTIME: u8 = 17;

impl Code {
    fn op(self, op: impl FnOnce(&mut Vec<u8>)) -> Self {
        Self(self.0.op(op))
    }

    /// `xmov x0, x16`
    fn call_block(self) -> Self {
        self.op(|c| encode::xmov(c, x(0), x(16)))
    }

    fn over(
        self,
        branch: impl Fn(&mut Vec<u8>, pulley_interpreter::PcRelOffset),
        otherwise: impl Fn(Self) -> Self,
    ) -> Self {
        Self(self.0.over(branch, |code| otherwise(Self(code)).0))
    }
}

fn number(r: Register) -> u8 {
    match r {
        Register::Fuel => 17,
        Register::Other => 18,
    }
}

impl Steps for Code {
    fn start() -> Self {
        let code = Ops::saving(FRAME, &KEPT).op(|c| encode::xmov(c, x(16), x(0)));
        Self(code).load(Register::Fuel)
    }
    fn top(&self) -> usize {
        self.0.len() as usize
    }
    fn load(self, to: Register) -> Self {
        self.op(|c| encode::xload64le_o32(c, x(number(to)), at(0, 24)))
    }
    fn store(self, from: Register) -> Self {
        self.op(|c| encode::xstore64le_o32(c, at(0, 24), x(number(from))))
    }
    fn copy(self, to: Register, from: Register) -> Self {
        self.op(|c| encode::xmov(c, x(number(to)), x(number(from))))
    }
    fn less(self, r: Register, units: u8) -> Self {
        self.op(|c| encode::xsub64_u8(c, x(number(r)), x(number(r)), units))
    }
    fn unless_at_least(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self {
        self.over(|c, to| encode::br_if_xsgteq64_i8(c, x(number(r)), least as i8, to), otherwise)
    }
    fn unless_half_at_least(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self {
        self.over(|c, to| encode::br_if_xsgteq32_i8(c, x(number(r)), least as i8, to), otherwise)
    }
    fn unless_above(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self {
        self.over(|c, to| encode::br_if_xsgt64_i8(c, x(number(r)), least as i8, to), otherwise)
    }
    fn perhaps(self, otherwise: impl Fn(Self) -> Self) -> Self {
        self.over(|c, to| encode::br_if32(c, x(6), to), otherwise)
    }
    fn around(self, top: usize) -> Self {
        Self(self.0.branch_at(top as u32))
    }
    fn call(self) -> Self {
        Self(self.0.call_at(0)).call_block()
    }
    fn helper(self) -> Self {
        Self(self.0.host(KTIME)).call_block()
    }
    fn memmove(self) -> Self {
        Self(self.0.op(|c| encode::xconst8(c, x(2), 64)).host(HOST_MEMMOVE)).call_block()
    }
    fn trap(self, code: u8) -> Self {
        Self(self.0.trap(code))
    }
    fn end(self) -> Kwo {
        self.0.restoring(FRAME, &KEPT).kwo()
    }
    fn jump(self) -> Kwo {
        self.op(|c| encode::pop_frame_restore(c, FRAME, upper(&KEPT))).0.jump_at(0).kwo()
    }
}
