//! The `.wkc.*` sections.

use std::collections::HashMap;

use wasmkc_abi::{
    ABI_MAJOR, ABI_MINOR,
    object::{
        BYTECODE_VERSION, DataRow, ExportRow, FLAG_AUTHOR_TRUSTED, FLAG_HAS_MEMORY, FLAG_MEMORY_GROWS, FuncRow,
        HOOK_CALL, HOOK_XDP, ImportRow, MAGIC, MemoryRow, Meta, NONE, PassiveRow, TrapRow, VALUE_TYPES,
    },
};
use wasmparser::{FuncType, ValType};

use super::strings::Strings;
use crate::{
    CompileError, Options, Target, emit, emit::Image, lines::Lines, module::Module, names, parse, translate::Symbol,
};

/// The records, still as structs.
pub struct Tables {
    /// `.wkc.meta`
    pub meta: Meta,
    /// `.wkc.imports`
    pub imports: Vec<ImportRow>,
    /// `.wkc.funcs`
    pub functions: Vec<FuncRow>,
    /// Name of each function, not unique.
    pub names: Vec<String>,
    /// `.wkc.traps`
    pub traps: Vec<TrapRow>,
    /// `.wkc.slots`
    pub slots: Vec<u64>,
    /// `.wkc.memories`
    pub memories: Vec<MemoryRow>,
    /// `.wkc.exports`
    pub exports: Vec<ExportRow>,
    /// `.wkc.passive`
    pub passive: Vec<PassiveRow>,
    /// `.wkc.data`
    pub data: Vec<u8>,
    /// `.wkc.strings`
    pub strings: Vec<u8>,
}

/// Makes all records.
pub fn tables(module: &Module<'_>, image: &Image, lines: &Lines, options: &Options) -> Result<Tables, CompileError> {
    let mut strings = Strings::new();
    let names: Vec<String> = image.functions.iter().map(|f| name(module, f.function.symbol)).collect();
    let functions = functions(image, &names, &mut strings);
    let traps = traps(image, lines, &mut strings);
    let imports: Vec<ImportRow> = module
        .helpers()
        .iter()
        .map(|h| ImportRow {
            number: h.number,
            effects: h.effects,
            signature: h.signature(),
            fuel: h.fuel,
            reserved: 0,
        })
        .collect();
    let slots = parse::initial_slots(module);
    let memories: Vec<MemoryRow> = module
        .memories
        .iter()
        .enumerate()
        .skip(1)
        .map(|(n, m)| MemoryRow { slot: module.memory_slot(n as u32), min: m.min, max: m.max, reserved: 0 })
        .collect();
    let passive: Vec<PassiveRow> =
        image.passive.iter().map(|(offset, size)| PassiveRow { offset: *offset, size: *size }).collect();
    let offsets: HashMap<Symbol, u32> = image.functions.iter().map(|f| (f.function.symbol, f.offset)).collect();
    let start = |symbol| {
        offsets.get(&symbol).copied().ok_or_else(|| CompileError::internal("object", format!("no code of {symbol:?}")))
    };
    let entry = |index: Option<u32>| index.map_or(Ok(NONE), |index| start(Symbol::Function(index)));
    let mut exports = Vec::with_capacity(module.exports.len());
    for (number, export) in module.exports.iter().enumerate() {
        exports.push(ExportRow {
            name: strings.add(&export.name),
            entry: start(Symbol::Export(number as u32))?,
            signature: strings.add(&signature(module.function_type(export.function))?),
            reserved: 0,
        });
    }
    let mut flags = 0;
    for (bit, set) in [
        (FLAG_AUTHOR_TRUSTED, options.author_trusted),
        (FLAG_MEMORY_GROWS, module.memories.iter().any(|m| m.grows)),
        (FLAG_HAS_MEMORY, module.memory().is_some()),
    ] {
        flags |= if set { bit } else { 0 };
    }
    let meta = Meta {
        magic: u64::from_le_bytes(MAGIC),
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        machine: options.target.machine(),
        bytecode: if options.target == Target::Portable { BYTECODE_VERSION } else { 0 },
        flags,
        hooks: hooks(module),
        entry_xdp: entry(module.entries.xdp)?,
        entry_start: entry(module.entries.start)?,
        entry_initialize: entry(module.entries.initialize)?,
        entry_init: entry(module.entries.init)?,
        fuel: options.fuel,
        stack_bound: image.stack_bound.unwrap_or(NONE),
        memory_min: module.memory().map_or(0, |m| m.min),
        memory_max: module.memory().map_or(0, |m| m.max),
        slots: module.slots.total(),
        passive: passive.len() as u32,
        data: module.active().count() as u32,
        shadow_sp_slot: module.shadow_sp.unwrap_or(NONE),
        note: strings.add(&options.note),
        name: strings.add(&options.name),
        functions: functions.len() as u32,
        traps: traps.len() as u32,
        imports: imports.len() as u32,
        producer: strings.add(crate::PRODUCER),
        exports: exports.len() as u32,
        memories: memories.len() as u32,
        transfer: if module.slots.transfer_len == 0 { NONE } else { module.slots.transfer },
        ..Meta::default()
    };
    let data = data(module);
    let strings = strings.into_bytes();
    Ok(Tables { meta, imports, functions, names, traps, slots, memories, exports, passive, data, strings })
}

fn hooks(module: &Module<'_>) -> u32 {
    let xdp = if module.entries.xdp.is_some() { HOOK_XDP } else { 0 };
    let call = if module.exports.is_empty() { 0 } else { HOOK_CALL };
    xdp | call
}

/// Letters of [`VALUE_TYPES`].
fn signature(ty: &FuncType) -> Result<String, CompileError> {
    let letter = |ty: &ValType| {
        let name = ty.to_string();
        let found = VALUE_TYPES.iter().find(|(_, known)| *known == name);
        found
            .map(|(letter, _)| char::from(*letter))
            .ok_or_else(|| CompileError::internal("object", format!("no letter of {ty}")))
    };
    let letters = |types: &[ValType]| types.iter().map(letter).collect::<Result<String, _>>();
    Ok(format!("{}:{}", letters(ty.params())?, letters(ty.results())?))
}

/// A function's name for people.
fn name(module: &Module<'_>, symbol: Symbol) -> String {
    match symbol {
        Symbol::Function(index) => module.function_name(index),
        Symbol::Dispatcher(number) => format!("call_indirect[{number}]"),
        Symbol::Thunk(index) => format!("import[{index}]"),
        symbol @ Symbol::Runtime(_) => emit::place(module, symbol).name,
        Symbol::Export(number) => format!("export {}", names::printable(&module.exports[number as usize].name)),
        other => format!("{other:?}"),
    }
}

fn functions(image: &Image, names: &[String], strings: &mut Strings) -> Vec<FuncRow> {
    image
        .functions
        .iter()
        .zip(names)
        .map(|(f, name)| FuncRow {
            text_offset: f.offset,
            size: f.size,
            name: strings.add(name),
            wasm_index: match f.function.symbol {
                Symbol::Function(index) => index,
                _ => NONE,
            },
        })
        .collect()
}

fn traps(image: &Image, lines: &Lines, strings: &mut Strings) -> Vec<TrapRow> {
    let mut out = Vec::new();
    for (row, function) in image.functions.iter().enumerate() {
        for trap in &function.function.traps {
            let (file, line) = lines.at(trap.wasm_offset).unwrap_or_default();
            out.push(TrapRow {
                site: function.offset + trap.site,
                function: row as u32,
                wasm_offset: trap.wasm_offset,
                code: trap.code,
                file: strings.add(file),
                line,
            });
        }
    }
    out
}

/// Rows first, then the bytes in the same order.
fn data(module: &Module<'_>) -> Vec<u8> {
    let mut offset = module.active().count() * DataRow::SIZE;
    let mut out = Vec::new();
    for (memory, start, bytes) in module.active() {
        let (offset_u32, size) = (offset as u32, bytes.len() as u32);
        let row = DataRow { memory_offset: start, offset: offset_u32, size, memory, reserved: 0 };
        out.extend_from_slice(&row.write());
        offset += bytes.len();
    }
    for (.., bytes) in module.active() {
        out.extend_from_slice(bytes);
    }
    out
}
