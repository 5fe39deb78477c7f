//! The same filters in every system that could run them, measured side by side.
//!
//! ```text
//! workloads/NAME.c ── toolchain.rs ──▶ shared objects, wasm, eBPF ── systems/ ──▶ code that can be called
//! seed ── trace.rs ──▶ 2,048 packets of one size ──────────────────────┘
//! measure.rs: place the packets, compare what all make of them, then rounds, system by system
//! instructions.rs: the same without rounds, counted in valgrind
//! results.rs ──▶ report.rs (tables), chart.rs (SVG), JSON
//! ```
//!
//! Instructions a packet in the kernel are counted elsewhere, in a VM: `kernel`. What building takes: `compile`.
//!
//! Design principles:
//! 1. Nobody is measured who did not do the same work: verdicts and packets are compared first.
//! 2. wasmkc runs the bytes that `wasmkc build` gives its users, and is told from them by nothing.
//! 3. What could not be measured is named with its reason; nothing is left out of a table in silence.
//! 4. `unsafe` stands in `systems/native.rs` only, which calls what a C compiler made.
#![deny(unsafe_code)]

pub mod chart;
pub mod compile;
pub mod instructions;
pub mod kernel;
pub mod machine;
pub mod measure;
pub mod program;
pub mod report;
pub mod results;
pub mod systems;
pub mod toolchain;
pub mod trace;
pub mod workload;
