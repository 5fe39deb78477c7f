// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A program loaded into this process.
#![forbid(unsafe_code)]

use std::sync::Arc;

use wasmkc_abi::object::{SIGNATURE_HEADER, SIGNATURE_MAGIC, SIGNATURE_PKCS7};
use wasmkc_core::{Error, Info, TrapSite};

use crate::arena::Host;

/// Stands for a signature on bytes that this process has just made itself.
const COMPILED_HERE: &[u8] = b"compiled by this process";

/// A loaded program. Clones share it; its code is unmapped with the last.
#[derive(Clone, Debug)]
pub struct Program {
    inner: Arc<wasmkc_core::Program<Host>>,
}

impl Program {
    /// Loads a signed object. `verifier` gets what was signed and the PKCS#7 message, and says whether a
    /// trusted key made it (an error is a positive errno: ENOKEY, EKEYREJECTED, EBADMSG).
    ///
    /// # Errors
    /// Why the object was refused.
    pub fn load(object: &[u8], verifier: impl FnOnce(&[u8], &[u8]) -> Result<(), i32>) -> Result<Self, Error> {
        let inner = wasmkc_core::load(verifier, Host::default(), object)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Loads an unsigned object that the caller has compiled (and audited) in this process. The bytes must
    /// never have been outside of it.
    ///
    /// # Errors
    /// Why the object was refused.
    pub fn load_compiled_here(object: &[u8]) -> Result<Self, Error> {
        let len = u32::try_from(COMPILED_HERE.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut bytes = object.to_vec();
        bytes.extend_from_slice(COMPILED_HERE);
        let mut header = [0; SIGNATURE_HEADER];
        header[2] = SIGNATURE_PKCS7;
        header[8..].copy_from_slice(&len);
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(SIGNATURE_MAGIC);
        Self::load(&bytes, |_, signature| if signature == COMPILED_HERE { Ok(()) } else { Err(libc::ENOKEY) })
    }

    /// Addresses, sizes and limits.
    #[must_use]
    pub fn info(&self) -> Info {
        self.inner.info()
    }

    /// The module's name, or empty.
    #[must_use]
    pub fn name(&self) -> &str {
        self.inner.name()
    }

    /// The purpose note, or empty.
    #[must_use]
    pub fn note(&self) -> &str {
        self.inner.note()
    }

    /// What is known of a trap's return address.
    #[must_use]
    pub fn trap_site(&self, address: u64) -> Option<TrapSite<'_>> {
        self.inner.trap_site(address)
    }

    /// Names and signatures of what can be called (see `wasmkc_abi::object::VALUE_TYPES`).
    pub fn exports(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inner.exports()
    }

    pub(crate) fn core(&self) -> &wasmkc_core::Program<Host> {
        &self.inner
    }
}
