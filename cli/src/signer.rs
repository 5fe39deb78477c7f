//! How every command names a signer: by name and id, from a certificate, a PKCS#7 message or the kernel.
//!
//! The id of a certificate is its serial number: a message has no other number. The kernel describes a key by
//! its subject key identifier, so `keygen` makes the two the same; for certificates where they differ, the
//! text has both. Nothing is decided by what is read here; signatures are checked in [`crate::sign`].

use crate::error::Result;
use crate::output::hex;
use crate::sign::subject;
use openssl::x509::X509Ref;
use serde_json::{Value, json};
use std::fmt;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
/// Common name, 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// A certificate as commands show it: "CN=name, id 4f...".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its subject.
    pub subject: String,
    /// Its serial number, hexadecimal.
    pub id: String,
    /// Its subject key identifier, hexadecimal; the id if it has none. The kernel describes its key so.
    pub key_id: String,
}

impl Identity {
    /// That of `cert`.
    pub fn of(cert: &X509Ref) -> Result<Self> {
        let id = hex(&cert.serial_number().to_bn()?.to_vec());
        let key_id = cert.subject_key_id().map_or_else(|| id.clone(), |key| hex(key.as_slice()));
        Ok(Self { subject: subject(cert), id, key_id })
    }

    /// Subject and numbers as JSON.
    pub fn value(&self) -> Value {
        json!({ "subject": self.subject, "id": self.id, "key_id": self.key_id })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, id {}", self.subject, self.id)?;
        if self.key_id == self.id { Ok(()) } else { write!(f, ", key id {}", self.key_id) }
    }
}

/// What a message says of its signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Issuer's common name and certificate's serial number.
    Serial {
        /// Empty if the issuer has no common name.
        issuer: String,
        /// Hexadecimal.
        serial: String,
    },
    /// Subject key identifier, hexadecimal.
    KeyId(String),
}

impl Signer {
    /// As [`Identity::value`]; what the message does not say is null.
    pub fn value(&self) -> Value {
        match self {
            Self::Serial { issuer, serial } => {
                json!({ "issuer": format!("CN={issuer}"), "id": serial, "key_id": null })
            }
            Self::KeyId(id) => json!({ "issuer": null, "id": null, "key_id": id }),
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial { issuer, serial } => write!(f, "issuer CN={issuer}, id {serial}"),
            Self::KeyId(id) => write!(f, "key id {id}"),
        }
    }
}

/// Name and key id of the kernel's `description` of a key, "NAME: HEX"; `None` if it was cut to fit `room` bytes
/// or is none of a certificate.
pub fn described(description: &str, room: usize) -> Option<(&str, &str)> {
    let (name, id) = description.rsplit_once(": ")?;
    let whole = description.len() + 1 < room && !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit());
    whole.then_some((name, id))
}

/// One DER element: tag, contents, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f)).filter(|(d, _)| d.len() <= 4)?;
        (digits.iter().fold(0, |n, d| n << 8 | usize::from(*d)), rest)
    };
    let (contents, rest) = rest.split_at_checked(len)?;
    Some((tag, contents, rest))
}

/// The contents of the first element if it has this tag, and what follows it.
fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, contents, rest)| (contents, rest))
}

/// The signer that `message` names first.
pub fn of(message: &[u8]) -> Option<Signer> {
    let (info, _) = expect(SEQUENCE, message)?;
    let (_, _, explicit) = element(info)?;
    let (wrapped, _) = expect(0xa0, explicit)?;
    let (data, _) = expect(SEQUENCE, wrapped)?;
    // version, digest algorithms, contents; then certificates and lists may come, then the signers.
    let mut rest = data;
    for _ in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let signers = loop {
        let (tag, contents, tail) = element(rest)?;
        if tag == SET {
            break contents;
        }
        rest = tail;
    };
    let (signer, _) = expect(SEQUENCE, signers)?;
    let (_, rest) = expect(INTEGER, signer)?;
    let (tag, sid, _) = element(rest)?;
    if tag != SEQUENCE {
        return Some(Signer::KeyId(hex(sid)));
    }
    let (name, rest) = expect(SEQUENCE, sid)?;
    let (serial, _) = expect(INTEGER, rest)?;
    // A zero byte in front only keeps the number positive.
    let serial = serial.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(serial);
    Some(Signer::Serial { issuer: common_name(name).unwrap_or_default(), serial: hex(serial) })
}

fn common_name(mut name: &[u8]) -> Option<String> {
    while let Some((set, rest)) = expect(SET, name) {
        let (pair, _) = expect(SEQUENCE, set)?;
        let (_, id, value) = element(pair)?;
        if id == COMMON_NAME {
            return element(value).map(|(_, text, _)| String::from_utf8_lossy(text).into_owned());
        }
        name = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::cms::{CMSOptions, CmsContentInfo};
    use openssl::pkey::PKey;

    #[test]
    fn names_the_signer_either_way() {
        let signer = crate::sign::generate("somebody", 1).unwrap();
        let key = PKey::private_key_from_pem(&signer.key_pem().unwrap()).unwrap();
        let base = CMSOptions::DETACHED | CMSOptions::BINARY | CMSOptions::NOATTR;
        let sign = |flags| {
            CmsContentInfo::sign(Some(signer.cert()), Some(&key), None, Some(b"x"), flags).unwrap().to_der().unwrap()
        };
        for flags in [base, base | CMSOptions::CMS_NOCERTS] {
            let named = of(&sign(flags)).expect("issuer and serial");
            assert_eq!(named.to_string(), format!("issuer {}", Identity::of(signer.cert()).unwrap()));
            assert_eq!(named.value()["id"], Identity::of(signer.cert()).unwrap().value()["id"]);
        }
        assert!(matches!(of(&sign(base | CMSOptions::USE_KEYID)), Some(Signer::KeyId(id)) if id.len() == 40));
    }

    #[test]
    fn a_new_certificate_has_one_number_in_certificate_message_and_kernel() {
        let signer = crate::sign::generate("somebody", 1).unwrap();
        let identity = Identity::of(signer.cert()).unwrap();
        assert_eq!((identity.id.len(), &identity.key_id), (40, &identity.id));
        let text = signer.cert().to_text().unwrap();
        let text = String::from_utf8_lossy(&text).to_lowercase().replace(':', "");
        assert_eq!(text.matches(&identity.id).count(), 3, "serial, subject's and authority's key id: {text}");
        let kernel = format!("somebody: {}", identity.key_id);
        assert_eq!(described(&kernel, 128), Some(("somebody", identity.id.as_str())));
        assert_eq!(identity.to_string(), format!("CN=somebody, id {}", identity.id));
    }

    #[test]
    fn a_certificate_with_two_numbers_shows_both() {
        let identity = Identity { subject: "CN=x".into(), id: "01".into(), key_id: "ab".into() };
        assert_eq!(identity.to_string(), "CN=x, id 01, key id ab");
    }

    #[test]
    fn a_description_that_was_cut_gives_no_id() {
        assert_eq!(described("a: b: 0f", 128), Some(("a: b", "0f")));
        assert_eq!(described("a: 0f", 6), None);
        assert_eq!(described("a: xyz", 128), None);
        assert_eq!(described("a", 128), None);
    }

    #[test]
    fn damaged_messages_name_nobody_and_do_no_harm() {
        let signer = crate::sign::generate("somebody", 1).unwrap();
        let signed = signer.sign(b"x").unwrap();
        for end in 1..signed.len() {
            of(&signed[1..end]);
        }
        assert_eq!(of(b"\x30\x84\xff\xff\xff\xff"), None);
        assert_eq!(of(b""), None);
    }
}
