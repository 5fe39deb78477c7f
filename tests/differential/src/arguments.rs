//! Arguments: edges of a type as often as random bits.

use fastrand::Rng;

use crate::surface::Surface;

const I32: &[u64] = &[0, 1, 2, 7, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 255, 65_535, 65_536];
const I64: &[u64] = &[0, 1, 2, 7, u64::MAX, 1 << 63, i64::MAX as u64, 1 << 32, 0xffff_ffff, 65_536];
const F32: &[u64] = &[
    0,
    0x8000_0000,
    1,
    0x3f80_0000,
    0xbf00_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0xffc0_0001,
    0x7fa0_0000,
    0x4f00_0000,
    0x5f00_0000,
    0x7f7f_ffff,
    0x0080_0000,
];
const F64: &[u64] = &[
    0,
    1 << 63,
    1,
    0x3ff0_0000_0000_0000,
    0xbfe0_0000_0000_0000,
    0x7ff0_0000_0000_0000,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0xfff8_0000_0000_0001,
    0x7ff4_0000_0000_0000,
    0x41e0_0000_0000_0000,
    0x43e0_0000_0000_0000,
    0x7fef_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x3690_0000_0000_0000,
];

/// Arguments of a function with these parameters, as slots.
pub fn arguments(params: &str, surface: &Surface, rng: &mut Rng) -> Vec<u64> {
    params.chars().map(|letter| argument(letter, surface, rng)).collect()
}

fn argument(letter: char, surface: &Surface, rng: &mut Rng) -> u64 {
    let one_of = |edges: &[u64], rng: &mut Rng| edges[rng.usize(..edges.len())];
    match letter {
        'i' if rng.bool() => one_of(I32, rng),
        'I' if rng.bool() => one_of(I64, rng),
        'f' if rng.bool() => one_of(F32, rng),
        'F' if rng.bool() => one_of(F64, rng),
        // small numbers are what addresses, indices and counts are
        'i' | 'I' if rng.bool() => rng.u64(..64),
        'i' | 'f' => rng.u32(..).into(),
        'r' => {
            let known = rng.usize(..=surface.referenced.len());
            surface.referenced.iter().nth(known).map_or(0, |function| u64::from(*function) + 1)
        }
        'x' => rng.u64(..5),
        _ => rng.u64(..),
    }
}

/// Whether two results of a type are the same: equal, or where `any_nan` both a NaN.
pub fn same(letter: char, any_nan: bool, ours: u64, theirs: u64) -> bool {
    let nan = match letter {
        'f' => f32::from_bits(ours as u32).is_nan() && f32::from_bits(theirs as u32).is_nan(),
        'F' => f64::from_bits(ours).is_nan() && f64::from_bits(theirs).is_nan(),
        _ => false,
    };
    // Of a slot of 32 bits the low half counts.
    let mask = if matches!(letter, 'i' | 'f') { u64::from(u32::MAX) } else { u64::MAX };
    ours & mask == theirs & mask || any_nan && nan
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn a_nan_is_any_only_where_it_may_be() {
        assert!(same('f', true, 0x7fc0_0000, 0xffc0_0001));
        assert!(!same('f', false, 0x7fc0_0000, 0xffc0_0001));
        assert!(!same('i', true, 0x7fc0_0000, 0xffc0_0001));
        assert!(!same('f', true, 0x7fc0_0000, 0x7f80_0000));
        assert!(same('F', true, 0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0000));
        assert!(!same('I', true, 1, 2));
    }
}
