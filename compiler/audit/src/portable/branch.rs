//! Where control goes, and when. A distance counts from its instruction's start.

use pulley_interpreter::imms::PcRelOffset;
use pulley_interpreter::op::{ExtendedOp, Op};
use pulley_interpreter::regs::{Reg as _, XReg};
use wasmkc_abi::helper::HELPERS;
use wasmkc_abi::vmctx::{
    HOST_MEMMOVE, HOST_MEMSET, HOST_TRAP, SYMBOL_MEMMOVE, SYMBOL_MEMSET, SYMBOL_TRAP, host_helper,
};

use super::Code;
use crate::effects::{Compare, Condition, Control, Operand, Register, Width};

/// A branch that compares by itself.
pub struct Branch {
    /// What it compares.
    pub compare: Compare,
    /// When it is taken.
    pub condition: Condition,
    /// Where it leads, from its start.
    pub distance: PcRelOffset,
}

/// The second of what is compared; signed numbers are extended with their sign.
trait Second {
    fn operand(self, width: Width) -> Operand;
}

impl Second for XReg {
    fn operand(self, width: Width) -> Operand {
        Operand::Register(self.to_u8(), width)
    }
}

macro_rules! numbers {
    ($($ty:ty),*) => {
        $(impl Second for $ty {
            fn operand(self, _: Width) -> Operand {
                Operand::Const(i64::from(self) as u64)
            }
        })*
    };
}

numbers!(i8, i32, u8, u32);

macro_rules! branches {
    ($op:expr; $($width:ident $condition:ident: $($name:ident)*;)*) => {
        match $op {
            $($(Op::$name(i) => {
                let second = i.b.operand(Width::$width);
                let compare = Compare::With(i.a.to_u8(), Width::$width, second);
                Some(Branch { compare, condition: Condition::$condition, distance: i.offset })
            })*)*
            _ => None,
        }
    };
}

/// The conditional branch that `op` is.
pub fn branch(op: &Op) -> Option<Branch> {
    let zero = |r: XReg| Compare::With(r.to_u8(), Width::Narrow, Operand::Const(0));
    match op {
        Op::BrIf(i) => Some(Branch { compare: zero(i.cond), condition: Condition::NotEqual, distance: i.offset }),
        Op::BrIfNot(i) => Some(Branch { compare: zero(i.cond), condition: Condition::Equal, distance: i.offset }),
        _ => branches!(op;
            Narrow Equal: BrIfXeq32 BrIfXeq32I8 BrIfXeq32I32;
            Narrow NotEqual: BrIfXneq32 BrIfXneq32I8 BrIfXneq32I32;
            Narrow Less: BrIfXslt32 BrIfXslt32I8 BrIfXslt32I32;
            Narrow NotLess: BrIfXsgteq32I8 BrIfXsgteq32I32;
            Narrow Below: BrIfXult32 BrIfXult32U8 BrIfXult32U32;
            Narrow NotBelow: BrIfXugteq32U8 BrIfXugteq32U32;
            Narrow Other: BrIfXslteq32 BrIfXslteq32I8 BrIfXslteq32I32 BrIfXsgt32I8 BrIfXsgt32I32;
            Narrow Other: BrIfXulteq32 BrIfXulteq32U8 BrIfXulteq32U32 BrIfXugt32U8 BrIfXugt32U32;
            Wide Equal: BrIfXeq64 BrIfXeq64I8 BrIfXeq64I32;
            Wide NotEqual: BrIfXneq64 BrIfXneq64I8 BrIfXneq64I32;
            Wide Less: BrIfXslt64 BrIfXslt64I8 BrIfXslt64I32;
            Wide NotLess: BrIfXsgteq64I8 BrIfXsgteq64I32;
            Wide Below: BrIfXult64 BrIfXult64U8 BrIfXult64U32;
            Wide NotBelow: BrIfXugteq64U8 BrIfXugteq64U32;
            Wide Other: BrIfXslteq64 BrIfXslteq64I8 BrIfXslteq64I32 BrIfXsgt64I8 BrIfXsgt64I32;
            Wide Other: BrIfXulteq64 BrIfXulteq64U8 BrIfXulteq64U32 BrIfXugt64U8 BrIfXugt64U32;
        ),
    }
}

/// Where control goes.
pub fn control(i: &Code) -> Control {
    let Some(op) = i.op else { return Control::Other("an unknown instruction".to_owned()) };
    let to = |distance: PcRelOffset| u64::from(i.at).wrapping_add_signed(i32::from(distance).into());
    match op {
        Op::Ret(_) => Control::Return,
        Op::Jump(op) => Control::Jump(to(op.offset)),
        Op::Call(op) => Control::Call(to(op.offset)),
        Op::Call1(op) => Control::Call(to(op.offset)),
        Op::Call2(op) => Control::Call(to(op.offset)),
        Op::Call3(op) => Control::Call(to(op.offset)),
        Op::Call4(op) => Control::Call(to(op.offset)),
        Op::ExtendedOp(ExtendedOp::Trap(_)) => Control::Fault,
        Op::ExtendedOp(ExtendedOp::CallIndirectHost(op)) => match host(op.id) {
            Some(symbol) => Control::Symbol(symbol),
            None => Control::Other(format!("the number {}, which no function of the loader has", op.id)),
        },
        Op::CallIndirect(_) | Op::XJump(_) | Op::BrTable32(_) => Control::Other("a register".to_owned()),
        _ => branch(&op).map_or(Control::Next, |b| Control::Branch(to(b.distance))),
    }
}

/// The function of the loader that has this number.
pub fn host(number: u8) -> Option<&'static str> {
    match number {
        HOST_TRAP => Some(SYMBOL_TRAP),
        HOST_MEMMOVE => Some(SYMBOL_MEMMOVE),
        HOST_MEMSET => Some(SYMBOL_MEMSET),
        _ => HELPERS.iter().find(|h| host_helper(h.number) == Some(number)).map(|h| h.symbol),
    }
}

/// What a call puts into the first argument's register by itself.
pub fn first_argument(i: &Code) -> Option<Register> {
    match i.op? {
        Op::Call1(op) => Some(op.arg1.to_u8()),
        Op::Call2(op) => Some(op.arg1.to_u8()),
        Op::Call3(op) => Some(op.arg1.to_u8()),
        Op::Call4(op) => Some(op.arg1.to_u8()),
        _ => None,
    }
}
