//! What an intermediate stage makes of a module, and finished code, as text.

mod aarch64;
mod portable;
mod x86_64;

use std::fmt::Write;

use wasmkc_abi::trap::TrapCode;

use crate::{
    CompileError, Options, Target, emit::Image, isa, limits, lines::Lines, module::Module, object, parse, pipeline,
    translate::Translation,
};

/// Which stage to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Cranelift's intermediate form, before its optimisations.
    Clif,
    /// The final instructions with relocations and trap sites.
    Asm,
    /// The records of the object.
    Meta,
}

/// Runs the stages up to `what` and shows it.
pub fn list(wasm: &[u8], options: &Options, what: Listing) -> Result<String, CompileError> {
    limits::check_options(options)?;
    pipeline::validate(wasm, crate::Standard::V3)?;
    let module = parse::parse(wasm, options)?;
    match what {
        Listing::Clif => clif(&module, options),
        Listing::Asm => Ok(asm(&pipeline::build(&module, options)?)),
        Listing::Meta => meta(&module, options),
    }
}

fn clif(module: &Module<'_>, options: &Options) -> Result<String, CompileError> {
    let isa = isa::code_generator(options.target)?;
    let mut translation = Translation::new(module, options, &*isa);
    let mut out = String::new();
    while let Some(symbol) = translation.next()? {
        let _ = writeln!(out, "{symbol:?}:\n{}", translation.function(symbol, false)?.clif.display());
    }
    Ok(out)
}

/// An instruction as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Where it starts.
    pub at: u32,
    /// Where the next one starts.
    pub next: u32,
    /// The instruction itself; what cannot be one begins with `?`, or is `(bad)`.
    pub text: String,
    /// The place that it names by a distance, as branches and calls do. Where a relocation fills the distance in, it
    /// says nothing.
    pub place: Option<u32>,
    /// The function of the loader that it calls by a number.
    pub loader: Option<&'static str>,
}

/// The instructions of a function's `code`, which stands at `start`, one by one: there may be millions.
#[must_use]
pub fn disassemble(target: Target, code: &[u8], start: u32) -> Box<dyn Iterator<Item = Instruction> + '_> {
    match target {
        Target::X86_64 => Box::new(x86_64::instructions(code, start)),
        Target::Aarch64 => Box::new(aarch64::instructions(code, start)),
        Target::Portable => Box::new(portable::instructions(code, start)),
    }
}

fn asm(image: &Image) -> String {
    let mut out = String::new();
    for f in &image.functions {
        let _ = writeln!(out, "{:?}: stack {}", f.function.symbol, f.function.stack);
        let code = &image.text[f.offset as usize..(f.offset + f.size) as usize];
        for Instruction { at, next, text, loader, .. } in disassemble(image.target, code, f.offset) {
            let _ = write!(out, "{at:5x}  {text}");
            let _ = loader.map(|name| write!(out, "  ; {name}"));
            for relocation in image.relocations.iter().filter(|r| (at..next).contains(&r.at)) {
                let _ = write!(out, "  ; {:?} {:+}", relocation.kind, relocation.addend);
            }
            if let Some(trap) = f.function.traps.iter().find(|t| (at + 1..=next).contains(&(t.site + f.offset))) {
                let code = TrapCode::from_u32(trap.code).map_or("?", TrapCode::name);
                let _ = write!(out, "  ; {code} at wasm {:#x}", trap.wasm_offset);
            }
            out.push('\n');
        }
    }
    out
}

fn meta(module: &Module<'_>, options: &Options) -> Result<String, CompileError> {
    let image = pipeline::build(module, options)?;
    let tables = object::tables(module, &image, &Lines::read(module), options)?;
    let mut out = format!("{:#?}\n", tables.meta);
    for row in &tables.imports {
        let _ = writeln!(out, "{row:?}");
    }
    for (row, name) in tables.functions.iter().zip(&tables.names) {
        let _ = writeln!(out, "{row:?} {name}");
    }
    for row in &tables.traps {
        let _ = writeln!(out, "{row:?}");
    }
    for row in &tables.passive {
        let _ = writeln!(out, "{row:?}");
    }
    let _ = writeln!(out, "slots {:?}", tables.slots);
    let _ = writeln!(out, "data {:02x?}", tables.data);
    let _ = writeln!(out, "rodata {:02x?}", image.rodata);
    Ok(out)
}
