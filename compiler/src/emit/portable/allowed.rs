//! Proves that a finished function holds nothing that the object must not have: no branch through a register, no
//! branch table, no float or vector, no access but to a register and a constant, no place where the stack pointer, the
//! frame pointer or the return address becomes a value, and none where the stack goes anywhere but down at the start
//! and up at the end.

use pulley_interpreter::op::{ExtendedOp, Op};

use super::{
    ops::{Step, steps},
    registers::names_stack,
};

/// Passes if every instruction is allowed.
pub fn prove(code: &[u8]) -> Result<(), String> {
    let steps = steps(code)?;
    let mut before: Option<&Step> = None;
    for (n, step) in steps.iter().enumerate() {
        let refused = |what: &str| Err(format!("{what} at {:#x} ({:?})", step.at, step.op));
        if !is_allowed(&step.op) {
            return refused("instruction that is not allowed");
        }
        if names_stack(&step.op) {
            return refused("stack pointer that is more than the base of an access");
        }
        if super::ops::takes_stack(&step.op) && n != 0 {
            return refused("stack that is taken behind the function's start");
        }
        let trap = matches!(step.op, Op::ExtendedOp(ExtendedOp::Trap(_)));
        if trap && !before.is_some_and(|b| matches!(b.op, Op::ExtendedOp(ExtendedOp::CallIndirectHost(_)))) {
            return refused("trap that is behind no call of the loader");
        }
        before = Some(step);
    }
    Ok(())
}

macro_rules! any_of {
    ($op:expr, $kind:ident; $($name:ident)*) => { matches!($op, $($kind::$name(_))|*) };
}

fn is_allowed(op: &Op) -> bool {
    let Op::ExtendedOp(extended) = op else { return is_plain(op) || is_branch_or_call(op) || is_access(op) };
    any_of!(extended, ExtendedOp; Trap CallIndirectHost Xpcadd Bswap32 Bswap64 XMulHi64S XMulHi64U Xbmask32 Xbmask64)
}

fn is_branch_or_call(op: &Op) -> bool {
    any_of!(op, Op;
        Call Call1 Call2 Call3 Call4 Ret Jump
        PushFrame PopFrame PushFrameSave PopFrameRestore
    ) || super::ops::branch(op).is_some()
}

fn is_access(op: &Op) -> bool {
    any_of!(op, Op;
        XLoad8U32O32 XLoad8S32O32 XLoad16LeU32O32 XLoad16LeS32O32 XLoad32LeO32 XLoad64LeO32
        XStore8O32 XStore16LeO32 XStore32LeO32 XStore64LeO32
    )
}

fn is_plain(op: &Op) -> bool {
    any_of!(op, Op;
        Xmov Xzero Xone Xconst8 Xconst16 Xconst32 Xconst64
        Xadd32 Xadd32U8 Xadd32U32 Xadd64 Xadd64U8 Xadd64U32 Xmadd32 Xmadd64
        Xsub32 Xsub32U8 Xsub32U32 Xsub64 Xsub64U8 Xsub64U32
        XMul32 Xmul32S8 Xmul32S32 XMul64 Xmul64S8 Xmul64S32
        Xctz32 Xctz64 Xclz32 Xclz64 Xpopcnt32 Xpopcnt64
        Xrotl32 Xrotl64 Xrotr32 Xrotr64
        Xshl32 Xshr32S Xshr32U Xshl64 Xshr64S Xshr64U
        Xshl32U6 Xshr32SU6 Xshr32UU6 Xshl64U6 Xshr64SU6 Xshr64UU6
        Xneg32 Xneg64
        Xeq64 Xneq64 Xslt64 Xslteq64 Xult64 Xulteq64 Xeq32 Xneq32 Xslt32 Xslteq32 Xult32 Xulteq32
        Zext8 Zext16 Zext32 Sext8 Sext16 Sext32 XAbs32 XAbs64
        XDiv32S XDiv64S XDiv32U XDiv64U XRem32S XRem64S XRem32U XRem64U
        XBand32 Xband32S8 Xband32S32 XBand64 Xband64S8 Xband64S32
        XBor32 Xbor32S8 Xbor32S32 XBor64 Xbor64S8 Xbor64S32
        XBxor32 Xbxor32S8 Xbxor32S32 XBxor64 Xbxor64S8 Xbxor64S32 XBnot32 XBnot64
        Xmin32U Xmin32S Xmax32U Xmax32S Xmin64U Xmin64S Xmax64U Xmax64S
        XSelect32 XSelect64
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulley_interpreter::{
        FReg, Reg, XReg, encode,
        regs::{AddrO32, AddrZ, UpperRegSet},
    };

    type Make = fn(&mut Vec<u8>);

    fn proven(make: Make) -> Result<(), String> {
        let mut code = Vec::new();
        make(&mut code);
        prove(&code)
    }

    fn x(n: u8) -> XReg {
        XReg::new(n).expect("register")
    }

    #[test]
    fn what_the_object_must_not_have_is_found() {
        let cases: [(&str, Make); 16] = [
            ("not allowed", |c| encode::call_indirect(c, x(1))),
            ("not allowed", |c| encode::xjump(c, x(1))),
            ("not allowed", |c| encode::br_table32(c, x(1), 0u32)),
            ("not allowed", |c| encode::xmov_fp(c, x(1))),
            ("not allowed", |c| encode::xmov_lr(c, x(1))),
            ("not allowed", |c| encode::xload8_u32_z(c, x(1), AddrZ { addr: x(2), offset: 0 })),
            ("not allowed", |c| encode::nop(c)),
            ("not allowed", |c| {
                encode::push_frame(c);
                encode::stack_alloc32(c, 16u32);
            }),
            ("not allowed", |c| encode::stack_free32(c, 16u32)),
            ("not allowed", |c| encode::fconst32(c, FReg::f0, 0u32)),
            ("stack pointer", |c| encode::xmov(c, x(1), XReg::sp)),
            ("stack pointer", |c| encode::xadd64_u8(c, XReg::sp, x(1), 8u8)),
            ("stack pointer", |c| encode::xstore64le_o32(c, AddrO32 { addr: x(1), offset: 0 }, XReg::sp)),
            ("behind no call", |c| encode::trap(c)),
            ("stack that is taken", |c| {
                encode::xzero(c, x(0));
                encode::push_frame(c);
            }),
            ("no instruction", |c| c.push(0xff)),
        ];
        for (n, (what, make)) in cases.into_iter().enumerate() {
            assert!(proven(make).is_err_and(|e| e.contains(what)), "case {n}: {:?}", proven(make));
        }
        assert_eq!(
            proven(|c| {
                encode::push_frame_save(c, 16u16, UpperRegSet::default());
                encode::xstore64le_o32(c, AddrO32 { addr: XReg::sp, offset: 8 }, x(1));
                encode::call_indirect_host(c, 0);
                encode::trap(c);
            }),
            Ok(())
        );
    }
}
