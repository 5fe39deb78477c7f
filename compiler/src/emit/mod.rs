//! CLIF to machine code, one function at a time, in the form that the object needs:
//! no constants among instructions, nothing that is never reached, every reference a relocation.
//!
//! ```text
//! mod      compile one function, collect what the tables need
//! x86_64   what this machine's code needs before it is placed
//! aarch64  the same
//! portable what bytecode needs
//! kept     what is left when instructions go
//! layout   all functions to one .text and one .rodata
//! stack    bound of stack use over the call graph
//! ```

mod aarch64;
mod kept;
mod layout;
mod portable;
mod stack;
mod x86_64;

use std::collections::HashMap;

use cranelift_codegen::{
    CodegenError, CompiledCode, Context, FinalizedRelocTarget, binemit::Reloc, control::ControlPlane, ir,
    isa::TargetIsa,
};
use wasmkc_abi::limits::MAX_FRAME_BYTES;

use crate::{
    CompileError, isa,
    module::Module,
    passes::{self, Pass},
    runtime::Runtime,
    translate::{Symbol, Translated},
};
pub use aarch64::BTI_C;
pub use layout::{Image, RelocationKind, end_of_text, layout};

/// Which bits of four bytes of code tell an address, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// x86_64: all of them, the distance from the field.
    Distance32,
    /// aarch64, `bl` and `b`: the distance in instructions.
    Branch26,
    /// aarch64, `adrp`: the distance in pages.
    Page21,
    /// aarch64, `add`: the place in the page.
    Low12,
    /// Bytecode: the distance from the start of the instruction, which the field's own distance from there is in.
    FromInstruction,
    /// Bytecode, `call_indirect_host`: all of the instruction.
    HostCall,
}

/// Four bytes of the code that tell an address.
#[derive(Clone, Copy, Debug)]
pub struct Fixup {
    /// Offset of the field in the function.
    pub at: u32,
    /// Its form.
    pub field: Field,
    /// What it refers to.
    pub target: Target,
    /// Added to the target's address.
    pub addend: i64,
}

/// What a [`Fixup`] refers to.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// A function or a symbol of the loader.
    Symbol(Symbol),
    /// A function that a call leaves this one for, until `tails` has made a jump of it.
    Tail(Symbol),
    /// A byte of the function's constants.
    Constant(u32),
}

/// A call of the trap exit.
#[derive(Clone, Copy, Debug)]
pub struct TrapSite {
    /// Its return address, from the function's start.
    pub site: u32,
    /// Offset in the wasm file, or `u32::MAX`.
    pub wasm_offset: u32,
    /// Trap code.
    pub code: u32,
}

/// From here on the code belongs to this byte of the wasm file.
#[derive(Clone, Copy, Debug)]
pub struct LineRow {
    /// Offset in the function.
    pub at: u32,
    /// Offset in the wasm file, or `u32::MAX`.
    pub wasm_offset: u32,
}

/// One function's code.
pub struct Compiled {
    /// What it is.
    pub symbol: Symbol,
    /// Instructions only.
    pub code: Vec<u8>,
    /// Its constants, 16-byte aligned.
    pub constants: Vec<u8>,
    /// References, ascending.
    pub fixups: Vec<Fixup>,
    /// Trap sites, ascending.
    pub traps: Vec<TrapSite>,
    /// Source positions, ascending.
    pub lines: Vec<LineRow>,
    /// Stack bytes it takes, return address included.
    pub stack: u32,
}

#[cfg(test)]
impl Compiled {
    /// A function of these bytes, with nothing beside.
    fn of(code: &[u8]) -> Self {
        let (symbol, code) = (Symbol::Function(0), code.to_vec());
        Self { symbol, code, constants: vec![], fixups: vec![], traps: vec![], lines: vec![], stack: 16 }
    }
}

/// Bytes that landing pads have where no entry is; found in a finished function of `target`.
pub fn stray(target: isa::Target, function: &Compiled) -> Option<u32> {
    match target {
        isa::Target::X86_64 => x86_64::stray(function),
        // A branch leads to whole instructions there, so constants cannot look like one.
        isa::Target::Aarch64 => None,
        // The processor never runs it.
        isa::Target::Portable => None,
    }
}

/// Compiles one function; `context` is what the last one has left behind, `without` the passes to leave out.
pub fn compile(
    module: &Module<'_>,
    translated: Translated,
    machine: isa::Target,
    isa: &dyn TargetIsa,
    context: &mut Context,
    without: &[Pass],
) -> Result<Compiled, CompileError> {
    let symbol = translated.symbol;
    let internal =
        |what: &dyn std::fmt::Display| CompileError::internal("emit", format!("{}: {what}", place(module, symbol)));
    context.clear();
    context.func = translated.clif;
    let compiled = generate(machine, isa, context, without).map_err(|e| match e {
        CodegenError::CodeTooLarge | CodegenError::ImplLimitExceeded => {
            let what = "too large for the code generator".to_owned();
            CompileError::FunctionTooLarge { place: place(module, symbol), what }
        }
        CodegenError::Verifier(errors) => internal(&errors),
        other => internal(&other),
    })?;
    let buffer = &compiled.buffer;
    let frame = buffer.frame_layout().map_or(0, |f| f.frame_to_fp_offset);
    if frame > MAX_FRAME_BYTES {
        return Err(CompileError::FrameTooLarge { place: place(module, symbol), frame, limit: MAX_FRAME_BYTES });
    }
    let lines: Vec<LineRow> =
        buffer.get_srclocs_sorted().iter().map(|row| LineRow { at: row.start, wasm_offset: row.loc.bits() }).collect();
    let mut out = Compiled {
        symbol,
        code: buffer.data().to_vec(),
        constants: Vec::new(),
        fixups: Vec::with_capacity(buffer.relocs().len()),
        traps: Vec::new(),
        lines,
        // Return address and saved frame pointer lie above the frame.
        stack: frame + 16,
    };
    for reloc in buffer.relocs() {
        let target = target(&context.func, &reloc.target).ok_or_else(|| internal(&"unknown relocation target"))?;
        let field = field(reloc.kind).ok_or_else(|| internal(&format!("relocation {:?}", reloc.kind)))?;
        if let Target::Symbol(Symbol::Trap(code)) = target {
            let wasm_offset = wasm_offset(buffer.get_srclocs_sorted(), reloc.offset);
            out.traps.push(TrapSite { site: reloc.offset + 4, wasm_offset, code });
        }
        out.fixups.push(Fixup { at: reloc.offset, field, target, addend: reloc.addend });
    }
    let entered = match symbol {
        Symbol::Function(index) => module.entries.contains(index),
        Symbol::Export(_) => true,
        _ => false,
    };
    let division = [ir::TrapCode::INTEGER_DIVISION_BY_ZERO, ir::TrapCode::INTEGER_OVERFLOW];
    let own_checks = buffer.traps().iter().filter(|t| division.contains(&t.code)).map(|t| t.offset);
    match machine {
        isa::Target::X86_64 => x86_64::finish(&mut out, entered, &arguments(&context.func), without),
        isa::Target::Aarch64 => aarch64::finish(&mut out, entered, &own_checks.collect()),
        isa::Target::Portable => portable::finish(&mut out),
    }
    .map_err(|e| internal(&e))?;
    out.fixups.sort_by_key(|f| f.at);
    out.traps.sort_by_key(|t| t.site);
    Ok(out)
}

/// Runs the code generator, with what a machine needs between optimisation and the rest.
fn generate(
    machine: isa::Target,
    isa: &dyn TargetIsa,
    context: &mut Context,
    without: &[Pass],
) -> Result<CompiledCode, CodegenError> {
    let control = &mut ControlPlane::default();
    context.verify(isa)?;
    context.optimize(isa, control)?;
    passes::run_behind(context, without);
    if machine == isa::Target::Aarch64 {
        aarch64::bring_near(&mut context.func);
    }
    context.verify(isa)?;
    let code = isa.compile_function(&context.func, &context.domtree, &mut Default::default(), false, control)?;
    Ok(code.apply_params(&context.func.params))
}

fn field(kind: Reloc) -> Option<Field> {
    Some(match kind {
        Reloc::X86CallPCRel4 | Reloc::X86PCRel4 => Field::Distance32,
        Reloc::Arm64Call => Field::Branch26,
        Reloc::Aarch64AdrPrelPgHi21 => Field::Page21,
        Reloc::Aarch64AddAbsLo12Nc => Field::Low12,
        Reloc::PulleyPcRel => Field::FromInstruction,
        Reloc::PulleyCallIndirectHost => Field::HostCall,
        _ => return None,
    })
}

/// Where `symbol`'s code comes from.
pub fn place(module: &Module<'_>, symbol: Symbol) -> crate::Place {
    match symbol {
        Symbol::Function(index) => {
            let body = module.bodies.get(index as usize - module.imports.len());
            module.place(index, body.map_or(0, |b| b.range().start))
        }
        Symbol::Thunk(index) => module.place(index, 0),
        Symbol::Runtime(index) => runtime_place(index),
        Symbol::Export(number) => module.place(module.exports[number as usize].function, 0),
        other => crate::Place { name: format!("{other:?}"), index: u32::MAX, offset: 0 },
    }
}

/// Functions of the runtime module are named as if they were in the filter.
fn runtime_place(index: u32) -> crate::Place {
    let name = Runtime::get().map_or(String::new(), |runtime| runtime.module.function_name(index));
    crate::Place { name: format!("wasmkc.{name}"), index: u32::MAX, offset: 0 }
}

fn target(func: &ir::Function, target: &FinalizedRelocTarget) -> Option<Target> {
    let FinalizedRelocTarget::ExternalName(ir::ExternalName::User(name)) = target else { return None };
    let name = func.params.user_named_funcs().get(*name)?;
    let symbol = Symbol::from_external(name)?;
    Some(if Symbol::is_tail(name) { Target::Tail(symbol) } else { Target::Symbol(symbol) })
}

/// How many arguments each callee of `func` takes.
fn arguments(func: &ir::Function) -> HashMap<Symbol, usize> {
    let callees = func.dfg.ext_funcs.values().filter_map(|callee| {
        let target = target(func, &FinalizedRelocTarget::ExternalName(callee.name.clone()))?;
        let (Target::Symbol(symbol) | Target::Tail(symbol)) = target else { return None };
        Some((symbol, func.dfg.signatures[callee.signature].params.len()))
    });
    callees.collect()
}

fn wasm_offset(rows: &[cranelift_codegen::MachSrcLoc<cranelift_codegen::Final>], at: u32) -> u32 {
    let next = rows.partition_point(|row| row.start <= at);
    rows[..next].last().filter(|row| at < row.end).map_or(u32::MAX, |row| row.loc.bits())
}

/// Puts `bytes` before the code.
fn prepend(out: &mut Compiled, bytes: &[u8]) {
    let by = bytes.len() as u32;
    out.code.splice(0..0, bytes.iter().copied());
    out.fixups.iter_mut().for_each(|f| f.at += by);
    out.traps.iter_mut().for_each(|t| t.site += by);
    out.lines.iter_mut().for_each(|l| l.at += by);
}
