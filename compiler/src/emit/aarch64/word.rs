//! What one instruction of four bytes does to the flow of control.

/// The flow of control behind an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Goes on with the next one; calls do.
    Next,
    /// Goes to this offset.
    Jump(u32),
    /// Goes to this offset, or on.
    Branch(u32),
    /// Leaves the function.
    Return,
    /// Never goes on: `udf`.
    Stop,
}

/// Where the distance of a branch lies in its word.
struct Distance {
    at: u32,
    bits: u32,
}

const IMM26: Distance = Distance { at: 0, bits: 26 };
const IMM19: Distance = Distance { at: 5, bits: 19 };
const IMM14: Distance = Distance { at: 5, bits: 14 };
/// Bytes of an instruction.
pub const WORD: u32 = 4;
/// `ret`
pub const RET: u32 = 0xd65f_03c0;
/// `b` to itself.
pub const B: u32 = 0x1400_0000;
/// `nop`
pub const NOP: u32 = 0xd503_201f;

impl Distance {
    fn mask(&self) -> u32 {
        ((1 << self.bits) - 1) << self.at
    }

    fn read(&self, word: u32) -> i32 {
        let field = (word & self.mask()) >> self.at;
        (field << (32 - self.bits)).cast_signed() >> (32 - self.bits) << 2
    }

    fn write(&self, word: u32, bytes: i64) -> Option<u32> {
        let words = i32::try_from(bytes / i64::from(WORD)).ok()?;
        let new = word & !self.mask() | words.cast_unsigned() << self.at & self.mask();
        (i64::from(self.read(new)) == bytes).then_some(new)
    }
}

/// The distance of `word`, if it is a branch or a call of one.
fn distance(word: u32) -> Option<Distance> {
    if word & 0x7c00_0000 == 0x1400_0000 {
        Some(IMM26) // b, bl
    } else if word & 0xff00_0010 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 {
        Some(IMM19) // b.cond, cbz, cbnz
    } else if word & 0x7e00_0000 == 0x3600_0000 {
        Some(IMM14) // tbz, tbnz
    } else {
        None
    }
}

/// Whether `word` is `bl`.
pub fn is_call(word: u32) -> bool {
    word & 0xfc00_0000 == 0x9400_0000
}

/// What `word` at offset `at` does; fails for what leads where only a register knows.
pub fn flow(word: u32, at: u32) -> Result<Flow, String> {
    if is_call(word) {
        return Ok(Flow::Next);
    }
    if let Some(distance) = distance(word) {
        let target = at.checked_add_signed(distance.read(word)).ok_or_else(|| format!("branch at {at:#x}"))?;
        return Ok(if distance.bits == IMM26.bits { Flow::Jump(target) } else { Flow::Branch(target) });
    }
    match word {
        RET => Ok(Flow::Return),
        _ if word & 0xfe00_0000 == 0xd600_0000 => Err(format!("indirect branch at {at:#x}")),
        _ if word >> 16 == 0 => Ok(Flow::Stop),
        _ => Ok(Flow::Next),
    }
}

/// `word`, a branch, with another distance.
pub fn redirected(word: u32, bytes: i64) -> Result<u32, String> {
    let new = distance(word).and_then(|d| d.write(word, bytes));
    new.ok_or_else(|| format!("{word:#010x} cannot reach {bytes} bytes away"))
}

/// Gives the branch or call in `bytes` its distance.
pub fn set_distance(bytes: &mut [u8], distance: i64) -> Result<(), String> {
    let word = bytes.try_into().map(u32::from_le_bytes).map_err(|_| "half an instruction".to_owned())?;
    bytes.copy_from_slice(&redirected(word, distance)?.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_lead_where_an_assembler_meant() {
        let cases = [
            (0x1400_0002, Flow::Jump(0x108)),   // b +8
            (0x17ff_ffff, Flow::Jump(0xfc)),    // b -4
            (0x5400_0040, Flow::Branch(0x108)), // b.eq +8
            (0x54ff_ffe8, Flow::Branch(0xfc)),  // b.hi -4
            (0xb400_0040, Flow::Branch(0x108)), // cbz x0, +8
            (0x35ff_ffe1, Flow::Branch(0xfc)),  // cbnz w1, -4
            (0x3738_0040, Flow::Branch(0x108)), // tbnz w0, #7, +8
            (0xb6ff_ffe0, Flow::Branch(0xfc)),  // tbz x0, #63, -4
            (0x9400_0002, Flow::Next),          // bl +8
            (0xd65f_03c0, Flow::Return),        // ret
            (0x0000_c11f, Flow::Stop),          // udf #0xc11f
            (0xd503_201f, Flow::Next),          // nop
        ];
        for (word, expected) in cases {
            assert_eq!(flow(word, 0x100), Ok(expected), "{word:#x}");
        }
        for indirect in [0xd61f_0000, 0xd63f_0020, 0xd65f_0000, 0xd65f_0bff] {
            assert!(flow(indirect, 0).is_err_and(|e| e.contains("indirect")), "{indirect:#x}");
        }
        assert!(flow(0x17ff_ffff, 0).is_err(), "before the function");
    }

    #[test]
    fn a_new_distance_is_the_one_that_is_read_back() {
        for (word, reach) in
            [(0x1400_0002, 1 << 27), (0x5400_0040, 1 << 20), (0xb400_0041, 1 << 20), (0x3738_0040, 1 << 15)]
        {
            for bytes in [0, 4, -4, reach - 4, -reach] {
                let new = redirected(word, bytes).expect("in reach");
                let (Ok(Flow::Jump(to)) | Ok(Flow::Branch(to))) = flow(new, 1 << 28) else { panic!("{new:#x}") };
                assert_eq!(i64::from(to) - (1 << 28), bytes);
                assert_eq!(redirected(new, 8), redirected(word, 8), "nothing else changes");
            }
            for bytes in [reach, -reach - 4, 2, i64::MAX] {
                assert!(redirected(word, bytes).is_err(), "{word:#x} {bytes}");
            }
        }
        assert!(redirected(NOP, 4).is_err());
    }
}
