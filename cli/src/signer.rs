//! Whom a PKCS#7 message names as its signer, read without any certificate: for `inspect`.
//!
//! A walk down the DER of RFC 5652: `ContentInfo > SignedData > signerInfos > SignerInfo > sid`. Nothing
//! is decided by it; signatures are checked in [`crate::sign`].

use crate::output::hex;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
/// Common name, 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// What the message says of its signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Issuer's common name and certificate's serial number.
    Serial {
        /// Empty if the issuer has no common name.
        issuer: String,
        /// Hexadecimal.
        serial: String,
    },
    /// Key identifier, hexadecimal.
    KeyId(String),
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
            let Some(Signer::Serial { issuer, serial }) = of(&sign(flags)) else { panic!("issuer and serial") };
            assert_eq!(issuer, "somebody");
            let expected = signer.cert().serial_number().to_bn().unwrap().to_hex_str().unwrap().to_lowercase();
            assert_eq!(serial.trim_start_matches("00"), expected.trim_start_matches("00"));
        }
        assert!(matches!(of(&sign(base | CMSOptions::USE_KEYID)), Some(Signer::KeyId(id)) if id.len() == 40));
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
