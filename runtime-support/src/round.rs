// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rounding to an integral value of the same format.

use crate::format::Format;

#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Zero,
    Nearest,
    Up,
    Down,
}

fn integral<F: Format>(a: F, to: To) -> F {
    if a.is_nan() {
        return a.quiet();
    }
    let exponent = (a.magnitude() >> F::SIGNIFICAND) as u32;
    let away = match to {
        To::Zero | To::Nearest => false,
        To::Up => a.sign() == 0,
        To::Down => a.sign() != 0,
    };
    let one = u64::from(F::BIAS) << F::SIGNIFICAND;
    if exponent < F::BIAS {
        // below 1: the sign stays with zero, and one half goes to the even zero
        let half = one - (1 << F::SIGNIFICAND);
        let up = (away && a.magnitude() != 0) || (to == To::Nearest && a.magnitude() > half);
        return F::narrow(a.sign() | if up { one } else { 0 });
    }
    let whole = exponent - F::BIAS;
    if whole >= F::SIGNIFICAND {
        return a;
    }
    // a carry out of the significand raises the exponent, as it should
    let unit = 1u64 << (F::SIGNIFICAND - whole);
    let fraction = a.wide() & (unit - 1);
    let down = a.wide() - fraction;
    let up = match to {
        To::Nearest => fraction > unit / 2 || (fraction == unit / 2 && down & unit != 0),
        _ => away && fraction != 0,
    };
    F::narrow(if up { down + unit } else { down })
}

/// Towards plus infinity.
#[must_use]
pub fn ceil<F: Format>(a: F) -> F {
    integral(a, To::Up)
}

/// Towards minus infinity.
#[must_use]
pub fn floor<F: Format>(a: F) -> F {
    integral(a, To::Down)
}

/// Towards zero.
#[must_use]
pub fn trunc<F: Format>(a: F) -> F {
    integral(a, To::Zero)
}

/// To the nearest, ties to even.
#[must_use]
pub fn nearest<F: Format>(a: F) -> F {
    integral(a, To::Nearest)
}
