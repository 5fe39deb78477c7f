//! The steps on aarch64: x19 keeps the call block, x20 and x21 are the two registers.

use super::{Register, Steps};
use crate::common::Kwo;
use crate::common::aarch64::{Code as Words, TAKE_DOWN, cbz_over, ldr, mov, mov_imm, str};

#[derive(Clone)]
pub struct Code(Words);

/// `ldp x21, x22, [sp], #16; ldp x19, x20, [sp], #16`
const RESTORE: [u32; 2] = [0xa8c1_5bf5, 0xa8c1_53f3];

impl Code {
    fn words(self, words: &[u32]) -> Self {
        Self(self.0.words(words))
    }

    /// The branch that a distance in words makes, over what `otherwise` appends.
    fn over(self, branch: impl Fn(u32) -> u32, otherwise: impl Fn(Self) -> Self) -> Self {
        let at = self.top();
        let mut code = otherwise(self.words(&[0]));
        let words = ((code.top() - at) / 4) as u32;
        code.0.0.bytes[at..at + 4].copy_from_slice(&branch(words).to_le_bytes());
        code
    }

    /// A comparison that makes the flags, and b.cond over what `otherwise` appends.
    fn unless(self, compare: u32, condition: u32, otherwise: impl Fn(Self) -> Self) -> Self {
        self.words(&[compare]).over(|words| 0x5400_0000 | words << 5 | condition, otherwise)
    }

    /// `mov x0, x19`
    fn call_block(self) -> Self {
        self.words(&[mov(0, 19)])
    }
}

fn number(r: Register) -> u32 {
    match r {
        Register::Fuel => 20,
        Register::Other => 21,
    }
}

/// `cmp xR, #n`
fn compare(r: Register, with: u8) -> u32 {
    0xf100_001f | u32::from(with) << 10 | number(r) << 5
}

impl Steps for Code {
    fn start() -> Self {
        // stp x19, x20, [sp, #-16]!; stp x21, x22, [sp, #-16]!; mov x19, x0
        Self(Words::with_frame(&[0xa9bf_53f3, 0xa9bf_5bf5, mov(19, 0)])).load(Register::Fuel)
    }
    fn top(&self) -> usize {
        self.0.len() as usize
    }
    fn load(self, to: Register) -> Self {
        self.words(&[ldr(number(to), 0, 24)])
    }
    fn store(self, from: Register) -> Self {
        self.words(&[str(number(from), 0, 24)])
    }
    fn copy(self, to: Register, from: Register) -> Self {
        self.words(&[mov(number(to), number(from))])
    }
    fn less(self, r: Register, units: u8) -> Self {
        self.words(&[0xd100_0000 | u32::from(units) << 10 | number(r) << 5 | number(r)])
    }
    fn unless_at_least(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self {
        // b.pl, or b.ge
        self.unless(compare(r, least), if least == 0 { 5 } else { 10 }, otherwise)
    }
    fn unless_half_at_least(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self {
        self.unless(compare(r, least) & 0x7fff_ffff, 10, otherwise)
    }
    fn unless_above(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self {
        self.unless(compare(r, least), 12, otherwise)
    }
    fn perhaps(self, otherwise: impl Fn(Self) -> Self) -> Self {
        self.over(|words| cbz_over(6, words - 1), otherwise)
    }
    fn around(self, top: usize) -> Self {
        Self(self.0.cbnz_at(top as u32))
    }
    fn call(self) -> Self {
        Self(self.0.call_at(0)).call_block()
    }
    fn helper(self) -> Self {
        Self(self.0.call("wkc_helper_ktime_ns")).call_block()
    }
    fn memmove(self) -> Self {
        Self(self.0.words(&[mov_imm(2, 64)]).call("wkc_memmove")).call_block()
    }
    fn trap(self, code: u8) -> Self {
        Self(self.0.trap(code.into()))
    }
    fn end(self) -> Kwo {
        self.words(&RESTORE).0.ret().kwo()
    }
    fn jump(self) -> Kwo {
        self.words(&RESTORE).words(&[TAKE_DOWN]).0.b_at(0).kwo()
    }
}
