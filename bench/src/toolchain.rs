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
    /// The same without the instructions that Linux has since 6.6.
    EbpfOld,
    /// An eBPF object with a program as drivers call it, for kernels as old as 6.1.
    Xdp,
}

/// The compilers and where their output goes.
#[derive(Debug)]
pub struct Toolchain {
    folder: TempDir,
    clang: String,
    gcc: String,
    tries: u32,
}

/// A compiled source.
#[derive(Debug)]
pub struct Compiled {
    /// Where it is.
    pub path: PathBuf,
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

/// The command that `variable` names, or the first of `names` that is there.
fn compiler(variable: &str, names: &[&str]) -> Result<String> {
    let set = std::env::var(variable).ok();
    let candidates = set.as_deref().map_or_else(|| names.to_vec(), |set| vec![set]);
    let Some(found) = candidates.iter().find(|command| runs(command)) else {
        bail!("no {} that runs: `scripts/setup bench` installs it, or set {variable}", candidates.join(" or "));
    };
    Ok((*found).to_owned())
}

/// The first line of what `command --version` says.
#[must_use]
pub fn version(command: &str) -> String {
    let output = Command::new(command).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

impl Toolchain {
    /// Finds the compilers and unpacks the sources. What is timed is made `tries` times.
    ///
    /// # Errors
    /// If a compiler is missing.
    pub fn new(tries: u32) -> Result<Self> {
        let clang = compiler("CLANG", &["clang-19", "clang"])?;
        let gcc = compiler("GCC", &["gcc"])?;
        let folder = tempfile::Builder::new().prefix("wkc-bench-").tempdir()?;
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write("bench.h", HEADER)?;
        write("wasmkc.h", GUEST_HEADER)?;
        for workload in workload::ALL.iter().chain(&workload::KERNEL) {
            write(&format!("{}.c", workload.name), workload.source)?;
        }
        Ok(Self { folder, clang, gcc, tries })
    }

    /// What `make` makes, and the least time that it took: the first try finds caches cold, and others run too.
    ///
    /// # Errors
    /// The first of `make`.
    pub fn timed<T, E>(&self, mut make: impl FnMut() -> Result<T, E>) -> Result<(T, Duration), E> {
        let mut once = || {
            let start = Instant::now();
            make().map(|made| (made, start.elapsed()))
        };
        let (mut made, mut least) = once()?;
        for _ in 1..self.tries {
            let (again, time) = once()?;
            (made, least) = (again, least.min(time));
        }
        Ok((made, least))
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
        let ebpf = ["--target=bpf", "-O2", "-g", "-c"];
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
            Form::Ebpf => (&self.clang, &ebpf, &["-mcpu=v4"], "bpf.o"),
            Form::EbpfOld => (&self.clang, &ebpf, &["-mcpu=v3"], "bpf.o"),
            Form::Xdp => (&self.clang, &ebpf, &["-mcpu=v3", "-DBENCH_XDP"], "xdp.o"),
        };
        // A file of its own each time: one that is loaded already must not be written again.
        let folder = tempfile::tempdir_in(self.folder())?.keep();
        let path = folder.join(format!("{}.{suffix}", workload.name));
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
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{compiler} cannot make {}: {said}`scripts/setup bench` installs what it needs", path.display());
        }
        Ok(Compiled { path })
    }
}
