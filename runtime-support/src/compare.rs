// SPDX-License-Identifier: MIT OR Apache-2.0
//! Comparisons, minimum and maximum. Negative zero equals zero, and is the smaller of the two for `min` and `max`.

use crate::format::Format;

/// The bits as a number that is ordered as the values are, both zeros apart; NaNs beyond the infinities.
fn ordinal<F: Format>(a: F) -> i64 {
    let magnitude = a.magnitude() as i64;
    if a.sign() == 0 { magnitude } else { -magnitude - 1 }
}

fn both_zero<F: Format>(a: F, b: F) -> bool {
    a.magnitude() | b.magnitude() == 0
}

fn ordered<F: Format>(a: F, b: F) -> bool {
    !a.is_nan() && !b.is_nan()
}

/// a = b
#[must_use]
pub fn eq<F: Format>(a: F, b: F) -> bool {
    ordered(a, b) && (a == b || both_zero(a, b))
}

/// a < b
#[must_use]
pub fn lt<F: Format>(a: F, b: F) -> bool {
    ordered(a, b) && ordinal(a) < ordinal(b) && !both_zero(a, b)
}

/// a <= b
#[must_use]
pub fn le<F: Format>(a: F, b: F) -> bool {
    ordered(a, b) && (ordinal(a) <= ordinal(b) || both_zero(a, b))
}

/// The smaller of both, a NaN if one of them is one.
#[must_use]
pub fn min<F: Format>(a: F, b: F) -> F {
    if a.is_nan() {
        return a.quiet();
    }
    if b.is_nan() {
        return b.quiet();
    }
    if ordinal(b) < ordinal(a) { b } else { a }
}

/// The larger of both, a NaN if one of them is one.
#[must_use]
pub fn max<F: Format>(a: F, b: F) -> F {
    if a.is_nan() {
        return a.quiet();
    }
    if b.is_nan() {
        return b.quiet();
    }
    if ordinal(b) > ordinal(a) { b } else { a }
}
