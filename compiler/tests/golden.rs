//! Golden tests: one idea a file in `tests/golden/*.wat`, and in the folders of other targets there, compared with the `.txt` beside it.
//!
//! The first lines of a file are directives: `;; stage: clif|asm|meta`, `;; author: trusted`, `;; max-pages: N`,
//! `;; target: aarch64|portable`, `;; without: no-PASS`. `BLESS=1 cargo test -p wasmkc-compiler --test golden` writes what the compiler says now;
//! read the difference before it is committed.

use std::{fs, path::Path};

use wasmkc_compiler::{Listing, Options, Pass, Target, compile, list};

fn directive<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let lines = source.lines().map_while(|line| line.strip_prefix(";; "));
    lines.filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn run(source: &str) -> Result<String, String> {
    let wasm = wat::parse_str(source).map_err(|e| e.to_string())?;
    let stage = match directive(source, "stage") {
        Some("clif") => Listing::Clif,
        Some("asm") => Listing::Asm,
        Some("meta") => Listing::Meta,
        other => return Err(format!("directive `stage: clif|asm|meta` expected, found {other:?}")),
    };
    let target = directive(source, "target").map_or(Some(Target::X86_64), Target::by_name);
    let target = target.ok_or("directive `target` names no target")?;
    let options = Options {
        author_trusted: directive(source, "author") == Some("trusted"),
        max_memory_pages: directive(source, "max-pages").map(|n| n.parse().expect("number")),
        target,
        without: directive(source, "without").map(|s| Pass::by_switch(s).expect("a pass")).into_iter().collect(),
        ..Options::default()
    };
    let text = list(&wasm, &options, stage).map_err(|e| e.to_string())?;
    // The whole way as well: the audit must agree, and twice the same bytes must come out.
    let (first, second) = (compile(&wasm, &options), compile(&wasm, &options));
    let (first, second) = (first.map_err(|e| e.to_string())?, second.map_err(|e| e.to_string())?);
    if first.bytes != second.bytes {
        return Err("two builds differ".to_owned());
    }
    Ok(text)
}

#[test]
fn golden_files_match() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var_os("BLESS").is_some();
    let folders = [dir.clone(), dir.join("aarch64"), dir.join("portable")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("tests/golden"));
    let mut files: Vec<_> = entries.map(|e| e.expect("entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "wat"));
    files.sort();
    assert!(files.len() >= 12, "only {} golden files", files.len());
    let mut failures = Vec::new();
    for path in files {
        let source = fs::read_to_string(&path).expect("readable");
        let expected = path.with_extension("txt");
        match run(&source) {
            Err(e) => failures.push(format!("{}: {e}", path.display())),
            Ok(text) if bless => fs::write(&expected, text).expect("writable"),
            Ok(text) if fs::read_to_string(&expected).unwrap_or_default() == text => {}
            Ok(text) => failures.push(format!("{} differs, now:\n{text}", path.display())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
