// SPDX-License-Identifier: MIT OR Apache-2.0
//! Between the two formats, and between floats and integers.

use crate::format::Format;
use compiler_builtins::float::{conv, extend, trunc};

/// binary64 to binary32.
#[must_use]
pub fn demote(a: u64) -> u32 {
    let result = trunc::__truncdfsf2(f64::from_bits(a)).to_bits();
    if a.is_nan() { result.quiet() } else { result }
}

/// binary32 to binary64.
#[must_use]
pub fn promote(a: u32) -> u64 {
    let result = extend::__extendsfdf2(f32::from_bits(a)).to_bits();
    if a.is_nan() { result.quiet() } else { result }
}

macro_rules! from_integer {
    ($($name:ident: $from:ty, $builtin:ident, $to:ty;)*) => {$(
        /// The nearest value.
        #[must_use]
        pub fn $name(a: $from) -> $to {
            conv::$builtin(a).to_bits()
        }
    )*};
}

from_integer! {
    f32_from_i32: i32, __floatsisf, u32;
    f32_from_u32: u32, __floatunsisf, u32;
    f32_from_i64: i64, __floatdisf, u32;
    f32_from_u64: u64, __floatundisf, u32;
    f64_from_i32: i32, __floatsidf, u64;
    f64_from_u32: u32, __floatunsidf, u64;
    f64_from_i64: i64, __floatdidf, u64;
    f64_from_u64: u64, __floatundidf, u64;
}

macro_rules! to_integer {
    ($($name:ident: $from:ty, $float:ty, $builtin:ident, $to:ty;)*) => {$(
        /// Towards zero, saturated; 0 for a NaN.
        #[must_use]
        pub fn $name(a: $from) -> $to {
            conv::$builtin(<$float>::from_bits(a))
        }
    )*};
}

to_integer! {
    f32_to_i32: u32, f32, __fixsfsi, i32;
    f32_to_u32: u32, f32, __fixunssfsi, u32;
    f32_to_i64: u32, f32, __fixsfdi, i64;
    f32_to_u64: u32, f32, __fixunssfdi, u64;
    f64_to_i32: u64, f64, __fixdfsi, i32;
    f64_to_u32: u64, f64, __fixunsdfsi, u32;
    f64_to_i64: u64, f64, __fixdfdi, i64;
    f64_to_u64: u64, f64, __fixunsdfdi, u64;
}

/// What a trapping conversion to an integer type does: 0 it has a result, 1 the value is a NaN, 2 it is out of range.
/// `kind` has the bits of the type, plus 1 if it is signed: 32, 33, 64 or 65.
#[must_use]
pub fn class<F: Format>(a: F, kind: u32) -> u32 {
    if a.is_nan() {
        return 1;
    }
    let (signed, bits) = (kind & 1 != 0, kind & !1 & 127);
    // 2^n has no significand, so the bits of the magnitude are ordered as values are
    let power = |n: u32| u64::from(F::BIAS + n) << F::SIGNIFICAND;
    let limit = power(if signed { bits - 1 } else { bits });
    let fits = if a.sign() == 0 {
        a.magnitude() < limit
    } else if !signed {
        a.magnitude() < power(0)
    } else if bits > F::SIGNIFICAND {
        // nothing lies between -limit and -limit - 1
        a.magnitude() <= limit
    } else {
        // below -limit - 1, which has one bit more than -limit
        a.magnitude() < limit + (1 << (F::SIGNIFICAND - (bits - 1)))
    };
    if fits { 0 } else { 2 }
}
