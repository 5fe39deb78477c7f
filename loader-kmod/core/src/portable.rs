// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What holds of objects of bytecode besides what holds of all: which bytecode it is, and that `.rodata` can stand
//! right behind `.text`, where the code looks for it without relocations.
#![forbid(unsafe_code)]

use wasmkc_abi::object::{BYTECODE_VERSION, MACHINE_PORTABLE, Meta, SECTION_META};

use crate::error::{Code, Error};
use crate::memory::List;

/// What the size of `.text` is a multiple of, and the block that is run is aligned to.
const ALIGN: usize = 16;

/// Whether the metadata are those of bytecode.
pub(crate) const fn is_portable(meta: &Meta) -> bool {
    meta.machine == MACHINE_PORTABLE
}

/// Refuses bytecode of another version, and a version where there is native code.
pub(crate) fn check_version(meta: &Meta) -> Result<(), Error> {
    let wanted = if is_portable(meta) { BYTECODE_VERSION } else { 0 };
    if meta.bytecode == wanted {
        return Ok(());
    }
    Err(Error::in_section(Code::BytecodeMismatch, SECTION_META).about("bytecode"))
}

/// Refuses bytecode that would not find its constants.
pub(crate) fn check_text(meta: &Meta, text: &[u8], relocations: usize) -> Result<(), Error> {
    if !is_portable(meta) {
        return Ok(());
    }
    if !text.len().is_multiple_of(ALIGN) {
        return Err(Error::in_section(Code::BadSection, ".text"));
    }
    if relocations != 0 {
        return Err(Error::in_section(Code::BadRelocation, ".rela.text"));
    }
    Ok(())
}

/// The bytes that are run: `.text` with `.rodata` behind it.
pub(crate) fn image(text: &[u8], rodata: &[u8]) -> Result<List<u8>, Error> {
    List::joined(text, rodata)
}
