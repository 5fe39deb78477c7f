//! `verify`: whether one of the given certificates' keys signed an object.

use crate::args::Verify;
use crate::error::{Error, Result};
use crate::kind::no_object;
use crate::output::{emit, read_file};
use crate::sign::{check, fingerprint, read_cert};
use crate::signer::Identity;
use serde_json::json;
use std::path::Path;
use wasmkc_abi::limits::MAX_OBJECT_BYTES;
use wasmkc_core::error::Code;
use wasmkc_core::image::split_trailer;

/// Fails unless the signature is good.
pub fn run(args: &Verify, json: bool) -> Result<()> {
    let certs: Vec<_> = args.certs.iter().map(|c| read_cert(c)).collect::<Result<_>>()?;
    let bytes = read_file(&args.file, u64::from(MAX_OBJECT_BYTES))?;
    let trailer = split_trailer(&bytes).map_err(|e| match e.code {
        Code::Unsigned => no_object(&args.file, &bytes).unwrap_or_else(|| unsigned(&args.file)),
        _ => Error::new(e).context(args.file.display()).help("build and sign the object again, or get it again"),
    })?;
    let cert = check(trailer.data, trailer.signature, &certs).map_err(|e| e.context(args.file.display()))?;
    let identity = Identity::of(&cert)?;
    let value = json!({ "file": args.file, "signer": identity.value(), "sha256": fingerprint(&cert)? });
    emit(json, &value, || format!("{}: good signature of {identity}\n", args.file.display()))
}

fn unsigned(file: &Path) -> Error {
    Error::new(format_args!("{}: the object is not signed", file.display()))
        .help("`wasmkc sign FILE --key KEY --cert CERT` signs it")
}
