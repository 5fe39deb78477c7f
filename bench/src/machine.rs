//! The machine that was measured, as it is told beside the figures.

use serde::{Deserialize, Serialize};

use crate::toolchain::{Toolchain, version};

/// What a figure depends on besides the code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Processors.
    pub cpus: usize,
    /// The kernel's release.
    pub kernel: String,
    /// Whether and how the kernel compiles eBPF (`net.core.bpf_jit_enable`).
    pub ebpf_jit: String,
    /// The kernel's mitigations against speculation that are on, which eBPF programs pay for too.
    pub mitigations: Vec<String>,
    /// Load average when the run began.
    pub load: String,
    /// Versions of the compilers.
    pub compilers: Vec<String>,
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The processor: what /proc/cpuinfo calls it on x86_64 and, for others, the machine's name.
fn cpu() -> String {
    let text = read("/proc/cpuinfo");
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn mitigations() -> Vec<String> {
    let Ok(folder) = std::fs::read_dir("/sys/devices/system/cpu/vulnerabilities") else { return Vec::new() };
    let mut found: Vec<String> = folder
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let text = std::fs::read_to_string(entry.path()).ok()?;
            let how = text.trim().strip_prefix("Mitigation: ")?.to_owned();
            Some(format!("{}: {how}", entry.file_name().to_string_lossy()))
        })
        .collect();
    found.sort();
    found
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn here(toolchain: &Toolchain) -> Self {
        let mut compilers = vec![format!("wasmkc {}", env!("CARGO_PKG_VERSION")), version("rustc")];
        compilers.extend(toolchain.versions());
        Self {
            cpu: cpu(),
            cpus: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: read("/proc/sys/kernel/osrelease"),
            ebpf_jit: read("/proc/sys/net/core/bpf_jit_enable"),
            mitigations: mitigations(),
            load: read("/proc/loadavg"),
            compilers,
        }
    }
}
