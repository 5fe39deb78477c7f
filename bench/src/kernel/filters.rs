//! The filters, both ways: what the VM sees as /host.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSection};

use crate::systems::native::Native;
use crate::toolchain::{Form, Toolchain};
use crate::trace::Trace;
use crate::workload::{self, Workload};

/// eBPF: an XDP program of its own.
pub const EBPF: &str = "ebpf";
/// wasmkc, and whom its build takes the author for.
pub const WASMKC: [(&str, &str); 2] = [("wasmkc", "trusted"), ("wasmkc-masked", "untrusted")];

/// The smallest filter, whose way in is measured.
pub const EMPTY: &str = "empty";
/// The example, written twice: in Rust, and for eBPF in the best form that is accepted.
const L4DROP: &str = "l4drop";

fn all() -> impl Iterator<Item = &'static Workload> {
    workload::ALL.iter().chain(&workload::KERNEL)
}

/// Names of the filters in the order of the tables.
#[must_use]
pub fn names() -> Vec<&'static str> {
    all().map(|workload| workload.name).collect()
}

/// What a folder is made of.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The command `wasmkc`.
    pub wasmkc: PathBuf,
    /// `l4drop` as WebAssembly.
    pub l4drop: PathBuf,
    /// Bytes of the frames.
    pub sizes: Vec<usize>,
    /// Packets of each size.
    pub packets: usize,
    /// What they are made of.
    pub seed: u64,
}

/// A filter in the folder.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Its name.
    pub name: &'static str,
    /// Bytes of its frames, packet by packet.
    pub sizes: Vec<usize>,
    /// Instructions that its code has, by system; which of them run is another matter.
    pub instructions: Vec<(&'static str, u64)>,
}

fn wasmkc(command: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(command)
        .args(arguments)
        .output()
        .with_context(|| format!("{}: `make cli` builds it", command.display()))?;
    if !output.status.success() {
        bail!("wasmkc {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no text", path.display()))
}

/// The eBPF object with `tables` in its section of that name: they are the map's first contents.
fn with_tables(mut image: Vec<u8>, tables: &[u8]) -> Result<Vec<u8>> {
    let file = object::File::parse(&*image)?;
    // A filter that does not read its tables has none.
    let Some(section) = file.section_by_name(".data.tables") else { return Ok(image) };
    let (at, len) = section.file_range().context("no tables in the file")?;
    ensure!(tables.len() as u64 <= len, "the tables have {} bytes, not {len}", tables.len());
    let at = usize::try_from(at)?;
    image[at..at + tables.len()].copy_from_slice(tables);
    Ok(image)
}

/// Instructions of the eBPF program: each has eight bytes.
fn ebpf_instructions(image: &[u8]) -> Result<u64> {
    let file = object::File::parse(image)?;
    Ok(file.section_by_name("xdp").context("no program")?.size() / 8)
}

/// Lines of the disassembly: an address and an instruction.
fn listed_instructions(listing: &str) -> u64 {
    let address = |line: &&str| {
        line.starts_with(' ')
            && line.split_whitespace().next().is_some_and(|word| u64::from_str_radix(word, 16).is_ok())
    };
    listing.lines().filter(address).count() as u64
}

/// Fills `folder` with filters and packets, and `plan` with the names of the filters that are among `wanted`.
///
/// # Errors
/// If a filter cannot be built.
pub fn fill(folder: &Path, sources: &Sources, toolchain: &Toolchain, wanted: &[String]) -> Result<Vec<Filter>> {
    let (key, certificate) = (folder.join("test.key"), folder.join("test.crt"));
    let (key, certificate) = (text(&key)?, text(&certificate)?);
    wasmkc(&sources.wasmkc, &["keygen", "--key", key, "--cert", certificate, "--subject", "wasmkc bench key"])?;
    let mut filters = Vec::new();
    let mut plan = String::new();
    for workload in all().filter(|workload| wanted.is_empty() || wanted.iter().any(|name| name == workload.name)) {
        let name = workload.name;
        let mut filter = Filter { name, sizes: packets(folder, workload, sources)?, instructions: Vec::new() };
        let mut ebpf = toolchain.compile(workload, Form::Xdp)?.bytes()?;
        let wasm = if name == L4DROP {
            sources.l4drop.clone()
        } else {
            ebpf = with_tables(ebpf, Native::new(workload, toolchain, Form::Clang)?.tables())?;
            toolchain.compile(workload, Form::Shipped)?.path
        };
        filter.instructions.push((EBPF, ebpf_instructions(&ebpf)?));
        std::fs::write(folder.join(format!("{name}.{EBPF}.o")), &ebpf)?;
        for (system, author) in WASMKC {
            let object = folder.join(format!("{name}.{system}.kwo"));
            let (object, wasm) = (text(&object)?, text(&wasm)?);
            let signed = ["--sign", key, "--cert", certificate];
            let build = ["build", wasm, "--output", object, "--name", name, "--author", author];
            wasmkc(&sources.wasmkc, &[&build[..], &signed].concat())?;
            let listing = wasmkc(&sources.wasmkc, &["inspect", object, "--code", "x86_64"])?;
            filter.instructions.push((system, listed_instructions(&listing)));
        }
        writeln!(plan, "{name}")?;
        filters.push(filter);
    }
    std::fs::write(folder.join("plan"), plan)?;
    Ok(filters)
}

/// Writes the packets of `workload` and returns the size of each.
fn packets(folder: &Path, workload: &Workload, sources: &Sources) -> Result<Vec<usize>> {
    let mut written = Vec::new();
    for size in &sources.sizes {
        let mut trace = Trace::new(workload, *size, sources.packets, sources.seed);
        for packet in trace.packets() {
            std::fs::write(folder.join(format!("{}.{}.bin", workload.name, written.len())), packet)?;
            written.push(*size);
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_listing_are_counted() {
        let listing = "object     a.kwo, 6608 bytes\nfuel       100000 a packet\n           stack: 16 bytes\n\
                       xdp: 98 bytes, wasm function 1\n     0  endbr64\n    5b  call 0x60  ; wkc_trap\n";
        assert_eq!(listed_instructions(listing), 2);
    }

    #[test]
    fn tables_become_part_of_the_object() {
        let toolchain = Toolchain::new(1).expect("the C compilers");
        let workload = workload::by_name("siphash").expect("it exists");
        let image = toolchain.compile(workload, Form::Xdp).and_then(|compiled| compiled.bytes()).expect("it compiles");
        let tables: Vec<u8> = (1..=16).collect();
        let filled = with_tables(image.clone(), &tables).expect("they fit");
        let file = object::File::parse(&*filled).expect("it is an object");
        assert_eq!(file.section_by_name(".data.tables").expect("it has tables").data().expect("bytes"), tables);
        assert!(with_tables(image, &[0; 17]).expect_err("too long").to_string().contains("17 bytes, not 16"));
    }
}
