// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Why a run ended without a verdict of its own.

macro_rules! traps {
    ($($(#[$doc:meta])* $name:ident = $n:literal, $text:literal;)*) => {
        /// A trap's cause. 1 to 15 are raised by generated code, 16 and above by the loader.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum TrapCode { $($(#[$doc])* $name = $n,)* }

        /// Every cause with the name that the command prints and the header uses.
        pub const TRAPS: &[(TrapCode, &str)] = &[$((TrapCode::$name, $text)),*];
    };
}

traps! {
    /// The `unreachable` instruction.
    Unreachable = 1, "unreachable";
    /// A load, store or bulk operation outside linear memory, or a helper's pointer argument.
    MemoryOutOfBounds = 2, "memory-out-of-bounds";
    /// `call_indirect` or a table instruction with an index outside the table.
    TableOutOfBounds = 3, "table-out-of-bounds";
    /// `call_indirect` of an element that holds no function.
    IndirectCallToNull = 4, "indirect-call-to-null";
    /// `call_indirect` of a function of another type.
    BadSignature = 5, "indirect-call-type-mismatch";
    /// Integer division or remainder by zero.
    DivisionByZero = 6, "division-by-zero";
    /// Signed division of the smallest integer by minus one, or a float converted to an integer that does not hold it.
    IntegerOverflow = 7, "integer-overflow";
    /// The stack grant is used up.
    StackOverflow = 8, "stack-overflow";
    /// The fuel is used up.
    OutOfFuel = 9, "out-of-fuel";
    /// A packet access outside the packet.
    PacketOutOfBounds = 10, "packet-out-of-bounds";
    /// A float that is a NaN converted to an integer.
    BadConversion = 11, "invalid-conversion-to-integer";
    /// The filter returned no XDP verdict.
    BadVerdict = 16, "bad-verdict";
    /// The filter returned REDIRECT without a successful redirect helper in this run.
    RedirectWithoutTarget = 17, "redirect-without-target";
    /// The instance was busy: entered from within itself.
    NestedEntry = 18, "nested-entry";
    /// This CPU has no instance of the program.
    NoInstance = 19, "no-instance";
    /// The program was disabled after too many traps, or its instance is being reset.
    Disabled = 20, "disabled";
}

/// Number of counters a program keeps for traps: one more than the largest code, rounded up.
pub const TRAP_COUNTERS: usize = 32;

impl TrapCode {
    /// The cause of number `n`, if there is one.
    #[must_use]
    pub fn from_u32(n: u32) -> Option<Self> {
        TRAPS.iter().find(|(c, _)| *c as u32 == n).map(|(c, _)| *c)
    }

    /// Its name as the command prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        TRAPS.iter().find(|(c, _)| *c == self).map_or("unknown", |(_, n)| n)
    }
}

const _: () = {
    let mut i = 0;
    while i < TRAPS.len() {
        assert!((TRAPS[i].0 as usize) < TRAP_COUNTERS);
        assert!(i == 0 || TRAPS[i - 1].0 as u32 > 0 && (TRAPS[i - 1].0 as u32) < TRAPS[i].0 as u32);
        i += 1;
    }
};
