//! `wkc-bench-kernel`: boots machines, counts in each, writes tables and figures as JSON.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use wasmkc_bench::kernel::figures::{Measured, Results, measured};
use wasmkc_bench::kernel::filters::{EMPTY, Filter, Sources, fill, names};
use wasmkc_bench::kernel::machine::{DEFAULT, Machine};
use wasmkc_bench::kernel::report::text;
use wasmkc_bench::kernel::said::Said;
use wasmkc_bench::program;
use wasmkc_bench::report::Style;
use wasmkc_bench::toolchain::{Toolchain, version};
use wasmkc_bench::trace;

const EXAMPLES: &str = "Examples:
  wkc-bench-kernel                                        everything
  wkc-bench-kernel --machine 6.12/max --filter rules      a minute
  wkc-bench-kernel --machine 6.12/EPYC/mitigations=off    any processor that QEMU knows, any parameter of the kernel
  wkc-bench-kernel --json | jq '.machines[].way'

It needs what `make bench-kernel` builds: that calls it, with BENCH=OPTIONS.";

/// What the command takes.
#[derive(Debug, Parser)]
#[command(name = "wkc-bench-kernel", version)]
#[command(about = "Instructions a packet of filters in wasmkc and in eBPF, counted in stock kernels in QEMU")]
#[command(after_help = EXAMPLES)]
struct Args {
    /// Boot this machine (again for more)
    #[arg(long, value_name = "KERNEL/MODEL[/PARAMETER]", default_values = DEFAULT)]
    machine: Vec<Machine>,
    /// Measure this filter (again for more); all without. The empty one is always there
    #[arg(long, value_parser = PossibleValuesParser::new(names()))]
    filter: Vec<String>,
    /// Bytes of the frames (again for more)
    #[arg(long, default_values_t = [64, 512], value_parser = trace::size)]
    size: Vec<usize>,
    /// Packets of each size
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=256))]
    packets: u64,
    /// Machines at a time
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    jobs: usize,
    /// What the packets are made of
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The wasmkc whose objects are measured
    #[arg(long, value_name = "FILE", default_value = "build/bin/wasmkc")]
    wasmkc: PathBuf,
    /// The example l4drop
    #[arg(long, value_name = "FILE", default_value = "build/examples/l4drop.wasm")]
    l4drop: PathBuf,
    /// Folder of results.json and results.md, and of what the machines get; steps-KERNEL/steps.ko is there
    #[arg(long, default_value = "build/bench-kernel")]
    out: PathBuf,
    /// Print the figures as JSON instead of tables
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::ended("wkc-bench-kernel", work(&Args::parse()))
}

/// Copies the scripts, and the module of each kernel.
fn copy(args: &Args, folder: &Path) -> Result<()> {
    let copy = |from: &Path, name: &str| {
        std::fs::copy(from, folder.join(name)).map(drop).with_context(|| from.display().to_string())
    };
    copy(Path::new("tests/vm/lib.sh"), "lib.sh")?;
    copy(Path::new("bench/kernel/vm.sh"), "vm.sh")?;
    for Machine { kernel, .. } in &args.machine {
        copy(&args.out.join(format!("steps-{kernel}/steps.ko")), &format!("steps-{kernel}.ko"))?;
    }
    Ok(())
}

/// Boots `machine`; what it printed, and the kernel's log, are kept in files.
fn boot(args: &Args, folder: &Path, filters: &[Filter], machine: &Machine) -> Result<Measured> {
    eprintln!("wkc-bench-kernel: {machine}");
    let name = machine.to_string().replace('/', "-");
    let said = machine.run(folder, &args.out.join(format!("{name}.klog")), "/host/vm.sh")?;
    std::fs::write(args.out.join(format!("{name}.log")), &said)?;
    measured(machine.clone(), filters, &Said::read(&said)?)
}

/// Boots all machines, a few at a time, as counting does not depend on time; what they found in their order.
fn boot_all(args: &Args, folder: &Path, filters: &[Filter]) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    for some in args.machine.chunks(args.jobs.max(1)) {
        all.extend(std::thread::scope(|scope| {
            let threads: Vec<_> =
                some.iter().map(|machine| scope.spawn(move || boot(args, folder, filters, machine))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Measured>>| {
                thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))
            };
            threads.into_iter().map(join).collect::<Result<Vec<_>>>()
        })?);
    }
    Ok(all)
}

fn work(args: &Args) -> Result<()> {
    ensure!(Path::new("vm/run").exists(), "there is no vm/run here: call this in the project's folder");
    let toolchain = Toolchain::new(1)?;
    let mut wanted = args.filter.clone();
    if !wanted.is_empty() {
        wanted.push(EMPTY.to_owned());
    }
    let packets = usize::try_from(args.packets)?;
    let mut sizes = args.size.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let sources = Sources { wasmkc: args.wasmkc.clone(), l4drop: args.l4drop.clone(), sizes, packets, seed: args.seed };
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    let folder = tempfile::Builder::new().prefix("host-").tempdir_in(&args.out)?;
    copy(args, folder.path())?;
    let filters = fill(folder.path(), &sources, &toolchain, &wanted)?;
    let mut compilers = toolchain.versions().to_vec();
    compilers.insert(0, version(&args.wasmkc.to_string_lossy()));
    let results = Results {
        qemu: version("qemu-system-x86_64"),
        compilers,
        seed: args.seed,
        packets,
        machines: boot_all(args, folder.path(), &filters)?,
    };
    let json = serde_json::to_string_pretty(&results)?;
    for (name, text) in [("results.json", &json), ("results.md", &text(&results, Style::Markdown))] {
        let path = args.out.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    if args.json {
        println!("{json}");
    } else {
        print!("{}", text(&results, Style::Lines));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        let all = ["wkc-bench-kernel"].iter().chain(arguments);
        Args::try_parse_from(all).expect_err("it is refused").to_string()
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        assert!(refused(&["--machine", "max"]).contains("max is not KERNEL/MODEL"));
        assert!(refused(&["--filter", "none"]).contains("l4drop"));
        assert!(refused(&["--size", "63"]).contains("a frame has 64 to 1500 bytes here"));
        assert!(refused(&["--packets", "0"]).contains("0 is not in 1..=256"));
    }

    #[test]
    fn without_options_every_machine_is_measured() {
        let args = Args::try_parse_from(["wkc-bench-kernel"]).expect("it needs nothing");
        assert_eq!(args.machine.len(), DEFAULT.len());
    }
}
