//! `keygen`: a signing key and its self-signed certificate.

use crate::args::Keygen;
use crate::error::{Error, Result};
use crate::output::{emit, refuse_folder, write_file};
use crate::sign::{fingerprint, generate};
use crate::signer::Identity;
use serde_json::json;

/// Makes both files, the key first; neither replaces a file unless asked to.
pub fn run(args: &Keygen, json: bool) -> Result<()> {
    if args.key == args.cert {
        return Err(Error::usage("key and certificate cannot be one file"));
    }
    for path in [&args.key, &args.cert] {
        refuse_folder(path)?;
        if !args.force && path.exists() {
            return Err(Error::new(format_args!("{} exists already", path.display()))
                .help("`--force` replaces it; objects signed with the old key then need the old certificate"));
        }
    }
    let signer = generate(&args.subject, args.days)?;
    let cert = signer.cert();
    let der = args.cert.extension().is_some_and(|e| e == "der" || e == "x509");
    let bytes = if der { cert.to_der()? } else { cert.to_pem()? };
    write_file(&args.key, &signer.key_pem()?, 0o600)?;
    write_file(&args.cert, &bytes, 0o666)?;
    let identity = Identity::of(cert)?;
    let value = json!({
        "key": args.key, "cert": args.cert, "subject": identity.subject, "id": identity.id, "key_id": identity.key_id,
        "sha256": fingerprint(cert)?,
    });
    emit(json, &value, || {
        format!(
            "key          {} (keep it secret)\ncertificate  {}\nsigner       {identity}\n",
            args.key.display(),
            args.cert.display(),
        )
    })
}
