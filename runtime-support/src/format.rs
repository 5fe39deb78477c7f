// SPDX-License-Identifier: MIT OR Apache-2.0
//! The two formats, binary32 and binary64 of IEEE 754, as numbers.

/// What the generic code needs to know of a format; `u32` stands for binary32 and `u64` for binary64.
pub trait Format: Copy + Ord {
    /// Bits of the stored significand.
    const SIGNIFICAND: u32;
    /// Exponent bias.
    const BIAS: u32;
    /// The bits as a number of 64 bits.
    fn wide(self) -> u64;
    /// The low bits of `wide`.
    fn narrow(wide: u64) -> Self;
    /// The sign bit alone.
    #[must_use]
    fn sign(self) -> u64 {
        self.wide() & Self::SIGN
    }
    /// All bits but the sign.
    #[must_use]
    fn magnitude(self) -> u64 {
        self.wide() & !Self::SIGN & Self::ALL
    }
    /// Whether it is a NaN.
    #[must_use]
    fn is_nan(self) -> bool {
        self.magnitude() > Self::INFINITY
    }
    /// A NaN made quiet.
    #[must_use]
    fn quiet(self) -> Self {
        Self::narrow(self.wide() | 1 << (Self::SIGNIFICAND - 1))
    }
    /// All bits of the format.
    const ALL: u64 = if Self::SIGNIFICAND == 23 { u32::MAX as u64 } else { u64::MAX };
    /// The sign bit.
    const SIGN: u64 = if Self::SIGNIFICAND == 23 { 1 << 31 } else { 1 << 63 };
    /// Positive infinity.
    const INFINITY: u64 = (2 * Self::BIAS as u64 + 1) << Self::SIGNIFICAND;
}

impl Format for u32 {
    const SIGNIFICAND: u32 = 23;
    const BIAS: u32 = 127;
    fn wide(self) -> u64 {
        self.into()
    }
    fn narrow(wide: u64) -> Self {
        wide as Self
    }
}

impl Format for u64 {
    const SIGNIFICAND: u32 = 52;
    const BIAS: u32 = 1023;
    fn wide(self) -> u64 {
        self
    }
    fn narrow(wide: u64) -> Self {
        wide
    }
}
