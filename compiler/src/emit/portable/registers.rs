//! Which of the stack pointer and the code generator's scratch register an instruction has, and as what: read from the
//! fields of every instruction that Pulley lists, so that none is forgotten.

use pulley_interpreter::{
    XReg, for_each_extended_op, for_each_op,
    imms::{PcRelOffset, U6},
    op::{ExtendedOp, Op},
    regs::{AddrG32, AddrG32Bne, AddrO32, AddrZ, BinaryOperands, FReg, UpperRegSet, VReg},
};

/// A field of an instruction.
trait Field {
    fn names_stack(&self) -> bool;
}

impl Field for XReg {
    fn names_stack(&self) -> bool {
        self.is_special()
    }
}

impl Field for AddrO32 {
    fn names_stack(&self) -> bool {
        self.addr == XReg::spilltmp0
    }
}

impl Field for UpperRegSet<XReg> {
    fn names_stack(&self) -> bool {
        self.into_iter().any(XReg::is_special)
    }
}

impl Field for BinaryOperands<XReg> {
    fn names_stack(&self) -> bool {
        [self.dst, self.src1, self.src2].into_iter().any(XReg::is_special)
    }
}

impl Field for BinaryOperands<XReg, XReg, U6> {
    fn names_stack(&self) -> bool {
        [self.dst, self.src1].into_iter().any(XReg::is_special)
    }
}

macro_rules! answers {
    ($answer:literal; $($ty:ty),*) => {
        $(impl Field for $ty {
            fn names_stack(&self) -> bool {
                $answer
            }
        })*
    };
}

// Numbers name no register. What no allowed instruction has is answered for all the same.
answers!(false; PcRelOffset, i8, i16, i32, i64, u8, u16, u32, u64, u128, FReg, VReg);
answers!(true; BinaryOperands<FReg>, BinaryOperands<VReg>, BinaryOperands<VReg, VReg, XReg>);
answers!(true; BinaryOperands<VReg, VReg, FReg>, AddrZ, AddrG32, AddrG32Bne);

macro_rules! any_field {
    ($ops:ident, $function:ident, [$($other:ident $otherwise:ident)?], $($(#[$doc:meta])* $snake:ident = $name:ident
     $({ $($(#[$inner:meta])* $field:ident : $ty:ty),* })?;)*) => {
        /// Whether `op` has the stack pointer as anything but the base of an access, or the scratch register at all.
        pub fn $function(op: &$ops) -> bool {
            match op {
                $($ops::$other(op) => $otherwise(op),)?
                $($ops::$name(_op) => false $($(|| _op.$field.names_stack())*)?,)*
            }
        }
    };
}

macro_rules! any_field_of_plain {
    ($($all:tt)*) => { any_field! { Op, names_stack, [ExtendedOp extended], $($all)* } };
}

macro_rules! any_field_of_extended {
    ($($all:tt)*) => { any_field! { ExtendedOp, extended, [], $($all)* } };
}

for_each_op!(any_field_of_plain);
for_each_extended_op!(any_field_of_extended);

#[cfg(test)]
mod tests {
    use super::*;
    use pulley_interpreter::{Reg, op};

    fn x(n: u8) -> XReg {
        XReg::new(n).expect("register")
    }

    #[test]
    fn an_instruction_names_the_stack_in_any_field_but_a_base() {
        let (stack, scratch) = (XReg::sp, XReg::spilltmp0);
        let load = |dst, addr| Op::from(op::XLoad64LeO32 { dst, addr: AddrO32 { addr, offset: 8 } });
        let add = |dst, src1, src2| Op::from(op::Xadd64 { operands: BinaryOperands { dst, src1, src2 } });
        let shift = |dst, src1| {
            let operands = BinaryOperands { dst, src1, src2: U6::new(3).expect("six bits") };
            Op::from(op::Xshl64U6 { operands })
        };
        let named = [
            load(stack, x(1)),
            load(scratch, x(1)),
            load(x(1), scratch),
            add(stack, x(1), x(2)),
            add(x(1), stack, x(2)),
            add(x(1), x(2), scratch),
            shift(stack, x(1)),
            shift(x(1), stack),
            op::Xmov { dst: x(1), src: stack }.into(),
            op::BrIf { cond: scratch, offset: PcRelOffset::from(0) }.into(),
            op::Xpcadd { dst: stack, offset: PcRelOffset::from(0) }.into(),
        ];
        for op in named {
            assert!(names_stack(&op), "{op:?}");
        }
        let free =
            [load(x(1), stack), load(x(1), x(2)), add(x(1), x(2), x(3)), shift(x(1), x(29)), op::PushFrame {}.into()];
        for op in free {
            assert!(!names_stack(&op), "{op:?}");
        }
    }
}
