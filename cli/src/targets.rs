//! An object's targets one by one, each read as a loader that takes it would.

use crate::error::{Error, Result};
use crate::kind::no_object;
use serde::Serialize;
use std::path::Path;
use wasmkc_abi::object::{FLAG_AUTHOR_TRUSTED, Meta, TARGETS, TargetRow};
use wasmkc_compiler::fat;
use wasmkc_core::describe::{Description, describe};
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
    let outer = describe(bytes)
        .map_err(|e| no_object(file, bytes).unwrap_or_else(|| Error::new(format_args!("{}: {e}", file.display()))))?;
    let outer_bytes = outer.targets.outer().bytes();
    let inner: Vec<_> = outer.targets.iter().filter(|(_, elf)| elf.bytes().as_ptr() != outer_bytes.as_ptr()).collect();
    let inner_bytes: usize = inner.iter().map(|(_, elf)| elf.bytes().len()).sum();
    let name = name_of(outer.targets.outer().machine());
    let mut parts = vec![Part { name, bytes: outer_bytes.len().saturating_sub(inner_bytes), description: outer }];
    for (row, elf) in inner {
        let description = describe(elf.bytes()).map_err(|e| {
            Error::new(format_args!("{}: the code for {}: {e}", file.display(), row.name))
                .help("get the object again, or build it again with `wasmkc build`")
        })?;
        parts.push(Part { name: row.name.to_owned(), bytes: elf.bytes().len(), description });
    }
    Ok(parts)
}

/// The object of one target alone, without a signature.
pub fn extract(file: &Path, bytes: &[u8], row: &TargetRow) -> Result<Vec<u8>> {
    let data = split_trailer(bytes).map_or(bytes, |trailer| trailer.data);
    // Its form is enough: what is wrong with a target's code may be why somebody wants it alone.
    let targets = Targets::parse(data)
        .map_err(|e| no_object(file, bytes).unwrap_or_else(|| Error::new(format_args!("{}: {e}", file.display()))))?;
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
    let Some((_, elf)) = targets.iter().find(|(found, _)| *found == row) else {
        let there: Vec<&str> = targets.iter().map(|(row, _)| row.name).collect();
        return Err(Error::new(format_args!("{} has no code for {}", file.display(), row.name))
            .help(format_args!("it has code for {}", there.join(", "))));
    };
    Ok(elf.bytes().to_vec())
}

fn name_of(elf_machine: u16) -> String {
    let row = TARGETS.iter().find(|row| row.elf_machine == elf_machine);
    row.map_or_else(|| format!("ELF machine {elf_machine}"), |row| row.name.to_owned())
}
