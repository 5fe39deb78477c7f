// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What an object says of itself, for somebody who looks at it before trusting it.
//!
//! The same checks as for loading, but nothing here can be linked or run: a [`Description`] has no way
//! on to a program, so an unsigned file can be looked at and no more.
#![forbid(unsafe_code)]

use wasmkc_abi::object::Meta;

use crate::error::Error;
use crate::image::split_trailer;
use crate::memory::List;
use crate::parse::{ParsedImage, parse};
use crate::relocation::Relocation;
use crate::tables::Tables;
use crate::targets::Targets;

/// A checked object that nobody vouches for.
#[derive(Debug)]
pub struct Description<'a> {
    /// The ELF file without the signature, and the inner objects in it: `describe` takes the bytes of each.
    pub targets: Targets<'a>,
    /// The PKCS#7 message, if the file has one. Not verified.
    pub signature: Option<&'a [u8]>,
    /// `.wkc.meta` of the outer file.
    pub meta: Meta,
    /// All tables.
    pub tables: Tables,
    /// `.text`
    pub text: &'a [u8],
    /// Relocations of `.text`, ascending.
    pub relocations: List<Relocation>,
}

/// Reads an object, signed or not.
///
/// # Errors
/// The first thing that is wrong with it, but for the signature.
pub fn describe(bytes: &[u8]) -> Result<Description<'_>, Error> {
    let (data, signature) = match split_trailer(bytes) {
        Ok(trailer) => (trailer.data, Some(trailer.signature)),
        Err(e) if matches!(e.code, crate::error::Code::Unsigned) => (bytes, None),
        Err(e) => return Err(e),
    };
    let targets = Targets::parse(data)?;
    let parsed = parse(targets.outer(), targets.bits())?;
    let ParsedImage { meta, tables, text, relocations, .. } = parsed;
    Ok(Description { targets, signature, meta, tables, text, relocations })
}
