//! `run`: a filter over captured packets, in this process.

use crate::args::{Author, Run};
use crate::capture::{Capture, Packet, Writer};
use crate::commands::audit::audit;
use crate::commands::build::{self, MAX_WASM};
use crate::error::{Error, Result};
use crate::output::{print, read_file};
use crate::policy::{After, Policy};
use crate::sign::{check, read_cert};
use serde_json::{Map, Value, json};
use std::io::{BufWriter, Write};
use wasmkc_abi::limits::{FUEL_DEFAULT, FUEL_MAX, MAX_OBJECT_BYTES};
use wasmkc_abi::trap::TRAPS;
use wasmkc_abi::verdict::{VERDICTS, Verdict};
use wasmkc_host::{AfterTrap, Options, Outcome, Program, Runner};

/// `EKEYREJECTED`: what the host is told when our own check has failed; the reason is kept here.
const REJECTED: i32 = 129;

/// Judges every packet.
pub fn run(args: &Run, json: bool) -> Result<()> {
    let program = program(args)?;
    let policy = Policy::of(&args.traps)?;
    let options = Options {
        trap_verdict: policy.verdict,
        after_trap: match policy.after {
            After::Keep => AfterTrap::Keep,
            After::Reset => AfterTrap::Reset,
            After::Disable(limit) => AfterTrap::Disable(limit),
        },
        fuel: args.traps.fuel,
    };
    let mut capture = Capture::open(&args.pcap)?;
    let mut writer = args.out.as_deref().map(Writer::create).transpose()?;
    let mut runner = Runner::new(&program, options).map_err(|e| {
        Error::new(format_args!("{}: {e}", args.file.display()))
            .help("the filter cannot start like this in the kernel, either")
    })?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    log_lines(&mut runner);
    if !json && !args.summary {
        writeln!(out, "{:>8} {:>6}  {:8} {:>8}  trap", "packet", "len", "verdict", "fuel")?;
    }
    let (mut index, mut cut_short) = (0u64, 0u64);
    while let Some(mut packet) = capture.next()? {
        index += 1;
        cut_short += u64::from((packet.data.len() as u64) < u64::from(packet.original_len));
        let len = packet.data.len();
        let outcome = runner.run(&mut packet.data);
        if !args.summary {
            let place = outcome.trap.and_then(|_| runner.last_trap()).map(ToString::to_string);
            if json {
                writeln!(out, "{}", line_json(index, len, &outcome, place.as_deref()))?;
            } else {
                let place = place.unwrap_or_else(|| "-".into());
                let (verdict, fuel) = (outcome.verdict.name(), outcome.fuel_used);
                writeln!(out, "{index:>8} {len:>6}  {verdict:8} {fuel:>8}  {place}")?;
            }
        }
        log_lines(&mut runner);
        keep(&mut writer, &packet, outcome)?;
    }
    out.flush()?;
    drop(out);
    if let Some(writer) = writer {
        writer.finish()?;
    }
    if cut_short > 0 {
        eprintln!("warning: {cut_short} packets were cut short when they were captured; the filter saw what is left");
    }
    print(&summary(&runner, json))
}

/// The filter's own log goes to the standard error, as the kernel's goes to its log.
fn log_lines(runner: &mut Runner) {
    for line in runner.take_log() {
        eprintln!("log: {line}");
    }
}

fn keep(writer: &mut Option<Writer>, packet: &Packet, outcome: Outcome) -> Result<()> {
    match writer {
        Some(writer) if outcome.verdict == Verdict::Pass => writer.write(packet),
        _ => Ok(()),
    }
}

fn line_json(index: u64, len: usize, outcome: &Outcome, place: Option<&str>) -> Value {
    json!({
        "index": index,
        "len": len,
        "verdict": outcome.verdict.name(),
        "fuel": outcome.fuel_used,
        "trap": outcome.trap.map(|t| t.name()),
        "place": place,
    })
}

/// An object that a given certificate vouches for, or a filter compiled here and now.
fn program(args: &Run) -> Result<Program> {
    let bytes = read_file(&args.file, MAX_WASM)?;
    let name = args.file.display();
    if !bytes.starts_with(b"\x7fELF") {
        if !args.certs.is_empty() {
            return Err(Error::usage(format_args!("`--cert` is for objects, but {name} is none")));
        }
        return compile(args, &bytes);
    }
    if args.author.is_some() {
        return Err(Error::usage(format_args!("`--author` is for WebAssembly, but {name} is an object")));
    }
    if args.certs.is_empty() {
        return Err(Error::usage(format_args!("an object runs only if its signature is good: who signed {name}?"))
            .help("give the signer's certificate with `--cert CERT`, or run the .wasm, which is compiled here"));
    }
    if bytes.len() as u64 > u64::from(MAX_OBJECT_BYTES) {
        return Err(Error::new(format_args!("{name} is above the limit of {MAX_OBJECT_BYTES} bytes")));
    }
    let certs: Vec<_> = args.certs.iter().map(|c| read_cert(c)).collect::<Result<_>>()?;
    let mut refusal = None;
    let program = Program::load(&bytes, |object, message| match check(object, message, &certs) {
        Ok(_) => Ok(()),
        Err(error) => {
            refusal = Some(error);
            Err(REJECTED)
        }
    });
    program.map_err(|e| refusal.unwrap_or_else(|| Error::new(e)).context(name))
}

fn compile(args: &Run, wasm: &[u8]) -> Result<Program> {
    let options = wasmkc_compiler::Options {
        author_trusted: args.author == Some(Author::Trusted),
        fuel: args.traps.fuel.unwrap_or(FUEL_DEFAULT).min(FUEL_MAX),
        ..wasmkc_compiler::Options::default()
    };
    let object = build::compile(&args.file, wasm, &options)?;
    audit(&args.file, &object)?;
    Program::load_compiled_here(&object).map_err(|e| Error::new(e).context(args.file.display()))
}

fn summary(runner: &Runner, json: bool) -> String {
    let counters = runner.counters();
    let verdicts = || VERDICTS.iter().map(|(v, name)| (*name, counters.verdicts[*v as usize]));
    let traps = || TRAPS.iter().map(|(c, name)| (*name, counters.traps[*c as usize])).filter(|(_, n)| *n > 0);
    if json {
        let map = |rows: Vec<(&str, u64)>| -> Map<String, Value> {
            rows.into_iter().map(|(name, n)| (name.to_owned(), n.into())).collect()
        };
        let value = json!({ "summary": {
            "packets": counters.packets(),
            "verdicts": map(verdicts().collect()),
            "trapped": counters.all_traps(),
            "traps": map(traps().collect()),
            "fuel": counters.fuel,
            "disabled": runner.disabled(),
        }});
        return format!("{value}\n");
    }
    let counts: Vec<String> = verdicts().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}")).collect();
    let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
    let mut text = format!("{} packets: {counts}; fuel {}\n", counters.packets(), counters.fuel);
    for (cause, n) in traps() {
        text += &format!("traps: {n} x {cause}\n");
    }
    if runner.disabled() {
        text += "the program was disabled after too many traps\n";
    }
    text
}
