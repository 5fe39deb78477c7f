// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! XDP verdicts (kernel: `enum xdp_action` in include/uapi/linux/bpf.h).

/// What becomes of a packet. The numbers are the kernel's.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Dropped, and reported as an error of the program.
    Aborted = 0,
    /// Dropped.
    Drop = 1,
    /// Passed on to the network stack.
    Pass = 2,
    /// Sent back out of the interface it came from.
    Tx = 3,
    /// Sent where a redirect helper said; a trap where none did.
    Redirect = 4,
}

/// Every verdict with its name, in the order of its number.
pub const VERDICTS: [(Verdict, &str); 5] = [
    (Verdict::Aborted, "aborted"),
    (Verdict::Drop, "drop"),
    (Verdict::Pass, "pass"),
    (Verdict::Tx, "tx"),
    (Verdict::Redirect, "redirect"),
];

impl Verdict {
    /// The verdict of number `n`, if there is one.
    #[must_use]
    pub const fn from_u32(n: u32) -> Option<Self> {
        if (n as usize) < VERDICTS.len() { Some(VERDICTS[n as usize].0) } else { None }
    }

    /// Its name as the command prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        VERDICTS[self as usize].1
    }
}

const _: () = {
    let mut i = 0;
    while i < VERDICTS.len() {
        assert!(VERDICTS[i].0 as usize == i);
        i += 1;
    }
};
