//! Divisions cannot fault: the divisor is not zero and the quotient fits.
//!
//! ```text
//!   div r    rdx is 0                       r is not 0
//!   idiv r   rdx is the sign of rax         r is not 0; r is not -1, or rax is not the smallest integer
//! ```

use iced_x86::{Instruction, Mnemonic, OpKind, Register};

use super::number;
use crate::state::{Apart, State};
use crate::value::{Kind, Special};

/// Says what is missing.
pub fn check(state: &State, i: &Instruction) -> Result<(), &'static str> {
    if !matches!(i.mnemonic(), Mnemonic::Div | Mnemonic::Idiv) {
        return Ok(());
    }
    let divisor = i.op0_register();
    let wide = divisor.is_gpr64();
    if i.op0_kind() != OpKind::Register || !wide && !divisor.is_gpr32() || divisor.full_register() == Register::RSP {
        return Err("the divisor is in no 32-bit or 64-bit register");
    }
    let (dividend, divisor) = (state.id(number(Register::RAX)), state.id(number(divisor.full_register())));
    if !state.fact(divisor).is_not(Special::Zero, wide) {
        return Err("the divisor may be zero");
    }
    let high = state.get(number(Register::RDX)).kind;
    if i.mnemonic() == Mnemonic::Div {
        return match high {
            Kind::Const(n) if Special::of(n, wide) == Some(Special::Zero) => Ok(()),
            _ => Err("the dividend's upper half in rdx may not be zero"),
        };
    }
    if high != (Kind::Sign { of: dividend, wide }) {
        return Err("the dividend's upper half in rdx is not the sign of rax");
    }
    let fits = state.fact(divisor).is_not(Special::MinusOne, wide)
        || state.fact(dividend).is_not(Special::Smallest, wide)
        || state.is_apart(Apart { dividend, divisor, wide });
    if fits { Ok(()) } else { Err("the smallest integer may be divided by -1") }
}
