//! `build`: a WebAssembly filter to an object, audited and signed.

use crate::args::{Author, Build};
use crate::error::{Error, Result};
use crate::kernel::{check_name, name_from};
use crate::output::{emit, hex, pairs, read_file, refuse_overwriting, write_file};
use crate::progress::Bar;
use crate::sign::Signer;
use crate::signer::Identity;
use crate::targets::{self, Masks, Part};
use serde_json::json;
use std::path::{Path, PathBuf};
use wasmkc_abi::limits::{MAX_NOTE, MAX_OBJECT_BYTES, WASM_PAGE};
use wasmkc_abi::object::{FLAG_AUTHOR_TRUSTED, NONE};
use wasmkc_compiler::{Blame, CompileError, Jobs, Options, Target};
use wasmkc_core::describe::Description;

/// Largest WebAssembly file that is read.
pub const MAX_WASM: u64 = 64 << 20;

/// Compiles and audits, signs, and only then writes.
pub fn run(args: &Build, json: bool) -> Result<()> {
    let output = args.output.clone().unwrap_or_else(|| args.file.with_extension("kwo"));
    let inputs: Vec<&Path> = [Some(&args.file), args.sign.as_ref(), args.cert.as_ref()]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    refuse_overwriting(&output, &inputs)?;
    let options = options(args)?;
    let signer = match (&args.sign, &args.cert) {
        (Some(key), Some(cert)) => Some(Signer::read(key, cert)?),
        _ => None,
    };
    let wasm = read_file(&args.file, MAX_WASM)?;
    let targets = if args.targets.is_empty() { &Target::ALL[..] } else { &args.targets };
    let bar = Bar::new(json);
    let object = wasmkc_compiler::compile_all_watched(&wasm, &options, targets, &|progress| bar.tell(progress));
    drop(bar);
    let object = object.map_err(|e| failed(&args.file, &e))?;
    let bytes = match &signer {
        Some(signer) => signer.sign(&object)?,
        None => object.clone(),
    };
    if bytes.len() > MAX_OBJECT_BYTES as usize {
        return Err(Error::new(format_args!(
            "{}: the object has {} bytes, the limit is {MAX_OBJECT_BYTES}",
            args.file.display(),
            bytes.len()
        ))
        .help("strip the filter's debug information (`wasm-strip`, or `-s` for the linker), or give fewer --target"));
    }
    let parts = targets::all(&args.file, &object).map_err(|e| {
        e.context("a loader would refuse the object").help("this is a bug of wasmkc; please report it with the filter")
    })?;
    write_file(&output, &bytes, 0o666)?;
    let signed_by = signer.as_ref().map(|s| Identity::of(s.cert())).transpose()?;
    let report = Report { output, bytes: bytes.len(), signed_by, parts };
    emit(json, &report.value(), || report.text())
}

/// Compiles `wasm`, ending with the audit; the words for what is wrong are the compiler's.
pub fn compile(file: &Path, wasm: &[u8], options: &Options) -> Result<Vec<u8>> {
    wasmkc_compiler::compile(wasm, options).map(|object| object.bytes).map_err(|e| failed(file, &e))
}

fn failed(file: &Path, cause: &CompileError) -> Error {
    let error = Error::new(cause).context(file.display());
    match cause.blame() {
        Blame::Wasm | Blame::Unsupported | Blame::Limit => error,
        Blame::Internal => error.help("please report it with the filter; nothing was written"),
    }
}

fn options(args: &Build) -> Result<Options> {
    if args.note.len() > MAX_NOTE as usize {
        return Err(Error::usage(format_args!("the note has {} bytes, the limit is {MAX_NOTE}", args.note.len())));
    }
    let name = match &args.name {
        Some(name) => {
            check_name(name)?;
            name.clone()
        }
        None => name_from(&args.file.file_stem().unwrap_or_default().to_string_lossy()),
    };
    Ok(Options {
        author_trusted: args.author == Author::Trusted,
        fuel: args.fuel,
        max_memory_pages: args.max_memory,
        note: args.note.clone(),
        name,
        without: args.without.clone(),
        jobs: args.jobs.map_or_else(Jobs::available, Jobs::new),
        ..Options::default()
    })
}

/// What was made, read back from the object itself.
struct Report<'a> {
    output: PathBuf,
    bytes: usize,
    signed_by: Option<Identity>,
    /// One at least.
    parts: Vec<Part<'a>>,
}

fn stack(d: &Description<'_>) -> Option<u32> {
    Some(d.meta.stack_bound).filter(|b| *b != NONE)
}

fn sha256(d: &Description<'_>) -> String {
    hex(&openssl::sha::sha256(d.text))
}

impl Report<'_> {
    /// What is the same for all targets, by the outer one.
    fn whole(&self) -> &Description<'_> {
        &self.parts[0].description
    }

    fn value(&self) -> serde_json::Value {
        let (m, t) = (&self.whole().meta, &self.whole().tables);
        let parts = self.parts.iter().map(|part| {
            let d = &part.description;
            json!({
                "target": part.name,
                "bytes": part.bytes,
                "text_bytes": d.text.len(),
                "text_sha256": sha256(d),
                "functions": d.meta.functions,
                "traps": d.meta.traps,
                "stack_bound": stack(d),
                "spectre_masks": Masks::of(&d.meta),
            })
        });
        json!({
            "file": self.output,
            "name": t.strings.get(m.name),
            "bytes": self.bytes,
            "targets": parts.collect::<Vec<_>>(),
            "memory_min": u64::from(m.memory_min) * WASM_PAGE,
            "memory_max": u64::from(m.memory_max) * WASM_PAGE,
            "fuel": m.fuel,
            "author_trusted": m.flags & FLAG_AUTHOR_TRUSTED != 0,
            "signer": self.signed_by.as_ref().map(Identity::value),
        })
    }

    fn text(&self) -> String {
        let m = &self.whole().meta;
        let unsigned = || "none: `wasmkc sign` makes one, the kernel wants it".to_owned();
        let author = if m.flags & FLAG_AUTHOR_TRUSTED != 0 { "trusted" } else { "not trusted" };
        let mut rows = vec![("object", format!("{}, {} bytes", self.output.display(), self.bytes))];
        for part in &self.parts {
            let d = &part.description;
            let (functions, traps) = (d.meta.functions, d.meta.traps);
            let stack = stack(d).map_or("recursive, checked at run time".into(), |b| format!("{b} bytes at most"));
            rows.extend([
                (
                    part.name.as_str(),
                    format!("{} bytes in {functions} functions, {traps} places that can trap", d.text.len()),
                ),
                ("", format!("stack: {stack}; {}", Masks::of(&d.meta).text())),
                ("", format!("sha256: {}", sha256(d))),
            ]);
        }
        rows.extend([
            ("memory", format!("{} KiB a CPU", (u64::from(m.memory_max) * WASM_PAGE) >> 10)),
            ("fuel", format!("{} a packet", m.fuel)),
            ("author", author.to_owned()),
            ("audit", "passed".to_owned()),
            ("signature", self.signed_by.as_ref().map_or_else(unsigned, ToString::to_string)),
        ]);
        pairs(rows)
    }
}
