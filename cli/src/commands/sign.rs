//! `sign`: a signature onto an object.

use crate::args::Sign;
use crate::error::{Error, Result};
use crate::output::{emit, read_file, write_file};
use crate::sign::{Signer, subject};
use serde_json::json;
use wasmkc_abi::limits::MAX_OBJECT_BYTES;
use wasmkc_abi::object::SIGNATURE_MAGIC;

/// Signs and writes.
pub fn run(args: &Sign, json: bool) -> Result<()> {
    let object = read_file(&args.file, u64::from(MAX_OBJECT_BYTES))?;
    if object.ends_with(SIGNATURE_MAGIC) {
        return Err(Error::new(format_args!("{} is signed already", args.file.display())));
    }
    let signer = Signer::read(&args.key, &args.cert)?;
    let signed = signer.sign(&object)?;
    let output = args.output.as_ref().unwrap_or(&args.file);
    write_file(output, &signed, 0o666)?;
    let value = json!({ "file": output, "bytes": signed.len(), "signer": subject(signer.cert()) });
    emit(json, &value, || format!("signed {} as {}\n", output.display(), subject(signer.cert())))
}
