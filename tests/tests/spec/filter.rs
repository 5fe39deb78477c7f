//! A module of the specification's tests, made a filter that runs one assertion a packet.
//!
//! Its functions, memory and tables stay as they are. What is added: for each assertion a function that calls
//! the export and compares, and `xdp`, which counts its calls and runs the next of them. So the state of the
//! module's one instance goes from assertion to assertion, as the tests want it. Imports of `spectest` become
//! definitions; functions and globals that
//! use floats lose what they are, since they would be refused.

use std::collections::{BTreeMap, BTreeSet};

use wasm_encoder::{BlockType, Function, Instruction as I, RawSection, ValType};
use wasmparser::{ExternalKind, FuncType, Parser, Payload, TypeRef};

/// An argument or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    I32(i32),
    I64(i64),
}

/// What one packet does.
#[derive(Clone, Debug)]
pub struct Step {
    /// The export that is called, or read if it is a global.
    pub export: String,
    pub args: Vec<Value>,
    pub results: Vec<Value>,
}

/// The entries of a section that is a vector.
#[derive(Clone, Default)]
struct Entries {
    count: u32,
    bytes: Vec<u8>,
}

impl Entries {
    fn push(&mut self, entry: &[u8]) {
        self.count += 1;
        self.bytes.extend_from_slice(entry);
    }
}

/// A module in pieces.
#[derive(Default)]
pub struct Module {
    /// Sections that stay, by number.
    sections: BTreeMap<u8, Entries>,
    start: Option<Vec<u8>>,
    types: Vec<FuncType>,
    /// Type and body of each function; those of imports have an empty one.
    functions: Vec<(u32, Vec<u8>)>,
    exports: BTreeMap<String, (ExternalKind, u32)>,
    globals: u32,
}

fn is_integer(ty: wasmparser::ValType) -> bool {
    matches!(ty, wasmparser::ValType::I32 | wasmparser::ValType::I64)
}

fn leb(mut n: u32) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = n as u8 & 0x7f;
        n >>= 7;
        out.push(if n > 0 { low | 0x80 } else { low });
        if n == 0 {
            return out;
        }
    }
}

/// A body that has nothing but its `end`.
const EMPTY: &[u8] = &[0, 0x0b];
/// The body of what is removed, `(loop (br 0)) unreachable`: it runs out of fuel, which no test does.
const ENDLESS: &[u8] = &[0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x00, 0x0b];

impl Module {
    /// Takes `wasm` apart; says what it imports if that cannot be replaced.
    pub fn read(wasm: &[u8]) -> Result<Self, String> {
        let mut out = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|e| e.to_string())?;
            if let Some((id, range)) = payload.as_section() {
                let mut reader = wasmparser::BinaryReader::new(&wasm[range.clone()], range.start);
                match id {
                    0 | 2 | 3 | 6 | 7 | 10 => {}
                    8 => out.start = Some(wasm[range].to_vec()),
                    12 => {}
                    id => {
                        let count = reader.read_var_u32().map_err(|e| e.to_string())?;
                        let bytes = &wasm[reader.original_position()..range.end];
                        let entries = out.sections.entry(id).or_default();
                        entries.count += count;
                        entries.bytes.extend_from_slice(bytes);
                    }
                }
            }
            out.payload(payload, wasm)?;
        }
        Ok(out)
    }

    fn payload(&mut self, payload: Payload<'_>, wasm: &[u8]) -> Result<(), String> {
        let text = |e: wasmparser::BinaryReaderError| e.to_string();
        let end = payload.as_section().map_or(0, |(_, range)| range.end);
        match payload {
            Payload::TypeSection(reader) => {
                for ty in reader.into_iter_err_on_gc_types() {
                    self.types.push(ty.map_err(text)?);
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    self.import(&import.map_err(text)?)?;
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    self.functions.push((ty.map_err(text)?, Vec::new()));
                }
            }
            Payload::GlobalSection(reader) => {
                let mut globals = reader.into_iter_with_offsets().peekable();
                while let Some(global) = globals.next() {
                    let (start, global) = global.map_err(text)?;
                    let end = match globals.peek() {
                        Some(Ok((next, _))) => *next,
                        _ => end,
                    };
                    let integer = is_integer(global.ty.content_type);
                    let entry: &[u8] = if integer { &wasm[start..end] } else { &[0x7f, 1, 0x41, 0, 0x0b] };
                    self.sections.entry(6).or_default().push(entry);
                    self.globals += 1;
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export.map_err(text)?;
                    self.exports.insert(export.name.to_owned(), (export.kind, export.index));
                }
            }
            Payload::CodeSectionEntry(body) => {
                let next = self.functions.iter_mut().find(|(_, body)| body.is_empty()).expect("function of a body");
                next.1 = wasm[body.range()].to_vec();
            }
            _ => {}
        }
        Ok(())
    }

    /// Defines what `spectest` would give.
    fn import(&mut self, import: &wasmparser::Import<'_>) -> Result<(), String> {
        let (id, entry): (u8, &[u8]) = match (import.module, import.name, import.ty) {
            ("spectest", name, TypeRef::Func(ty)) if name.starts_with("print") => {
                self.functions.push((ty, EMPTY.to_vec()));
                return Ok(());
            }
            ("spectest", "global_i32", TypeRef::Global(_)) => (6, &[0x7f, 0, 0x41, 0x9a, 0x05, 0x0b]),
            ("spectest", "global_i64", TypeRef::Global(_)) => (6, &[0x7e, 0, 0x42, 0x9a, 0x05, 0x0b]),
            ("spectest", "memory", TypeRef::Memory(_)) => (5, &[1, 1, 2]),
            ("spectest", "table", TypeRef::Table(_)) => (4, &[0x70, 1, 10, 20]),
            (module, name, _) => return Err(format!("imports {module}.{name}")),
        };
        self.globals += u32::from(id == 6);
        self.sections.entry(id).or_default().push(entry);
        Ok(())
    }

    /// Whether a step can call `export`: it is a global, or a function that is not among the `removed`.
    pub fn has(&self, export: &str, removed: &BTreeSet<u32>) -> bool {
        match self.exports.get(export) {
            Some((ExternalKind::Func, index)) => !removed.contains(index),
            Some((ExternalKind::Global, _)) => true,
            _ => false,
        }
    }

    /// Functions with a signature that no function of a filter can have.
    pub fn foreign(&self) -> BTreeSet<u32> {
        let foreign =
            |ty: &FuncType| ty.results().len() > 2 || !ty.params().iter().chain(ty.results()).all(|ty| is_integer(*ty));
        (0..self.functions()).filter(|f| foreign(&self.types[self.functions[*f as usize].0 as usize])).collect()
    }

    /// Index of the function that is exported as `export`.
    pub fn function(&self, export: &str) -> Option<u32> {
        self.exports.get(export).filter(|(kind, _)| *kind == ExternalKind::Func).map(|(_, index)| *index)
    }

    /// Functions of the module itself, imports included.
    pub fn functions(&self) -> u32 {
        self.functions.len() as u32
    }

    /// The filter that runs `steps`; `removed` functions, all foreign ones among them, never end.
    pub fn filter(&self, steps: &[Step], removed: &BTreeSet<u32>) -> Vec<u8> {
        let mut sections = self.sections.clone();
        let (nothing, verdict) = (self.types.len() as u32, self.types.len() as u32 + 1);
        let types = sections.entry(1).or_default();
        types.push(&[0x60, 0, 0]);
        types.push(&[0x60, 0, 1, 0x7f]);
        sections.entry(6).or_default().push(&[0x7f, 1, 0x41, 0, 0x0b]);

        let foreign = self.foreign();
        let (mut functions, mut code) = (Entries::default(), Entries::default());
        for (index, (ty, body)) in self.functions.iter().enumerate() {
            functions.push(&leb(if foreign.contains(&(index as u32)) { nothing } else { *ty }));
            let body = if removed.contains(&(index as u32)) { ENDLESS } else { body.as_slice() };
            code.push(&[leb(body.len() as u32), body.to_vec()].concat());
        }
        let mut add = |body: &Function| {
            functions.push(&leb(verdict));
            code.push(&[leb(body.byte_len() as u32), body.clone().into_raw_body()].concat());
        };
        for step in steps {
            add(&self.step(step));
        }
        add(&self.xdp(steps.len()));
        let xdp = leb(self.functions.len() as u32 + steps.len() as u32);
        sections.insert(3, functions);
        sections.insert(10, code);
        sections.insert(7, Entries { count: 1, bytes: [&[3][..], b"xdp", &[0], &xdp].concat() });

        let mut out = wasm_encoder::Module::new();
        for id in [1, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11] {
            let data = match (id, sections.get(&id)) {
                (8, _) => self.start.clone(),
                (12, _) => sections.get(&11).map(|data| leb(data.count)),
                (_, entries) => entries.map(|e| [leb(e.count), e.bytes.clone()].concat()),
            };
            if let Some(data) = data {
                out.section(&RawSection { id, data: &data });
            }
        }
        out.finish()
    }

    /// Calls the export and compares: 2 if all is as expected, else 1. With no results, whatever comes is dropped.
    fn step(&self, step: &Step) -> Function {
        let types = step.results.iter().map(|value| match value {
            Value::I32(_) => (1, ValType::I32),
            Value::I64(_) => (1, ValType::I64),
        });
        let mut body = Function::new(types.collect::<Vec<_>>());
        for arg in &step.args {
            constant(&mut body, *arg);
        }
        let (kind, index) = self.exports[&step.export];
        body.instruction(&if kind == ExternalKind::Func { I::Call(index) } else { I::GlobalGet(index) });
        if step.results.is_empty() && kind == ExternalKind::Func {
            let (ty, _) = self.functions[index as usize];
            for _ in self.types[ty as usize].results() {
                body.instruction(&I::Drop);
            }
        }
        for local in (0..step.results.len()).rev() {
            body.instruction(&I::LocalSet(local as u32));
        }
        body.instruction(&I::I32Const(1));
        for (local, result) in step.results.iter().enumerate() {
            body.instruction(&I::LocalGet(local as u32));
            constant(&mut body, *result);
            body.instruction(&if matches!(result, Value::I32(_)) { I::I32Eq } else { I::I64Eq });
            body.instruction(&I::I32And);
        }
        body.instruction(&I::I32Const(1)).instruction(&I::I32Add).instruction(&I::End);
        body
    }

    /// Runs the step whose turn it is; 0 after the last.
    fn xdp(&self, steps: usize) -> Function {
        let first = self.functions.len() as u32;
        let mut body = Function::new([(1, ValType::I32)]);
        body.instruction(&I::GlobalGet(self.globals)).instruction(&I::LocalTee(0)).instruction(&I::I32Const(1));
        body.instruction(&I::I32Add).instruction(&I::GlobalSet(self.globals));
        for step in 0..steps as u32 {
            body.instruction(&I::LocalGet(0)).instruction(&I::I32Const(step as i32)).instruction(&I::I32Eq);
            body.instruction(&I::If(BlockType::Empty)).instruction(&I::Call(first + step)).instruction(&I::Return);
            body.instruction(&I::End);
        }
        body.instruction(&I::I32Const(0)).instruction(&I::End);
        body
    }
}

fn constant(body: &mut Function, value: Value) {
    body.instruction(&match value {
        Value::I32(n) => I::I32Const(n),
        Value::I64(n) => I::I64Const(n),
    });
}
