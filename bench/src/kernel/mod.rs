//! Instructions a packet in the kernel: a stock kernel in the VM, where QEMU counts (`vm/run --icount`).
//!
//! ```text
//! filters.rs: a folder for each kernel: objects, eBPF programs, packets ── vm/run ──▶ ../../kernel/vm.sh in the VM
//! said.rs: what it printed ──▶ figures.rs: means, parts, what must hold ──▶ report.rs (tables), JSON
//! ```
//!
//! What is counted twice must agree: the kernel's duration of many runs, where an instruction is a nanosecond, and one
//! run, step by step. What must hold beside that stands in `figures.rs`; a run in which it does not ends in an error.

pub mod figures;
pub mod filters;
pub mod machine;
pub mod report;
pub mod said;
