//! The parsed module: what `parse` made of the wasm, checked once, never looked at as bytes again
//! (function bodies aside, which `translate` reads operator by operator).

use std::collections::BTreeMap;

use wasmkc_abi::{helper::Helper, packet::PacketOp};
use wasmparser::{FuncType, FunctionBody, ValType};

use crate::{Target, error::Place};

/// Whether a reference type is compiled; these are all that there are in WebAssembly 2.0.
pub fn is_reference(ty: ValType) -> bool {
    ty == ValType::FUNCREF || ty == ValType::EXTERNREF
}

/// Whether a value's type is compiled: numbers and those references.
pub fn is_supported(ty: ValType) -> bool {
    matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64) || is_reference(ty)
}

/// What an imported function is.
#[derive(Clone, Copy, Debug)]
pub enum Import {
    /// Lowered inline.
    Packet(PacketOp),
    /// A call of the helper's symbol.
    Helper(&'static Helper),
}

/// A linear memory.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Pages at start.
    pub min: u32,
    /// Pages it can ever have; equals `min` unless `grows`.
    pub max: u32,
    /// Whether some instruction grows it, so that its size is read at run time.
    pub grows: bool,
    /// Whether its addresses are i64.
    pub wide: bool,
}

/// What a memory index of the wasm names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryRef {
    /// The packet: its addresses are i32, its size what is accessible of it.
    Packet,
    /// One of [`Module::memories`].
    Linear(u32),
}

/// A reference as a number: 0 is null, a function is its index plus one, an external reference its holder's
/// number plus one. There is no address in it.
pub type Reference = u64;

/// The reference of function `index`.
pub fn function_reference(index: u32) -> Reference {
    u64::from(index) + 1
}

/// The function that a reference of type `funcref` is.
pub fn referenced_function(reference: Reference) -> Option<u32> {
    u32::try_from(reference.checked_sub(1)?).ok()
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its elements at start.
    pub elements: Vec<Reference>,
    /// Elements that it can ever have; their number at start unless it grows.
    pub max: u32,
    /// Whether some instruction grows it, so that its size is read at run time.
    pub grows: bool,
    /// Whether its indices are i64.
    pub wide: bool,
    /// Whether something may change it.
    pub changes: bool,
    /// First of its slots, its size and then its elements; without it all uses are known at compile time.
    pub slot: Option<u32>,
}

/// An element segment.
#[derive(Clone, Debug)]
pub enum Elements {
    /// Copied at instantiation, or declared only; of length zero for `table.init`.
    Dropped,
    /// Copied by `table.init` until dropped.
    Passive {
        /// Index among the passive ones.
        index: u32,
        /// Its elements.
        items: Vec<Reference>,
    },
}

/// A global with its initial value.
#[derive(Clone, Copy, Debug)]
pub struct Global {
    /// A number's or a reference's type.
    pub ty: ValType,
    /// Whether it may be set.
    pub mutable: bool,
    /// Initial value, zero-extended.
    pub init: u64,
}

/// A data segment.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// Copied at instantiation; of length zero for `memory.init`.
    Active {
        /// Index of the memory.
        memory: u32,
        /// First byte written.
        start: u64,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// Copied by `memory.init` until dropped.
    Passive {
        /// Index among the passive segments.
        index: u32,
        /// Its bytes.
        bytes: &'a [u8],
    },
}

/// The entries that the loader may call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entries {
    /// `xdp`.
    pub xdp: Option<u32>,
    /// Start function.
    pub start: Option<u32>,
    /// `_initialize`.
    pub initialize: Option<u32>,
    /// `init`.
    pub init: Option<u32>,
}

impl Entries {
    /// Whether function `index` is entered from outside.
    pub fn contains(&self, index: u32) -> bool {
        [self.xdp, self.start, self.initialize, self.init].contains(&Some(index))
    }
}

/// A function that can be called by name.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// Index of the function.
    pub function: u32,
}

/// Slots of a memory behind the first: address, bytes in use, bytes reserved.
pub const MEMORY_SLOTS: u32 = 3;

/// Where things are among the slots of an instance, of eight bytes each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// First slot of the memories behind the first: address, bytes in use and bytes reserved of each.
    pub memories: u32,
    /// First slot of the lengths that passive element segments have left. Between the two are the tables.
    pub elements: u32,
    /// First slot of the transfer area: arguments and results of exports, results that find no register, and
    /// parameters that are not passed by the convention ([`Module::passed`]).
    pub transfer: u32,
    /// Its slots.
    pub transfer_len: u32,
}

impl Slots {
    /// All slots; the passive data segments' lengths follow.
    pub fn total(&self) -> u32 {
        self.transfer + self.transfer_len
    }
}

/// A validated module that the compiler accepts, function bodies aside.
///
/// # Invariants
/// It passed wasmparser's validator; every import is in the ABI with the ABI's signature; every index is in range.
#[derive(Default)]
pub struct Module<'a> {
    /// What it is compiled for.
    pub target: Target,
    /// Function types.
    pub types: Vec<FuncType>,
    /// For each type the first one that equals it.
    pub canonical: Vec<u32>,
    /// Type of each function, imports first.
    pub functions: Vec<u32>,
    /// Imported functions.
    pub imports: Vec<Import>,
    /// Whether some imported helper moves the packet, so that its place is read anew each time.
    pub moves_packet: bool,
    /// How many memories the packet is imported as. Their indices come before those of [`Module::memories`].
    pub packet_memories: u32,
    /// The linear memories.
    pub memories: Vec<Memory>,
    /// The tables.
    pub tables: Vec<Table>,
    /// The element segments.
    pub elements: Vec<Elements>,
    /// Functions that a reference may be, ascending.
    pub referenced: Vec<u32>,
    /// The globals.
    pub globals: Vec<Global>,
    /// The data segments.
    pub data: Vec<Data<'a>>,
    /// The entries.
    pub entries: Entries,
    /// What can be called by name.
    pub exports: Vec<Export>,
    /// Whether some function ends in a call.
    pub tail_calls: bool,
    /// The instance's layout.
    pub slots: Slots,
    /// Bodies of the defined functions.
    pub bodies: Vec<FunctionBody<'a>>,
    /// Names of functions: name section, else export.
    pub names: BTreeMap<u32, String>,
    /// Global that is the guest's shadow-stack pointer.
    pub shadow_sp: Option<u32>,
    /// File offset of the code section's content: address 0 of its DWARF.
    pub code_start: usize,
    /// The `.debug_*` sections.
    pub debug: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> Module<'a> {
    /// Type of function `index`.
    pub fn function_type(&self, index: u32) -> &FuncType {
        &self.types[self.functions[index as usize] as usize]
    }

    /// How many of the parameters of type `ty` are passed as the calling convention has it; the others go through
    /// the transfer area.
    pub fn passed(&self, ty: &FuncType) -> usize {
        ty.params().len().min(self.target.passed_params(self.tail_calls))
    }

    /// Name of function `index` for people.
    pub fn function_name(&self, index: u32) -> String {
        self.names.get(&index).cloned().unwrap_or_else(|| format!("func[{index}]"))
    }

    /// Function `index` with byte `offset` of the file.
    pub fn place(&self, index: u32, offset: usize) -> Place {
        Place { name: self.names.get(&index).cloned().unwrap_or_default(), index, offset }
    }

    /// The memory that `xdp` and `kernel` work on.
    pub fn memory(&self) -> Option<Memory> {
        self.memories.first().copied()
    }

    /// What memory index `index` of the wasm names.
    pub fn memory_at(&self, index: u32) -> MemoryRef {
        index.checked_sub(self.packet_memories).map_or(MemoryRef::Packet, MemoryRef::Linear)
    }

    /// Whether the addresses of memory index `index` of the wasm are i64.
    pub fn is_wide(&self, index: u32) -> bool {
        match self.memory_at(index) {
            MemoryRef::Packet => false,
            MemoryRef::Linear(n) => self.memories[n as usize].wide,
        }
    }

    /// First slot of linear memory `n`, which is behind the first.
    pub fn memory_slot(&self, n: u32) -> u32 {
        self.slots.memories + (n - 1) * MEMORY_SLOTS
    }

    /// The passive element segments in the order of their index.
    pub fn passive_elements(&self) -> impl Iterator<Item = &[Reference]> {
        self.elements.iter().filter_map(|e| match e {
            Elements::Passive { items, .. } => Some(items.as_slice()),
            Elements::Dropped => None,
        })
    }

    /// The passive data segments in the order of their index.
    pub fn passive(&self) -> impl Iterator<Item = &'a [u8]> {
        self.data.iter().filter_map(|d| match d {
            Data::Passive { bytes, .. } => Some(*bytes),
            Data::Active { .. } => None,
        })
    }

    /// The active data segments that write something: memory, start and bytes.
    pub fn active(&self) -> impl Iterator<Item = (u32, u64, &'a [u8])> {
        self.data.iter().filter_map(|d| match d {
            Data::Active { memory, start, bytes } if !bytes.is_empty() => Some((*memory, *start, *bytes)),
            _ => None,
        })
    }

    /// Distinct helpers imported, by number.
    pub fn helpers(&self) -> Vec<&'static Helper> {
        let mut out: Vec<_> = self
            .imports
            .iter()
            .filter_map(|i| match i {
                Import::Helper(h) => Some(*h),
                Import::Packet(_) => None,
            })
            .collect();
        out.sort_by_key(|h| h.number);
        out.dedup_by_key(|h| h.number);
        out
    }
}
