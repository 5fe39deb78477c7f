//! Bytecode that an interpreter runs on any machine: Pulley's 64-bit little-endian instructions, integers only.

pub const TRIPLE: &str = "pulley64-unknown-unknown-elf";
pub const FLAGS: [(&str, &str); 0] = [];
