// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A small object, built section by section so that tests can spoil any part of it, and a platform that keeps
//! account of what the core takes from it.
#![allow(dead_code, missing_docs, clippy::missing_panics_doc)]

use std::sync::{Arc, Mutex};

use wasmkc_abi::helper::Helper;
use wasmkc_abi::object::{
    self as o, DataRow, ExportRow, FuncRow, ImportRow, MemoryRow, Meta, NONE, PassiveRow, TrapRow,
};
use wasmkc_abi::{ABI_MAJOR, ABI_MINOR};
use wasmkc_core::{Arena, Error, Platform, Program, Symbol};

/// xdp: trap packet-out-of-bounds without a packet, else return its first byte; five units of fuel.
/// init: global 0 += 1, then helper `cpu`.
#[rustfmt::skip]
pub const TEXT: [u8; 90] = [
    0xf3, 0x0f, 0x1e, 0xfa,             //  0 endbr64
    0x55,                               //  4 push rbp
    0x48, 0x89, 0xe5,                   //  5 mov rbp, rsp
    0x48, 0x83, 0x6f, 0x18, 0x05,       //  8 sub qword [rdi+24], 5       fuel
    0x48, 0x8b, 0x47, 0x28,             // 13 mov rax, [rdi+40]           packet length
    0x48, 0x85, 0xc0,                   // 17 test rax, rax
    0x74, 0x13,                         // 20 je 41
    0x48, 0x8b, 0x47, 0x20,             // 22 mov rax, [rdi+32]           packet
    0x0f, 0xb6, 0x00,                   // 26 movzx eax, byte [rax]
    0x48, 0x03, 0x05, 0, 0, 0, 0,       // 29 add rax, [rip+.rodata]      a constant of 0
    0xe9, 0, 0, 0, 0,                   // 36 jmp wkc_ret
    0xbe, 10, 0, 0, 0,                  // 41 mov esi, packet-out-of-bounds
    0xe8, 0, 0, 0, 0,                   // 46 call wkc_trap
    0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
    0xf3, 0x0f, 0x1e, 0xfa,             // 64 endbr64
    0x55,                               // 68 push rbp
    0x48, 0x89, 0xe5,                   // 69 mov rbp, rsp
    0x48, 0x8b, 0x07,                   // 72 mov rax, [rdi]              instance
    0x48, 0x83, 0x40, 0x40, 0x01,       // 75 add qword [rax+64], 1       global 0
    0xe8, 0, 0, 0, 0,                   // 80 call wkc_helper_cpu
    0xe9, 0, 0, 0, 0,                   // 85 jmp wkc_ret
];
pub const INIT: u32 = 64;
pub const TRAP_SITE: u32 = 51;

pub const SHT_PROGBITS: u32 = 1;
pub const ALLOC: u64 = 2;
pub const EXEC: u64 = 4;
pub const WRITE: u64 = 1;

#[derive(Clone, Debug)]
pub struct Section {
    pub name: String,
    pub kind: u32,
    pub flags: u64,
    pub link: u32,
    pub info: u32,
    pub entry_size: u64,
    pub bytes: Vec<u8>,
}

impl Section {
    pub fn new(name: &str, flags: u64, bytes: &[u8]) -> Self {
        Self { name: name.into(), kind: SHT_PROGBITS, flags, link: 0, info: 0, entry_size: 0, bytes: bytes.into() }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Rela {
    pub offset: u64,
    pub kind: u32,
    pub symbol: u32,
    pub addend: i64,
}

/// The parts of an object before they become bytes.
#[derive(Clone, Debug)]
pub struct Object {
    pub machine: u16,
    pub meta: Meta,
    pub text: Vec<u8>,
    pub rodata: Vec<u8>,
    pub imports: Vec<ImportRow>,
    pub funcs: Vec<FuncRow>,
    pub traps: Vec<TrapRow>,
    pub slots: Vec<u64>,
    pub memories: Vec<MemoryRow>,
    pub exports: Vec<ExportRow>,
    pub passive: Vec<PassiveRow>,
    pub data: Vec<DataRow>,
    pub data_bytes: Vec<u8>,
    pub strings: Vec<u8>,
    pub relas: Vec<Rela>,
    /// name, info, section index
    pub symbols: Vec<(String, u8, u16)>,
    /// Sections behind the object's own.
    pub more: Vec<Section>,
    /// Changes the finished sections.
    pub sections: fn(&mut Vec<Section>),
}

impl Default for Object {
    fn default() -> Self {
        let cpu = Helper::by_name("cpu").unwrap();
        let rela = |offset, kind, symbol, addend| Rela { offset, kind, symbol, addend };
        Self {
            machine: o::EM_X86_64,
            meta: Meta {
                magic: u64::from_le_bytes(o::MAGIC),
                abi_major: ABI_MAJOR,
                abi_minor: ABI_MINOR,
                machine: o::EM_X86_64,
                flags: o::FLAG_HAS_MEMORY | o::FLAG_MEMORY_GROWS,
                hooks: o::HOOK_XDP,
                entry_xdp: 0,
                entry_start: NONE,
                entry_initialize: NONE,
                entry_init: INIT,
                fuel: 1000,
                stack_bound: 64,
                memory_min: 1,
                memory_max: 2,
                slots: 2,
                passive: 1,
                data: 1,
                shadow_sp_slot: 1,
                name: 1,
                functions: 2,
                traps: 1,
                imports: 1,
                transfer: NONE,
                ..Meta::default()
            },
            text: TEXT.to_vec(),
            rodata: b"\0\0\0\0\0\0\0\0abcd".to_vec(),
            imports: vec![ImportRow {
                number: cpu.number,
                effects: cpu.effects,
                signature: cpu.signature(),
                fuel: cpu.fuel,
                reserved: 0,
            }],
            funcs: vec![
                FuncRow { text_offset: 0, size: 51, name: 8, wasm_index: 1 },
                FuncRow { text_offset: INIT, size: 26, name: 12, wasm_index: 2 },
            ],
            traps: vec![TrapRow { site: TRAP_SITE, function: 0, wasm_offset: 0x99, code: 10, file: 17, line: 35 }],
            slots: vec![7, 0x1_0000],
            memories: Vec::new(),
            exports: Vec::new(),
            passive: vec![PassiveRow { offset: 8, size: 4 }],
            data: vec![DataRow { memory_offset: 16, offset: 24, size: 5, memory: 0, reserved: 0 }],
            data_bytes: b"hello".to_vec(),
            strings: b"\0sample\0xdp\0init\0filter.c\0".to_vec(),
            relas: vec![
                rela(32, o::R_X86_64_PC32, 1, -4),
                rela(37, o::R_X86_64_PLT32, 2, -4),
                rela(47, o::R_X86_64_PLT32, 3, -4),
                rela(81, o::R_X86_64_PLT32, 4, -4),
                rela(86, o::R_X86_64_PLT32, 2, -4),
            ],
            symbols: vec![
                (String::new(), 0, 0),
                (String::new(), 3, 2),
                ("wkc_ret".into(), 0x10, 0),
                ("wkc_trap".into(), 0x10, 0),
                ("wkc_helper_cpu".into(), 0x10, 0),
            ],
            more: Vec::new(),
            sections: |_| {},
        }
    }
}

fn rows<const N: usize>(rows: impl Iterator<Item = [u8; N]>) -> Vec<u8> {
    rows.flatten().collect()
}

impl Object {
    fn parts(&self) -> Vec<Section> {
        let mut data = rows(self.data.iter().map(DataRow::write));
        data.extend_from_slice(&self.data_bytes);
        let (mut symbols, mut names) = (Vec::new(), vec![0u8]);
        for (name, info, section) in &self.symbols {
            let at = if name.is_empty() { 0 } else { names.len() as u32 };
            if at != 0 {
                names.extend_from_slice(name.as_bytes());
                names.push(0);
            }
            symbols.extend_from_slice(&at.to_le_bytes());
            symbols.extend_from_slice(&[*info, 0]);
            symbols.extend_from_slice(&section.to_le_bytes());
            symbols.extend_from_slice(&[0; 16]);
        }
        let mut relas = Vec::new();
        for r in &self.relas {
            relas.extend_from_slice(&r.offset.to_le_bytes());
            relas.extend_from_slice(&r.kind.to_le_bytes());
            relas.extend_from_slice(&r.symbol.to_le_bytes());
            relas.extend_from_slice(&r.addend.to_le_bytes());
        }
        let symtab = Section { kind: 2, link: 5, info: 2, entry_size: 24, ..Section::new(".symtab", 0, &symbols) };
        let rela = Section { kind: 4, link: 4, info: 1, entry_size: 24, ..Section::new(".rela.text", 0, &relas) };
        let mut sections = vec![
            Section::new(".text", ALLOC | EXEC, &self.text),
            Section::new(".rodata", ALLOC, &self.rodata),
            rela,
            symtab,
            Section { kind: 3, ..Section::new(".strtab", 0, &names) },
            Section::new(o::SECTION_META, 0, &self.meta.write()),
            Section::new(o::SECTION_IMPORTS, 0, &rows(self.imports.iter().map(ImportRow::write))),
            Section::new(o::SECTION_FUNCS, 0, &rows(self.funcs.iter().map(FuncRow::write))),
            Section::new(o::SECTION_TRAPS, 0, &rows(self.traps.iter().map(TrapRow::write))),
            Section::new(o::SECTION_SLOTS, 0, &rows(self.slots.iter().map(|g| g.to_le_bytes()))),
            Section::new(o::SECTION_MEMORIES, 0, &rows(self.memories.iter().map(MemoryRow::write))),
            Section::new(o::SECTION_EXPORTS, 0, &rows(self.exports.iter().map(ExportRow::write))),
            Section::new(o::SECTION_PASSIVE, 0, &rows(self.passive.iter().map(PassiveRow::write))),
            Section::new(o::SECTION_DATA, 0, &data),
            Section::new(o::SECTION_STRINGS, 0, &self.strings),
        ];
        sections.extend(self.more.iter().cloned());
        (self.sections)(&mut sections);
        sections
    }

    /// The ELF file, and where each section's contents and the section headers are.
    pub fn elf_with_ranges(&self) -> (Vec<u8>, Vec<(String, std::ops::Range<usize>)>) {
        let mut sections = self.parts();
        let mut names = vec![0u8];
        let mut offsets = vec![0u32];
        sections.push(Section { kind: 3, ..Section::new(".shstrtab", 0, &[]) });
        for s in &sections {
            offsets.push(names.len() as u32);
            names.extend_from_slice(s.name.as_bytes());
            names.push(0);
        }
        sections.last_mut().unwrap().bytes = names;
        let table = 64;
        let count = sections.len() + 1;
        let mut at = table + 64 * count;
        let mut headers = vec![0u8; 64];
        let mut body = Vec::new();
        let mut ranges = vec![("section headers".to_owned(), table..at)];
        for (s, name) in sections.iter().zip(offsets.iter().skip(1)) {
            let mut h = Vec::new();
            h.extend_from_slice(&name.to_le_bytes());
            h.extend_from_slice(&s.kind.to_le_bytes());
            h.extend_from_slice(&s.flags.to_le_bytes());
            h.extend_from_slice(&0u64.to_le_bytes());
            h.extend_from_slice(&(at as u64).to_le_bytes());
            h.extend_from_slice(&(s.bytes.len() as u64).to_le_bytes());
            h.extend_from_slice(&s.link.to_le_bytes());
            h.extend_from_slice(&s.info.to_le_bytes());
            h.extend_from_slice(&1u64.to_le_bytes());
            h.extend_from_slice(&s.entry_size.to_le_bytes());
            headers.extend_from_slice(&h);
            ranges.push((s.name.clone(), at..at + s.bytes.len()));
            body.extend_from_slice(&s.bytes);
            at += s.bytes.len();
        }
        let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        elf.extend_from_slice(&1u16.to_le_bytes());
        elf.extend_from_slice(&self.machine.to_le_bytes());
        elf.extend_from_slice(&1u32.to_le_bytes());
        elf.extend_from_slice(&[0; 16]);
        elf.extend_from_slice(&(table as u64).to_le_bytes());
        elf.extend_from_slice(&[0; 4]);
        // e_ehsize, e_phentsize, e_phnum
        for half in [64u16, 0, 0] {
            elf.extend_from_slice(&half.to_le_bytes());
        }
        elf.extend_from_slice(&64u16.to_le_bytes());
        elf.extend_from_slice(&(count as u16).to_le_bytes());
        elf.extend_from_slice(&(count as u16 - 1).to_le_bytes());
        elf.extend_from_slice(&headers);
        elf.extend_from_slice(&body);
        (elf, ranges)
    }

    pub fn elf(&self) -> Vec<u8> {
        self.elf_with_ranges().0
    }
}

/// Appends a trailer with some signature, which the test's verifier takes for good.
pub fn signed(elf: &[u8]) -> Vec<u8> {
    let mut bytes = elf.to_vec();
    bytes.extend_from_slice(b"signature");
    bytes.extend_from_slice(&[0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    bytes.extend_from_slice(o::SIGNATURE_MAGIC);
    bytes
}

/// What a [`TestPlatform`] has given out.
#[derive(Debug, Default)]
pub struct Account {
    pub blocks: Vec<(Arena, u64, usize)>,
    pub written: Vec<(Arena, u64, Vec<u8>)>,
    pub calls: usize,
    /// The call that fails, counted from 0.
    pub fail_at: Option<usize>,
    pub far_rodata: bool,
}

#[derive(Clone, Debug, Default)]
pub struct OnMachine<const MACHINE: u16>(pub Arc<Mutex<Account>>);

pub type TestPlatform = OnMachine<{ o::EM_X86_64 }>;

pub const TEXT_BASE: u64 = 0x7f00_0000_0000;
pub const RODATA_BASE: u64 = 0x7f00_0010_0000;
pub const SYMBOL_BASE: u64 = 0x7f00_0020_0000;

impl<const MACHINE: u16> OnMachine<MACHINE> {
    fn step(account: &mut Account) -> Result<(), i32> {
        account.calls += 1;
        if account.fail_at == Some(account.calls - 1) { Err(28) } else { Ok(()) }
    }
}

impl<const MACHINE: u16> Platform for OnMachine<MACHINE> {
    const MACHINE: u16 = MACHINE;

    fn arena_alloc(&mut self, arena: Arena, size: usize) -> Result<u64, i32> {
        let mut a = self.0.lock().unwrap();
        Self::step(&mut a)?;
        let far = if a.far_rodata { 1 << 33 } else { 0 };
        let address = if arena == Arena::Text { TEXT_BASE } else { RODATA_BASE + far };
        a.blocks.push((arena, address, size));
        Ok(address)
    }

    fn arena_free(&mut self, arena: Arena, address: u64, size: usize) {
        let mut a = self.0.lock().unwrap();
        let index = a.blocks.iter().position(|b| *b == (arena, address, size)).expect("freed what was not taken");
        a.blocks.remove(index);
    }

    fn arena_write(&mut self, arena: Arena, address: u64, bytes: &[u8]) -> Result<(), i32> {
        let mut a = self.0.lock().unwrap();
        Self::step(&mut a)?;
        assert!(a.blocks.contains(&(arena, address, bytes.len())), "write outside the block");
        a.written.push((arena, address, bytes.to_vec()));
        Ok(())
    }

    fn symbol(&mut self, symbol: Symbol) -> Option<u64> {
        let mut a = self.0.lock().unwrap();
        Self::step(&mut a).ok()?;
        Some(SYMBOL_BASE + 16 * u64::from(symbol.index()))
    }

    fn sha256(&mut self, data: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        for (i, b) in data.iter().enumerate() {
            out[i % 32] ^= b;
        }
        out
    }
}

/// Loads with a verifier that says yes, and checks that nothing stays taken afterwards.
pub fn load(elf: &[u8]) -> Result<Program<TestPlatform>, Error> {
    load_on(&TestPlatform::default(), elf)
}

/// The same on any machine.
pub fn load_on<const MACHINE: u16>(
    platform: &OnMachine<MACHINE>,
    elf: &[u8],
) -> Result<Program<OnMachine<MACHINE>>, Error> {
    let loaded = wasmkc_core::load(|_, _| Ok(()), platform.clone(), &signed(elf));
    if loaded.is_err() {
        assert!(platform.0.lock().unwrap().blocks.is_empty(), "a failed load kept arena space");
    }
    loaded
}
