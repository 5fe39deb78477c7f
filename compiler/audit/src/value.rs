//! What is known about one value that a register or a slot of the frame holds.

use crate::effects::Register;

/// A value's number in its state: places with the same number hold the same 64 bits.
pub type Id = u32;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Any,
    /// A constant.
    Const(u64),
    /// The address of the call block.
    Call,
    /// The call block's stack limit.
    Limit,
    /// The stack pointer of a frame this deep.
    Frame(u32),
    /// What the register held at the function's start.
    Saved(Register),
    /// The fuel, less a charge. Behind a payment the fuel is what is left, so that what was it before is more by then:
    /// a charge of less than zero units.
    Fuel(Charge),
    /// `of / 8 + plus`, where `of` is below 2^32.
    Count {
        /// The length.
        of: Id,
        /// Added to its eighth.
        plus: u32,
    },
    /// The sign of a value, in all bits.
    Sign {
        /// Whose sign.
        of: Id,
        /// Of all 64 bits, or of the low 32.
        wide: bool,
    },
    /// The low byte is 1 if a value equals a number, else 0.
    Is {
        /// Which value.
        of: Id,
        /// Which number.
        number: Special,
        /// All 64 bits, or the low 32.
        wide: bool,
    },
}

/// Fuel to be taken: a number of units, and perhaps an eighth of a length beside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// Units, whatever the length.
    pub units: i64,
    /// The length whose eighth is charged as well.
    pub of: Option<Id>,
}

/// The numbers that matter to a division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// No divisor may be it.
    Zero,
    /// The smallest integer divided by it overflows.
    MinusOne,
    /// The smallest integer.
    Smallest,
}

impl Special {
    /// The number that `n` is in this width.
    pub fn of(n: u64, wide: bool) -> Option<Self> {
        match (if wide { n as i64 } else { i64::from(n as i32) }, wide) {
            (0, _) => Some(Self::Zero),
            (-1, _) => Some(Self::MinusOne),
            (i64::MIN, true) | (-0x8000_0000, false) => Some(Self::Smallest),
            _ => None,
        }
    }

    fn bit(self, wide: bool) -> u8 {
        let narrow = match self {
            Self::Zero => 1,
            Self::MinusOne => 4,
            Self::Smallest => 16,
        };
        if wide { narrow << 1 } else { narrow }
    }
}

/// Bit of [`Fact::bits`]: the upper 32 bits are zero.
const SHORT: u8 = 64;
const NARROW: u8 = 1 | 4 | 16;

/// What is known about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub kind: Kind,
    /// What it is not: a bit for each special number and width, and [`SHORT`].
    bits: u8,
}

impl Fact {
    /// Nothing is known.
    pub const ANY: Self = Self { kind: Kind::Any, bits: 0 };
    /// Any number below 2^32.
    pub const SHORT: Self = Self { kind: Kind::Any, bits: SHORT };

    /// A value of this kind.
    pub fn new(kind: Kind) -> Self {
        Self { kind, bits: 0 }.closed()
    }

    /// Its constant, if it is one.
    pub fn constant(&self) -> Option<u64> {
        if let Kind::Const(n) = self.kind { Some(n) } else { None }
    }

    /// Whether it is below 2^32.
    pub fn is_short(&self) -> bool {
        self.bits & SHORT != 0
    }

    /// Whether it, or its low half, is known not to be the number.
    pub fn is_not(&self, number: Special, wide: bool) -> bool {
        self.bits & number.bit(wide) != 0
    }

    /// Notes that it is not the number.
    pub fn exclude(&mut self, number: Special, wide: bool) {
        self.bits |= number.bit(wide);
        *self = self.closed();
    }

    /// Its low half, extended with zeros.
    pub fn low_half(&self) -> Self {
        match self.kind {
            Kind::Const(n) => Self::new(Kind::Const(n & 0xffff_ffff)),
            _ if self.is_short() => *self,
            _ => Self { kind: Kind::Any, bits: self.bits & NARROW | SHORT }.closed(),
        }
    }

    /// Either of two values.
    pub fn either(&self, other: &Self) -> Self {
        let same = self.kind == other.kind && matches!(self.kind, Kind::Const(_));
        Self { kind: if same { self.kind } else { Kind::Any }, bits: self.bits & other.bits }
    }

    /// What both know of one value, with other values renamed.
    pub fn join(&self, other: &Self, name: &impl Fn(Id, Id) -> Option<Id>) -> Self {
        use Kind::{Any, Count, Fuel, Is, Sign};
        let kind = match (self.kind, other.kind) {
            (Fuel(Charge { units, of: Some(a) }), Fuel(Charge { units: n, of: Some(b) })) if units == n => {
                name(a, b).map_or(Any, |of| Fuel(Charge { units, of: Some(of) }))
            }
            (Fuel(Charge { of: Some(_), .. }), _) => Any,
            (Count { of: a, plus }, Count { of: b, plus: q }) if plus == q => {
                name(a, b).map_or(Any, |of| Count { of, plus })
            }
            (Sign { of: a, wide }, Sign { of: b, wide: w }) if wide == w => {
                name(a, b).map_or(Any, |of| Sign { of, wide })
            }
            (Is { of: a, number, wide }, Is { of: b, number: n, wide: w }) if number == n && wide == w => {
                name(a, b).map_or(Any, |of| Is { of, number, wide })
            }
            (Count { .. } | Sign { .. } | Is { .. }, _) => Any,
            (a, b) if a == b => a,
            _ => Any,
        };
        Self { kind, bits: self.bits & other.bits }
    }

    /// With everything that follows from what it says.
    fn closed(mut self) -> Self {
        use Special::{MinusOne, Smallest, Zero};
        match self.kind {
            Kind::Const(n) => {
                for wide in [false, true] {
                    for number in [Zero, MinusOne, Smallest] {
                        if Special::of(n, wide) != Some(number) {
                            self.bits |= number.bit(wide);
                        }
                    }
                }
                self.bits |= if n >> 32 == 0 { SHORT } else { 0 };
            }
            Kind::Count { .. } => self.bits |= SHORT,
            _ => {}
        }
        for number in [Zero, MinusOne] {
            if self.is_not(number, false) {
                self.bits |= number.bit(true);
            }
        }
        if self.is_short() {
            self.bits |= MinusOne.bit(true) | Smallest.bit(true);
            if self.is_not(Zero, true) {
                self.bits |= Zero.bit(false);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_none_of_the_others() {
        let ones = Fact::new(Kind::Const(0xffff_ffff));
        assert!(ones.is_short() && ones.is_not(Special::Zero, false) && ones.is_not(Special::MinusOne, true));
        assert!(!ones.is_not(Special::MinusOne, false));
        assert!(Fact::new(Kind::Const(1 << 63)).is_not(Special::Smallest, false));
        assert!(!Fact::new(Kind::Const(1 << 63)).is_not(Special::Zero, false));
    }

    #[test]
    fn all_bits_not_zero_does_not_make_the_low_half_so() {
        let mut fact = Fact::ANY;
        fact.exclude(Special::Zero, true);
        assert!(!fact.low_half().is_not(Special::Zero, false));
        let mut fact = Fact::SHORT;
        fact.exclude(Special::Zero, true);
        assert!(fact.is_not(Special::Zero, false));
    }
}
