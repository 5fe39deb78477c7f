//! `sign`: a signature onto an object that the audit accepts.

use crate::args::Sign;
use crate::commands::audit::audit;
use crate::error::{Error, Result};
use crate::kind::no_object;
use crate::output::{emit, read_file, refuse_overwriting, write_file};
use crate::sign::Signer;
use crate::signer::Identity;
use serde_json::json;
use wasmkc_abi::limits::MAX_OBJECT_BYTES;
use wasmkc_core::error::Code;
use wasmkc_core::image::split_trailer;

/// Audits, signs and writes; a signature that is there already makes place for the new one.
pub fn run(args: &Sign, json: bool) -> Result<()> {
    let output = args.output.as_ref().unwrap_or(&args.file);
    refuse_overwriting(output, &[&args.key, &args.cert])?;
    let bytes = read_file(&args.file, u64::from(MAX_OBJECT_BYTES))?;
    let signer = Signer::read(&args.key, &args.cert)?;
    let object = match split_trailer(&bytes) {
        Ok(trailer) => trailer.data,
        Err(e) if e.code == Code::Unsigned => &bytes,
        Err(e) => return Err(Error::new(format_args!("{}: {e}", args.file.display()))),
    };
    if let Some(error) = no_object(&args.file, object) {
        return Err(error);
    }
    audit(&args.file, object)?;
    let signed = signer.sign(object)?;
    if signed.len() > MAX_OBJECT_BYTES as usize {
        return Err(Error::new(format_args!(
            "{} with its signature is above {MAX_OBJECT_BYTES} bytes",
            args.file.display()
        )));
    }
    write_file(output, &signed, 0o666)?;
    let replaced = object.len() != bytes.len();
    let identity = Identity::of(signer.cert())?;
    let value = json!({ "file": output, "bytes": signed.len(), "signer": identity.value(), "replaced": replaced });
    emit(json, &value, || {
        let note = if replaced { ", in place of its old signature" } else { "" };
        format!("signed {} as {identity}{note}\n", output.display())
    })
}
