//! What a file is that should have been another: for messages only, nothing is decided by it.

use crate::error::Error;
use openssl::pkey::PKey;
use openssl::x509::X509;
use std::fmt;
use std::path::Path;
use wasmkc_core::describe::{Description, describe};

/// What files are mixed up with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing at all.
    Empty,
    /// A binary WebAssembly module.
    Wasm,
    /// A whole object, signed or not.
    Object,
    /// A whole object with something behind its end that is no signature.
    ObjectAndMore,
    /// An ELF file that is no object, or not a whole one.
    Elf,
    /// A certificate, PEM or DER.
    Certificate,
    /// A private key, PEM or DER.
    Key,
    /// A private key that a password protects.
    EncryptedKey,
    /// Captured packets.
    Capture,
    /// Anything else.
    Other,
}

impl Kind {
    /// That of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        const CAPTURES: [[u8; 4]; 5] = [
            [0x0a, 0x0d, 0x0d, 0x0a],
            [0xd4, 0xc3, 0xb2, 0xa1],
            [0xa1, 0xb2, 0xc3, 0xd4],
            [0x4d, 0x3c, 0xb2, 0xa1],
            [0xa1, 0xb2, 0x3c, 0x4d],
        ];
        let has = |text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
        if bytes.is_empty() {
            Self::Empty
        } else if bytes.starts_with(b"\0asm") {
            Self::Wasm
        } else if bytes.starts_with(b"\x7fELF") {
            of_elf(bytes)
        } else if CAPTURES.iter().any(|magic| bytes.starts_with(magic)) {
            Self::Capture
        } else if has("-----BEGIN CERTIFICATE-----") || X509::from_der(bytes).is_ok() {
            Self::Certificate
        } else if has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED") {
            Self::EncryptedKey
        } else if has(" PRIVATE KEY-----") || PKey::private_key_from_der(bytes).is_ok() {
            Self::Key
        } else {
            Self::Other
        }
    }

    /// What to do where an object was wanted.
    fn instead_of_object(self) -> &'static str {
        match self {
            Self::Wasm => "`wasmkc build FILTER.wasm` makes an object of it",
            Self::ObjectAndMore | Self::Elf => {
                "an object that was cut short or damaged is like this: get it again, or build and sign it again"
            }
            Self::Certificate => {
                "give the object as FILE; `wasmkc trust add` takes certificates, `verify` and `run` with `--cert`"
            }
            Self::Key | Self::EncryptedKey => "give the object as FILE; `wasmkc sign` takes the key with `--key`",
            Self::Capture => "give the object as FILE; `wasmkc run` takes the capture with `--pcap`",
            Self::Empty | Self::Object | Self::Other => "`wasmkc build FILTER.wasm` makes one",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::Wasm => "a WebAssembly module",
            Self::Object => "an object",
            Self::ObjectAndMore => "an object with a damaged signature",
            Self::Elf => "an ELF file",
            Self::Certificate => "a certificate",
            Self::Key => "a private key",
            Self::EncryptedKey => "a private key with a password",
            Self::Capture => "a capture of packets",
            Self::Other => "something unknown",
        })
    }
}

/// Why `bytes` of `file` are no object that can have a signature; `None` if they are one.
pub fn no_object(file: &Path, bytes: &[u8]) -> Option<Error> {
    let kind = Kind::of(bytes);
    let file = file.display();
    let error = match (kind, describe(bytes).err()) {
        (Kind::Object, _) => return None,
        (Kind::ObjectAndMore, _) => {
            Error::new(format_args!("{file}: what follows the object is no signature, or only a part of one"))
        }
        (Kind::Elf, Some(refused)) => Error::new(format_args!("{file} is no object, or not a whole one: {refused}")),
        (Kind::Elf | Kind::Other, _) => {
            Error::new(format_args!("{file} is no object: it does not begin as an ELF file does"))
        }
        _ => Error::new(format_args!("{file} is no object, but {kind}")),
    };
    Some(error.help(kind.instead_of_object()))
}

fn of_elf(bytes: &[u8]) -> Kind {
    let Ok(object) = describe(bytes) else { return Kind::Elf };
    let more = object.signature.is_none() && end(&object, bytes).is_some_and(|end| end < bytes.len() as u64);
    if more { Kind::ObjectAndMore } else { Kind::Object }
}

/// Where the ELF file of `bytes` ends: behind its last section or the table of sections, 64 bytes each.
fn end(object: &Description<'_>, bytes: &[u8]) -> Option<u64> {
    let offset = u64::from_le_bytes(*bytes.get(40..)?.first_chunk()?);
    let count = u16::from_le_bytes(*bytes.get(60..)?.first_chunk()?);
    let table = offset.checked_add(u64::from(count) * 64)?;
    // Sections are slices of `bytes`.
    let contents = object.targets.outer().sections().map(|s| s.bytes).filter(|b| !b.is_empty());
    let ends = contents.map(|b| (b.as_ptr_range().end.addr() - bytes.as_ptr().addr()) as u64);
    ends.chain([table]).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart() {
        let signer = crate::sign::generate("somebody", 1).unwrap();
        let key = PKey::private_key_from_pem(&signer.key_pem().unwrap()).unwrap();
        let locked = key.private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_128_cbc(), b"word").unwrap();
        for (bytes, kind) in [
            (Vec::new(), Kind::Empty),
            (b"\0asm\x01\0\0\0".to_vec(), Kind::Wasm),
            (b"\x7fELF".to_vec(), Kind::Elf),
            (signer.cert().to_pem().unwrap(), Kind::Certificate),
            (signer.cert().to_der().unwrap(), Kind::Certificate),
            (signer.key_pem().unwrap(), Kind::Key),
            (key.private_key_to_der().unwrap(), Kind::Key),
            (locked, Kind::EncryptedKey),
            (vec![0xd4, 0xc3, 0xb2, 0xa1, 2], Kind::Capture),
            (b"text".to_vec(), Kind::Other),
        ] {
            assert_eq!(Kind::of(&bytes), kind, "{kind}");
        }
    }
}
