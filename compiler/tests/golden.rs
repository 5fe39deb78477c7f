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

fn run(source: &str, of_a_pass: bool) -> Result<String, String> {
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
    match directive(source, "pass").map(|name| Pass::by_switch(&format!("no-{name}")).ok_or(name)) {
        None if of_a_pass => return Err("directive `pass: NAME` expected, as for each file in `passes`".to_owned()),
        None => {}
        Some(Err(name)) => return Err(format!("directive `pass` names none: {name}")),
        Some(Ok(pass)) => {
            let without = Options { without: vec![pass], ..options.clone() };
            if list(&wasm, &without, stage).map_err(|e| e.to_string())? == text {
                return Err(format!("the same with `-Z {}`", pass.switch()));
            }
        }
    }
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
    let folders = [dir.clone(), dir.join("aarch64"), dir.join("portable"), dir.join("passes")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("tests/golden"));
    let mut files: Vec<_> = entries.map(|e| e.expect("entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "wat"));
    files.sort();
    assert!(files.len() >= 12, "only {} golden files", files.len());
    let mut failures = Vec::new();
    for path in files {
        let source = fs::read_to_string(&path).expect("readable");
        let expected = path.with_extension("txt");
        match run(&source, path.starts_with(dir.join("passes"))) {
            Err(e) => failures.push(format!("{}: {e}", path.display())),
            Ok(text) if bless => fs::write(&expected, text).expect("writable"),
            Ok(text) if fs::read_to_string(&expected).unwrap_or_default() == text => {}
            Ok(text) => failures.push(format!("{} differs, now:\n{text}", path.display())),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A file of a pass that says nothing about it, or of one that is not what makes the code as it is.
#[test]
fn a_golden_file_of_a_pass_must_show_the_pass() {
    const EMPTY: &str = "(module (func (export \"xdp\") (result i32) (i32.const 2)))";
    let of = |pass: &str| run(&format!(";; stage: asm\n{pass}{EMPTY}"), true).unwrap_err();
    assert!(of("").contains("`pass: NAME` expected"), "{}", of(""));
    assert!(of(";; pass: speed\n").contains("names none: speed"));
    assert!(of(";; pass: swaps\n").contains("the same with `-Z no-swaps`"));
}
