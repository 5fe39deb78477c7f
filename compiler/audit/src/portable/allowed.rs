//! Single instructions that may stand in a filter: what is not on the list is refused, by the rule that fits best.

use pulley_interpreter::op::{ExtendedOp, Op};

use super::fields::fields;
use super::{Code, SCRATCH, SP, branch, frame};
use crate::finding::Rule;
use crate::machine::Broken;

/// Refuses what is not on the list, and uses of registers that have another.
pub fn check(i: &Code) -> Result<(), Broken> {
    let Some(op) = i.op else { return Err((Rule::Undecodable, "no instruction".to_owned())) };
    let seen = fields(&op);
    let broken = |rule, detail: &str| Err((rule, detail.to_owned()));
    if !is_allowed(&op) {
        return Err(refused(&op));
    }
    if i.stray {
        return broken(Rule::NotAllowed, "has a bit set that means nothing");
    }
    if seen.named >> SP & 1 != 0 {
        return broken(Rule::StackPointer, "names sp, from which only addresses may start");
    }
    if (seen.named | seen.bases) >> SCRATCH & 1 != 0 {
        return broken(Rule::NotAllowed, "names spilltmp0, which the compiler does not use");
    }
    match op {
        Op::ExtendedOp(ExtendedOp::CallIndirectHost(op)) if branch::host(op.id).is_none() => {
            Err((Rule::UnknownCall, format!("no function of the loader has the number {}", op.id)))
        }
        Op::PushFrameSave(op) if !frame::has_room(op.amt, op.regs) => no_room(),
        Op::PopFrameRestore(op) if !frame::has_room(op.amt, op.regs) => no_room(),
        _ => Ok(()),
    }
}

fn no_room() -> Result<(), Broken> {
    Err((Rule::Frame, "the frame has no room for so many registers".to_owned()))
}

/// What is wrong with an instruction that is not on the list.
fn refused(op: &Op) -> Broken {
    let seen = fields(op);
    let (rule, detail) = match op {
        Op::CallIndirect(_) => (Rule::IndirectCall, "calls a computed address"),
        Op::XJump(_) | Op::BrTable32(_) => (Rule::IndirectJump, "jumps to a computed address"),
        Op::StackAlloc32(_) | Op::StackFree32(_) => (Rule::StackPointer, "moves sp within a frame"),
        Op::ExtendedOp(ExtendedOp::XmovFp(_) | ExtendedOp::XmovLr(_)) => {
            (Rule::Frame, "makes a value of a register of the frame")
        }
        _ if seen.other => (Rule::FloatOrSimd, "names registers of floats or vectors"),
        _ if seen.checked => (Rule::NotAllowed, "has an address that traps by itself"),
        _ => (Rule::NotAllowed, "is not on the allow-list"),
    };
    (rule, detail.to_owned())
}

/// `matches!` over instructions by their names.
macro_rules! is_one {
    ($op:expr, $kind:ident: $($name:ident)*) => { matches!($op, $($kind::$name(_))|*) };
}

fn is_allowed(op: &Op) -> bool {
    match op {
        Op::ExtendedOp(op) => is_extended(op),
        _ => branch::branch(op).is_some() || is_control(op) || is_access(op) || is_arithmetic(op),
    }
}

fn is_extended(op: &ExtendedOp) -> bool {
    is_one!(op, ExtendedOp: CallIndirectHost Trap Xpcadd Bswap32 Bswap64 XMulHi64S XMulHi64U Xbmask32 Xbmask64)
}

fn is_control(op: &Op) -> bool {
    is_one!(op, Op: Ret Jump Call Call1 Call2 Call3 Call4 PushFrame PushFrameSave PopFrame PopFrameRestore)
}

/// A register and a number are the address; what lies there is little-endian.
fn is_access(op: &Op) -> bool {
    is_one!(op, Op:
        XLoad8U32O32 XLoad8S32O32 XLoad16LeU32O32 XLoad16LeS32O32 XLoad32LeO32 XLoad64LeO32
        XStore8O32 XStore16LeO32 XStore32LeO32 XStore64LeO32)
}

/// On registers and numbers alone.
fn is_arithmetic(op: &Op) -> bool {
    let moves = is_one!(op, Op: Xmov Xzero Xone Xconst8 Xconst16 Xconst32 Xconst64 XSelect32 XSelect64);
    let extends = is_one!(op, Op: Zext8 Zext16 Zext32 Sext8 Sext16 Sext32);
    let sums = is_one!(op, Op:
        Xadd32 Xadd32U8 Xadd32U32 Xadd64 Xadd64U8 Xadd64U32 Xsub32 Xsub32U8 Xsub32U32 Xsub64 Xsub64U8 Xsub64U32
        Xneg32 Xneg64 XAbs32 XAbs64);
    let products = is_one!(op, Op:
        XMul32 Xmul32S8 Xmul32S32 XMul64 Xmul64S8 Xmul64S32 Xmadd32 Xmadd64
        XDiv32S XDiv64S XDiv32U XDiv64U XRem32S XRem64S XRem32U XRem64U);
    let bits = is_one!(op, Op:
        XBand32 Xband32S8 Xband32S32 XBand64 Xband64S8 Xband64S32
        XBor32 Xbor32S8 Xbor32S32 XBor64 Xbor64S8 Xbor64S32
        XBxor32 Xbxor32S8 Xbxor32S32 XBxor64 Xbxor64S8 Xbxor64S32 XBnot32 XBnot64
        Xctz32 Xctz64 Xclz32 Xclz64 Xpopcnt32 Xpopcnt64);
    let shifts = is_one!(op, Op:
        Xshl32 Xshr32S Xshr32U Xshl64 Xshr64S Xshr64U Xshl32U6 Xshr32SU6 Xshr32UU6 Xshl64U6 Xshr64SU6 Xshr64UU6
        Xrotl32 Xrotl64 Xrotr32 Xrotr64);
    let comparisons = is_one!(op, Op:
        Xeq64 Xneq64 Xslt64 Xslteq64 Xult64 Xulteq64 Xeq32 Xneq32 Xslt32 Xslteq32 Xult32 Xulteq32
        Xmin32U Xmin32S Xmax32U Xmax32S Xmin64U Xmin64S Xmax64U Xmax64S);
    moves || extends || sums || products || bits || shifts || comparisons
}
