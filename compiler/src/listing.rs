//! What an intermediate stage makes of a module, as text.

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

/// An instruction: where it starts, where the next one does, its text.
struct Line {
    at: u32,
    next: u32,
    text: String,
}

fn asm(image: &Image) -> String {
    let mut out = String::new();
    for f in &image.functions {
        let _ = writeln!(out, "{:?}: stack {}", f.function.symbol, f.function.stack);
        let code = &image.text[f.offset as usize..(f.offset + f.size) as usize];
        let lines = match image.target {
            Target::X86_64 => x86_64::lines(code, f.offset),
            Target::Aarch64 => aarch64::lines(code, f.offset),
            Target::Portable => portable::lines(code, f.offset),
        };
        for Line { at, next, text } in lines {
            let _ = write!(out, "{at:5x}  {text}");
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
