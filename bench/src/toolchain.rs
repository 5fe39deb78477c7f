//! The C compilers: a workload's source to what each system takes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::workload::{self, Workload};

const HEADER: &str = include_str!("../workloads/bench.h");
const GUEST_HEADER: &str = include_str!("../../abi/guest/c/wasmkc.h");
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-Wno-parentheses"];

/// What a source becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A shared object by clang -O2.
    Clang,
    /// The same without vector registers, as a kernel is compiled.
    ClangGeneral,
    /// A shared object by gcc -O2.
    Gcc,
    /// wasm with wasmkc's imports, as a user ships it.
    Shipped,
    /// wasm with the packets in its memory and the loop inside.
    Memory,
    /// An eBPF object.
    Ebpf,
}

/// The compilers and where their output goes.
#[derive(Debug)]
pub struct Toolchain {
    folder: TempDir,
    clang: String,
    gcc: String,
}

/// A compiled source.
#[derive(Debug)]
pub struct Compiled {
    /// Where it is.
    pub path: PathBuf,
    /// What the compiler and its linker took.
    pub time: Duration,
}

impl Compiled {
    /// Its bytes.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        std::fs::read(&self.path).with_context(|| self.path.display().to_string())
    }
}

fn runs(command: &str) -> bool {
    Command::new(command).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The first line of what `command --version` says.
#[must_use]
pub fn version(command: &str) -> String {
    let output = Command::new(command).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

impl Toolchain {
    /// Finds the compilers and unpacks the sources.
    ///
    /// # Errors
    /// If a compiler is missing.
    pub fn new() -> Result<Self> {
        let set = std::env::var("CLANG").ok();
        let mut candidates = set.iter().map(String::as_str).chain(["clang-19", "clang"]);
        let Some(clang) = candidates.find(|command| runs(command)).map(str::to_owned) else {
            bail!("no clang: `scripts/setup bench` installs it, or set CLANG");
        };
        let gcc = std::env::var("GCC").unwrap_or_else(|_| "gcc".to_owned());
        if !runs(&gcc) {
            bail!("no {gcc}: `scripts/setup bench` installs it, or set GCC");
        }
        let folder = tempfile::Builder::new().prefix("wkc-bench-").tempdir()?;
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write("bench.h", HEADER)?;
        write("wasmkc.h", GUEST_HEADER)?;
        for workload in &workload::ALL {
            write(&format!("{}.c", workload.name), workload.source)?;
        }
        Ok(Self { folder, clang, gcc })
    }

    /// Versions of the compilers.
    #[must_use]
    pub fn versions(&self) -> [String; 2] {
        [version(&self.clang), version(&self.gcc)]
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Compiles `workload`.
    ///
    /// # Errors
    /// With what the compiler says.
    pub fn compile(&self, workload: &Workload, form: Form) -> Result<Compiled> {
        let native = ["-O2", "-shared", "-fPIC", "-nostdlib", "-fvisibility=hidden"];
        let wasm = ["--target=wasm32", "-O2", "-nostdlib", "-Wl,--no-entry,--stack-first,-zstack-size=16384"];
        let ebpf = ["--target=bpf", "-mcpu=v4", "-O2", "-g", "-c"];
        // Memories that do not grow are what filters have; each system may make what it can of that.
        let (compiler, arguments, more, suffix): (_, &[&str], &[&str], _) = match form {
            Form::Clang => (&self.clang, &native, &[], "clang.so"),
            Form::ClangGeneral => (&self.clang, &native, &["-mgeneral-regs-only"], "general.so"),
            Form::Gcc => (&self.gcc, &native, &[], "gcc.so"),
            Form::Shipped => {
                let memory = "-Wl,--initial-memory=4194304,--max-memory=4194304";
                (&self.clang, &wasm, &["-DBENCH_SHIPPED", memory], "wasm")
            }
            Form::Memory => (&self.clang, &wasm, &["-Wl,--initial-memory=8388608,--max-memory=8388608"], "memory.wasm"),
            Form::Ebpf => (&self.clang, &ebpf, &[], "bpf.o"),
        };
        // A file of its own each time: one that is loaded already must not be written again.
        let folder = tempfile::tempdir_in(self.folder())?.keep();
        let path = folder.join(format!("{}.{suffix}", workload.name));
        let start = Instant::now();
        let output = Command::new(compiler)
            .current_dir(self.folder())
            .args(arguments)
            .args(more)
            .args(WARNINGS)
            .arg(format!("{}.c", workload.name))
            .arg("-o")
            .arg(&path)
            .output()
            .with_context(|| compiler.clone())?;
        let time = start.elapsed();
        if !output.status.success() {
            bail!("{compiler} {}: {}", workload.name, String::from_utf8_lossy(&output.stderr));
        }
        Ok(Compiled { path, time })
    }
}
