//! What `wasmkc build` takes, the whole command: from wasm of some sizes to objects for all targets.
//!
//! The command runs as users run it, with one thread and with all; the objects must be the same. Time is that of the
//! clock, the least of some runs, and that of all processors; memory is the most that the process had.

pub mod modules;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use wait4::Wait4;

use crate::report::{Style, table};
use modules::Shape;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The command.
    pub wasmkc: PathBuf,
    /// Bytes of the modules.
    pub sizes: Vec<usize>,
    /// Runs of each build.
    pub rounds: usize,
    /// Threads, besides one.
    pub jobs: usize,
}

/// One build.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Build {
    /// Milliseconds by the clock, the least of all runs.
    pub ms: f64,
    /// Milliseconds of all processors in that run.
    pub cpu_ms: f64,
    /// Most KiB of memory.
    pub memory_kib: u64,
}

/// One module.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What its code is divided into.
    pub shape: &'static str,
    /// Its bytes.
    pub wasm: usize,
    /// Bytes of the object.
    pub object: usize,
    /// With one thread.
    pub one: Build,
    /// With all.
    pub all: Build,
    /// The same, signed.
    pub signed: Build,
}

/// Builds each module.
///
/// # Errors
/// If a build fails, or if the number of threads makes a difference.
pub fn run(plan: &Plan, mut tell: impl FnMut(&str)) -> Result<Vec<Row>> {
    ensure!(plan.rounds > 0, "nothing is measured without rounds");
    let folder = tempfile::tempdir()?;
    let here = |name: &str| folder.path().join(name);
    let (key, cert) = (here("key"), here("cert"));
    command(plan, ["keygen".as_ref(), "--key".as_ref(), key.as_os_str(), "--cert".as_ref(), cert.as_os_str()])?;
    let mut rows = Vec::new();
    for size in &plan.sizes {
        for shape in Shape::ALL {
            tell(&format!("{} bytes, {}", size, shape.name()));
            let wasm = modules::module(*size, shape, 1);
            std::fs::write(here("f.wasm"), &wasm)?;
            let build = |jobs: usize, out: &str, more: &[&OsStr]| {
                let (file, out, jobs) = (here("f.wasm"), here(out), jobs.to_string());
                let arguments = ["build".as_ref(), file.as_os_str(), "-o".as_ref(), out.as_os_str(), "--jobs".as_ref()];
                let arguments = arguments.into_iter().chain([jobs.as_ref()]).chain(more.iter().copied());
                least(plan, &arguments.collect::<Vec<_>>()).with_context(|| format!("{size} bytes, {}", shape.name()))
            };
            let (one, all) = (build(1, "one.kwo", &[])?, build(plan.jobs, "all.kwo", &[])?);
            let object = std::fs::read(here("one.kwo"))?;
            ensure!(object == std::fs::read(here("all.kwo"))?, "{} threads make another object than one", plan.jobs);
            let sign = ["--sign".as_ref(), key.as_os_str(), "--cert".as_ref(), cert.as_os_str()];
            let signed = build(plan.jobs, "signed.kwo", &sign)?;
            rows.push(Row { shape: shape.name(), wasm: wasm.len(), object: object.len(), one, all, signed });
        }
    }
    Ok(rows)
}

fn least(plan: &Plan, arguments: &[&OsStr]) -> Result<Build> {
    let mut least: Option<Build> = None;
    for _ in 0..plan.rounds {
        let build = command(plan, arguments.iter().copied())?;
        let memory_kib = least.map_or(0, |least| least.memory_kib).max(build.memory_kib);
        let best = least.filter(|least| least.ms <= build.ms).unwrap_or(build);
        least = Some(Build { memory_kib, ..best });
    }
    least.context("no rounds")
}

fn command<'a>(plan: &Plan, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<Build> {
    let named = |path: &Path| path.display().to_string();
    let begun = Instant::now();
    let mut child = Command::new(&plan.wasmkc)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| named(&plan.wasmkc))?;
    let done = child.wait4()?;
    let ms = begun.elapsed().as_secs_f64() * 1e3;
    if !done.status.success() {
        bail!("{} failed: {}", named(&plan.wasmkc), done.status);
    }
    let cpu_ms = (done.rusage.utime + done.rusage.stime).as_secs_f64() * 1e3;
    Ok(Build { ms, cpu_ms, memory_kib: done.rusage.maxrss >> 10 })
}

/// The rows as a table.
#[must_use]
pub fn text(rows: &[Row], jobs: usize, style: Style) -> String {
    let header = ["functions", "wasm KB", "object KB", "1 thread ms", "us/KB", "MiB"].map(str::to_owned);
    let threads = [format!("{jobs} threads ms"), "of it CPU".to_owned(), "MiB".to_owned(), "signed ms".to_owned()];
    let kb = |bytes: usize| format!("{:.0}", bytes as f64 / 1e3);
    let mib = |build: &Build| format!("{:.0}", build.memory_kib as f64 / 1024.0);
    let ms = |ms: f64| format!("{ms:.1}");
    let rows = rows.iter().map(|row| {
        vec![
            row.shape.to_owned(),
            kb(row.wasm),
            kb(row.object),
            ms(row.one.ms),
            format!("{:.0}", row.one.ms * 1e6 / row.wasm as f64),
            mib(&row.one),
            ms(row.all.ms),
            ms(row.all.cpu_ms),
            mib(&row.all),
            ms(row.signed.ms),
        ]
    });
    format!("{}\n", table(style, header.into_iter().chain(threads).collect(), 1, rows))
}
