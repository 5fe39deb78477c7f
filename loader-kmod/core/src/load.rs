// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The stages from a file's bytes to a program, in order.
#![forbid(unsafe_code)]

use crate::error::Error;
use crate::image::UntrustedImage;
use crate::platform::{Platform, Verifier};
use crate::program::Program;
use crate::targets::Wanted;

/// Loads the best of an object's codes, or leaves no trace of it.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn load<P: Platform>(verifier: impl Verifier, platform: P, bytes: &[u8]) -> Result<Program<P>, Error> {
    load_as(verifier, platform, bytes, Wanted::Best)
}

/// The same with a word about which of the codes.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn load_as<P: Platform>(
    verifier: impl Verifier,
    platform: P,
    bytes: &[u8],
    wanted: Wanted,
) -> Result<Program<P>, Error> {
    let untrusted = UntrustedImage::new(bytes); // may be anything
    let signed = untrusted.verify(verifier)?; // a trusted key vouches for every byte of the ELF file
    let parsed = signed.parse(P::MACHINE, wanted)?; // one target taken; every offset, count and reference is checked
    let linked = parsed.link(platform)?; // arena space taken, relocations applied to a copy
    linked.seal() // bytes written to where they run; no page writable and executable
}
