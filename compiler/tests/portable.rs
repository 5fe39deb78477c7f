//! What the audit reads of portable objects, Pulley's disassembler reads alike: as many instructions of each name.

use std::collections::BTreeMap;
use std::path::Path;

use wasmkc_compiler::{Listing, Options, Target, compile, list};

/// How often each instruction occurs in the disassembler's text.
fn listed(text: &str) -> BTreeMap<String, usize> {
    let mut out = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with(' ')) {
        let name = line.split_whitespace().nth(1).expect("an offset, then a name");
        *out.entry(name.to_owned()).or_default() += 1;
    }
    out
}

/// The modules of a folder, as far as they are filters by themselves.
fn read_alike(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "wat") {
            continue;
        }
        let wasm = wat::parse_file(&path).expect("a module");
        let options = Options { target: Target::Portable, ..Options::default() };
        let object = compile(&wasm, &options).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let report = wasmkc_audit::audit(&object.bytes).unwrap_or_else(|f| panic!("{}: {f:?}", path.display()));
        let text = list(&wasm, &options, Listing::Asm).expect("a listing");
        assert_eq!(report.mnemonics, listed(&text), "{}", path.display());
        seen += 1;
    }
    seen
}

#[test]
fn what_the_audit_reads_the_disassembler_reads_alike() {
    assert!(read_alike("tests/golden") >= 15);
    assert!(read_alike("tests/golden/portable") >= 12);
    assert!(read_alike("../tests/filters") >= 20);
}
