// SPDX-License-Identifier: MIT OR Apache-2.0
//! The functions under the names of the operators that they stand for. All values are integers.
#![allow(unsafe_code, reason = "export names are unsafe attributes; there is no unsafe block")]

use crate::{arithmetic, compare, convert, root, round};

macro_rules! export {
    ($($name:literal $function:ident($($arg:ident: $ty:ty),*) -> $result:ty = $value:expr;)*) => {$(
        #[cfg_attr(target_arch = "wasm32", unsafe(export_name = $name))]
        extern "C" fn $function($($arg: $ty),*) -> $result {
            $value
        }
        const _: extern "C" fn($($ty),*) -> $result = $function;
    )*};
}

export! {
    "f32.add" f32_add(a: u32, b: u32) -> u32 = arithmetic::add32(a, b);
    "f32.sub" f32_sub(a: u32, b: u32) -> u32 = arithmetic::sub32(a, b);
    "f32.mul" f32_mul(a: u32, b: u32) -> u32 = arithmetic::mul32(a, b);
    "f32.div" f32_div(a: u32, b: u32) -> u32 = arithmetic::div32(a, b);
    "f32.min" f32_min(a: u32, b: u32) -> u32 = compare::min(a, b);
    "f32.max" f32_max(a: u32, b: u32) -> u32 = compare::max(a, b);
    "f32.eq" f32_eq(a: u32, b: u32) -> u32 = compare::eq(a, b).into();
    "f32.lt" f32_lt(a: u32, b: u32) -> u32 = compare::lt(a, b).into();
    "f32.le" f32_le(a: u32, b: u32) -> u32 = compare::le(a, b).into();
    "f32.sqrt" f32_sqrt(a: u32) -> u32 = root::sqrt(a);
    "f32.ceil" f32_ceil(a: u32) -> u32 = round::ceil(a);
    "f32.floor" f32_floor(a: u32) -> u32 = round::floor(a);
    "f32.trunc" f32_trunc(a: u32) -> u32 = round::trunc(a);
    "f32.nearest" f32_nearest(a: u32) -> u32 = round::nearest(a);
    "f64.add" f64_add(a: u64, b: u64) -> u64 = arithmetic::add64(a, b);
    "f64.sub" f64_sub(a: u64, b: u64) -> u64 = arithmetic::sub64(a, b);
    "f64.mul" f64_mul(a: u64, b: u64) -> u64 = arithmetic::mul64(a, b);
    "f64.div" f64_div(a: u64, b: u64) -> u64 = arithmetic::div64(a, b);
    "f64.min" f64_min(a: u64, b: u64) -> u64 = compare::min(a, b);
    "f64.max" f64_max(a: u64, b: u64) -> u64 = compare::max(a, b);
    "f64.eq" f64_eq(a: u64, b: u64) -> u32 = compare::eq(a, b).into();
    "f64.lt" f64_lt(a: u64, b: u64) -> u32 = compare::lt(a, b).into();
    "f64.le" f64_le(a: u64, b: u64) -> u32 = compare::le(a, b).into();
    "f64.sqrt" f64_sqrt(a: u64) -> u64 = root::sqrt(a);
    "f64.ceil" f64_ceil(a: u64) -> u64 = round::ceil(a);
    "f64.floor" f64_floor(a: u64) -> u64 = round::floor(a);
    "f64.trunc" f64_trunc(a: u64) -> u64 = round::trunc(a);
    "f64.nearest" f64_nearest(a: u64) -> u64 = round::nearest(a);
    "f32.demote_f64" f32_demote_f64(a: u64) -> u32 = convert::demote(a);
    "f64.promote_f32" f64_promote_f32(a: u32) -> u64 = convert::promote(a);
    "f32.convert_i32_s" f32_convert_i32_s(a: i32) -> u32 = convert::f32_from_i32(a);
    "f32.convert_i32_u" f32_convert_i32_u(a: u32) -> u32 = convert::f32_from_u32(a);
    "f32.convert_i64_s" f32_convert_i64_s(a: i64) -> u32 = convert::f32_from_i64(a);
    "f32.convert_i64_u" f32_convert_i64_u(a: u64) -> u32 = convert::f32_from_u64(a);
    "f64.convert_i32_s" f64_convert_i32_s(a: i32) -> u64 = convert::f64_from_i32(a);
    "f64.convert_i32_u" f64_convert_i32_u(a: u32) -> u64 = convert::f64_from_u32(a);
    "f64.convert_i64_s" f64_convert_i64_s(a: i64) -> u64 = convert::f64_from_i64(a);
    "f64.convert_i64_u" f64_convert_i64_u(a: u64) -> u64 = convert::f64_from_u64(a);
    "i32.trunc_sat_f32_s" i32_trunc_sat_f32_s(a: u32) -> i32 = convert::f32_to_i32(a);
    "i32.trunc_sat_f32_u" i32_trunc_sat_f32_u(a: u32) -> u32 = convert::f32_to_u32(a);
    "i64.trunc_sat_f32_s" i64_trunc_sat_f32_s(a: u32) -> i64 = convert::f32_to_i64(a);
    "i64.trunc_sat_f32_u" i64_trunc_sat_f32_u(a: u32) -> u64 = convert::f32_to_u64(a);
    "i32.trunc_sat_f64_s" i32_trunc_sat_f64_s(a: u64) -> i32 = convert::f64_to_i32(a);
    "i32.trunc_sat_f64_u" i32_trunc_sat_f64_u(a: u64) -> u32 = convert::f64_to_u32(a);
    "i64.trunc_sat_f64_s" i64_trunc_sat_f64_s(a: u64) -> i64 = convert::f64_to_i64(a);
    "i64.trunc_sat_f64_u" i64_trunc_sat_f64_u(a: u64) -> u64 = convert::f64_to_u64(a);
    "f32.class" f32_class(a: u32, kind: u32) -> u32 = convert::class(a, kind);
    "f64.class" f64_class(a: u64, kind: u32) -> u32 = convert::class(a, kind);
}
