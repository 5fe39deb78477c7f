//! x86_64, baseline instructions, integers only in effect: the translator makes no float or vector value.

pub const TRIPLE: &str = "x86_64-unknown-none-elf";
pub const FLAGS: [(&str, &str); 0] = [];
