//! Every operation against the processor's own, on edge cases in all pairs and on random bits.
//!
//! `PAIRS=10000000 build.sh test` compares that many random pairs an operation instead of a few thousand.

use fastrand::Rng;
use wasmkc_runtime_support::{arithmetic, compare, convert, root, round};

fn pairs() -> usize {
    std::env::var("PAIRS").map_or(20_000, |n| n.parse().expect("PAIRS is a number"))
}

/// Values around every boundary of the format with `significand` stored bits of `bits`.
fn edges(bits: u32, significand: u32) -> Vec<u64> {
    let all = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    let sign = 1u64 << (bits - 1);
    let infinity = (all >> 1) & !((1 << significand) - 1);
    let bias = ((infinity >> significand) / 2) as i64;
    let mut values = vec![0, 1, 2, 3, (1 << significand) - 1, 1 << significand, (1 << significand) + 1, infinity - 1];
    values.extend([infinity, infinity + 1, infinity | 1 << (significand - 1), all >> 1]);
    for exponent in [
        -200, -150, -127, -64, -54, -53, -32, -25, -24, -2, -1, 0, 1, 2, 22, 23, 24, 30, 31, 32, 33, 51, 52, 53, 62,
        63, 64, 65, 127,
    ] {
        let biased = bias + exponent;
        if biased > 0 && (biased as u64) << significand < infinity {
            let power = (biased as u64) << significand;
            let half = 1 << (significand - 1);
            values.extend([power - 1, power, power + 1, power + half, power + half - 1, power + half + 1]);
            values.extend([power + (1 << (significand - 3)), power + (3 << (significand - 4))]);
        }
    }
    let negative: Vec<u64> = values.iter().map(|v| v | sign).collect();
    values.extend(negative);
    values
}

/// Random bits, with exponents near each other more often than chance has them.
fn random(rng: &mut Rng, bits: u32, significand: u32, near: u64) -> u64 {
    let all = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    match rng.u32(..4) {
        0 => rng.u64(..) & all,
        1 => (near ^ rng.u64(..) & ((1 << (significand + 3)) - 1)) & all,
        2 => near ^ (1 << rng.u32(..bits)),
        _ => (rng.u64(..) & all) >> rng.u32(..bits),
    }
}

fn each_pair(bits: u32, significand: u32, mut check: impl FnMut(u64, u64)) {
    let edges = edges(bits, significand);
    for a in &edges {
        for b in &edges {
            check(*a, *b);
        }
    }
    let mut rng = Rng::with_seed(7);
    let mut a = 1;
    for _ in 0..pairs() {
        a = random(&mut rng, bits, significand, a);
        let b = random(&mut rng, bits, significand, a);
        check(a, b);
    }
}

/// Equal bits, or both a NaN of which `ours` is quiet.
macro_rules! same {
    ($float:ident, $name:literal, $ours:expr, $theirs:expr, $a:expr, $b:expr) => {{
        let (ours, theirs) = ($ours, $theirs);
        let quiet = 1 << ($float::MANTISSA_DIGITS - 2);
        let good = if theirs.is_nan() {
            $float::from_bits(ours).is_nan() && ours & quiet != 0
        } else {
            ours == theirs.to_bits()
        };
        assert!(good, "{} {:#x} {:#x}: {ours:#x}, hardware {:#x}", $name, $a, $b, theirs.to_bits());
    }};
}

macro_rules! format_tests {
    ($module:ident, $float:ident, $bits:ident, $width:literal, $significand:literal, $add:ident $sub:ident $mul:ident $div:ident) => {
        mod $module {
            use super::*;

            fn each(mut check: impl FnMut($bits, $bits)) {
                each_pair($width, $significand, |a, b| check(a as $bits, b as $bits));
            }

            #[test]
            fn arithmetic() {
                each(|a, b| {
                    let (x, y) = ($float::from_bits(a), $float::from_bits(b));
                    same!($float, "add", arithmetic::$add(a, b), x + y, a, b);
                    same!($float, "sub", arithmetic::$sub(a, b), x - y, a, b);
                    same!($float, "mul", arithmetic::$mul(a, b), x * y, a, b);
                    same!($float, "div", arithmetic::$div(a, b), x / y, a, b);
                });
            }

            #[test]
            fn comparisons() {
                each(|a, b| {
                    let (x, y) = ($float::from_bits(a), $float::from_bits(b));
                    assert_eq!(compare::eq(a, b), x == y, "eq {a:#x} {b:#x}");
                    assert_eq!(compare::lt(a, b), x < y, "lt {a:#x} {b:#x}");
                    assert_eq!(compare::le(a, b), x <= y, "le {a:#x} {b:#x}");
                    let nan = x.is_nan() || y.is_nan();
                    // IEEE's minimum and maximum: a NaN wins, and -0 is below +0
                    let zeros = x == 0.0 && y == 0.0;
                    let low = if nan {
                        $float::NAN
                    } else if zeros {
                        $float::from_bits(a | b)
                    } else {
                        x.min(y)
                    };
                    let high = if nan {
                        $float::NAN
                    } else if zeros {
                        $float::from_bits(a & b)
                    } else {
                        x.max(y)
                    };
                    same!($float, "min", compare::min(a, b), low, a, b);
                    same!($float, "max", compare::max(a, b), high, a, b);
                });
            }

            #[test]
            fn one_operand() {
                each(|a, b| {
                    let x = $float::from_bits(a);
                    same!($float, "sqrt", root::sqrt(a), x.sqrt(), a, b);
                    same!($float, "ceil", round::ceil(a), x.ceil(), a, b);
                    same!($float, "floor", round::floor(a), x.floor(), a, b);
                    same!($float, "trunc", round::trunc(a), x.trunc(), a, b);
                    same!($float, "nearest", round::nearest(a), x.round_ties_even(), a, b);
                });
            }

            #[test]
            fn trapping_conversions() {
                each(|a, _| {
                    let x = $float::from_bits(a);
                    // exact in 128 bits wherever the value is near a limit
                    let class = |low: i128, high: i128| match x {
                        x if x.is_nan() => 1,
                        x => {
                            if (low..=high).contains(&(x.trunc() as i128)) {
                                0
                            } else {
                                2
                            }
                        }
                    };
                    for (kind, low, high) in [
                        (33, i32::MIN.into(), i32::MAX.into()),
                        (32, 0, u32::MAX.into()),
                        (65, i64::MIN.into(), i64::MAX.into()),
                        (64, 0, u64::MAX.into()),
                    ] {
                        assert_eq!(convert::class(a, kind), class(low, high), "{a:#x} {kind}");
                    }
                });
            }
        }
    };
}

format_tests!(binary32, f32, u32, 32, 23, add32 sub32 mul32 div32);
format_tests!(binary64, f64, u64, 64, 52, add64 sub64 mul64 div64);

#[test]
fn between_formats() {
    each_pair(64, 52, |a, b| same!(f32, "demote", convert::demote(a), f64::from_bits(a) as f32, a, b));
    each_pair(32, 23, |a, b| {
        let a = a as u32;
        same!(f64, "promote", convert::promote(a), f64::from(f32::from_bits(a)), a, b);
    });
}

#[test]
fn from_integers() {
    each_pair(64, 52, |a, _| {
        assert_eq!(convert::f32_from_i32(a as i32), (a as i32 as f32).to_bits(), "{a:#x}");
        assert_eq!(convert::f32_from_u32(a as u32), (a as u32 as f32).to_bits(), "{a:#x}");
        assert_eq!(convert::f32_from_i64(a as i64), (a as i64 as f32).to_bits(), "{a:#x}");
        assert_eq!(convert::f32_from_u64(a), (a as f32).to_bits(), "{a:#x}");
        assert_eq!(convert::f64_from_i32(a as i32), f64::from(a as i32).to_bits(), "{a:#x}");
        assert_eq!(convert::f64_from_u32(a as u32), f64::from(a as u32).to_bits(), "{a:#x}");
        assert_eq!(convert::f64_from_i64(a as i64), (a as i64 as f64).to_bits(), "{a:#x}");
        assert_eq!(convert::f64_from_u64(a), (a as f64).to_bits(), "{a:#x}");
    });
}

#[test]
fn to_integers() {
    each_pair(32, 23, |a, _| {
        let (a, x) = (a as u32, f32::from_bits(a as u32));
        assert_eq!(convert::f32_to_i32(a), x as i32, "{a:#x}");
        assert_eq!(convert::f32_to_u32(a), x as u32, "{a:#x}");
        assert_eq!(convert::f32_to_i64(a), x as i64, "{a:#x}");
        assert_eq!(convert::f32_to_u64(a), x as u64, "{a:#x}");
    });
    each_pair(64, 52, |a, _| {
        let x = f64::from_bits(a);
        assert_eq!(convert::f64_to_i32(a), x as i32, "{a:#x}");
        assert_eq!(convert::f64_to_u32(a), x as u32, "{a:#x}");
        assert_eq!(convert::f64_to_i64(a), x as i64, "{a:#x}");
        assert_eq!(convert::f64_to_u64(a), x as u64, "{a:#x}");
    });
}
