//! Bytecode, by Pulley's encoder.

use pulley_interpreter::decode::{Decode as _, SafeBytecodeStream};
use pulley_interpreter::regs::{AddrO32, BinaryOperands, Reg as _, UpperRegSet, XReg};
use pulley_interpreter::{PcRelOffset, encode};
use wasmkc_abi::object::{BYTECODE_VERSION, EM_NONE, MACHINE_PORTABLE};
use wasmkc_abi::vmctx::HOST_TRAP;

use super::Kwo;

/// What writes one instruction.
pub type Op = fn(&mut Vec<u8>);

/// The integer register of this number; 30 is sp.
pub fn x(n: u8) -> XReg {
    XReg::new(n).unwrap()
}

/// `[xN + offset]`
pub fn at(n: u8, offset: i32) -> AddrO32 {
    AddrO32 { addr: x(n), offset }
}

/// Three registers.
pub fn three(dst: u8, src1: u8, src2: u8) -> BinaryOperands<XReg> {
    BinaryOperands::new(x(dst), x(src1), x(src2))
}

/// A set of registers x16 to x31.
pub fn upper(registers: &[u8]) -> UpperRegSet<XReg> {
    let bits = registers.iter().fold(0_u16, |all, r| all | 1 << (r - 16));
    UpperRegSet::decode(&mut SafeBytecodeStream::new(&bits.to_le_bytes())).unwrap()
}

/// One function being written.
#[derive(Clone, Debug, Default)]
pub struct Code(pub super::Code);

impl Code {
    /// A function's start: frame and a charge of eight units. x0 holds the call block.
    pub fn new() -> Self {
        Self::bare().charge(8)
    }

    /// A function's start: the frame alone.
    pub fn bare() -> Self {
        Self::default().frame(encode::push_frame)
    }

    /// A function's start: a frame of so many bytes that keeps `registers`, and a charge of eight units.
    pub fn saving(bytes: u16, registers: &[u8]) -> Self {
        Self::default().frame(|c| encode::push_frame_save(c, bytes, upper(registers))).charge(8)
    }

    /// What takes stack, with its row in the trap table.
    pub fn frame(mut self, op: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.0.traps.push((self.len() + 1, 8));
        self.op(op)
    }

    /// Appends what `op` writes.
    pub fn op(mut self, op: impl FnOnce(&mut Vec<u8>)) -> Self {
        op(&mut self.0.bytes);
        self
    }

    /// Appends what `op` writes, so many times.
    pub fn times(mut self, n: usize, op: Op) -> Self {
        (0..n).for_each(|_| op(&mut self.0.bytes));
        self
    }

    /// Bytes so far.
    pub fn len(&self) -> u32 {
        self.0.bytes.len() as u32
    }

    /// Takes `units` of fuel and traps if that is too much: x9 is lost, x0 holds the call block.
    pub fn charge(self, units: u8) -> Self {
        self.load_fuel().op(|c| encode::xsub64_u8(c, x(9), x(9), units)).pay()
    }

    /// `xload64le_o32 x9, x0, 24`
    pub fn load_fuel(self) -> Self {
        self.op(|c| encode::xload64le_o32(c, x(9), at(0, 24)))
    }

    /// `xstore64le_o32 x0, 24, x9`
    pub fn store_fuel(self) -> Self {
        self.op(|c| encode::xstore64le_o32(c, at(0, 24), x(9)))
    }

    /// The same; `br_if_xsgteq64_i8 x9, 0` over a trap.
    pub fn pay(self) -> Self {
        self.store_fuel().over(|c, to| encode::br_if_xsgteq64_i8(c, x(9), 0, to), |code| code.trap(9))
    }

    /// A branch over what `skipped` appends.
    pub fn over(self, branch: impl Fn(&mut Vec<u8>, PcRelOffset), skipped: impl Fn(Self) -> Self) -> Self {
        let mut unknown = Vec::new();
        branch(&mut unknown, PcRelOffset::from(0));
        let behind = skipped(self.clone().op(|c| c.extend_from_slice(&unknown))).len();
        let distance = (behind - self.len()) as i32;
        skipped(self.op(|c| branch(c, PcRelOffset::from(distance))))
    }

    /// `xconst8 x1, code; call_indirect_host 0; trap` with its row in the trap table.
    pub fn trap(self, code: u8) -> Self {
        let mut trap = self.op(|c| encode::xconst8(c, x(1), code as i8)).host(HOST_TRAP);
        trap.0.traps.push((trap.len(), code.into()));
        trap.op(encode::trap)
    }

    /// `call_indirect_host number`
    pub fn host(self, number: u8) -> Self {
        self.op(|c| encode::call_indirect_host(c, number))
    }

    /// How far the byte `to` behind this function's start is.
    pub fn distance(&self, to: u32) -> PcRelOffset {
        (to as i32 - self.len() as i32).into()
    }

    /// `call` of the function `to` bytes behind this one's start.
    pub fn call_at(self, to: u32) -> Self {
        let distance = self.distance(to);
        self.op(|c| encode::call(c, distance))
    }

    /// `jump` to the byte `to` behind this function's start.
    pub fn jump_at(self, to: u32) -> Self {
        let distance = self.distance(to);
        self.op(|c| encode::jump(c, distance))
    }

    /// `br_if32 x5` to the byte `to` behind this function's start.
    pub fn branch_at(self, to: u32) -> Self {
        let distance = self.distance(to);
        self.op(|c| encode::br_if32(c, x(5), distance))
    }

    /// `xmov x8, x8`, which does nothing that matters.
    pub fn idle(self, n: usize) -> Self {
        self.times(n, |c| encode::xmov(c, x(8), x(8)))
    }

    /// `pop_frame; ret`
    pub fn ret(self) -> Self {
        self.op(encode::pop_frame).op(encode::ret)
    }

    /// `pop_frame_restore; ret`
    pub fn restoring(self, bytes: u16, registers: &[u8]) -> Self {
        self.op(|c| encode::pop_frame_restore(c, bytes, upper(registers))).op(encode::ret)
    }

    /// An object whose XDP entry this is.
    pub fn kwo(self) -> Kwo {
        let mut kwo = Kwo::new(self.0);
        (kwo.machine, kwo.meta.machine, kwo.meta.bytecode) = (EM_NONE, MACHINE_PORTABLE, BYTECODE_VERSION);
        kwo.padding = 0;
        kwo
    }
}
