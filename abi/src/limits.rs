// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Limits that compiler and loader both enforce. Raising one is a minor ABI change.

/// Bytes in one linear-memory page (WebAssembly core specification, 4.2.8).
pub const WASM_PAGE: u64 = 65536;
/// Largest object file, signature included.
pub const MAX_OBJECT_BYTES: u32 = 8 << 20;
/// Largest `.text` section.
pub const MAX_TEXT_BYTES: u32 = 2 << 20;
/// Largest `.rodata` section.
pub const MAX_RODATA_BYTES: u32 = 1 << 20;
/// Largest linear memory of one instance, in pages (64 MiB).
pub const MAX_MEMORY_PAGES: u32 = 1024;
/// Default maximum of a memory that can grow and names no maximum of its own, in pages.
pub const DEFAULT_GROW_PAGES: u32 = 32;
/// Most globals in a module.
pub const MAX_GLOBALS: u32 = 1024;
/// Most slots of an instance (2 MiB): globals, tables, further memories, the transfer area.
pub const MAX_SLOTS: u32 = 262_144;
/// Most elements that the tables of a module have together at start.
pub const MAX_TABLE_ELEMENTS: u32 = 65_536;
/// Most elements that a table can grow to.
pub const MAX_GROWN_ELEMENTS: u32 = 16_384;
/// Most memories in a module.
pub const MAX_MEMORIES: u32 = 64;
/// Most exports that can be called.
pub const MAX_EXPORTS: u32 = 4096;
/// Most passive data segments in a module.
pub const MAX_PASSIVE_SEGMENTS: u32 = 256;
/// Most active data segments in a module.
pub const MAX_DATA_SEGMENTS: u32 = 4096;
/// Most rows of the trap table.
pub const MAX_TRAP_SITES: u32 = 262_144;
/// Most relocations.
pub const MAX_RELOCATIONS: u32 = 262_144;
/// Most functions.
pub const MAX_FUNCTIONS: u32 = 65_536;
/// Largest stack frame of one generated function, in bytes. The loader keeps
/// [`STACK_RESERVE`] bytes below the limit, so a prologue may write before it checks.
pub const MAX_FRAME_BYTES: u32 = 2048;
/// Bytes of stack kept free below a filter's stack limit, for one frame, a trap and the helpers.
pub const STACK_RESERVE: u32 = 6144;
/// Stack a filter may use at the XDP hook, in bytes.
pub const STACK_XDP: u32 = 4096;
/// Stack of a call in process context unless it asks for another, in bytes.
pub const STACK_CALL: u32 = 4096;
/// Most stack that a call may ask for, in bytes: what the kernel's 16 KiB leave.
pub const STACK_CALL_MAX: u32 = 8192;
/// Longest name of an export that can be called, in bytes.
pub const MAX_EXPORT_NAME: u32 = 255;
/// Most arguments or results of an export that can be called.
pub const MAX_EXPORT_VALUES: u32 = 128;
/// Default fuel ceiling of one run, in fuel units (about one wasm operator each).
pub const FUEL_DEFAULT: u64 = 100_000;
/// Most machine instructions that a run executes for one unit of fuel, helpers and bulk operations aside:
/// the compiler's cost model keeps below it and the audit proves it for each object.
pub const INSTRUCTIONS_PER_FUEL: u32 = 16;
/// Largest fuel ceiling an object may ask for.
pub const FUEL_MAX: u64 = 10_000_000;
/// Most fuel of a run of portable code: each of its instructions takes a machine some ten of its own, and a device's
/// 64 packets of one poll must not keep a CPU for the seconds after which the kernel calls it stuck.
pub const FUEL_PORTABLE_MAX: u64 = 1_000_000;
/// Most fuel that a call in process context may ask for.
pub const FUEL_CALL_MAX: u64 = 20_000_000;
/// Fuel for instantiation: the start function, `_initialize` and `init` together.
pub const FUEL_INIT: u64 = 10_000_000;
/// Longest program name, in bytes, without the terminating zero.
pub const MAX_NAME: usize = 31;
/// Longest purpose note in an object, in bytes.
pub const MAX_NOTE: u32 = 256;
/// Longest message of the `log` helper, in bytes.
pub const MAX_LOG: u32 = 128;
/// Longest packet that a request gives to a program.
pub const MAX_PACKET_BYTES: u32 = 65_535;
