//! The object: the records of `wasmkc-abi` and the ELF file around them.
//!
//! In: the image and the module. Out: bytes, the same for the same input. No host path, time or name
//! of a machine goes in.

mod elf;
pub mod fat;
mod strings;
mod tables;

pub use tables::{Tables, tables};

use wasmkc_abi::{limits::MAX_OBJECT_BYTES, object::TARGETS};

use crate::{CompileError, Target, debug::Section, emit::Image};

/// Writes the object.
pub fn write(image: &Image, tables: &Tables, debug: &[Section]) -> Result<Vec<u8>, CompileError> {
    let bytes = elf::write(image, tables, debug)?;
    check_size("bytes of the object".to_owned(), &bytes)?;
    Ok(bytes)
}

/// Joins the objects of several targets, which come in the order of [`Target::ALL`]: the first is the outer one.
pub fn join(parts: &[(Target, Vec<u8>)]) -> Result<Vec<u8>, CompileError> {
    let internal = || CompileError::internal("object", "these objects cannot be joined");
    let ((_, outer), inner) = parts.split_first().ok_or_else(internal)?;
    let row = |target: Target| TARGETS.iter().find(|row| row.machine == target.machine());
    let named = inner.iter().map(|(target, bytes)| Some((row(*target)?.section, bytes.as_slice())));
    let bytes = named.collect::<Option<Vec<_>>>().and_then(|inner| fat::join(outer, &inner)).ok_or_else(internal)?;
    check_size(format!("bytes of the object for {} targets (`--target` gives it fewer)", parts.len()), &bytes)?;
    Ok(bytes)
}

fn check_size(what: String, bytes: &[u8]) -> Result<(), CompileError> {
    CompileError::check_limit(what, bytes.len() as u64, MAX_OBJECT_BYTES.into())
}
