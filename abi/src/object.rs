// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The object (`.kwo`): section names and the little-endian records in them.
//!
//! ```text
//! ELF64 relocatable, e_machine of the first target in TARGETS
//!   .text            code of all functions, 16-byte aligned each       (executable)
//!   .rodata          64-bit constants, then passive data and element segments (read-only, never executable)
//!   .rela.text       R_X86_64_PLT32 or R_AARCH64_CALL26 against an allowed undefined symbol,
//!                    R_X86_64_PC32, or R_AARCH64_ADR_PREL_PG_HI21 and R_AARCH64_ADD_ABS_LO12_NC,
//!                    against the .rodata section symbol
//!   .wkc.meta        one Meta
//!   .wkc.imports     ImportRow[]       helpers used, ascending by number
//!   .wkc.funcs       FuncRow[]         ascending by text_offset, covering .text
//!   .wkc.traps       TrapRow[]         ascending by site
//!   .wkc.slots       u64[]             initial values of the first slots
//!   .wkc.memories    MemoryRow[]       memories behind the first
//!   .wkc.exports     ExportRow[]       functions that can be called by name
//!   .wkc.passive     PassiveRow[]      passive data segments
//!   .wkc.data        DataRow[] then their bytes   active data segments
//!   .wkc.strings     zero-terminated UTF-8, first byte zero
//!   .wkc.target.*    an inner object for one further target of TARGETS each, complete and unsigned
//!   .symtab .strtab .shstrtab .debug_*            for tools; the loader reads the first two only
//! PKCS#7 signature, struct module_signature, "~Module signature appended~\n"
//! ```
//! Every record is made of fixed-size little-endian integers; `read` and `write` are the only code
//! that knows their layout.

/// `.wkc.meta`
pub const SECTION_META: &str = ".wkc.meta";
/// `.wkc.imports`
pub const SECTION_IMPORTS: &str = ".wkc.imports";
/// `.wkc.funcs`
pub const SECTION_FUNCS: &str = ".wkc.funcs";
/// `.wkc.traps`
pub const SECTION_TRAPS: &str = ".wkc.traps";
/// `.wkc.slots`
pub const SECTION_SLOTS: &str = ".wkc.slots";
/// `.wkc.passive`
pub const SECTION_PASSIVE: &str = ".wkc.passive";
/// `.wkc.data`
pub const SECTION_DATA: &str = ".wkc.data";
/// Further memories: [`MemoryRow`].
pub const SECTION_MEMORIES: &str = ".wkc.memories";
/// What can be called by name: [`ExportRow`].
pub const SECTION_EXPORTS: &str = ".wkc.exports";
/// `.wkc.strings`
pub const SECTION_STRINGS: &str = ".wkc.strings";
/// Prefix of sections that hold an inner ELF, followed by the target's name.
pub const SECTION_TARGET_PREFIX: &str = ".wkc.target.";

/// A machine, or none, that an object may have code for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetRow {
    /// Its name, as `uname -m` gives it; `portable` for bytecode, which every loader interprets.
    pub name: &'static str,
    /// `e_machine` of its ELF file.
    pub elf_machine: u16,
    /// `machine` of its [`Meta`].
    pub machine: u16,
    /// Section that holds it where it is not the outer ELF file.
    pub section: &'static str,
}

/// All targets. The outer ELF file of an object is that of the first one that it has; bit n of a set of targets stands
/// for row n.
pub const TARGETS: [TargetRow; 3] = [
    TargetRow { name: "x86_64", elf_machine: EM_X86_64, machine: EM_X86_64, section: ".wkc.target.x86_64" },
    TargetRow { name: "aarch64", elf_machine: EM_AARCH64, machine: EM_AARCH64, section: ".wkc.target.aarch64" },
    TargetRow { name: "portable", elf_machine: EM_NONE, machine: MACHINE_PORTABLE, section: ".wkc.target.portable" },
];

/// First eight bytes of `.wkc.meta`.
pub const MAGIC: [u8; 8] = *b"wasmkc\0\x01";
/// Text after the signature (kernel: `MODULE_SIG_STRING` in include/linux/module_signature.h).
pub const SIGNATURE_MAGIC: &[u8; 28] = b"~Module signature appended~\n";
/// Bytes of `struct module_signature`: algo, hash, id_type, signer_len, key_id_len, 3 zero bytes, big-endian length.
pub const SIGNATURE_HEADER: usize = 12;
/// `id_type` of a PKCS#7 message (kernel: `PKEY_ID_PKCS7`).
pub const SIGNATURE_PKCS7: u8 = 2;

/// ELF machine of x86_64.
pub const EM_X86_64: u16 = 62;
/// ELF machine of aarch64.
pub const EM_AARCH64: u16 = 183;
/// ELF machine of bytecode, which is for no machine.
pub const EM_NONE: u16 = 0;
/// `Meta::machine` of bytecode; no ELF machine has this number.
pub const MACHINE_PORTABLE: u16 = 0xf064;
/// `Meta::bytecode` of bytecode: the version of Pulley's 64-bit little-endian instructions.
pub const BYTECODE_VERSION: u16 = 48;
/// x86_64: 32 bits, place relative, of a call or jump.
pub const R_X86_64_PLT32: u32 = 4;
/// x86_64: 32 bits, place relative.
pub const R_X86_64_PC32: u32 = 2;
/// aarch64: 26 bits of `bl`, place relative.
pub const R_AARCH64_CALL26: u32 = 283;
/// aarch64: 21 bits of `adrp`, the page, place relative.
pub const R_AARCH64_ADR_PREL_PG_HI21: u32 = 275;
/// aarch64: 12 bits of `add`, the place in the page.
pub const R_AARCH64_ADD_ABS_LO12_NC: u32 = 277;

/// Meta flag: `--author trusted`, no Spectre v1 masks.
pub const FLAG_AUTHOR_TRUSTED: u32 = 1 << 0;
/// Meta flag: some instruction grows the memory.
pub const FLAG_MEMORY_GROWS: u32 = 1 << 1;
/// Meta flag: the module has a linear memory.
pub const FLAG_HAS_MEMORY: u32 = 1 << 2;

/// Hook bit: XDP; `entry_xdp` is valid.
pub const HOOK_XDP: u32 = 1 << 0;
/// Hook bit: called by name in process context; there are exports.
pub const HOOK_CALL: u32 = 1 << 1;

/// "No such offset or index" in any u32 field below.
pub const NONE: u32 = u32::MAX;

macro_rules! record {
    ($(#[$doc:meta])* $name:ident, $size:literal { $($(#[$fdoc:meta])* $field:ident: $ty:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty,)* }

        impl $name {
            /// Bytes of one record.
            pub const SIZE: usize = $size;

            /// The record at the start of `bytes`; `None` if they are too few.
            #[must_use]
            pub fn read(bytes: &[u8]) -> Option<Self> {
                let mut rest = bytes;
                $(let $field = {
                    let (head, tail) = rest.split_first_chunk::<{ ::core::mem::size_of::<$ty>() }>()?;
                    rest = tail;
                    $ty::from_le_bytes(*head)
                };)*
                let _ = rest;
                Some(Self { $($field,)* })
            }

            /// Its bytes.
            #[must_use]
            pub fn write(&self) -> [u8; $size] {
                let mut out = [0; $size];
                let mut at = 0;
                $({
                    let b = self.$field.to_le_bytes();
                    out[at..at + b.len()].copy_from_slice(&b);
                    at += b.len();
                })*
                let _ = at;
                out
            }
        }

        const _: () = assert!($size == 0 $(+ ::core::mem::size_of::<$ty>())*);
    };
}

record! {
    /// `.wkc.meta`: what the loader must know before anything else. 128 bytes.
    Meta, 128 {
        /// [`MAGIC`] as a little-endian number.
        magic: u64,
        /// [`crate::ABI_MAJOR`] of the compiler.
        abi_major: u16,
        /// [`crate::ABI_MINOR`] of the compiler.
        abi_minor: u16,
        /// ELF machine; equals the ELF header's, but [`MACHINE_PORTABLE`] where that is [`EM_NONE`].
        machine: u16,
        /// [`BYTECODE_VERSION`] where the code is bytecode, else zero.
        bytecode: u16,
        /// `FLAG_*`.
        flags: u32,
        /// `HOOK_*`.
        hooks: u32,
        /// Offset in `.text` of the XDP entry (starts with ENDBR64 on x86_64), or [`NONE`].
        entry_xdp: u32,
        /// Offsets in `.text` of the start function, `_initialize` and `init`, run in this order; [`NONE`] where absent.
        entry_start: u32,
        /// See `entry_start`.
        entry_initialize: u32,
        /// See `entry_start`.
        entry_init: u32,
        /// Fuel ceiling of one run.
        fuel: u64,
        /// Static bound of stack use at the XDP entry in bytes; [`NONE`] if recursion leaves it to the checks.
        stack_bound: u32,
        /// Initial memory, in pages.
        memory_min: u32,
        /// Maximum memory, in pages; equals `memory_min` where nothing grows.
        memory_max: u32,
        /// Number of slots of an instance: globals, tables, further memories, the transfer area.
        slots: u32,
        /// Number of passive data segments.
        passive: u32,
        /// Number of active data segments (rows at the start of `.wkc.data`).
        data: u32,
        /// Slot of the guest's shadow-stack pointer, or [`NONE`].
        shadow_sp_slot: u32,
        /// Offset in `.wkc.strings` of the purpose note, 0 for none.
        note: u32,
        /// Offset in `.wkc.strings` of the module's name, 0 for none.
        name: u32,
        /// Number of functions (rows of `.wkc.funcs`).
        functions: u32,
        /// Number of trap sites (rows of `.wkc.traps`).
        traps: u32,
        /// Number of imports (rows of `.wkc.imports`).
        imports: u32,
        /// Offset in `.wkc.strings` of the compiler's name and version, 0 for none.
        producer: u32,
        /// Number of exports (rows of `.wkc.exports`).
        exports: u32,
        /// Number of memories behind the first (rows of `.wkc.memories`).
        memories: u32,
        /// First slot of the transfer area, through which arguments and results of exports travel, or [`NONE`].
        transfer: u32,
        /// Zero.
        reserved2: u64,
        /// Zero.
        reserved3: u64,
    }
}

record! {
    /// A helper that the object imports.
    ImportRow, 24 {
        /// [`crate::helper::Helper::number`].
        number: u32,
        /// Effects at build time; must equal the loader's.
        effects: u32,
        /// [`crate::helper::Helper::signature`] at build time; must equal the loader's.
        signature: u64,
        /// Fuel charged a call; at least the loader's.
        fuel: u32,
        /// Zero.
        reserved: u32,
    }
}

record! {
    /// A function.
    FuncRow, 16 {
        /// Start in `.text`.
        text_offset: u32,
        /// Bytes of code.
        size: u32,
        /// Name in `.wkc.strings`.
        name: u32,
        /// Index in the wasm module, or [`NONE`] for one the compiler made.
        wasm_index: u32,
    }
}

record! {
    /// A place that can trap.
    TrapRow, 24 {
        /// Return address of the call to the trap symbol, as an offset in `.text`.
        site: u32,
        /// Row in `.wkc.funcs`.
        function: u32,
        /// Byte offset in the wasm file.
        wasm_offset: u32,
        /// [`crate::trap::TrapCode`].
        code: u32,
        /// Source file in `.wkc.strings`, 0 if unknown.
        file: u32,
        /// Source line, 0 if unknown.
        line: u32,
    }
}

record! {
    /// A passive data segment.
    PassiveRow, 8 {
        /// Start in `.rodata`.
        offset: u32,
        /// Bytes.
        size: u32,
    }
}

record! {
    /// An active data segment. All rows come first, then the bytes.
    DataRow, 24 {
        /// Start in linear memory.
        memory_offset: u64,
        /// Start of its bytes in `.wkc.data`.
        offset: u32,
        /// Bytes.
        size: u32,
        /// Index of its memory; 0 is the one of [`Meta`].
        memory: u32,
        /// Zero.
        reserved: u32,
    }
}

record! {
    /// A memory behind the first one.
    MemoryRow, 16 {
        /// First of its three slots: address, bytes in use, bytes reserved.
        slot: u32,
        /// Initial size in pages.
        min: u32,
        /// Largest size in pages.
        max: u32,
        /// Zero.
        reserved: u32,
    }
}

record! {
    /// An exported function that can be called by name.
    ExportRow, 16 {
        /// Name in `.wkc.strings`.
        name: u32,
        /// Offset in `.text` of its entry, which takes arguments from the transfer area and leaves results there.
        entry: u32,
        /// Signature in `.wkc.strings`: a letter a parameter, a colon, a letter a result (see [`VALUE_TYPES`]).
        signature: u32,
        /// Zero.
        reserved: u32,
    }
}

/// Letters of an export's signature and the types they stand for. A reference travels as a slot of 64 bits: 0 for
/// null; a function by its index plus one, an external reference as its holder's number plus one.
pub const VALUE_TYPES: &[(u8, &str)] =
    &[(b'i', "i32"), (b'I', "i64"), (b'f', "f32"), (b'F', "f64"), (b'r', "funcref"), (b'x', "externref")];
