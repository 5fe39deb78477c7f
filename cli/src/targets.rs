//! An object's targets one by one, each read as a loader that takes it would.

use crate::error::{Error, Result};
use crate::kind::no_object;
use serde::Serialize;
use std::path::Path;
use wasmkc_abi::object::{FLAG_AUTHOR_TRUSTED, Meta, TARGETS, TargetRow};
use wasmkc_compiler::fat;
use wasmkc_core::describe::{Description, describe};
use wasmkc_core::elf::Elf;
use wasmkc_core::image::split_trailer;
use wasmkc_core::targets::Targets;

/// One target's code.
pub struct Part<'a> {
    /// The target's name.
    pub name: String,
    /// What it takes of the file, signature aside.
    pub bytes: usize,
    /// What is in it.
    pub description: Description<'a>,
}

/// What of a target's code is masked against speculation (abi/SPEC.md, 3.7 and 3.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Masks {
    /// Every index.
    All,
    /// Those into tables: the author is trusted.
    Tables,
    /// Nothing, as it is interpreted.
    None,
}

impl Masks {
    /// Those of the code that `meta` tells of.
    pub fn of(meta: &Meta) -> Self {
        match (meta.bytecode, meta.flags & FLAG_AUTHOR_TRUSTED) {
            (0, 0) => Self::All,
            (0, _) => Self::Tables,
            _ => Self::None,
        }
    }

    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::All => "Spectre v1 masks",
            Self::Tables => "Spectre v1 masks for tables only, the author is trusted",
            Self::None => "no Spectre masks, as it is interpreted",
        }
    }
}

/// The targets of the object `bytes`, signed or not: one at least, the outer one first.
pub fn all<'a>(file: &Path, bytes: &'a [u8]) -> Result<Vec<Part<'a>>> {
    let outer = describe(bytes).map_err(|e| unreadable(file, bytes, e))?;
    let outer_bytes = outer.targets.outer().bytes();
    let inner: Vec<_> = outer.targets.iter().filter(|(_, elf)| elf.bytes().as_ptr() != outer_bytes.as_ptr()).collect();
    let inner_bytes: usize = inner.iter().map(|(_, elf)| elf.bytes().len()).sum();
    let name = name_of(outer.targets.outer().machine());
    let mut parts = vec![Part { name, bytes: outer_bytes.len().saturating_sub(inner_bytes), description: outer }];
    for (row, elf) in inner {
        let description = describe(elf.bytes()).map_err(|e| no_target(file, row, e))?;
        parts.push(Part { name: row.name.to_owned(), bytes: elf.bytes().len(), description });
    }
    Ok(parts)
}

/// The object of one target alone, without a signature.
pub fn extract(file: &Path, bytes: &[u8], row: &TargetRow) -> Result<Vec<u8>> {
    // Its form is enough: what is wrong with a target's code may be why somebody wants it alone.
    let targets = parse(file, bytes)?;
    let outer = targets.outer();
    if outer.machine() == row.elf_machine {
        return fat::outer(outer.bytes()).ok_or_else(|| {
            Error::new(format_args!(
                "{}: not put together by `wasmkc build`, so it cannot be taken apart",
                file.display()
            ))
            .help(format_args!("the outer ELF file is the code for {}", row.name))
        });
    }
    Ok(found(file, &targets, row)?.bytes().to_vec())
}

/// One target of the object `bytes`, whatever the others are.
pub fn one<'a>(file: &Path, bytes: &'a [u8], row: &TargetRow) -> Result<Description<'a>> {
    let targets = parse(file, bytes)?;
    describe(found(file, &targets, row)?.bytes()).map_err(|e| no_target(file, row, e))
}

fn parse<'a>(file: &Path, bytes: &'a [u8]) -> Result<Targets<'a>> {
    let data = split_trailer(bytes).map_or(bytes, |trailer| trailer.data);
    Targets::parse(data).map_err(|e| unreadable(file, bytes, e))
}

fn unreadable(file: &Path, bytes: &[u8], cause: wasmkc_core::Error) -> Error {
    no_object(file, bytes).unwrap_or_else(|| Error::new(format_args!("{}: {cause}", file.display())))
}

fn no_target(file: &Path, row: &TargetRow, cause: wasmkc_core::Error) -> Error {
    Error::new(format_args!("{}: the code for {}: {cause}", file.display(), row.name))
        .help("get the object again, or build it again with `wasmkc build`")
}

fn found<'a>(file: &Path, targets: &Targets<'a>, row: &TargetRow) -> Result<Elf<'a>> {
    let elf = targets.iter().find(|(found, _)| *found == row).map(|(_, elf)| elf);
    elf.ok_or_else(|| {
        let there: Vec<&str> = targets.iter().map(|(row, _)| row.name).collect();
        Error::new(format_args!("{} has no code for {}", file.display(), row.name))
            .help(format_args!("it has code for {}", there.join(", ")))
    })
}

fn name_of(elf_machine: u16) -> String {
    let row = TARGETS.iter().find(|row| row.elf_machine == elf_machine);
    row.map_or_else(|| format!("ELF machine {elf_machine}"), |row| row.name.to_owned())
}
