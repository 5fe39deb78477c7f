//! The object: the records of `wasmkc-abi` and the ELF file around them.
//!
//! In: the image and the module. Out: bytes, the same for the same input. No host path, time or name
//! of a machine goes in.

mod elf;
mod strings;
mod tables;

pub use tables::{Tables, tables};

use crate::{CompileError, debug::Section, emit::Image};

/// Writes the object.
pub fn write(image: &Image, tables: &Tables, debug: &[Section]) -> Result<Vec<u8>, CompileError> {
    let bytes = elf::write(image, tables, debug)?;
    let limit = wasmkc_abi::limits::MAX_OBJECT_BYTES.into();
    CompileError::check_limit("bytes of the object", bytes.len() as u64, limit)?;
    Ok(bytes)
}
