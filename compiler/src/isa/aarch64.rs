//! aarch64 of ARMv8.0, little-endian, integers only in effect: the translator makes no float or vector value, and no
//! operator whose code goes through a vector register.

pub const TRIPLE: &str = "aarch64-unknown-none-elf";
pub const FLAGS: [(&str, &str); 2] = [
    // A conditional select alone does not stop a processor from guessing its operands.
    ("use_csdb", "true"),
    // Landing pads stand at entries only: emit/aarch64 puts them there.
    ("use_bti", "false"),
];
