//! The command line: what can be asked, and the help for it.

use crate::attach::Mode;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Compiles WebAssembly packet filters to native code and runs them in the kernel.
#[derive(Debug, Parser)]
#[command(name = "wasmkc", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
A first filter:
  wasmkc keygen --key my.key --cert my.crt
  wasmkc build filter.wasm -o filter.kwo --sign my.key --cert my.crt
  wasmkc trust add my.crt
  wasmkc attach filter.kwo --dev eth0
  wasmkc stats filter

Exit codes: 0 done, 1 failed, 2 wrong usage.")]
pub struct Cli {
    /// Print JSON, errors too
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Keygen(Keygen),
    Sign(Sign),
    #[command(subcommand)]
    Trust(Trust),
    Load(Load),
    Attach(Attach),
    Detach(Detach),
    Unload(Unload),
    /// List the loaded programs and the devices they are attached to
    #[command(after_help = "Example:\n  wasmkc list --json")]
    List,
    Stats(Stats),
    Log(Log),
    /// Check kernel, module, BTF, keys and privileges, and say what to do
    #[command(after_help = "Fails if a check does.\n\nExample:\n  wasmkc doctor --json")]
    Doctor,
    Completions(Completions),
    Man(Man),
}

/// Make a signing key and its certificate
#[derive(Debug, Args)]
#[command(after_help = "\
RSA with 4096 bits, self-signed, for signing code. Keep the key secret; the certificate is for `trust add`.

Example:
  wasmkc keygen --key my.key --cert my.crt --subject 'Filters of example.org'")]
pub struct Keygen {
    /// Where to write the private key (PEM, readable by you only)
    #[arg(long, value_name = "FILE", default_value = "wasmkc.key")]
    pub key: PathBuf,
    /// Where to write the certificate (PEM; DER if the name ends in .der or .x509)
    #[arg(long, value_name = "FILE", default_value = "wasmkc.crt")]
    pub cert: PathBuf,
    /// Common name in the certificate
    #[arg(long, value_name = "NAME", default_value = "wasmkc filter signing key")]
    pub subject: String,
    /// Days the certificate is valid
    #[arg(long, value_name = "N", default_value_t = 36500, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub days: u32,
    /// Replace existing files
    #[arg(long)]
    pub force: bool,
}

/// Sign an object
#[derive(Debug, Args)]
#[command(after_help = "\
The audit runs first; what it refuses is not signed. A signature that is there already is replaced.
The format is the kernel's own for modules (PKCS#7, appended), so `sign-file` makes the same.

Examples:
  wasmkc sign filter.kwo --key my.key --cert my.crt
  wasmkc sign filter.kwo --key my.key --cert my.crt -o signed.kwo")]
pub struct Sign {
    /// The object
    #[arg(value_name = "FILE.kwo")]
    pub file: PathBuf,
    /// Private key (PEM or DER)
    #[arg(long, value_name = "KEY")]
    pub key: PathBuf,
    /// Its certificate (PEM or DER)
    #[arg(long, value_name = "CERT")]
    pub cert: PathBuf,
    /// Write here instead of to FILE
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
}

/// The keys that the loaded kernel module trusts
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  wasmkc trust add my.crt
  wasmkc trust lock
  wasmkc trust list --json")]
pub enum Trust {
    /// Trust the signatures of this certificate's key
    Add {
        /// Certificates (PEM or DER)
        #[arg(value_name = "CERT", required = true)]
        certs: Vec<PathBuf>,
    },
    /// Take no more keys until the module is loaded anew
    Lock,
    /// List the trusted keys
    List,
}

/// How a program is loaded
#[derive(Debug, Args)]
pub struct LoadOptions {
    /// Name of the program; the object's own, or the file's, without this
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Verdict for a packet whose run ended in a trap [default: aborted]
    #[arg(long, value_name = "VERDICT")]
    pub trap_verdict: Option<TrapVerdict>,
    /// What becomes of an instance after a trap [default: keep]
    #[arg(long, value_name = "WHAT")]
    pub after_trap: Option<AfterTrap>,
    /// With `--after-trap disable`: traps until the program is disabled
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub trap_limit: Option<u32>,
    /// Fuel a packet may use, at most what the object says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub fuel: Option<u64>,
}

impl LoadOptions {
    /// Whether any was given.
    pub fn any(&self) -> bool {
        self.name.is_some()
            || self.trap_verdict.is_some()
            || self.after_trap.is_some()
            || self.trap_limit.is_some()
            || self.fuel.is_some()
    }
}

/// Verdict after a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TrapVerdict {
    /// Drop it, and count it as the program's error
    Aborted,
    /// Drop it
    Drop,
    /// Let it through unfiltered
    Pass,
}

/// After a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AfterTrap {
    /// Go on with its memory as it is
    Keep,
    /// Start it anew
    Reset,
    /// After `--trap-limit` traps, run the program no more
    Disable,
}

/// Load an object into the kernel
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wasmkc load filter.kwo
  wasmkc load filter.kwo --name web --trap-verdict drop --after-trap disable --trap-limit 100")]
pub struct Load {
    /// The signed object
    #[arg(value_name = "FILE.kwo")]
    pub file: PathBuf,
    #[command(flatten)]
    pub options: LoadOptions,
}

/// Let a program decide about the packets of a network device
#[derive(Debug, Args)]
#[command(after_help = "\
A FILE.kwo (or anything with a slash) is loaded first, and unloaded again if attaching fails.
The attachment lasts until `detach` or a reboot: its link is pinned in /sys/fs/bpf/wasmkc/NAME/DEV.

Examples:
  wasmkc attach filter.kwo --dev eth0
  wasmkc attach filter --dev eth1 --mode generic")]
pub struct Attach {
    /// A loaded program's name, or an object to load
    #[arg(value_name = "NAME|FILE.kwo")]
    pub program: String,
    /// Network device
    #[arg(long, value_name = "IF")]
    pub dev: String,
    /// In the driver, or in the network stack; there is no fallback from one to the other
    #[arg(long, value_name = "MODE", default_value = "native")]
    pub mode: Mode,
    #[command(flatten)]
    pub options: LoadOptions,
}

/// Take a program off a network device
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("where").required(true).args(["dev", "all"]))]
#[command(after_help = "\
Examples:
  wasmkc detach filter --dev eth0
  wasmkc detach filter --all")]
pub struct Detach {
    /// The program's name
    pub name: String,
    /// Network device
    #[arg(long, value_name = "IF")]
    pub dev: Option<String>,
    /// All devices it is on
    #[arg(long)]
    pub all: bool,
}

/// Remove a program from the kernel
#[derive(Debug, Args)]
#[command(after_help = "\
Refused while the program is attached: `wasmkc detach NAME --all` first.

Example:
  wasmkc unload filter")]
pub struct Unload {
    /// The program's name
    pub name: String,
}

/// Count packets by verdict, traps by cause, and fuel
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wasmkc stats
  wasmkc stats filter --cpu
  wasmkc stats filter --json")]
pub struct Stats {
    /// One program only
    pub name: Option<String>,
    /// One line a CPU instead of their sum
    #[arg(long)]
    pub cpu: bool,
}

/// Show a program's last traps: cause, function, place in the wasm and in the source
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  wasmkc log filter")]
pub struct Log {
    /// The program's name
    pub name: String,
}

/// Print shell completions
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  wasmkc completions bash > /etc/bash_completion.d/wasmkc")]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Write manual pages
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  wasmkc man /usr/local/share/man/man1")]
pub struct Man {
    /// Existing folder to write them to
    pub dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_and_an_example() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("Example"), "{}", command.get_name());
        }
    }
}
