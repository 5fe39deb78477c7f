//! What generated code refers to outside its own function, as Cranelift names and as ELF symbols.

use cranelift_codegen::ir::UserExternalName;
use wasmkc_abi::{helper::Helper, vmctx};

/// Bit of the namespace: the call is the last thing that its function does.
const TAIL: u32 = 1 << 8;

/// A target of a call or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Symbol {
    /// A wasm function by index.
    Function(u32),
    /// A dispatcher of `call_indirect` by number.
    Dispatcher(u32),
    /// An imported function by index, as a function that a table can hold.
    Thunk(u32),
    /// A function of the runtime module by index.
    Runtime(u32),
    /// The entry of an export by number.
    Export(u32),
    /// The trap exit, with the trap's code so that the trap table can be made from relocations.
    Trap(u32),
    /// `wkc_ret`.
    Ret,
    /// `wkc_memmove`.
    Memmove,
    /// `wkc_memset`.
    Memset,
    /// A helper by number.
    Helper(u32),
    /// Bytes of a passive data segment.
    Passive(u32),
    /// References of a passive element segment, eight bytes each.
    Elements(u32),
}

impl Symbol {
    /// Name for Cranelift.
    pub fn external(self) -> UserExternalName {
        let (namespace, index) = match self {
            Self::Function(index) => (0, index),
            Self::Dispatcher(index) => (1, index),
            Self::Trap(code) => (2, code),
            Self::Memmove => (3, 0),
            Self::Memset => (3, 1),
            Self::Ret => (3, 2),
            Self::Helper(number) => (4, number),
            Self::Passive(index) => (5, index),
            Self::Thunk(index) => (6, index),
            Self::Export(number) => (7, number),
            Self::Runtime(index) => (8, index),
            Self::Elements(index) => (9, index),
        };
        UserExternalName { namespace, index }
    }

    /// Name for Cranelift of a callee that the call leaves the function for.
    pub fn tail_external(self) -> UserExternalName {
        let UserExternalName { namespace, index } = self.external();
        UserExternalName { namespace: namespace | TAIL, index }
    }

    /// Whether it is a name of [`Self::tail_external`].
    pub fn is_tail(name: &UserExternalName) -> bool {
        name.namespace & TAIL != 0
    }

    /// The inverse of [`Self::external`] and [`Self::tail_external`].
    pub fn from_external(name: &UserExternalName) -> Option<Self> {
        Some(match (name.namespace & !TAIL, name.index) {
            (0, index) => Self::Function(index),
            (1, index) => Self::Dispatcher(index),
            (2, code) => Self::Trap(code),
            (3, 0) => Self::Memmove,
            (3, 1) => Self::Memset,
            (3, 2) => Self::Ret,
            (4, number) => Self::Helper(number),
            (5, index) => Self::Passive(index),
            (6, index) => Self::Thunk(index),
            (7, number) => Self::Export(number),
            (8, index) => Self::Runtime(index),
            (9, index) => Self::Elements(index),
            _ => return None,
        })
    }

    /// The undefined symbol of the object, for what the loader provides.
    pub fn undefined(self) -> Option<&'static str> {
        match self {
            Self::Trap(_) => Some(vmctx::SYMBOL_TRAP),
            Self::Ret => Some(vmctx::SYMBOL_RET),
            Self::Memmove => Some(vmctx::SYMBOL_MEMMOVE),
            Self::Memset => Some(vmctx::SYMBOL_MEMSET),
            Self::Helper(number) => Helper::by_number(number).map(|h| h.symbol),
            Self::Function(_)
            | Self::Dispatcher(_)
            | Self::Thunk(_)
            | Self::Export(_)
            | Self::Runtime(_)
            | Self::Passive(_)
            | Self::Elements(_) => None,
        }
    }
}
