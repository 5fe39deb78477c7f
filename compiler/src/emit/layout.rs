//! All functions to one `.text` and one `.rodata`.
//!
//! Functions stand in the order of their index, compiler-made ones behind, each on 16 bytes, gaps filled
//! with what no processor runs. Calls between them are resolved here; what is left becomes the object's relocations.

use std::collections::HashMap;

use wasmkc_abi::limits::{MAX_RELOCATIONS, MAX_RODATA_BYTES, MAX_TEXT_BYTES, MAX_TRAP_SITES};

use super::{Compiled, Field, Target, aarch64, portable, stack};
use crate::{CompileError, isa, module::Module, translate::Symbol};

const ALIGN: usize = 16;

/// Gaps between functions: `int3`, words of `udf #0`, or `nop`, which bytecode has no byte for that stops.
const fn gap(target: isa::Target) -> u8 {
    match target {
        isa::Target::X86_64 => 0xcc,
        isa::Target::Aarch64 | isa::Target::Portable => 0,
    }
}

/// A function at its place.
pub struct Placed {
    /// What the code generator gave; its `code` is in [`Image::text`].
    pub function: Compiled,
    /// Offset in `.text`.
    pub offset: u32,
    /// Bytes of code.
    pub size: u32,
}

/// A relocation of `.text`.
#[derive(Clone, Copy, Debug)]
pub struct Relocation {
    /// Offset of the field in `.text`.
    pub at: u32,
    /// Its form.
    pub field: Field,
    /// What it refers to.
    pub kind: RelocationKind,
    /// The ELF addend.
    pub addend: i64,
}

/// What the object's relocations refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelocationKind {
    /// A function of the loader.
    Undefined(&'static str),
    /// The start of `.rodata`.
    Rodata,
}

/// Everything that the object is made of.
pub struct Image {
    /// Whose code it is.
    pub target: isa::Target,
    /// Instructions and gaps.
    pub text: Vec<u8>,
    /// Constants, then passive data and element segments.
    pub rodata: Vec<u8>,
    /// Offset and length in `.rodata` of each passive segment.
    pub passive: Vec<(u32, u32)>,
    /// Ascending by place.
    pub relocations: Vec<Relocation>,
    /// Ascending by offset.
    pub functions: Vec<Placed>,
    /// Bytes of stack below the entries of packets and calls, unless something recurses.
    pub stack_bound: Option<u32>,
}

/// Where `.text` ends with `function` behind its `end`, if there it may.
pub fn end_of_text(end: u32, function: &Compiled) -> Result<u32, CompileError> {
    let end = end.next_multiple_of(ALIGN as u32) as usize + function.code.len();
    CompileError::check_limit("bytes of code", end as u64, MAX_TEXT_BYTES.into())?;
    Ok(end as u32)
}

/// Places `functions`.
pub fn layout(module: &Module<'_>, target: isa::Target, functions: Vec<Compiled>) -> Result<Image, CompileError> {
    let exports = (0..module.exports.len() as u32).map(Symbol::Export);
    let entries = module.entries.xdp.map(Symbol::Function).into_iter().chain(exports);
    let stack_bound = stack::bound(&functions, entries);
    let mut text: Vec<u8> = Vec::new();
    let mut rodata: Vec<u8> = Vec::new();
    let mut placed = Vec::with_capacity(functions.len());
    let mut offsets: HashMap<Symbol, u32> = HashMap::new();
    let mut constants: Vec<u32> = Vec::with_capacity(functions.len());
    for function in functions {
        text.resize(text.len().next_multiple_of(ALIGN), gap(target));
        let (offset, size) = (text.len() as u32, function.code.len() as u32);
        text.extend_from_slice(&function.code);
        if !function.constants.is_empty() {
            rodata.resize(rodata.len().next_multiple_of(ALIGN), 0);
        }
        constants.push(rodata.len() as u32);
        rodata.extend_from_slice(&function.constants);
        offsets.insert(function.symbol, offset);
        placed.push(Placed { function, offset, size });
    }
    text.resize(text.len().next_multiple_of(ALIGN), gap(target));
    let mut passive = Vec::new();
    for bytes in module.passive() {
        rodata.resize(rodata.len().next_multiple_of(ALIGN), 0);
        passive.push((rodata.len() as u32, bytes.len() as u32));
        rodata.extend_from_slice(bytes);
    }
    let mut elements = Vec::new();
    for items in module.passive_elements() {
        rodata.resize(rodata.len().next_multiple_of(ALIGN), 0);
        elements.push(rodata.len() as u32);
        rodata.extend(items.iter().flat_map(|item| item.to_le_bytes()));
    }
    CompileError::check_limit("bytes of constants", rodata.len() as u64, MAX_RODATA_BYTES.into())?;

    let mut relocations = Vec::new();
    for (function, constants) in placed.iter().zip(constants) {
        for fixup in &function.function.fixups {
            let at = function.offset + fixup.at;
            let (kind, addend) = match fixup.target {
                Target::Constant(offset) => (RelocationKind::Rodata, i64::from(constants + offset) + fixup.addend),
                Target::Symbol(Symbol::Passive(n)) => {
                    (RelocationKind::Rodata, i64::from(passive[n as usize].0) + fixup.addend)
                }
                Target::Symbol(Symbol::Elements(n)) => {
                    (RelocationKind::Rodata, i64::from(elements[n as usize]) + fixup.addend)
                }
                Target::Tail(symbol) => {
                    return Err(CompileError::internal("layout", format!("a tail call of {symbol:?} is left")));
                }
                Target::Symbol(symbol) => match symbol.undefined() {
                    Some(name) => (RelocationKind::Undefined(name), fixup.addend),
                    None => {
                        let to = offsets.get(&symbol).copied();
                        let to =
                            to.ok_or_else(|| CompileError::internal("layout", format!("no code of {symbol:?}")))?;
                        let value = i64::from(to) + fixup.addend - i64::from(at);
                        resolve(&mut text[at as usize..at as usize + 4], fixup.field, value)
                            .map_err(|e| CompileError::internal("layout", e))?;
                        continue;
                    }
                },
            };
            // In bytecode `.rodata` stands right behind `.text`.
            if target == isa::Target::Portable {
                let value = text.len() as i64 + addend - i64::from(at);
                resolve(&mut text[at as usize..at as usize + 4], fixup.field, value)
                    .map_err(|e| CompileError::internal("layout", e))?;
                continue;
            }
            relocations.push(Relocation { at, field: fixup.field, kind, addend });
        }
    }
    let traps: usize = placed.iter().map(|f| f.function.traps.len()).sum();
    CompileError::check_limit("trap sites", traps as u64, MAX_TRAP_SITES.into())?;
    CompileError::check_limit("relocations", relocations.len() as u64, MAX_RELOCATIONS.into())?;
    Ok(Image { target, text, rodata, passive, relocations, functions: placed, stack_bound })
}

/// Writes the distance to another function, `value` bytes, into `field`.
fn resolve(bytes: &mut [u8], field: Field, value: i64) -> Result<(), String> {
    match field {
        Field::Distance32 => {
            let distance = i32::try_from(value).map_err(|_| format!("a distance of {value} bytes"))?;
            bytes.copy_from_slice(&distance.to_le_bytes());
            Ok(())
        }
        Field::Branch26 => aarch64::set_distance(bytes, value),
        Field::FromInstruction => portable::set_distance(bytes, value),
        Field::Page21 | Field::Low12 => Err("the address of a function".to_owned()),
        Field::HostCall => Err("a function that is called by a number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Fixup, *};

    #[test]
    fn a_tail_call_that_is_left_is_an_error() {
        let place = |target| {
            let fixups = vec![Fixup { at: 1, field: Field::Distance32, target, addend: -4 }];
            let (symbol, code) = (Symbol::Function(0), vec![0xe8, 0, 0, 0, 0]);
            let (constants, traps, lines) = (vec![], vec![], vec![]);
            layout(
                &Module::default(),
                isa::Target::X86_64,
                vec![Compiled { symbol, code, constants, fixups, traps, lines, stack: 16 }],
            )
        };
        assert!(place(Target::Symbol(Symbol::Function(0))).is_ok());
        let left = place(Target::Tail(Symbol::Function(0))).err().map(|e| e.to_string());
        assert!(left.is_some_and(|e| e.contains("a tail call of Function(0) is left")));
    }
}
