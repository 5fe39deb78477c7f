//! What one instruction does, in the terms of `effects`.
//!
//! What writes 32 bits of a register leaves its upper half as it was, so nothing is known of the whole. Whatever is not
//! spelled out here makes the registers that it writes unknown: forgetting is always right.

use pulley_interpreter::op::Op;
use pulley_interpreter::regs::{AddrO32, Reg as _, XReg};

use super::fields::fields;
use super::{branch, frame};
use crate::effects::{Access, Effects, Move, Operand, Place, Register, Set, Value, Width};

/// What `op` does.
pub fn effects(op: &Op) -> Effects {
    let mut out = Effects { written: fields(op).written, ..Effects::default() };
    match op {
        Op::Call1(_) => out.written = 0b1,
        Op::Call2(_) => out.written = 0b11,
        Op::Call3(_) => out.written = 0b111,
        Op::Call4(_) => out.written = 0b1111,
        // Where a frame starts they are no part of what follows; anywhere else the stack is lost.
        Op::PushFrame(_) | Op::PushFrameSave(_) | Op::StackAlloc32(_) | Op::StackFree32(_) => {
            out.stack = Some(Move::Unknown);
        }
        Op::PopFrame(_) => out.stack = Some(Move::ToRecord),
        Op::PopFrameRestore(op) => {
            out.stack = Some(Move::ToRecord);
            for (r, below) in frame::saved(op.regs) {
                let access = Access { implied: false, ..frame::slot(i64::from(op.amt) - below) };
                out.written |= 1 << r;
                out.sets.extend(Place::of(&access).map(|place| whole(r, Operand::Memory(place))));
                out.memory.push(access);
            }
        }
        _ => {
            out.sets = set(op).into_iter().collect();
            out.memory = access(op).into_iter().collect();
            out.compare = branch::branch(op).map(|b| b.compare);
        }
    }
    out
}

fn whole(to: Register, of: Operand) -> Set {
    Set { to, value: Value::Same(of), narrow: false }
}

fn wide(r: XReg) -> Operand {
    Operand::Register(r.to_u8(), Width::Wide)
}

/// The register that `op` sets to a value worth knowing.
fn set(op: &Op) -> Option<Set> {
    let number = |n: i64| Value::Same(Operand::Const(n as u64));
    let unsigned = |n: u32| Operand::Const(n.into());
    let signed = |n: i32| Operand::Const(i64::from(n) as u64);
    let (to, value, narrow) = match op {
        Op::Xmov(i) => (i.dst, Value::Same(wide(i.src)), false),
        Op::Xzero(i) => (i.dst, number(0), false),
        Op::Xone(i) => (i.dst, number(1), false),
        Op::Xconst8(i) => (i.dst, number(i.imm.into()), false),
        Op::Xconst16(i) => (i.dst, number(i.imm.into()), false),
        Op::Xconst32(i) => (i.dst, number(i.imm.into()), false),
        Op::Xconst64(i) => (i.dst, number(i.imm), false),
        Op::Xadd64(i) => (i.operands.dst, Value::Sum(wide(i.operands.src1), wide(i.operands.src2)), false),
        Op::Xadd64U8(i) => (i.dst, Value::Sum(wide(i.src1), unsigned(i.src2.into())), false),
        Op::Xadd64U32(i) => (i.dst, Value::Sum(wide(i.src1), unsigned(i.src2)), false),
        Op::Xsub64(i) => (i.operands.dst, Value::Difference(wide(i.operands.src1), wide(i.operands.src2)), false),
        Op::Xsub64U8(i) => (i.dst, Value::Difference(wide(i.src1), unsigned(i.src2.into())), false),
        Op::Xsub64U32(i) => (i.dst, Value::Difference(wide(i.src1), unsigned(i.src2)), false),
        Op::XBand64(i) => (i.operands.dst, Value::And(wide(i.operands.src1), wide(i.operands.src2)), false),
        Op::Xband64S8(i) => (i.dst, Value::And(wide(i.src1), signed(i.src2.into())), false),
        Op::Xband64S32(i) => (i.dst, Value::And(wide(i.src1), signed(i.src2)), false),
        Op::XBxor64(i) => (i.operands.dst, Value::Xor(wide(i.operands.src1), wide(i.operands.src2)), false),
        Op::Xshr64U(i) => (i.operands.dst, Value::ShiftRight(i.operands.src1.to_u8(), None), false),
        Op::Xshr64UU6(i) => {
            let by = u8::from(i.operands.src2).into();
            (i.operands.dst, Value::ShiftRight(i.operands.src1.to_u8(), Some(by)), false)
        }
        Op::Xmin64U(i) => (i.operands.dst, Value::Least(wide(i.operands.src1), wide(i.operands.src2)), false),
        Op::Zext8(i) => (i.dst, Value::Short, false),
        Op::Zext16(i) => (i.dst, Value::Short, false),
        Op::Zext32(i) => (i.dst, Value::Same(Operand::Register(i.src.to_u8(), Width::Narrow)), true),
        Op::XSelect64(i) => (i.dst, Value::Either(wide(i.if_nonzero), wide(i.if_zero)), false),
        Op::XLoad64LeO32(i) => (i.dst, Value::Same(Operand::Memory(place(i.addr))), false),
        _ => return None,
    };
    Some(Set { to: to.to_u8(), value, narrow })
}

fn place(address: AddrO32) -> Place {
    Place { base: address.addr.to_u8(), displacement: address.offset.into() }
}

/// The memory that `op` touches.
fn access(op: &Op) -> Option<Access> {
    let (address, size, writes, value) = match op {
        Op::XLoad8U32O32(i) => (i.addr, 1, false, None),
        Op::XLoad8S32O32(i) => (i.addr, 1, false, None),
        Op::XLoad16LeU32O32(i) => (i.addr, 2, false, None),
        Op::XLoad16LeS32O32(i) => (i.addr, 2, false, None),
        Op::XLoad32LeO32(i) => (i.addr, 4, false, None),
        Op::XLoad64LeO32(i) => (i.addr, 8, false, None),
        Op::XStore8O32(i) => (i.addr, 1, true, None),
        Op::XStore16LeO32(i) => (i.addr, 2, true, None),
        Op::XStore32LeO32(i) => (i.addr, 4, true, None),
        Op::XStore64LeO32(i) => (i.addr, 8, true, Some(i.src.to_u8())),
        _ => return None,
    };
    let Place { base, displacement } = place(address);
    Some(Access {
        base: Some(base),
        index: None,
        displacement,
        size: Some(size),
        writes,
        value,
        less: None,
        implied: false,
    })
}
