//! Which integers a value may be: as unsigned and as signed number, and in which steps.
//!
//! Both views describe the same bits, so each narrows the other. A value that is never computed has none.

use cranelift_codegen::ir::condcodes::{CondCode, IntCC};

/// A set of integers of `bits` bits that is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// 8 to 64.
    pub bits: u32,
    /// Smallest and largest as unsigned number.
    pub min: u64,
    /// See `min`.
    pub max: u64,
    /// Smallest and largest as signed number.
    pub smin: i64,
    /// See `smin`.
    pub smax: i64,
    /// All of it are, as signed numbers, `rest` more than a multiple of this; 1 says nothing.
    step: u64,
    rest: u64,
}

/// Largest step that is kept.
const MOST_STEP: u64 = 1 << 31;

/// Largest unsigned number of so many bits.
pub const fn unsigned_max(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

const fn signed_max(bits: u32) -> i64 {
    (unsigned_max(bits) >> 1) as i64
}

/// The number of `bits` bits that has the low bits of `n`, as signed one.
pub const fn to_signed(bits: u32, n: u64) -> i64 {
    (n << (64 - bits)) as i64 >> (64 - bits)
}

fn to_unsigned(bits: u32, n: i64) -> u64 {
    n as u64 & unsigned_max(bits)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn rem(n: i64, step: u64) -> u64 {
    i128::from(n).rem_euclid(i128::from(step)) as u64
}

impl Interval {
    /// Every integer.
    pub const fn full(bits: u32) -> Self {
        let smax = signed_max(bits);
        Self { bits, min: 0, max: unsigned_max(bits), smin: -smax - 1, smax, step: 1, rest: 0 }
    }

    /// One integer, the low bits of `n`.
    pub fn constant(bits: u32, n: u64) -> Self {
        let n = n & unsigned_max(bits);
        let signed = to_signed(bits, n);
        Self { bits, min: n, max: n, smin: signed, smax: signed, step: 1, rest: 0 }
    }

    /// From `min` to `max` as unsigned numbers, which must be in order and of `bits` bits.
    pub fn unsigned(bits: u32, min: u64, max: u64) -> Self {
        Self { min, max, ..Self::full(bits) }.settled().unwrap_or(Self::full(bits))
    }

    /// The same of signed numbers.
    pub fn signed(bits: u32, smin: i64, smax: i64) -> Self {
        Self { smin, smax, ..Self::full(bits) }.settled().unwrap_or(Self::full(bits))
    }

    /// Its only integer, as unsigned number.
    pub fn only(&self) -> Option<u64> {
        (self.min == self.max).then_some(self.min)
    }

    /// Whether none of it wraps, as unsigned number, where `by` is added.
    pub fn stays(&self, by: i64) -> bool {
        match u64::try_from(by) {
            Ok(by) => self.max.checked_add(by).is_some_and(|sum| sum <= unsigned_max(self.bits)),
            Err(_) => self.min >= by.unsigned_abs(),
        }
    }

    /// Whether it says nothing.
    #[cfg(test)]
    pub fn is_full(&self) -> bool {
        *self == Self::full(self.bits)
    }

    /// Whether `n` (of its bits) may be the value.
    #[cfg(test)]
    pub fn contains(&self, n: u64) -> bool {
        let signed = to_signed(self.bits, n);
        (self.min..=self.max).contains(&n)
            && (self.smin..=self.smax).contains(&signed)
            && rem(signed, self.step) == self.rest
    }

    /// The same in steps from `from`. Steps that are too large to add up say nothing.
    fn stepped(self, step: u64, from: i64) -> Self {
        if step <= 1 || step > MOST_STEP { self } else { Self { step, rest: rem(from, step), ..self } }
    }

    /// Each view narrowed by the other; none if nothing is left.
    fn settled(mut self) -> Option<Self> {
        let half = 1 << (self.bits - 1);
        for _ in 0..2 {
            if self.max < half {
                self.smin = self.smin.max(self.min as i64);
                self.smax = self.smax.min(self.max as i64);
            } else if self.min >= half {
                self.smin = self.smin.max(to_signed(self.bits, self.min));
                self.smax = self.smax.min(to_signed(self.bits, self.max));
            }
            if self.step > 1 {
                let up = i128::from(self.smin)
                    + (i128::from(self.rest) - i128::from(self.smin)).rem_euclid(i128::from(self.step));
                let down = i128::from(self.smax)
                    - (i128::from(self.smax) - i128::from(self.rest)).rem_euclid(i128::from(self.step));
                if up > down {
                    return None;
                }
                (self.smin, self.smax) = (up as i64, down as i64);
            }
            if self.smin >= 0 {
                self.min = self.min.max(self.smin as u64);
                self.max = self.max.min(self.smax.max(0) as u64);
            } else if self.smax < 0 {
                self.min = self.min.max(to_unsigned(self.bits, self.smin));
                self.max = self.max.min(to_unsigned(self.bits, self.smax));
            }
            if self.min > self.max || self.smin > self.smax {
                return None;
            }
        }
        if self.smin == self.smax {
            (self.step, self.rest) = (1, 0);
        }
        Some(self)
    }

    /// What is in both; none if nothing is.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let (step, rest) = if other.step > self.step { (other.step, other.rest) } else { (self.step, self.rest) };
        Self {
            bits: self.bits,
            min: self.min.max(other.min),
            max: self.max.min(other.max),
            smin: self.smin.max(other.smin),
            smax: self.smax.min(other.smax),
            step,
            rest,
        }
        .settled()
    }

    /// What is in one or the other, and what lies between.
    pub fn join(&self, other: &Self) -> Self {
        let step_of = |i: &Self| if i.smin == i.smax { (0, i.smin) } else { (i.step, i.rest as i64) };
        let ((a, from), (b, to)) = (step_of(self), step_of(other));
        let step = gcd(gcd(a, b), from.abs_diff(to));
        let out = Self {
            bits: self.bits,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            smin: self.smin.min(other.smin),
            smax: self.smax.max(other.smax),
            step: 1,
            rest: 0,
        };
        out.stepped(step, from)
    }

    /// Whether all of it is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.join(other) == *other
    }

    /// Each end that lies beyond `old`'s moved on to the next of `stops` (ascending), or as far as it can be.
    pub fn widened(&self, old: &Self, stops: &[i64]) -> Self {
        let full = Self::full(self.bits);
        let up = |n: i64| stops.get(stops.partition_point(|stop| *stop < n)).copied();
        let down = |n: i64| stops[..stops.partition_point(|stop| *stop <= n)].last().copied();
        let positive = |n: u64| i64::try_from(n).ok();
        let mut out = *self;
        if self.max > old.max {
            out.max = positive(self.max).and_then(up).map_or(full.max, |n| (n as u64).min(full.max));
        }
        if self.min < old.min {
            out.min = positive(self.min).and_then(down).map_or(0, |n| n.max(0) as u64);
        }
        if self.smax > old.smax {
            out.smax = up(self.smax).map_or(full.smax, |n| n.min(full.smax));
        }
        if self.smin < old.smin {
            out.smin = down(self.smin).map_or(full.smin, |n| n.max(full.smin));
        }
        out.settled().unwrap_or(full)
    }

    /// The step of a sum or product that may wrap: what divides 2^bits.
    fn wrapping_step(step: u64, rest: u64, wraps: bool) -> (u64, u64) {
        if !wraps {
            return (step, if step > 1 { rest % step } else { 0 });
        }
        let step = 1 << step.trailing_zeros().min(31);
        (step, rest % step)
    }

    fn step_with(&self) -> (u64, u64) {
        if self.smin == self.smax { (0, self.smin as u64) } else { (self.step, self.rest) }
    }

    fn linear_step(&self, other: &Self, wraps: bool, minus: bool) -> (u64, u64) {
        let ((a, from), (b, to)) = (self.step_with(), other.step_with());
        let step = gcd(a, b);
        if step <= 1 {
            return (1, 0);
        }
        let part = |n: u64, of_constant: bool| if of_constant { rem(n as i64, step) } else { n % step };
        let (from, to) = (part(from, a == 0), part(to, b == 0));
        let rest = if minus { from + step - to } else { from + to } % step;
        Self::wrapping_step(step, rest, wraps)
    }

    /// `self + other`, modulo 2^bits.
    pub fn add(&self, other: &Self) -> Self {
        let modulus = u128::from(unsigned_max(self.bits)) + 1;
        let (low, high) = (u128::from(self.min) + u128::from(other.min), u128::from(self.max) + u128::from(other.max));
        let (smin, smax) =
            (i128::from(self.smin) + i128::from(other.smin), i128::from(self.smax) + i128::from(other.smax));
        self.sum(low, high, modulus, smin, smax, self.linear_step(other, !self.fits(smin, smax), false))
    }

    /// `self - other`, modulo 2^bits.
    pub fn sub(&self, other: &Self) -> Self {
        let modulus = u128::from(unsigned_max(self.bits)) + 1;
        let low = modulus + u128::from(self.min) - u128::from(other.max);
        let high = modulus + u128::from(self.max) - u128::from(other.min);
        let (smin, smax) =
            (i128::from(self.smin) - i128::from(other.smax), i128::from(self.smax) - i128::from(other.smin));
        self.sum(low, high, modulus, smin, smax, self.linear_step(other, !self.fits(smin, smax), true))
    }

    fn fits(&self, smin: i128, smax: i128) -> bool {
        let most = i128::from(signed_max(self.bits));
        smin > -most - 2 && smax <= most
    }

    /// Numbers from `low` to `high` modulo `modulus`, which as signed ones are from `smin` to `smax`.
    fn sum(&self, low: u128, high: u128, modulus: u128, smin: i128, smax: i128, (step, rest): (u64, u64)) -> Self {
        let mut out = Self::full(self.bits);
        if low / modulus == high / modulus {
            (out.min, out.max) = ((low % modulus) as u64, (high % modulus) as u64);
        }
        if self.fits(smin, smax) {
            (out.smin, out.smax) = (smin as i64, smax as i64);
        }
        out.stepped(step, rest as i64).settled().unwrap_or(Self::full(self.bits))
    }

    /// `self * other`, modulo 2^bits.
    pub fn mul(&self, other: &Self) -> Self {
        let most = u128::from(self.max) * u128::from(other.max);
        let constant = other.only().or(self.only());
        let of = if other.only().is_some() { self } else { other };
        if most > u128::from(unsigned_max(self.bits)) {
            let zeros = constant.map_or(0, u64::trailing_zeros).min(self.bits - 1).min(31);
            return Self::full(self.bits).stepped(1 << zeros, 0).settled().unwrap_or(Self::full(self.bits));
        }
        let out = Self { min: self.min * other.min, max: most as u64, ..Self::full(self.bits) };
        let (step, rest) = match constant {
            Some(n) if n > 1 && most <= signed_max(self.bits) as u128 => {
                (of.step.saturating_mul(n), of.rest.saturating_mul(n))
            }
            _ => (1, 0),
        };
        out.stepped(step, rest as i64).settled().unwrap_or(Self::full(self.bits))
    }

    /// `self << by`.
    pub fn shl(&self, by: u32) -> Self {
        self.mul(&Self::constant(self.bits, 1 << by))
    }

    /// `self >> by`, zeros from above.
    pub fn ushr(&self, by: u32) -> Self {
        Self::unsigned(self.bits, self.min >> by, self.max >> by)
    }

    /// `self >> by`, copies of the sign from above.
    pub fn sshr(&self, by: u32) -> Self {
        Self::signed(self.bits, self.smin >> by, self.smax >> by)
    }

    /// `self & other`.
    pub fn and(&self, other: &Self) -> Self {
        let out = Self { min: 0, max: self.max.min(other.max), ..Self::full(self.bits) };
        let zeros = self.only().or(other.only()).filter(|n| *n != 0).map_or(0, u64::trailing_zeros).min(31);
        out.stepped(1 << zeros.min(self.bits - 1), 0).settled().unwrap_or(Self::full(self.bits))
    }

    /// `self | other`.
    pub fn or(&self, other: &Self) -> Self {
        Self::unsigned(self.bits, self.min.max(other.min), Self::filled(self.max | other.max))
    }

    /// `self ^ other`.
    pub fn xor(&self, other: &Self) -> Self {
        Self::unsigned(self.bits, 0, Self::filled(self.max | other.max))
    }

    /// `n` with all bits below its highest one.
    fn filled(n: u64) -> u64 {
        n.checked_ilog2().map_or(0, |top| u64::MAX >> (63 - top))
    }

    /// The same number in more bits, zeros above.
    pub fn zero_extended(&self, bits: u32) -> Self {
        let (step, rest) = if self.smin >= 0 { (self.step, self.rest) } else { (1, 0) };
        Self { min: self.min, max: self.max, ..Self::full(bits) }
            .stepped(step, rest as i64)
            .settled()
            .unwrap_or(Self::full(bits))
    }

    /// The same signed number in more bits.
    pub fn sign_extended(&self, bits: u32) -> Self {
        Self { smin: self.smin, smax: self.smax, ..Self::full(bits) }
            .stepped(self.step, self.rest as i64)
            .settled()
            .unwrap_or(Self::full(bits))
    }

    /// Its low bits.
    pub fn truncated(&self, bits: u32) -> Self {
        let full = Self::full(bits);
        let out = if self.max <= full.max {
            Self { min: self.min, max: self.max, ..full }
        } else if self.smin >= full.smin && self.smax <= full.smax {
            Self { smin: self.smin, smax: self.smax, ..full }
        } else {
            full
        };
        let (step, rest) = Self::wrapping_step(self.step, self.rest, true);
        out.stepped(step, rest as i64).settled().unwrap_or(full)
    }

    /// Whether `self cc other` is known.
    pub fn compare(&self, cc: IntCC, other: &Self) -> Option<bool> {
        use IntCC::*;
        match cc {
            Equal => {
                if self.only().is_some() && self.only() == other.only() {
                    Some(true)
                } else if self.meet(other).is_none() {
                    Some(false)
                } else {
                    None
                }
            }
            NotEqual => self.compare(Equal, other).map(|b| !b),
            UnsignedLessThan if self.max < other.min => Some(true),
            UnsignedLessThan if self.min >= other.max => Some(false),
            UnsignedLessThanOrEqual if self.max <= other.min => Some(true),
            UnsignedLessThanOrEqual if self.min > other.max => Some(false),
            SignedLessThan if self.smax < other.smin => Some(true),
            SignedLessThan if self.smin >= other.smax => Some(false),
            SignedLessThanOrEqual if self.smax <= other.smin => Some(true),
            SignedLessThanOrEqual if self.smin > other.smax => Some(false),
            UnsignedGreaterThan | UnsignedGreaterThanOrEqual | SignedGreaterThan | SignedGreaterThanOrEqual => {
                other.compare(cc.swap_args(), self)
            }
            _ => None,
        }
    }

    /// What of it is `cc other`; none if nothing is.
    pub fn where_compares(&self, cc: IntCC, other: &Self) -> Option<Self> {
        use IntCC::*;
        let mut out = *self;
        match cc {
            Equal => return self.meet(other),
            NotEqual => {
                if let Some(n) = other.only() {
                    let signed = to_signed(self.bits, n);
                    // An end that the value is not is no end; a set of one ends.
                    if self.only() == Some(n) {
                        return None;
                    }
                    out.min += u64::from(out.min == n);
                    out.max -= u64::from(out.max == n);
                    out.smin += i64::from(out.smin == signed);
                    out.smax -= i64::from(out.smax == signed);
                }
            }
            UnsignedLessThan => out.max = out.max.min(other.max.checked_sub(1)?),
            UnsignedLessThanOrEqual => out.max = out.max.min(other.max),
            UnsignedGreaterThan => out.min = out.min.max(other.min.checked_add(1)?),
            UnsignedGreaterThanOrEqual => out.min = out.min.max(other.min),
            SignedLessThan => out.smax = out.smax.min(other.smax.checked_sub(1)?),
            SignedLessThanOrEqual => out.smax = out.smax.min(other.smax),
            SignedGreaterThan => out.smin = out.smin.max(other.smin.checked_add(1)?),
            SignedGreaterThanOrEqual => out.smin = out.smin.max(other.smin),
        }
        out.settled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BITS: u32 = 8;

    /// Any set of bytes that arises by joins and comparisons, with a member.
    fn set() -> impl Strategy<Value = (Interval, u8)> {
        let step = (1_u8..8, 0_u8..20, any::<u8>()).prop_map(|(step, count, start)| {
            let members: Vec<u8> = (0..=count).map(|i| start.wrapping_add(i.wrapping_mul(step))).collect();
            let mut set = Interval::constant(BITS, members[0].into());
            members.iter().for_each(|n| set = set.join(&Interval::constant(BITS, (*n).into())));
            (set, members)
        });
        (step, any::<prop::sample::Index>()).prop_map(|((set, members), index)| (set, *index.get(&members)))
    }

    fn number(n: u8) -> u64 {
        n.into()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn what_an_operation_gives_is_in_its_interval((a, x) in set(), (b, y) in set(), by in 0_u32..8) {
            prop_assert!(a.contains(number(x)));
            let holds = |i: Interval, n: u8| belongs(i.contains(number(n)), (a, x, b, y, by, i, n));
            holds(a.add(&b), x.wrapping_add(y))?;
            holds(a.sub(&b), x.wrapping_sub(y))?;
            holds(a.mul(&b), x.wrapping_mul(y))?;
            holds(a.and(&b), x & y)?;
            holds(a.or(&b), x | y)?;
            holds(a.xor(&b), x ^ y)?;
            holds(a.shl(by), x << by)?;
            holds(a.ushr(by), x >> by)?;
            holds(a.sshr(by), (x.cast_signed() >> by).cast_unsigned())?;
            holds(a.join(&b), x)?;
            holds(a.join(&b), y)?;
            holds(a.widened(&b, &[-7, 3, 12, 100]), x)?;
            prop_assert!(a.zero_extended(16).contains(number(x)));
            prop_assert!(a.sign_extended(16).contains(u64::from(i16::from(x.cast_signed()).cast_unsigned())));
            prop_assert!(a.zero_extended(16).add(&Interval::constant(16, 700)).truncated(8).contains((number(x) + 700) & 255));
            prop_assert!(a.sign_extended(16).truncated(8).contains(number(x)));
            prop_assert!(a.is_within(&a.join(&b)));
        }

        #[test]
        fn a_comparison_is_known_or_narrows((a, x) in set(), (b, y) in set()) {
            for cc in IntCC::all() {
                use IntCC::*;
                let (s, t) = (x.cast_signed(), y.cast_signed());
                let is = match cc {
                    Equal => x == y,
                    NotEqual => x != y,
                    UnsignedLessThan => x < y,
                    UnsignedLessThanOrEqual => x <= y,
                    UnsignedGreaterThan => x > y,
                    UnsignedGreaterThanOrEqual => x >= y,
                    SignedLessThan => s < t,
                    SignedLessThanOrEqual => s <= t,
                    SignedGreaterThan => s > t,
                    SignedGreaterThanOrEqual => s >= t,
                };
                let known = a.compare(*cc, &b);
                prop_assert!(known.is_none() || known == Some(is), "{cc} {a:?} {b:?} {x} {y}");
                if is {
                    let part = a.where_compares(*cc, &b);
                    prop_assert!(part.is_some_and(|part| part.contains(number(x))), "{cc} {a:?} {b:?} {x} {y} {part:?}");
                }
            }
        }

        #[test]
        fn what_two_say_of_a_value_holds_of_both((a, x) in set(), (b, _) in set()) {
            if b.contains(number(x)) {
                prop_assert!(a.meet(&b).is_some_and(|both| both.contains(number(x))));
            }
        }
    }

    /// Ends of all kinds, and what lies between.
    fn extreme() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            (0_u64..9).prop_map(|n| n.wrapping_sub(4)),
            (0_u64..9).prop_map(|n| (1 << 63) + n - 4),
            (0_u64..9).prop_map(|n| (1 << 32) + n - 4),
            (0_u64..9).prop_map(|n| (1 << 31) + n - 4),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]

        #[test]
        fn large_numbers_are_in_their_intervals(a in [extreme(), extreme()], b in [extreme(), extreme()], by in 0_u32..64) {
            let set = |n: [u64; 2]| Interval::constant(64, n[0]).join(&Interval::constant(64, n[1]));
            let (left, right) = (set(a), set(b));
            for (x, y) in a.into_iter().flat_map(|x| b.into_iter().map(move |y| (x, y))) {
                let holds = |i: Interval, n: u64| belongs(i.contains(n), (left, x, right, y, by, i, n));
                holds(left.add(&right), x.wrapping_add(y))?;
                holds(left.sub(&right), x.wrapping_sub(y))?;
                holds(left.mul(&right), x.wrapping_mul(y))?;
                holds(left.and(&right), x & y)?;
                holds(left.or(&right), x | y)?;
                holds(left.xor(&right), x ^ y)?;
                holds(left.shl(by), x << by)?;
                holds(left.ushr(by), x >> by)?;
                holds(left.sshr(by), (x.cast_signed() >> by).cast_unsigned())?;
                holds(left.widened(&right, &[-9, 0, 1 << 31, 1 << 40]), x)?;
                holds(left.truncated(32).zero_extended(64), x & 0xffff_ffff)?;
                holds(left.sub(&Interval::constant(64, 1)), x.wrapping_sub(1))?;
                holds(left.add(&right).sub(&right), x)?;
            }
        }
    }

    fn belongs<T: std::fmt::Debug>(ok: bool, what: T) -> Result<(), TestCaseError> {
        prop_assert!(ok, "{what:?}");
        Ok(())
    }

    #[test]
    fn what_is_not_its_end_is_a_step_away() {
        let number = |n: i64| Interval::constant(32, n as u64);
        let counter = number(-1600).join(&number(-1596)).widened(&number(-1600), &[-1, 0, 1]);
        assert_eq!((counter.smin, counter.smax), (-1600, -4));
        let next = counter.add(&number(4)).where_compares(IntCC::NotEqual, &number(0));
        assert_eq!(next.map(|n| (n.smin, n.smax)), Some((-1596, -4)));
    }

    #[test]
    fn two_far_numbers_plus_another_are_two_numbers() {
        let number = |n: i64| Interval::constant(64, n as u64);
        let (low, high) = (i64::MIN + 10, i64::MAX - 10);
        for by in [-9, -3, -1, 3, 9] {
            let both = number(low).join(&number(high)).add(&number(by));
            assert!(both.contains((low + by) as u64) && both.contains((high + by) as u64), "{by}: {both:?}");
            let both = number(low).join(&number(high)).sub(&number(by));
            assert!(both.contains((low - by) as u64) && both.contains((high - by) as u64), "{by}: {both:?}");
        }
    }

    #[test]
    fn nothing_is_known_of_what_is_full() {
        assert!(Interval::full(32).add(&Interval::constant(32, 1)).is_full());
    }
}
