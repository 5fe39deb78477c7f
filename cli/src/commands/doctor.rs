//! `doctor`: checks what the loader needs, and says what to do about what is missing.

use crate::error::{Error, Result};
use crate::kernel::device::Device;
use crate::kernel::{bpf, explain, open_error};
use crate::output::emit;
use crate::pins;
use serde::Serialize;
use std::env::consts::ARCH;
use std::path::Path;
use wasmkc_abi::control::{Info, MODULE};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    state: State,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

fn ok(check: &'static str, found: impl Into<String>) -> Check {
    Check { check, state: State::Ok, found: found.into(), help: None }
}

fn warn(check: &'static str, found: impl Into<String>, help: &str) -> Check {
    Check { check, state: State::Warn, found: found.into(), help: Some(help.into()) }
}

fn fail(check: &'static str, found: impl Into<String>, help: &str) -> Check {
    Check { check, state: State::Fail, found: found.into(), help: Some(help.into()) }
}

/// Runs all checks; fails if one did.
pub fn run(json: bool) -> Result<()> {
    let mut checks =
        vec![kernel(), code_of(ARCH), exceptions_of(ARCH), privileges(), jit(), kernel_btf(), bpffs(), lockdown()];
    checks.extend(module());
    let failed = checks.iter().filter(|c| c.state == State::Fail).count();
    emit(json, &checks, || checks.iter().map(lines).collect())?;
    if failed == 0 { Ok(()) } else { Err(Error::new(format_args!("{failed} of {} checks failed", checks.len()))) }
}

fn lines(check: &Check) -> String {
    let state = match check.state {
        State::Ok => "ok",
        State::Warn => "warn",
        State::Fail => "FAIL",
    };
    let help = check.help.as_ref().map(|h| format!("      {:12} {h}\n", "")).unwrap_or_default();
    format!("{state:4}  {:12} {}\n{help}", check.check, check.found)
}

fn kernel() -> Check {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    kernel_of(&release, ARCH)
}

fn kernel_of(release: &str, machine: &str) -> Check {
    let found = format!("Linux {release} on {machine}");
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= (6, 1) && !matches!(machine, "x86_64" | "aarch64" | "arm" | "s390x") {
        return warn(
            "kernel",
            found,
            "tested on x86_64, aarch64, arm and s390x; the module may not build for another one",
        );
    }
    match version {
        (6, 1 | 12) => ok("kernel", found),
        v if v < (6, 1) => fail("kernel", found, "needs Linux 6.1 (Debian 12) or 6.12 (Debian 13)"),
        _ => warn("kernel", found, "tested on Linux 6.1 and 6.12; the module may not build for another one"),
    }
}

/// Whether the compiler makes code of this machine's own.
const fn is_native(machine: &str) -> bool {
    matches!(machine.as_bytes(), b"x86_64" | b"aarch64")
}

/// What code runs.
fn code_of(machine: &str) -> Check {
    if is_native(machine) {
        return ok("code", format!("{machine}'s own, and portable bytecode"));
    }
    warn(
        "code",
        "portable bytecode only, which is interpreted",
        "the compiler makes no code of this machine's own; an object needs the target `portable`",
    )
}

/// What becomes of an exception in generated code, which the audit should have refused.
fn exceptions_of(machine: &str) -> Check {
    match machine {
        "x86_64" => ok("exceptions", "in generated code: they disable the program"),
        _ if !is_native(machine) => ok("exceptions", "in generated code: none, as the processor does not run it"),
        _ => warn(
            "exceptions",
            "in generated code: the kernel panics",
            "only the audit stands before them on this machine: trust only signers that sign with `wasmkc`",
        ),
    }
}

/// Capabilities that load and attach need (include/uapi/linux/capability.h).
const CAPABILITIES: [(u32, &str); 3] = [(12, "CAP_NET_ADMIN"), (21, "CAP_SYS_ADMIN"), (39, "CAP_BPF")];

fn privileges() -> Check {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    privileges_of(&status)
}

fn privileges_of(status: &str) -> Check {
    let effective = status.lines().find_map(|l| l.strip_prefix("CapEff:"));
    let mask = effective.and_then(|l| u64::from_str_radix(l.trim(), 16).ok()).unwrap_or(0);
    let missing: Vec<&str> = CAPABILITIES.iter().filter(|(n, _)| mask >> n & 1 == 0).map(|(_, name)| *name).collect();
    if missing.is_empty() {
        return ok("privileges", "all that load and attach need");
    }
    warn(
        "privileges",
        format!("without {}", missing.join(", ")),
        "load and attach need root; build, sign, verify and run do not",
    )
}

/// What a kernel means that lacks what a call from BPF takes.
const NO_XDP: &str = "so BPF cannot call the loader: attach with `--mode ingress` instead of XDP";

fn jit() -> Check {
    match std::fs::read_to_string("/proc/sys/net/core/bpf_jit_enable").map(|t| t.trim().to_owned()).as_deref() {
        Ok("0") if has_btf() => {
            fail("bpf jit", "off", "XDP needs it: `sysctl net.core.bpf_jit_enable=1`; `--mode ingress` does not")
        }
        Ok("0") => ok("bpf jit", "off, and of no use without kernel BTF"),
        Ok(_) => ok("bpf jit", "on"),
        Err(_) if Path::new("/proc/sys/net/core").exists() && nix::unistd::geteuid().is_root() => {
            warn("bpf jit", "not in this kernel (CONFIG_BPF_JIT)", NO_XDP)
        }
        Err(_) => warn("bpf jit", "cannot be read", "needs the file /proc/sys/net/core/bpf_jit_enable, and root"),
    }
}

/// The kernel's own types, by which BPF finds the functions of modules.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

fn has_btf() -> bool {
    Path::new(KERNEL_BTF).exists()
}

fn kernel_btf() -> Check {
    if has_btf() {
        ok("kernel BTF", KERNEL_BTF)
    } else {
        warn("kernel BTF", "not in this kernel (CONFIG_DEBUG_INFO_BTF)", NO_XDP)
    }
}

fn bpffs() -> Check {
    if pins::mounted() {
        ok("bpffs", pins::BPFFS)
    } else {
        fail("bpffs", format!("not mounted at {}", pins::BPFFS), "`mount -t bpf bpf /sys/fs/bpf`")
    }
}

fn lockdown() -> Check {
    match std::fs::read_to_string("/sys/kernel/security/lockdown") {
        Ok(text) => lockdown_of(&text),
        Err(_) => ok("lockdown", "not in this kernel, or securityfs is not mounted"),
    }
}

fn lockdown_of(text: &str) -> Check {
    let now = text.split(['[', ']']).nth(1).unwrap_or("unknown");
    match now {
        "none" => ok("lockdown", "none"),
        _ => warn(
            "lockdown",
            now,
            "the module must be signed with a key that the system trusts, and so must filters be: keys of `trust add` do not count",
        ),
    }
}

fn module() -> Vec<Check> {
    let device = match Device::open() {
        Ok(device) => device,
        Err(e) => {
            let loaded = Path::new("/sys/module/wasmkc").exists();
            let help = match (e.kind(), loaded) {
                (std::io::ErrorKind::NotFound, true) => {
                    "it is loaded but has no device node: is devtmpfs mounted at /dev?"
                }
                (std::io::ErrorKind::NotFound, false) => {
                    "`modprobe wasmkc` as root, once `make install-kmod` has installed it"
                }
                (std::io::ErrorKind::PermissionDenied, _) => "run this as root",
                _ => "load the module anew: `rmmod wasmkc; modprobe wasmkc`",
            };
            let found = open_error(&e).render(false);
            let found = found.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            return vec![fail("module", found, help)];
        }
    };
    match device.info() {
        Ok(info) => of_info(&info),
        Err(refused) => {
            let found = explain(refused).render(false).lines().next().unwrap_or_default().to_owned();
            vec![fail("module", found, "install the module and the command of one release")]
        }
    }
}

fn of_info(info: &Info) -> Vec<Check> {
    let version = format!("loaded, ABI {}.{}, {} programs", info.abi_major, info.abi_minor, info.programs);
    let same = (info.abi_major, info.abi_minor) == (wasmkc_abi::ABI_MAJOR, wasmkc_abi::ABI_MINOR);
    let full = info.arena_used > info.arena_size / 10 * 9 || info.memory_used > info.memory_budget / 10 * 9;
    let used = format!("memory {} of {} bytes, {} CPUs", info.memory_used, info.memory_budget, info.cpus);
    // A machine that runs bytecode only has no place for code of its own.
    let used = match info.arena_size {
        0 => used,
        size => {
            format!(
                "code {} of {size}, constants {} of {}, {used}",
                info.arena_used, info.rodata_used, info.rodata_size
            )
        }
    };
    vec![
        match same {
            true => ok("module", version),
            false => fail("module", version, "install the module and the command of one release"),
        },
        match info.xdp_kfunc {
            0 => warn(
                "hooks",
                "ingress",
                "no XDP: BPF of this kernel cannot call the loader; attach with `--mode ingress`",
            ),
            id => match bpf::module_btf(MODULE) {
                Ok(Some(_)) => ok("hooks", format!("native and generic XDP by function {id}, ingress")),
                // The kernel drops the types of a module that was built for another one, and loads it all the same.
                Ok(None) => fail(
                    "hooks",
                    "ingress; the kernel refused the module's BTF",
                    "build the module for this very kernel",
                ),
                Err(e) => fail("hooks", format!("the kernel does not say: {e}"), "run this as root"),
            },
        },
        match (info.keys, info.trust_locked != 0) {
            (0, true) => {
                fail("keys", "none, and locked", "no object can be loaded: load the module anew and add a key first")
            }
            (0, false) => {
                warn("keys", "none yet", "before anything can be loaded: `wasmkc keygen`, then `wasmkc trust add CERT`")
            }
            (n, false) => warn("keys", format!("{n}, open"), "`wasmkc trust lock` keeps further keys out"),
            (n, true) => ok("keys", format!("{n}, locked")),
        },
        match full {
            true => {
                warn("space", used, "`wasmkc unload` frees some; the module's parameter `budget` raises the memory")
            }
            false => ok("space", used),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_judged_by_version_and_machine() {
        assert_eq!(kernel_of("6.12.117+deb12-amd64", "x86_64").state, State::Ok);
        assert_eq!(kernel_of("6.1.0-56-amd64", "x86_64").state, State::Ok);
        assert_eq!(kernel_of("6.12.117+deb12-arm64", "aarch64").state, State::Ok);
        assert_eq!(kernel_of("5.10.0-30-amd64", "x86_64").state, State::Fail);
        assert_eq!(kernel_of("6.6.3", "x86_64").state, State::Warn);
        assert_eq!(kernel_of("6.18.3", "x86_64").state, State::Warn);
        assert_eq!(kernel_of("6.12.95+deb12-armmp", "arm").state, State::Ok);
        assert_eq!(kernel_of("6.12.95+deb12-s390x", "s390x").state, State::Ok);
        assert_eq!(kernel_of("6.12.1", "riscv64").state, State::Warn);
        assert_eq!(kernel_of("5.10.0", "riscv64").state, State::Fail);
    }

    #[test]
    fn what_an_exception_does_is_told_by_machine() {
        assert_eq!(exceptions_of("x86_64").state, State::Ok);
        assert_eq!(exceptions_of("aarch64").state, State::Warn);
        assert_eq!(exceptions_of("s390x").state, State::Ok);
    }

    #[test]
    fn machines_without_code_of_their_own_are_told() {
        assert_eq!(code_of("aarch64").state, State::Ok);
        let arm = code_of("arm");
        assert!(arm.state == State::Warn && arm.help.is_some_and(|h| h.contains("portable")), "{}", arm.found);
    }

    #[test]
    fn not_root_is_named_by_capability() {
        assert_eq!(privileges_of("CapEff:\t000001ffffffffff\n").state, State::Ok);
        let none = privileges_of("CapEff:\t0000000000000000\n");
        assert_eq!(none.state, State::Warn);
        assert!(none.found.contains("CAP_SYS_ADMIN") && none.found.contains("CAP_BPF"), "{}", none.found);
    }

    #[test]
    fn lockdown_is_read() {
        assert_eq!(lockdown_of("[none] integrity confidentiality\n").state, State::Ok);
        let integrity = lockdown_of("none [integrity] confidentiality\n");
        assert_eq!((integrity.state, integrity.found.as_str()), (State::Warn, "integrity"));
    }

    #[test]
    fn no_keys_yet_is_no_failure_and_no_xdp_names_the_ingress() {
        let info = Info { abi_major: wasmkc_abi::ABI_MAJOR, abi_minor: wasmkc_abi::ABI_MINOR, ..Info::default() };
        let checks = of_info(&info);
        assert!(checks.iter().all(|c| c.state != State::Fail));
        assert!(checks.iter().any(|c| c.check == "keys" && c.state == State::Warn));
        let locked = of_info(&Info { trust_locked: 1, ..info });
        assert!(locked.iter().any(|c| c.check == "keys" && c.state == State::Fail));
        assert!(checks.iter().all(|c| !c.found.contains("code 0 of 0")), "no arena, nothing to say of it");
        assert!(checks[1].state == State::Warn && checks[1].help.as_ref().unwrap().contains("--mode ingress"));
    }
}
