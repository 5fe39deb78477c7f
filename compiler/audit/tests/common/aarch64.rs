//! Code of aarch64, by its words.

use wasmkc_abi::object::{EM_AARCH64, EM_X86_64};

use super::{Kwo, To};

/// `bti c`
pub const BTI_C: u32 = 0xd503_245f;
/// `stp x29, x30, [sp, #-16]!; mov x29, sp`
pub const PROLOGUE: [u32; 2] = [0xa9bf_7bfd, 0x9100_03fd];
/// `ldp x29, x30, [sp], #16`
pub const TAKE_DOWN: u32 = 0xa8c1_7bfd;
/// `ret`
pub const RET: u32 = 0xd65f_03c0;
/// `nop`
pub const NOP: u32 = 0xd503_201f;
/// `mov w0, #2`
pub const MOV_PASS: u32 = 0x5280_0040;
/// `udf #0xc11f`
pub const UDF: u32 = 0xc11f;

const BL: u32 = 0x9400_0000;

/// `mov xD, xM`
pub fn mov(d: u32, m: u32) -> u32 {
    0xaa00_03e0 | m << 16 | d
}

/// `mov wD, #imm`
pub fn mov_imm(d: u32, imm: u32) -> u32 {
    0x5280_0000 | imm << 5 | d
}

/// `ldr xT, [xN, #offset]`; 31 is sp.
pub fn ldr(t: u32, n: u32, offset: u32) -> u32 {
    0xf940_0000 | (offset / 8) << 10 | n << 5 | t
}

/// `str xT, [xN, #offset]`
pub fn str(t: u32, n: u32, offset: u32) -> u32 {
    0xf900_0000 | (offset / 8) << 10 | n << 5 | t
}

/// `sub sp, sp, #bytes`
pub fn deeper(bytes: u32) -> u32 {
    0xd100_03ff | bytes << 10
}

/// `add sp, sp, #bytes`
pub fn flatter(bytes: u32) -> u32 {
    0x9100_03ff | bytes << 10
}

/// `cbz wT`, over so many words.
pub fn cbz_over(t: u32, words: u32) -> u32 {
    0x3400_0000 | (words + 1) << 5 | t
}

/// One function being written.
#[derive(Clone, Debug, Default)]
pub struct Code(pub super::Code);

impl Code {
    /// An entry's start: frame, stack check and a charge of eight units. x0 holds the call block.
    pub fn new() -> Self {
        Self::with_frame(&[])
    }

    /// The same, with `frame` before the stack check.
    pub fn with_frame(frame: &[u32]) -> Self {
        Self::bare().words(frame).stack_check().charge(8)
    }

    /// An entry's start without stack check and charge.
    pub fn bare() -> Self {
        Self::default().words(&[BTI_C]).words(&PROLOGUE)
    }

    /// The start of a function that is no entry, with stack check and a charge of eight units.
    pub fn inner() -> Self {
        Self::default().words(&PROLOGUE).stack_check().charge(8)
    }

    /// Appends words.
    pub fn words(self, words: &[u32]) -> Self {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        Self(self.0.raw(&bytes))
    }

    /// Bytes so far.
    pub fn len(&self) -> u32 {
        self.0.bytes.len() as u32
    }

    /// `mov x9, sp; ldr x10, [x0, #16]; cmp x9, x10; b.hs` over a trap.
    pub fn stack_check(self) -> Self {
        self.words(&[0x9100_03e9, ldr(10, 0, 16), 0xeb0a_013f, 0x5400_0082]).trap(8)
    }

    /// Takes `units` of fuel and traps if that is too much: x9 is lost, x0 holds the call block.
    pub fn charge(self, units: u32) -> Self {
        self.words(&[ldr(9, 0, 24), 0xd100_0129 | units << 10]).pay()
    }

    /// `str x9, [x0, #24]; cmp x9, #0; b.ge` over a trap.
    pub fn pay(self) -> Self {
        self.words(&[str(9, 0, 24), 0xf100_013f, 0x5400_008a]).trap(9)
    }

    /// `mov w1, code; bl wkc_trap; udf` with its row in the trap table.
    pub fn trap(self, code: u32) -> Self {
        let mut trap = self.words(&[mov_imm(1, code)]).call("wkc_trap");
        trap.0.traps.push((trap.len(), code));
        trap.words(&[UDF])
    }

    /// A word with a relocation.
    pub fn related(mut self, word: u32, to: To, addend: i64) -> Self {
        self.0.relocations.push((self.len(), to, addend));
        self.words(&[word])
    }

    /// `bl symbol`
    pub fn call(self, symbol: &'static str) -> Self {
        self.related(BL, To::Symbol(symbol), 0)
    }

    /// `adrp xR; add xR, xR` of byte `at` of `.rodata`.
    pub fn address(self, r: u32, at: i64) -> Self {
        self.related(0x9000_0000 | r, To::RodataPage, at).related(0x9100_0000 | r << 5 | r, To::RodataLow, at)
    }

    fn distance(&self, to: u32) -> u32 {
        ((to as i32 - self.len() as i32) / 4) as u32
    }

    /// `bl` to the byte `to` behind this function's start.
    pub fn call_at(self, to: u32) -> Self {
        let distance = self.distance(to) & 0x3ff_ffff;
        self.words(&[BL | distance])
    }

    /// `b` to the byte `to` behind this function's start.
    pub fn b_at(self, to: u32) -> Self {
        let distance = self.distance(to) & 0x3ff_ffff;
        self.words(&[0x1400_0000 | distance])
    }

    /// `cbnz w5` to the byte `to` behind this function's start.
    pub fn cbnz_at(self, to: u32) -> Self {
        let distance = self.distance(to) & 0x7_ffff;
        self.words(&[0x3500_0005 | distance << 5])
    }

    /// The frame's end and `ret`.
    pub fn ret(self) -> Self {
        self.words(&[TAKE_DOWN, RET])
    }

    /// An object whose XDP entry this is.
    pub fn kwo(self) -> Kwo {
        let mut kwo = Kwo::new(self.0);
        (kwo.machine, kwo.meta.machine, kwo.padding) = (EM_AARCH64, EM_AARCH64, 0);
        kwo
    }

    /// An object of x86_64 in everything but its code.
    pub fn mistaken(self) -> Kwo {
        Kwo { machine: EM_X86_64, ..self.kwo() }
    }
}
