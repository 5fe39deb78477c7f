//! A small builder of objects for tests: code bytes in, the bytes of a valid `.kwo` out.
//!
//! It writes what `abi/SPEC.md` asks for and nothing more, and lets a test break one thing at a time. [`Code`] writes
//! x86_64, [`aarch64::Code`] and [`portable::Code`] the others.

pub mod aarch64;
pub mod portable;

use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope, elf,
};
use wasmkc_abi::helper::Helper;
use wasmkc_abi::object::{
    EM_AARCH64, EM_NONE, EM_X86_64, FLAG_HAS_MEMORY, FuncRow, HOOK_XDP, ImportRow, MAGIC, Meta, NONE,
    R_AARCH64_ADD_ABS_LO12_NC, R_AARCH64_ADR_PREL_PG_HI21, R_AARCH64_CALL26, R_X86_64_PC32, R_X86_64_PLT32,
    SECTION_FUNCS, SECTION_IMPORTS, SECTION_META, SECTION_STRINGS, SECTION_TRAPS, TrapRow,
};
use wasmkc_abi::{ABI_MAJOR, ABI_MINOR, limits};

/// `endbr64`
pub const ENDBR: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa];
/// `push rbp; mov rbp, rsp`
pub const PROLOGUE: &[u8] = &[0x55, 0x48, 0x89, 0xe5];
/// `mov eax, 2`
pub const MOV_PASS: &[u8] = &[0xb8, 2, 0, 0, 0];

/// Bytes of [`Code::trap`].
pub const TRAP_LEN: u8 = 12;

/// What a relocation refers to.
#[derive(Clone, Debug)]
pub enum To {
    /// PLT32 or CALL26 against an undefined symbol.
    Symbol(&'static str),
    /// PC32 against `.rodata`.
    Rodata,
    /// ADR_PREL_PG_HI21 against `.rodata`.
    RodataPage,
    /// ADD_ABS_LO12_NC against `.rodata`.
    RodataLow,
    /// A type that no object has, against `.rodata`.
    Other(u32),
}

/// One function being written.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Relocations: offset in the function, target, addend.
    pub relocations: Vec<(u32, To, i64)>,
    /// Return addresses of calls to `wkc_trap`, and the codes of their rows.
    pub traps: Vec<(u32, u32)>,
}

impl Code {
    /// An entry's start: frame, stack check and a charge of eight units. rdi holds the call block.
    pub fn new() -> Self {
        Self::with_frame(&[])
    }

    /// The same, with `frame` before the stack check.
    pub fn with_frame(frame: &[u8]) -> Self {
        Self::bare().raw(frame).stack_check().charge(8)
    }

    /// An entry's start without stack check and charge.
    pub fn bare() -> Self {
        Self::default().raw(ENDBR).raw(PROLOGUE)
    }

    /// The start of a function that is no entry, with stack check and a charge of eight units.
    pub fn inner() -> Self {
        Self::default().raw(PROLOGUE).stack_check().charge(8)
    }

    /// `mov rax, rsp; cmp rax, [rdi + 16]; jae` over a trap.
    pub fn stack_check(self) -> Self {
        self.raw(&[0x48, 0x89, 0xe0, 0x48, 0x3b, 0x47, 16, 0x73, TRAP_LEN]).trap(8)
    }

    /// Appends plain bytes.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Appends `opcode` and a four-byte field relocated against `symbol`.
    fn symbol(mut self, opcode: u8, symbol: &'static str) -> Self {
        self.bytes.push(opcode);
        self.relocations.push((self.bytes.len() as u32, To::Symbol(symbol), -4));
        self.raw(&[0; 4])
    }

    /// `call symbol`
    pub fn call(self, symbol: &'static str) -> Self {
        self.symbol(0xe8, symbol)
    }

    /// `jmp symbol`
    pub fn jmp(self, symbol: &'static str) -> Self {
        self.symbol(0xe9, symbol)
    }

    /// Appends `opcode` (up to its modrm byte) and a displacement relocated to byte `at` of `.rodata`.
    pub fn rodata(mut self, opcode: &[u8], at: i64) -> Self {
        self.bytes.extend_from_slice(opcode);
        self.relocations.push((self.bytes.len() as u32, To::Rodata, at - 4));
        self.raw(&[0; 4])
    }

    /// `mov esi, code; call wkc_trap; ud2` with its row in the trap table.
    pub fn trap(self, code: u8) -> Self {
        let mut trap = self.raw(&[0xbe, code, 0, 0, 0]).call("wkc_trap");
        trap.traps.push((trap.bytes.len() as u32, code.into()));
        trap.raw(&[0x0f, 0x0b])
    }

    /// Takes `units` of fuel and traps if that is too much: rax is lost, rdi holds the call block.
    pub fn charge(self, units: u8) -> Self {
        // mov rax, [rdi + 24]; sub rax, units; mov [rdi + 24], rax; test rax, rax; jge over the trap
        self.raw(&[0x48, 0x8b, 0x47, 24, 0x48, 0x83, 0xe8, units, 0x48, 0x89, 0x47, 24, 0x48, 0x85, 0xc0])
            .raw(&[0x7d, TRAP_LEN])
            .trap(9)
    }

    /// `call` of the function `to` bytes behind this one's start.
    pub fn call_at(self, to: i32) -> Self {
        let next = self.bytes.len() as i32 + 5;
        self.raw(&[0xe8]).raw(&(to - next).to_le_bytes())
    }

    /// `jmp` to `to` bytes behind this function's start.
    pub fn jmp_at(self, to: i32) -> Self {
        let next = self.bytes.len() as i32 + 5;
        self.raw(&[0xe9]).raw(&(to - next).to_le_bytes())
    }

    /// `jne` back to byte `to` of this function.
    pub fn jne_at(self, to: usize) -> Self {
        let back = to as i32 - (self.bytes.len() as i32 + 6);
        self.raw(&[0x0f, 0x85]).raw(&back.to_le_bytes())
    }

    /// `jmp wkc_ret`
    pub fn ret(self) -> Self {
        self.jmp("wkc_ret")
    }
}

/// A `.kwo` being written. The fields may be changed freely before [`Kwo::build`].
#[derive(Clone, Debug)]
pub struct Kwo {
    /// Functions; the first one is the XDP entry.
    pub functions: Vec<Code>,
    /// Bytes of `.rodata`.
    pub rodata: Vec<u8>,
    /// Numbers of the helpers in `.wkc.imports`.
    pub helpers: Vec<u32>,
    /// The machine in the ELF header.
    pub machine: u16,
    /// ELF flags of `.text`.
    pub text_flags: u64,
    /// ELF flags of `.rodata`.
    pub rodata_flags: u64,
    /// Byte between functions.
    pub padding: u8,
    /// Bytes of `.text` behind all functions, of bytecode.
    pub more_text: Vec<u8>,
    /// Bytes of `.wkc.funcs` behind the rows of the functions.
    pub more_rows: Vec<u8>,
    /// The bytes of `.wkc.strings`, if not the functions' names.
    pub strings: Option<Vec<u8>>,
    /// Further sections: name and ELF flags.
    pub sections: Vec<(&'static str, u64)>,
    /// The content of tables of which nothing else is told: name of the section and its bytes.
    pub tables: Vec<(&'static str, Vec<u8>)>,
    /// Inner objects: name of the section and its content.
    pub inner: Vec<(&'static str, Vec<u8>)>,
    /// The meta record, whose counts `build` fills.
    pub meta: Meta,
}

impl Kwo {
    /// An object whose XDP entry is `code`.
    pub fn new(code: Code) -> Self {
        let meta = Meta {
            magic: u64::from_le_bytes(MAGIC),
            abi_major: ABI_MAJOR,
            abi_minor: ABI_MINOR,
            machine: EM_X86_64,
            flags: FLAG_HAS_MEMORY,
            hooks: HOOK_XDP,
            entry_start: NONE,
            entry_initialize: NONE,
            entry_init: NONE,
            fuel: limits::FUEL_DEFAULT,
            stack_bound: NONE,
            memory_min: 1,
            memory_max: 1,
            shadow_sp_slot: NONE,
            ..Meta::default()
        };
        Self {
            functions: vec![code],
            rodata: Vec::new(),
            helpers: Vec::new(),
            machine: EM_X86_64,
            text_flags: u64::from(elf::SHF_ALLOC | elf::SHF_EXECINSTR),
            rodata_flags: u64::from(elf::SHF_ALLOC),
            padding: 0xcc,
            more_text: Vec::new(),
            more_rows: Vec::new(),
            strings: None,
            sections: Vec::new(),
            tables: Vec::new(),
            inner: Vec::new(),
            meta,
        }
    }

    /// A filter that passes every packet.
    pub fn pass() -> Self {
        Self::new(Code::new().raw(MOV_PASS).ret())
    }

    /// Adds a function.
    pub fn function(mut self, code: Code) -> Self {
        self.functions.push(code);
        self
    }

    /// The object's bytes.
    pub fn build(&self) -> Vec<u8> {
        let arm = self.machine == EM_AARCH64;
        let architecture = if arm { Architecture::Aarch64 } else { Architecture::X86_64 };
        let mut obj = Object::new(BinaryFormat::Elf, architecture, Endianness::Little);
        let text = add(&mut obj, ".text", SectionKind::Text, self.text_flags);
        let rodata = add(&mut obj, ".rodata", SectionKind::ReadOnlyData, self.rodata_flags);
        obj.set_section_data(rodata, self.rodata.clone(), 16);
        let rodata_symbol = obj.section_symbol(rodata);

        let (mut code, mut funcs, mut traps) = (Vec::new(), Vec::new(), Vec::new());
        let mut strings = vec![0];
        let mut symbols: Vec<(&str, SymbolId)> = Vec::new();
        let mut relocations = Vec::new();
        for (i, f) in self.functions.iter().enumerate() {
            code.resize(code.len().next_multiple_of(16), self.padding);
            let start = code.len() as u32;
            let name = strings.len() as u32;
            strings.extend_from_slice(format!("f{i}\0").as_bytes());
            let row = FuncRow { text_offset: start, size: f.bytes.len() as u32, name, wasm_index: i as u32 };
            funcs.extend_from_slice(&row.write());
            for (site, code) in &f.traps {
                let row = TrapRow { site: start + site, function: i as u32, code: *code, ..TrapRow::default() };
                traps.extend_from_slice(&row.write());
            }
            relocations.extend(f.relocations.iter().map(|(o, to, addend)| (start + o, to.clone(), *addend)));
            code.extend_from_slice(&f.bytes);
        }
        funcs.extend_from_slice(&self.more_rows);
        let strings = self.strings.clone().unwrap_or(strings);
        for (name, flags) in &self.sections {
            add(&mut obj, name, SectionKind::ReadOnlyData, *flags);
        }
        for (name, bytes) in &self.inner {
            let id = add(&mut obj, name, SectionKind::ReadOnlyData, 0);
            obj.set_section_data(id, bytes.clone(), 8);
        }
        if self.machine == EM_NONE {
            code.resize(code.len().next_multiple_of(16), self.padding);
            code.extend_from_slice(&self.more_text);
        }
        obj.set_section_data(text, code, 16);
        for (offset, to, addend) in relocations {
            let (symbol, r_type) = match to {
                To::Rodata => (rodata_symbol, R_X86_64_PC32),
                To::RodataPage => (rodata_symbol, R_AARCH64_ADR_PREL_PG_HI21),
                To::RodataLow => (rodata_symbol, R_AARCH64_ADD_ABS_LO12_NC),
                To::Other(r_type) => (rodata_symbol, r_type),
                To::Symbol(name) if arm => (undefined(&mut obj, &mut symbols, name), R_AARCH64_CALL26),
                To::Symbol(name) => (undefined(&mut obj, &mut symbols, name), R_X86_64_PLT32),
            };
            let flags = RelocationFlags::Elf { r_type };
            obj.add_relocation(text, Relocation { offset: offset.into(), symbol, addend, flags }).unwrap();
        }

        let imports = self.helpers.iter().map(|n| {
            let h = Helper::by_number(*n).unwrap();
            ImportRow { number: h.number, effects: h.effects, signature: h.signature(), fuel: h.fuel, reserved: 0 }
        });
        let imports: Vec<u8> = imports.flat_map(|r| r.write()).collect();
        let meta = Meta {
            functions: self.functions.len() as u32,
            traps: (traps.len() / TrapRow::SIZE) as u32,
            imports: self.helpers.len() as u32,
            ..self.meta
        };
        let tables = [
            (SECTION_META, meta.write().to_vec()),
            (SECTION_IMPORTS, imports),
            (SECTION_FUNCS, funcs),
            (SECTION_TRAPS, traps),
            (SECTION_STRINGS, strings),
        ];
        for (name, bytes) in tables.into_iter().chain(self.tables.clone()) {
            let id = add(&mut obj, name, SectionKind::ReadOnlyData, 0);
            obj.set_section_data(id, bytes, 8);
        }
        let mut bytes = obj.write().unwrap();
        bytes[18..20].copy_from_slice(&self.machine.to_le_bytes());
        bytes
    }
}

fn add(obj: &mut Object<'_>, name: &str, kind: SectionKind, flags: u64) -> SectionId {
    let id = obj.add_section(Vec::new(), name.as_bytes().to_vec(), kind);
    obj.section_mut(id).flags = SectionFlags::Elf { sh_flags: flags };
    id
}

fn undefined<'n>(obj: &mut Object<'_>, known: &mut Vec<(&'n str, SymbolId)>, name: &'n str) -> SymbolId {
    if let Some((_, id)) = known.iter().find(|(n, _)| *n == name) {
        return *id;
    }
    let id = obj.add_symbol(Symbol {
        name: name.as_bytes().to_vec(),
        value: 0,
        size: 0,
        kind: SymbolKind::Text,
        scope: SymbolScope::Unknown,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    });
    known.push((name, id));
    id
}
