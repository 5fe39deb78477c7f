//! Bits of a word, and immediates made of them.

use crate::effects::{Operand, Register, Width};

/// A word whose parts are read.
#[derive(Clone, Copy, Debug)]
pub struct Fields(pub u32);

/// Number of the register that is always zero, where it is not the stack pointer.
pub const ZERO: Register = 31;

impl Fields {
    /// `bits` bits from bit `at` on.
    pub fn field(self, at: u32, bits: u32) -> u32 {
        self.0 >> at & ((1 << bits) - 1)
    }

    /// Whether bit `at` is set.
    pub fn bit(self, at: u32) -> bool {
        self.field(at, 1) != 0
    }

    /// The same, with the highest bit for a sign.
    pub fn signed(self, at: u32, bits: u32) -> i64 {
        i64::from((self.0 << (32 - at - bits)).cast_signed() >> (32 - bits))
    }

    /// Whether the bits of `mask` are these.
    pub fn is(self, mask: u32, value: u32) -> bool {
        self.0 & mask == value
    }

    /// The register in bits `at` to `at + 4`.
    pub fn register(self, at: u32) -> Register {
        self.field(at, 5) as Register
    }

    /// The register that is written, or loaded or stored.
    pub fn rd(self) -> Register {
        self.register(0)
    }

    /// The first register read, or the address's base.
    pub fn rn(self) -> Register {
        self.register(5)
    }

    /// The second register read.
    pub fn rm(self) -> Register {
        self.register(16)
    }

    /// Whether it works on 64 bits: bit 31 of most that compute.
    pub fn wide(self) -> bool {
        self.bit(31)
    }

    /// The same as a width.
    pub fn width(self) -> Width {
        if self.wide() { Width::Wide } else { Width::Narrow }
    }

    /// A register as an operand, where 31 is zero.
    pub fn operand(self, r: Register) -> Operand {
        if r == ZERO { Operand::Const(0) } else { Operand::Register(r, self.width()) }
    }

    /// The mask in bits 10 to 22 of a logical instruction; `None` for what is reserved.
    ///
    /// An element of 2 to 64 bits has a run of ones, turned to the right, and is repeated over all bits.
    pub fn mask(self) -> Option<u64> {
        let (n, immr, imms) = (self.field(22, 1), self.field(16, 6), self.field(10, 6));
        if n != 0 && !self.wide() {
            return None;
        }
        // The element's size is told by the highest bit of N : NOT imms.
        let selector = n << 6 | !imms & 0x3f;
        let length = selector.checked_ilog2().filter(|l| *l > 0)?;
        let size = 1 << length;
        let (ones, turn) = (imms & (size - 1), immr & (size - 1));
        if ones == size - 1 {
            return None;
        }
        let run = (1_u64 << (ones + 1)) - 1;
        let element_mask = if size == 64 { u64::MAX } else { (1 << size) - 1 };
        let turned = if turn == 0 { run } else { (run >> turn | run << (size - turn)) & element_mask };
        let repeated = (0..64 / size).fold(0, |all, k| all | turned << (k * size));
        Some(if self.wide() { repeated } else { repeated & 0xffff_ffff })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_of_logical_instructions() {
        let cases = [
            (0x9240_1c00, Some(0xff)),                  // and x0, x0, #0xff
            (0x1200_1c00, Some(0xff)),                  // and w0, w0, #0xff
            (0x9260_7c00, Some(0xffff_ffff_0000_0000)), // and x0, x0, #0xffffffff00000000
            (0x9200_f000, Some(0x5555_5555_5555_5555)), // and x0, x0, #0x5555555555555555
            (0x1201_c000, Some(0x8080_8080)),           // and w0, w0, #0x80808080
            (0x9240_fc00, None),                        // all 64 ones
            (0x1240_1c00, None),                        // an element of 64 bits in 32
        ];
        for (word, mask) in cases {
            assert_eq!(Fields(word).mask(), mask, "{word:#x}");
        }
    }

    #[test]
    fn signed_fields() {
        assert_eq!(Fields(0x17ff_ffff).signed(0, 26), -1);
        assert_eq!(Fields(0xa9bf_7bfd).signed(15, 7), -2);
        assert_eq!(Fields(0xf85f_8000).signed(12, 9), -8);
    }
}
