//! What an instruction names, whatever it is: made from Pulley's own list of all, so that none is forgotten.
//!
//! ```text
//!   xload64le_o32 x1, sp, 8    named {x1}        written {x1}   bases {sp}
//!   xadd64 x1, x2, x3          named {x1 to x3}  written {x1}
//!   fadd32 f0, f1, f2          other
//! ```

use pulley_interpreter::imms::{PcRelOffset, U6};
use pulley_interpreter::op::{ExtendedOp, Op};
use pulley_interpreter::regs::{
    AddrG32, AddrG32Bne, AddrO32, AddrZ, BinaryOperands, FReg, Reg as _, UpperRegSet, VReg, XReg,
};
use pulley_interpreter::{for_each_extended_op, for_each_op};

/// What one instruction names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Its name.
    pub name: &'static str,
    /// Integer registers that it reads or writes, one bit each.
    pub named: u32,
    /// Those that it writes as its destination.
    pub written: u32,
    /// Registers that an address starts from, one bit each.
    pub bases: u32,
    /// It names registers of floats or vectors.
    pub other: bool,
    /// Its address is of a form that traps by itself.
    pub checked: bool,
    /// The bits of its registers, which are its last two bytes.
    pub packed: Option<u16>,
}

/// What `op` names.
pub fn fields(op: &Op) -> Fields {
    let mut seen = Fields::default();
    plain(op, &mut seen);
    seen
}

trait Field {
    fn note(&self, seen: &mut Fields);

    /// The integer register that it is.
    fn bit(&self) -> u32 {
        0
    }
}

impl Field for XReg {
    fn note(&self, seen: &mut Fields) {
        seen.named |= self.bit();
    }

    fn bit(&self) -> u32 {
        1 << self.to_u8()
    }
}

impl Field for AddrO32 {
    fn note(&self, seen: &mut Fields) {
        seen.bases |= 1 << self.addr.to_u8();
    }
}

impl Field for UpperRegSet<XReg> {
    fn note(&self, seen: &mut Fields) {
        self.into_iter().for_each(|r| r.note(seen));
    }
}

impl Field for BinaryOperands<XReg> {
    fn note(&self, seen: &mut Fields) {
        [self.dst, self.src1, self.src2].iter().for_each(|r| r.note(seen));
        seen.written |= self.dst.bit();
        seen.packed = Some(self.to_bits());
    }
}

impl Field for BinaryOperands<XReg, XReg, U6> {
    fn note(&self, seen: &mut Fields) {
        [self.dst, self.src1].iter().for_each(|r| r.note(seen));
        seen.written |= self.dst.bit();
        seen.packed = Some(self.to_bits());
    }
}

macro_rules! field {
    ($what:ident = $value:expr; $($ty:ty),*) => {
        $(impl Field for $ty {
            fn note(&self, seen: &mut Fields) {
                seen.$what = $value;
            }
        })*
    };
}

field!(other = true; FReg, VReg, BinaryOperands<FReg>, BinaryOperands<VReg>);
field!(other = true; BinaryOperands<VReg, VReg, XReg>, BinaryOperands<VReg, VReg, FReg>, u128);
field!(checked = true; AddrZ, AddrG32, AddrG32Bne);

macro_rules! number {
    ($($ty:ty),*) => {
        $(impl Field for $ty {
            fn note(&self, _: &mut Fields) {}
        })*
    };
}

number!(PcRelOffset, i8, i16, i32, i64, u8, u16, u32, u64);

/// A match over the instructions of one list; what is on another comes first.
macro_rules! read {
    ($ops:ident, $function:ident, [$($other:ident $otherwise:ident)?], $($(#[$doc:meta])* $snake:ident = $name:ident
     $({ $($(#[$inner:meta])* $field:ident : $ty:ty),* })?;)*) => {
        fn $function(op: &$ops, seen: &mut Fields) {
            match op {
                $($ops::$other(more) => $otherwise(more, seen),)?
                $($ops::$name(_i) => {
                    seen.name = stringify!($snake);
                    $($(
                        _i.$field.note(seen);
                        if stringify!($field) == "dst" {
                            seen.written |= _i.$field.bit();
                        }
                    )*)?
                })*
            }
        }
    };
}

macro_rules! read_plain {
    ($($all:tt)*) => { read! { Op, plain, [ExtendedOp extended], $($all)* } };
}

macro_rules! read_extended {
    ($($all:tt)*) => { read! { ExtendedOp, extended, [], $($all)* } };
}

for_each_op!(read_plain);
for_each_extended_op!(read_extended);
