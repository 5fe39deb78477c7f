//! Signatures in the kernel's appended format: keys and certificates in, PKCS#7 out.
//!
//! ```text
//! object | PKCS#7 message, DER | struct module_signature (12 bytes) | "~Module signature appended~\n"
//! ```
//! The message is what scripts/sign-file of the kernel makes: detached, without certificates and signed
//! attributes, SHA-256, signer named by issuer and serial number.

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::output::read_file;
use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::stack::Stack;
use openssl::x509::extension::{AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage};
use openssl::x509::{X509, X509Extension, X509NameBuilder, X509Ref};
use std::path::Path;
use wasmkc_abi::object::{SIGNATURE_HEADER, SIGNATURE_MAGIC, SIGNATURE_PKCS7};

/// Largest key or certificate file that is read.
const MAX_KEY_FILE: u64 = 1 << 20;
/// Bits of a new key.
const KEY_BITS: u32 = 4096;

/// A key that signs, with the certificate of its public half.
pub struct Signer {
    key: PKey<Private>,
    cert: X509,
}

/// A new key and its self-signed certificate.
pub fn generate(subject: &str, days: u32) -> Result<Signer> {
    let key = PKey::from_rsa(Rsa::generate(KEY_BITS)?)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COMMONNAME, subject)
        .map_err(|e| Error::from(e).context("the subject").help("1 to 64 characters"))?;
    let name = name.build();
    let id = new_id()?;

    let mut cert = X509::builder()?;
    cert.set_version(2)?;
    cert.set_serial_number(Asn1Integer::from_bn(BigNum::from_slice(&id)?.as_ref())?.as_ref())?;
    cert.set_subject_name(&name)?;
    cert.set_issuer_name(&name)?;
    cert.set_pubkey(&key)?;
    cert.set_not_before(Asn1Time::days_from_now(0)?.as_ref())?;
    cert.set_not_after(Asn1Time::days_from_now(days)?.as_ref())?;
    cert.append_extension(BasicConstraints::new().critical().build()?)?;
    cert.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    cert.append_extension(ExtendedKeyUsage::new().code_signing().build()?)?;
    cert.append_extension(subject_key_id(&id)?)?;
    let authority = AuthorityKeyIdentifier::new().keyid(true).build(&cert.x509v3_context(None, None))?;
    cert.append_extension(authority)?;
    cert.sign(&key, MessageDigest::sha256())?;
    Ok(Signer { key, cert: cert.build() })
}

/// A number that is both serial number and key identifier: 20 bytes as either wants them, the first neither zero
/// nor with the sign bit, so that DER neither drops nor adds one.
fn new_id() -> Result<[u8; 20]> {
    let mut id = [0; 20];
    openssl::rand::rand_bytes(&mut id)?;
    id[0] = id[0] & 0x7f | 0x40;
    Ok(id)
}

/// The extension `subjectKeyIdentifier`: an OCTET STRING with `id`.
fn subject_key_id(id: &[u8; 20]) -> Result<X509Extension> {
    let value = [&[0x04, id.len() as u8][..], id].concat();
    let value = Asn1OctetString::new_from_bytes(&value)?;
    Ok(X509Extension::new_from_der(Asn1Object::from_str("2.5.29.14")?.as_ref(), false, &value)?)
}

impl Signer {
    /// Reads a key and its certificate and checks that they belong together.
    pub fn read(key_path: &Path, cert_path: &Path) -> Result<Self> {
        let bytes = read_file(key_path, MAX_KEY_FILE)?;
        // An empty password instead of OpenSSL's question on the terminal.
        let key = PKey::private_key_from_pem_callback(&bytes, |_| Ok(0))
            .or_else(|_| PKey::private_key_from_der(&bytes))
            .map_err(|_| no_key(key_path, &bytes))?;
        if !matches!(key.id(), Id::RSA | Id::EC) {
            return Err(Error::new(format_args!("{} is no RSA or ECDSA key", key_path.display()))
                .help("the kernel verifies RSA; `wasmkc keygen` makes such a key"));
        }
        let cert = read_cert(cert_path)?;
        if !cert.public_key()?.public_eq(&key) {
            return Err(Error::new(format_args!(
                "the certificate {} is not that of the key {}",
                cert_path.display(),
                key_path.display()
            ))
            .help("give the pair that one `wasmkc keygen` made"));
        }
        Ok(Self { key, cert })
    }

    /// Its certificate.
    pub fn cert(&self) -> &X509Ref {
        &self.cert
    }

    /// The private key as PEM (PKCS#8).
    pub fn key_pem(&self) -> Result<Vec<u8>> {
        Ok(self.key.private_key_to_pem_pkcs8()?)
    }

    /// `object`, which has no signature, with one appended.
    pub fn sign(&self, object: &[u8]) -> Result<Vec<u8>> {
        let flags = CMSOptions::DETACHED
            | CMSOptions::BINARY
            | CMSOptions::CMS_NOCERTS
            | CMSOptions::NOATTR
            | CMSOptions::NOSMIMECAP;
        let message = CmsContentInfo::sign(Some(&self.cert), Some(&self.key), None, Some(object), flags)?.to_der()?;
        Ok([object, &message, &trailer(message.len())].concat())
    }
}

/// Why the file with `bytes` gives no private key.
fn no_key(path: &Path, bytes: &[u8]) -> Error {
    let path = path.display();
    match Kind::of(bytes) {
        Kind::Certificate => Error::new(format_args!("{path} is no private key, but a certificate"))
            .help("give it with `--cert`, and here the key that `wasmkc keygen` made with it"),
        Kind::EncryptedKey => Error::new(format_args!("{path} is a private key with a password"))
            .help(format_args!("`openssl pkey -in {path} -out PLAIN.key` asks for it and writes the key without")),
        Kind::Key => Error::new(format_args!("{path} is a damaged private key"))
            .help("get it again, or make a new pair with `wasmkc keygen`"),
        Kind::Other => Error::new(format_args!("{path} is no private key"))
            .help("PEM and DER are read; `wasmkc keygen` makes key and certificate"),
        kind => Error::new(format_args!("{path} is no private key, but {kind}"))
            .help("`wasmkc keygen` makes key and certificate"),
    }
}

/// `struct module_signature` and the magic for a message of `len` bytes.
fn trailer(len: usize) -> Vec<u8> {
    let mut header = [0; SIGNATURE_HEADER];
    header[2] = SIGNATURE_PKCS7;
    header[SIGNATURE_HEADER - 4..].copy_from_slice(&(len as u32).to_be_bytes());
    [&header[..], SIGNATURE_MAGIC].concat()
}

/// Reads a certificate, PEM or DER.
pub fn read_cert(path: &Path) -> Result<X509> {
    let bytes = read_file(path, MAX_KEY_FILE)?;
    X509::from_pem(&bytes).or_else(|_| X509::from_der(&bytes)).map_err(|e| {
        let what = format!("{} is no certificate", path.display());
        let help = "a certificate is X.509 in PEM or DER; `wasmkc keygen` makes one";
        match Kind::of(&bytes) {
            Kind::Certificate => Error::from(e).context(format_args!("{what} that can be read")).help(help),
            Kind::Other => Error::new(what).help(help),
            kind => Error::new(format_args!("{what}, but {kind}")).help(help),
        }
    })
}

/// Checks a detached PKCS#7 `message` over `object`; the certificate among `certs` whose key made it.
pub fn check(object: &[u8], message: &[u8], certs: &[X509]) -> Result<X509> {
    let parse = || {
        CmsContentInfo::from_der(message)
            .map_err(|e| Error::from(e).context("the signature is no PKCS#7 message").help("sign the object again"))
    };
    parse()?;
    let flags = CMSOptions::BINARY
        | CMSOptions::DETACHED
        | CMSOptions::NOINTERN
        | CMSOptions::NO_SIGNER_CERT_VERIFY
        | CMSOptions::NOCRL;
    let mut no_key = true;
    for cert in certs {
        let mut only = Stack::new()?;
        only.push(cert.clone())?;
        match parse()?.verify(Some(&only), None, Some(object), None, flags) {
            Ok(()) => return Ok(cert.clone()),
            Err(e) => no_key &= is_unknown_signer(&e),
        }
    }
    Err(if no_key {
        Error::new("none of the given certificates made the signature").help("give the signer's with --cert")
    } else {
        Error::new("the signature does not fit the object: it was changed after it was signed")
            .help("build and sign it again, or get it again")
    })
}

fn is_unknown_signer(error: &openssl::error::ErrorStack) -> bool {
    error.errors().iter().any(|e| e.reason().is_some_and(|r| r.contains("signer certificate not found")))
}

/// A certificate's subject, one line.
pub fn subject(cert: &X509Ref) -> String {
    let entries = cert.subject_name().entries();
    let parts = entries.filter_map(|e| {
        let key = e.object().nid().short_name().ok()?;
        Some(format!("{key}={}", e.data().to_string().ok()?))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// SHA-256 of a certificate's DER.
pub fn fingerprint(cert: &X509Ref) -> Result<String> {
    Ok(crate::output::hex(&cert.digest(MessageDigest::sha256())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(signed: &[u8]) -> (&[u8], &[u8]) {
        let (rest, header) =
            signed[..signed.len() - SIGNATURE_MAGIC.len()].split_last_chunk::<SIGNATURE_HEADER>().unwrap();
        let len = u32::from_be_bytes(*header.last_chunk().unwrap()) as usize;
        rest.split_at(rest.len() - len)
    }

    #[test]
    fn a_signature_fits_its_object_and_key_only() {
        let ours = generate("ours", 10).unwrap();
        let other = generate("other", 10).unwrap();
        let signed = ours.sign(b"object").unwrap();
        assert!(signed.ends_with(SIGNATURE_MAGIC));
        let (object, message) = parts(&signed);
        assert_eq!(object, b"object");
        let certs = [other.cert.clone(), ours.cert.clone()];
        assert_eq!(subject(&check(object, message, &certs).unwrap()), "CN=ours");

        let unknown = check(object, message, &certs[..1]).unwrap_err().render(false);
        assert!(unknown.contains("none of the given certificates"), "{unknown}");
        let changed = check(b"0bject", message, &certs).unwrap_err().render(false);
        assert!(changed.contains("was changed after it was signed"), "{changed}");
        let garbage = check(object, b"garbage", &certs).unwrap_err().render(false);
        assert!(garbage.contains("no PKCS#7"), "{garbage}");
    }

    #[test]
    fn der_neither_adds_to_an_id_nor_takes_from_it() {
        for _ in 0..1000 {
            let id = new_id().unwrap();
            assert!((0x40..0x80).contains(&id[0]), "{id:x?}");
        }
        assert_ne!(new_id().unwrap(), new_id().unwrap());
    }

    #[test]
    fn a_message_without_signers_is_no_signature() {
        let ours = generate("ours", 10).unwrap();
        let flags = CMSOptions::DETACHED | CMSOptions::BINARY | CMSOptions::PARTIAL;
        let none = CmsContentInfo::sign::<Private>(None, None, None, Some(b"object"), flags).unwrap().to_der().unwrap();
        check(b"object", &none, &[ours.cert]).unwrap_err();
    }

    #[test]
    fn the_message_is_as_the_kernel_wants_it() {
        let ours = generate("ours", 10).unwrap();
        let signed = ours.sign(b"object").unwrap();
        let (_, message) = parts(&signed);
        let cert = ours.cert.to_der().unwrap();
        assert!(!message.windows(cert.len()).any(|w| w == cert), "no certificate inside");
        // OID of SHA-256, and none of a signed attribute (1.2.840.113549.1.9.4, messageDigest).
        let has = |oid: &[u8]| message.windows(oid.len()).any(|w| w == oid);
        assert!(has(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01]));
        assert!(!has(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04]));
    }
}
