//! `run`: a filter over captured packets, in this process or in the kernel.

mod direct;
mod engine;
mod here;
mod invoke;
mod loaded;

use crate::args::Run;
use crate::capture::{Capture, Packet, Writer};
use crate::error::{Error, Result};
use crate::output::{print, refuse_overwriting};
use direct::Direct;
use engine::{Engine, Judgement};
use here::Here;
use loaded::Loaded;
use serde_json::{Map, Value, json};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use wasmkc_abi::trap::TRAPS;
use wasmkc_abi::verdict::{VERDICTS, Verdict};
use wasmkc_compiler::printable;
use wasmkc_host::Counters;

/// Judges every packet, or calls one function.
pub fn run(args: &Run, json: bool) -> Result<()> {
    let Some(pcap) = &args.pcap else {
        let file = args.file.as_deref().ok_or_else(|| Error::usage("which filter? give its file"))?;
        return invoke::run(file, args, json);
    };
    if let Some(out) = &args.out {
        let inputs: Vec<_> = [Some(pcap), args.file.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect();
        refuse_overwriting(out, &inputs)?;
    }
    let mut capture = Capture::open(pcap)?;
    let mut engine: Box<dyn Engine> = match (&args.loaded, &args.file) {
        (Some(name), _) if args.direct || !Loaded::possible()? => Box::new(Direct::new(name)?),
        (Some(name), _) => Box::new(Loaded::new(name)?),
        (None, Some(file)) => Box::new(Here::new(file, args)?),
        (None, None) => return Err(Error::usage("which filter? give its file, or --loaded NAME")),
    };
    let mut writer = args.out.as_deref().map(Writer::create).transpose()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    log_lines(engine.as_mut());
    if !json && !args.summary {
        let time = if args.time { format!("{:>10}  ", "ns") } else { String::new() };
        writeln!(out, "{:>8} {:>6}  {:8} {:>8}  {time}trap", "packet", "len", "verdict", "fuel")?;
    }
    let mut counters = Counters::default();
    let mut first_trap = None;
    let (mut index, mut cut_short, mut left_out) = (0u64, 0u64, 0u64);
    while let Some(mut packet) = capture.next()? {
        index += 1;
        cut_short += u64::from((packet.data.len() as u64) < u64::from(packet.original_len));
        let len = packet.data.len();
        let Some(judgement) = engine.judge(&mut packet.data)? else {
            left_out += 1;
            continue;
        };
        if let (None, Some(trap)) = (&first_trap, &judgement.trap) {
            first_trap = Some(format!("packet {index}, {}", printable(&trap.to_string())));
        }
        counters.count(judgement.verdict, judgement.trap.as_ref().map(|t| t.code), judgement.fuel);
        if !args.summary {
            let words = if json { line_json } else { line };
            writeln!(out, "{}", words(index, len, &judgement, args.time))?;
        }
        log_lines(engine.as_mut());
        keep(&mut writer, &packet, judgement.verdict)?;
    }
    out.flush()?;
    drop(out);
    if let Some(writer) = writer {
        writer.finish()?;
    }
    if cut_short > 0 {
        eprintln!("warning: {cut_short} packets were cut short when they were captured; the filter saw what is left");
    }
    if left_out > 0 {
        eprintln!("warning: {left_out} packets were left out: {}", engine.limits());
    }
    print(&summary(&counters, engine.disabled(), json))?;
    match first_trap {
        Some(first) => trapped(&counters, &first, args.fail_on_trap),
        None => Ok(()),
    }
}

/// Says that packets trapped, where that was asked for or no packet did anything else.
fn trapped(counters: &Counters, first: &str, fail: bool) -> Result<()> {
    let (traps, packets) = (counters.all_traps(), counters.packets());
    if fail {
        return Err(Error::new(format_args!("{traps} of {packets} packets trapped; the first: {first}"))
            .help("run it without --summary to see each trap"));
    }
    if traps == packets {
        eprintln!("warning: all {packets} packets trapped, the filter judged none; the first: {first}");
    }
    Ok(())
}

/// The filter's own log goes to the standard error, as the kernel's goes to its log.
fn log_lines(engine: &mut dyn Engine) {
    for line in engine.take_log() {
        eprintln!("log: {}", printable(&line));
    }
}

fn keep(writer: &mut Option<Writer>, packet: &Packet, verdict: Verdict) -> Result<()> {
    match writer {
        Some(writer) if verdict == Verdict::Pass => writer.write(packet),
        _ => Ok(()),
    }
}

fn line(index: u64, len: usize, judgement: &Judgement, with_time: bool) -> String {
    let place = judgement.trap.as_ref().map_or_else(|| "-".into(), |trap| printable(&trap.to_string()));
    let (verdict, fuel) = (judgement.verdict.name(), judgement.fuel);
    let time = if with_time { format!("{:>10}  ", judgement.time.as_nanos()) } else { String::new() };
    format!("{index:>8} {len:>6}  {verdict:8} {fuel:>8}  {time}{place}")
}

fn line_json(index: u64, len: usize, judgement: &Judgement, with_time: bool) -> String {
    let mut line = json!({
        "index": index,
        "len": len,
        "verdict": judgement.verdict.name(),
        "fuel": judgement.fuel,
        "trap": judgement.trap.as_ref().map(|t| t.code.name()),
        "place": judgement.trap.as_ref().map(ToString::to_string),
    });
    if with_time {
        line["ns"] = json!(judgement.time.as_nanos() as u64);
    }
    line.to_string()
}

fn summary(counters: &Counters, disabled: bool, json: bool) -> String {
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
            "disabled": disabled,
        }});
        return format!("{value}\n");
    }
    let counts: Vec<String> = verdicts().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}")).collect();
    let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
    let mut text = format!("{} packets: {counts}; fuel {}\n", counters.packets(), counters.fuel);
    for (cause, n) in traps() {
        text += &format!("traps: {n} x {cause}\n");
    }
    if disabled {
        text += "the program was disabled after too many traps\n";
    }
    text
}
