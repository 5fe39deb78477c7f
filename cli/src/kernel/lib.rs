//! The seams to the kernel: `/dev/wasmkc` and bpf(2). The command and the project's tests use them.
//!
//! These are the only files of the command with unsafe code.

pub mod bpf;
pub mod device;
pub mod hooks;
