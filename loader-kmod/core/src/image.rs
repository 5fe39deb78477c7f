// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! From hostile bytes to bytes that a trusted key has signed.
//!
//! ```text
//! | ELF file (data) | PKCS#7 | struct module_signature | "~Module signature appended~\n" |
//!                     ^length   12 bytes                 28 bytes
//! ```
//! Only the trailer is looked at here; not a byte of the ELF file is read before `verify` says yes.
#![forbid(unsafe_code)]

use wasmkc_abi::limits::MAX_OBJECT_BYTES;
use wasmkc_abi::object::{SIGNATURE_HEADER, SIGNATURE_MAGIC, SIGNATURE_PKCS7};

use crate::error::{Code, Error};
use crate::platform::Verifier;

/// Bytes as they came.
#[derive(Clone, Copy, Debug)]
pub struct UntrustedImage<'a> {
    bytes: &'a [u8],
}

/// An ELF file whose signature a trusted key made.
///
/// # Invariants
/// Made by [`UntrustedImage::verify`] alone.
#[derive(Clone, Copy, Debug)]
pub struct SignedImage<'a> {
    elf: &'a [u8],
}

/// An object cut at its trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer<'a> {
    /// What is signed.
    pub data: &'a [u8],
    /// The PKCS#7 message.
    pub signature: &'a [u8],
}

/// Cuts an object at its trailer.
///
/// # Errors
/// [`Code::Unsigned`] without the closing text, [`Code::BadTrailer`] where the header contradicts the file.
pub fn split_trailer(bytes: &[u8]) -> Result<Trailer<'_>, Error> {
    let before = bytes.strip_suffix(SIGNATURE_MAGIC.as_slice()).ok_or(Error::of(Code::Unsigned))?;
    let bad = Error::at(Code::BadTrailer, "", before.len());
    let (rest, header) = before.split_last_chunk::<SIGNATURE_HEADER>().ok_or(bad)?;
    let [algo, hash, id_type, signer_len, key_id_len, p0, p1, p2, l0, l1, l2, l3] = *header;
    if id_type != SIGNATURE_PKCS7 || [algo, hash, signer_len, key_id_len, p0, p1, p2] != [0; 7] {
        return Err(bad);
    }
    let len = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).map_err(|_| bad)?;
    let cut = rest.len().checked_sub(len).ok_or(bad)?;
    let (data, signature) = rest.split_at_checked(cut).ok_or(bad)?;
    if data.is_empty() || signature.is_empty() {
        return Err(bad);
    }
    Ok(Trailer { data, signature })
}

impl<'a> UntrustedImage<'a> {
    /// Takes the bytes of a file.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Has the signature verified.
    ///
    /// # Errors
    /// [`Code::TooLarge`], those of [`split_trailer`], and [`Code::Signature`] with the verifier's errno.
    pub fn verify(self, verifier: impl Verifier) -> Result<SignedImage<'a>, Error> {
        if self.bytes.len() > MAX_OBJECT_BYTES as usize {
            return Err(Error::of(Code::TooLarge));
        }
        let trailer = split_trailer(self.bytes)?;
        match verifier(trailer.data, trailer.signature) {
            Ok(()) => Ok(SignedImage { elf: trailer.data }),
            Err(errno) => Err(Error::from_platform(Code::Signature, errno)),
        }
    }
}

impl<'a> SignedImage<'a> {
    /// The signed ELF file.
    #[must_use]
    pub const fn elf(self) -> &'a [u8] {
        self.elf
    }
}
