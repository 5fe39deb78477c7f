// SPDX-License-Identifier: MIT OR Apache-2.0
//! The square root, rounded to nearest even.
//!
//! The argument's significand is scaled to an integer x of 107 or 108 bits. Newton's iteration for 1/sqrt(x) in fixed
//! point gives a root that is off by one at most; comparing squares makes it exact, and what is left rounds it.

use crate::format::Format;

/// Bits of the integer root.
const ROOT: u32 = 54;

/// High 64 bits of the product.
fn high(a: u64, b: u64) -> u64 {
    ((u128::from(a) * u128::from(b)) >> 64) as u64
}

/// floor(sqrt(x)) for 2^106 <= x < 2^108.
fn integer_root(x: u128) -> u64 {
    // t = x / 2^108, from 1/4 to 1, in units of 2^-64; r, near 1/sqrt(t), from 0.9 to 2.1, in units of 2^-62
    let t = (x >> 44) as u64;
    // the line 2.14 - 1.2 t is at most 9 % off; each turn more than doubles the digits: 1 %, 1e-4, 3e-8, 2e-15, 2^-57
    let mut r = 0x88f5_c28f_5c28_f5c2 - high(t, 0x4ccc_cccc_cccc_cccc);
    for _ in 0..5 {
        // r (3 - t r^2) / 2; squares in units of 2^-60
        let error = (3 << 60) - high(t, high(r, r));
        r = high(r, error) << 3;
    }
    // sqrt(x) = t r 2^54
    let mut root = high(t, r) >> 8;
    if u128::from(root) * u128::from(root) > x {
        root -= 1;
    }
    if u128::from(root + 1) * u128::from(root + 1) <= x {
        root += 1;
    }
    root
}

/// sqrt(a); the NaN of a negative number is the positive quiet one.
#[must_use]
pub fn sqrt<F: Format>(a: F) -> F {
    if a.is_nan() {
        return a.quiet();
    }
    if a.magnitude() == 0 || a.wide() == F::INFINITY {
        return a;
    }
    if a.sign() != 0 {
        return F::narrow(F::INFINITY).quiet();
    }
    // a = significand * 2^(exponent - bias - SIGNIFICAND), the highest bit of the significand at 52
    let (mut significand, mut exponent) = (a.wide() & ((1 << F::SIGNIFICAND) - 1), (a.wide() >> F::SIGNIFICAND) as i32);
    if exponent == 0 {
        exponent = 1;
    } else {
        significand |= 1 << F::SIGNIFICAND;
    }
    let shift = significand.leading_zeros() as i32 - 11;
    significand <<= shift;
    // unbiased exponent of a number 1.xxx
    let power = exponent - F::BIAS as i32 - (shift - (52 - F::SIGNIFICAND as i32));
    let x = u128::from(significand) << (54 + (power & 1));
    let root = integer_root(x);
    let exact = u128::from(root) * u128::from(root) == x;
    // root has 54 bits, the first of them is the hidden one
    let cut = ROOT - 1 - F::SIGNIFICAND;
    let (kept, rest, half) = (root >> cut, root & ((1 << cut) - 1), 1 << (cut - 1));
    let up = rest > half || (rest == half && (!exact || kept & 1 == 1));
    let biased = ((power >> 1) + F::BIAS as i32) as u64;
    // the hidden bit adds one to the exponent, so does a carry
    F::narrow(((biased - 1) << F::SIGNIFICAND) + kept + u64::from(up))
}
