//! The command line: what can be asked, and the help for it.

use crate::attach::Mode;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use wasmkc_abi::limits::{
    FUEL_CALL_MAX, FUEL_DEFAULT, FUEL_MAX, MAX_MEMORY_PAGES, STACK_CALL, STACK_CALL_MAX, WASM_PAGE,
};
use wasmkc_abi::object::{TARGETS, TargetRow};
use wasmkc_compiler::{Pass, Target};

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
    Build(Build),
    Keygen(Keygen),
    Sign(Sign),
    Verify(Verify),
    Audit(Audit),
    Inspect(Inspect),
    Run(Run),
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
    Call(Call),
    /// Check kernel, module, BTF, keys and privileges, and say what to do
    #[command(after_help = "Fails if a check does.\n\nExample:\n  wasmkc doctor --json")]
    Doctor,
    Completions(Completions),
    Man(Man),
}

/// Compile a filter to an object
#[derive(Debug, Args)]
#[command(after_help = "\
One object has code for every machine; each is audited before anything is written. Without --sign the
object is unsigned, and the kernel refuses it until `wasmkc sign` has signed it.

Examples:
  wasmkc build filter.wasm -o filter.kwo --sign my.key --cert my.crt
  wasmkc build filter.wasm --fuel 20000 --max-memory 1M --note 'drops telnet'
  wasmkc build filter.wasm --target x86_64 --target aarch64")]
pub struct Build {
    /// The filter (WebAssembly)
    #[arg(value_name = "IN.wasm")]
    pub file: PathBuf,
    /// The object [default: IN.kwo]
    #[arg(short, long, value_name = "OUT.kwo")]
    pub output: Option<PathBuf>,
    /// Machine to make code for, as `uname -m` names it, or `portable`; may be given again [default: all]
    #[arg(long = "target", value_name = "TARGET", value_parser = target())]
    pub targets: Vec<Target>,
    /// Sign with this private key (PEM or DER)
    #[arg(long, value_name = "KEY", requires = "cert")]
    pub sign: Option<PathBuf>,
    /// Certificate of the key (PEM or DER)
    #[arg(long, value_name = "CERT", requires = "sign")]
    pub cert: Option<PathBuf>,
    /// Whether to trust the filter's author not to attack by speculation; `trusted` leaves out all masks but those of tables
    #[arg(long, value_name = "WHO", default_value = "untrusted")]
    pub author: Author,
    /// Fuel a packet may use, about one unit an operator; where the code is interpreted, loaders grant 1000000 at most
    #[arg(long, value_name = "N", default_value_t = FUEL_DEFAULT, value_parser = clap::value_parser!(u64).range(1..=FUEL_MAX))]
    pub fuel: u64,
    /// Most linear memory, like 512K or 4M
    #[arg(long, value_name = "SIZE", value_parser = pages)]
    pub max_memory: Option<u32>,
    /// What the filter is for; `inspect` shows it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
    /// Threads that compile and audit; the object is the same for any number, so fewer only leave processors to others [default: all processors]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Name of the program [default: the input's file name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Leave out a pass of the compiler, to measure it or to find who is to blame; may be given again
    #[arg(short = 'Z', value_name = "no-PASS", value_parser = pass())]
    pub without: Vec<Pass>,
}

/// Parses the switch that leaves out a pass.
fn pass() -> impl TypedValueParser<Value = Pass> {
    PossibleValuesParser::new(Pass::ALL.map(Pass::switch))
        .try_map(|switch| Pass::by_switch(&switch).ok_or("the compiler has no such pass"))
}

/// Parses the name of a target that the compiler makes code for.
fn target() -> impl TypedValueParser<Value = Target> {
    PossibleValuesParser::new(Target::ALL.map(Target::name))
        .try_map(|name| Target::by_name(&name).ok_or("the compiler has no such target"))
}

/// Whether a filter's author is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Author {
    /// As a stranger
    Untrusted,
    /// As root
    Trusted,
}

/// What runs a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// This machine's processor
    Native,
    /// The loader's interpreter, as on machines without native code
    Portable,
}

/// Pages of a size like "512K" or "4M".
fn pages(text: &str) -> Result<u32, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "K" | "k" | "KiB" => 1 << 10,
        "M" | "m" | "MiB" => 1 << 20,
        _ => return Err("give it with K or M, like 512K or 4M".into()),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).ok_or("that is no number")?;
    let limit = u64::from(MAX_MEMORY_PAGES) * WASM_PAGE;
    if bytes % WASM_PAGE != 0 || bytes > limit {
        return Err(format!("it must be a multiple of 64K, {}M at most", limit >> 20));
    }
    Ok((bytes / WASM_PAGE) as u32)
}

/// Make a signing key and its certificate
#[derive(Debug, Args)]
#[command(after_help = "\
RSA with 4096 bits, self-signed, for signing code. Keep the key secret; the certificate is for `trust add`.

Every command shows a certificate by its common name and its id, the serial number, which signatures name
too. Here it is the certificate's subject key identifier as well, by which the kernel names the key in
`trust list`. A certificate made elsewhere may have two numbers: then `key id` is what `trust list` shows.

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

/// Check an object's signature
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  wasmkc verify filter.kwo --cert my.crt")]
pub struct Verify {
    /// The object
    #[arg(value_name = "FILE.kwo")]
    pub file: PathBuf,
    /// Certificates of keys to accept (PEM or DER)
    #[arg(long = "cert", value_name = "CERT", required = true, num_args = 1..)]
    pub certs: Vec<PathBuf>,
}

/// Check an object's machine code, independently of the compiler
#[derive(Debug, Args)]
#[command(after_help = "\
All that is in the object is judged, whatever machine it is for.

Example:
  wasmkc audit filter.kwo")]
pub struct Audit {
    /// The object, signed or not
    #[arg(value_name = "FILE.kwo")]
    pub file: PathBuf,
}

/// Show what is in an object
#[derive(Debug, Args)]
#[command(after_help = "\
--code shows the instructions of one target, with the functions and data that they refer to and the causes of
traps; portable code can be read by nothing else. --extract writes the unsigned object that
`build --target TARGET` gives, which that machine's binutils read: `aarch64-linux-gnu-objdump -dr` or
`llvm-objdump -dr` that of aarch64, `objdump -dr` that of x86_64, and FILE.kwo itself as its first target.

Examples:
  wasmkc inspect filter.kwo
  wasmkc inspect filter.kwo --traps
  wasmkc inspect filter.kwo --code portable
  wasmkc inspect filter.kwo --extract aarch64 -o filter.aarch64.kwo")]
pub struct Inspect {
    /// The object, signed or not
    #[arg(value_name = "FILE.kwo")]
    pub file: PathBuf,
    /// List the places that can trap, too (always in JSON)
    #[arg(long)]
    pub traps: bool,
    /// Show the instructions of one target
    #[arg(long, value_name = "TARGET", value_parser = row(), conflicts_with_all = ["traps", "extract"])]
    pub code: Option<&'static TargetRow>,
    /// Write the object of one target alone
    #[arg(long, value_name = "TARGET", value_parser = row(), requires = "output", conflicts_with = "traps")]
    pub extract: Option<&'static TargetRow>,
    /// Where --extract writes to
    #[arg(short, long, value_name = "FILE", requires = "extract")]
    pub output: Option<PathBuf>,
}

/// Parses the name of a target that an object may have.
fn row() -> impl TypedValueParser<Value = &'static TargetRow> {
    PossibleValuesParser::new(TARGETS.map(|row| row.name))
        .try_map(|name| TARGETS.iter().find(|row| row.name == name).ok_or("there is no such target"))
}

/// Run a filter over captured packets, without root and without the kernel
#[derive(Debug, Args)]
#[command(after_help = "\
The same loader core, linker and machine code as in the kernel. A FILE.kwo needs a certificate that
vouches for it; a FILE.wasm is compiled first. With --json: one line a packet, then one with \"summary\".
With --loaded, a program that is in the kernel judges the packets there, by BPF_PROG_TEST_RUN: that needs
root, and a program that is attached nowhere. Its counters count them. With --direct, and where BPF cannot
call the loader, the loader itself is asked: then the program may be attached.

Examples:
  wasmkc run filter.wasm --pcap in.pcap
  wasmkc run filter.kwo --cert my.crt --pcap in.pcap --out passed.pcap --json
  wasmkc run filter.wasm --pcap in.pcap --summary --fail-on-trap
  wasmkc run --loaded filter --pcap in.pcap
  wasmkc run math.wasm --invoke gcd 12 18")]
pub struct Run {
    /// An object or a WebAssembly filter
    #[arg(value_name = "FILE", required_unless_present = "loaded")]
    pub file: Option<PathBuf>,
    /// A loaded program's name, instead of a file
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "certs", "author", "TrapOptions"])]
    pub loaded: Option<String>,
    /// With --loaded: by the loader itself, without BPF
    // `requires` alone is waived where what it requires conflicts with what is there.
    #[arg(long, requires = "loaded", conflicts_with = "file")]
    pub direct: bool,
    /// Packets to run it on (pcap or pcapng)
    #[arg(long, value_name = "IN", required_unless_present = "invoke")]
    pub pcap: Option<PathBuf>,
    /// Instead of packets: call this exported function with these arguments
    #[arg(long, num_args = 1.., value_names = ["EXPORT", "ARG"], allow_negative_numbers = true, conflicts_with_all = ["pcap", "loaded", "out", "summary", "time", "fail_on_trap"])]
    pub invoke: Vec<String>,
    /// With --invoke: bytes of stack
    #[arg(long, value_name = "BYTES", default_value_t = STACK_CALL, value_parser = clap::value_parser!(u32).range(512..=i64::from(STACK_CALL_MAX)))]
    pub stack: u32,
    /// Write the packets that passed here, as the filter left them (pcap)
    #[arg(long, value_name = "OUT")]
    pub out: Option<PathBuf>,
    /// Certificates of keys to accept, for an object (PEM or DER)
    #[arg(long = "cert", value_name = "CERT", num_args = 1..)]
    pub certs: Vec<PathBuf>,
    /// For a WebAssembly filter, as with `build`
    #[arg(long, value_name = "WHO")]
    pub author: Option<Author>,
    /// For a WebAssembly filter: what runs it; a machine without native code has `portable` only
    #[arg(long, value_name = "ENGINE", default_value = "native", conflicts_with = "loaded")]
    pub engine: Engine,
    /// Print the summary only
    #[arg(long)]
    pub summary: bool,
    /// Fail (exit code 1) if the run of any packet ended in a trap
    #[arg(long)]
    pub fail_on_trap: bool,
    /// Print the nanoseconds that each packet took, too
    #[arg(long)]
    pub time: bool,
    #[command(flatten)]
    pub traps: TrapOptions,
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
    /// Interpret the object's portable code, which has no speculation masks, even if it has native code for this machine
    #[arg(long)]
    pub force_portable: bool,
    #[command(flatten)]
    pub traps: TrapOptions,
}

/// What a run may use, and what happens when it traps
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub struct TrapOptions {
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
        self.name.is_some() || self.force_portable || self.traps != TrapOptions::default()
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
With --mode ingress the loader keeps it, until the device goes; it is behind XDP and tc, works on every
kernel, and knows neither tx nor redirect: they count as traps.

Examples:
  wasmkc attach filter.kwo --dev eth0
  wasmkc attach filter --dev eth1 --mode generic
  wasmkc attach filter --dev eth2 --mode ingress")]
pub struct Attach {
    /// A loaded program's name, or an object to load
    #[arg(value_name = "NAME|FILE.kwo")]
    pub program: String,
    /// Network device
    #[arg(long, value_name = "IF")]
    pub dev: String,
    /// In the driver, in the network stack, or at netfilter's ingress hook; there is no fallback from one to the other
    #[arg(long, value_name = "MODE", default_value = "native")]
    pub mode: Mode,
    #[command(flatten)]
    pub options: LoadOptions,
}

/// Take a program off a network device
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("where").required(true).args(["dev", "all"]))]
#[command(after_help = "\
A device is one of this network namespace. Only if there is none of that name is it one of another
namespace that has the program at XDP or, without a pinned attachment, at its ingress hook; --all takes
those, too.

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

/// Call an exported function of a loaded program, in the kernel
#[derive(Debug, Args)]
#[command(after_help = "\
It runs on an instance of its own, in process context; packets are judged meanwhile by theirs. Prints a line
a result: its type and value.

Examples:
  wasmkc call filter version
  wasmkc call math hypot 3 4 --json")]
pub struct Call {
    /// The program's name
    pub name: String,
    /// The exported function
    pub export: String,
    /// Its arguments
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    pub args: Vec<String>,
    /// Fuel of the call [default: the most]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=FUEL_CALL_MAX))]
    pub fuel: Option<u64>,
    /// Bytes of stack
    #[arg(long, value_name = "BYTES", default_value_t = STACK_CALL, value_parser = clap::value_parser!(u32).range(512..=i64::from(STACK_CALL_MAX)))]
    pub stack: u32,
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
    use super::{Cli, pages};
    use clap::CommandFactory;

    #[test]
    fn sizes_are_whole_pages_with_a_unit() {
        assert_eq!(pages("512K"), Ok(8));
        assert_eq!(pages("64MiB"), Ok(1024));
        for wrong in ["4", "100K", "65M", "K", "-1M", "99999999999999999999M", "1G", ""] {
            assert!(pages(wrong).is_err(), "{wrong}");
        }
    }

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
