// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addition, subtraction, multiplication and division, rounded to nearest even.

use crate::format::Format;
use compiler_builtins::float::{add, div, mul, sub};

/// The NaN that an operation on `a` and `b` gives if one of them is one.
fn nan<F: Format>(a: F, b: F) -> Option<F> {
    if a.is_nan() {
        Some(a.quiet())
    } else if b.is_nan() {
        Some(b.quiet())
    } else {
        None
    }
}

macro_rules! operation {
    ($($(#[$doc:meta])* $name64:ident, $name32:ident: $module:ident $builtin64:ident $builtin32:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name64(a: u64, b: u64) -> u64 {
            nan(a, b).unwrap_or_else(|| $module::$builtin64(f64::from_bits(a), f64::from_bits(b)).to_bits())
        }
        $(#[$doc])*
        #[must_use]
        pub fn $name32(a: u32, b: u32) -> u32 {
            nan(a, b).unwrap_or_else(|| $module::$builtin32(f32::from_bits(a), f32::from_bits(b)).to_bits())
        }
    )*};
}

operation! {
    /// a + b
    add64, add32: add __adddf3 __addsf3;
    /// a - b
    sub64, sub32: sub __subdf3 __subsf3;
    /// a * b
    mul64, mul32: mul __muldf3 __mulsf3;
    /// a / b
    div64, div32: div __divdf3 __divsf3;
}
