//! The figures of a run, and what must hold of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::filters::{EBPF, EMPTY, Filter, WASMKC};
use super::machine::Machine;
use super::said::{Count, Key, Said};

/// All of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// What counts.
    pub qemu: String,
    /// What the filters were compiled by.
    pub compilers: Vec<String>,
    /// What the packets were made of.
    pub seed: u64,
    /// Packets of each size.
    pub packets: usize,
    /// The machines in the order of the tables.
    pub machines: Vec<Measured>,
}

/// One machine.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Which.
    pub machine: Machine,
    /// The kernel's release.
    pub release: String,
    /// What the processor calls itself.
    pub model: String,
    /// The kernel's mitigations.
    pub mitigations: Vec<String>,
    /// What the kernel's loop of test runs takes for one packet beside the program; it is in no other figure.
    pub around: u64,
    /// Of the filter that does nothing.
    pub way: Way,
    /// Figures.
    pub rows: Vec<Row>,
    /// How much longer a filter became: of code, and as it was counted.
    pub longer: Vec<Longer>,
    /// What could not be loaded.
    pub left_out: Vec<LeftOut>,
}

/// The way of a packet into a filter that does nothing and out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Way {
    /// The null program in eBPF, to compare with.
    pub null: u64,
    /// The stub: an eBPF program that calls the kfunc.
    pub stub: u64,
    /// The kfunc, with all that the compiler has put into it.
    pub kfunc: u64,
    /// `wkc_enter` and `wkc_ret`, with the kernel's thunks for an indirect call and for returns.
    pub trampoline: u64,
    /// What the compiler made of the filter: its frame, checks of stack and fuel, the verdict.
    pub code: u64,
}

impl Way {
    /// All of it.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.stub + self.kfunc + self.trampoline + self.code
    }
}

/// A filter with packets of one size.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The filter's name.
    pub filter: String,
    /// Bytes of a frame.
    pub size: usize,
    /// Figures by system.
    pub systems: BTreeMap<String, Figure>,
}

/// Instructions from the program's first to its return, those too.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// The mean of the packets.
    pub mean: f64,
    /// Packet by packet.
    pub packets: Vec<Count>,
}

/// The proof that what counts does count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Longer {
    /// The system.
    pub system: String,
    /// Instructions that one filter's code has more than another's, which both run straight through.
    pub code: u64,
    /// Instructions that QEMU counted more.
    pub counted: u64,
}

/// What could not be measured.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    /// The filter's name.
    pub filter: String,
    /// The system.
    pub system: String,
    /// Why.
    pub reason: String,
}

fn key(filter: &str, system: &str) -> Key {
    (filter.to_owned(), system.to_owned())
}

/// Where an instruction belongs. What is neither a program's nor the module's was jumped to, or called, by `last`.
fn part(symbol: &str, last: Part) -> Part {
    match symbol {
        "wkc_arena_text" => Part::Code,
        "wkc_enter" | "wkc_entering" | "wkc_left" | "wkc_ret" => Part::Trampoline,
        _ if symbol.starts_with("bpf_prog_") => Part::Stub,
        _ if symbol.starts_with("wasmkc_") || symbol.starts_with("wkc_") => Part::Kfunc,
        _ => last,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Stub,
    Kfunc,
    Trampoline,
    Code,
}

/// The parts of a packet's way through `steps`.
fn way(null: u64, steps: &[(u64, String)]) -> Way {
    let mut way = Way { null, ..Way::default() };
    let mut last = Part::Stub;
    for (count, symbol) in steps {
        last = part(symbol, last);
        *match last {
            Part::Stub => &mut way.stub,
            Part::Kfunc => &mut way.kfunc,
            Part::Trampoline => &mut way.trampoline,
            Part::Code => &mut way.code,
        } += count;
    }
    way
}

/// What was measured of `filters` on `machine`, if all holds that must.
///
/// # Errors
/// If two systems or two ways to count do not agree, or what is needed for that is missing.
pub fn measured(machine: Machine, filters: &[Filter], said: &Said) -> Result<Measured> {
    let first = |filter: &str, system: &str| {
        let counts = said.counts.get(&key(filter, system)).and_then(|counts| counts.first());
        counts.with_context(|| format!("{machine}: {filter} was not counted in {system}"))
    };
    let null = first(EMPTY, EBPF)?.instructions;
    let timed = said.timed.get(&key(EMPTY, EBPF)).with_context(|| format!("{machine}: {EMPTY} was not timed"))?;
    let around =
        timed.instructions.checked_sub(null).with_context(|| format!("{machine}: {timed:?} of {null} steps"))?;
    let ours = WASMKC[0].0;
    let steps = said.steps.get(&key(EMPTY, ours)).with_context(|| format!("{machine}: no steps of {EMPTY}"))?;
    let way = way(null, steps);
    ensure!(
        way.all() == first(EMPTY, ours)?.instructions,
        "{machine}: the parts of {EMPTY} are not all of it: {way:?}"
    );
    let mut rows = Vec::new();
    for filter in filters {
        agree(&machine, filter, said, around)?;
        if LINES.contains(&filter.name) {
            continue;
        }
        let mut sizes = filter.sizes.clone();
        sizes.dedup();
        rows.extend(sizes.into_iter().map(|size| row(filter, size, said)));
    }
    let left_out = said.refused.iter().map(|((filter, system), reason)| LeftOut {
        filter: filter.clone(),
        system: system.clone(),
        reason: reason.clone(),
    });
    Ok(Measured {
        release: said.kernel.clone(),
        model: said.model.clone(),
        mitigations: said.mitigations.clone(),
        around,
        way,
        rows,
        longer: longer(&machine, filters, said)?,
        left_out: left_out.collect(),
        machine,
    })
}

fn systems() -> impl Iterator<Item = &'static str> {
    [EBPF].into_iter().chain(WASMKC.map(|(system, _)| system))
}

fn row(filter: &Filter, size: usize, said: &Said) -> Row {
    let figure = |system: &str| {
        let counts = said.counts.get(&key(filter.name, system))?;
        let of_size = filter.sizes.iter().zip(counts).filter(|(of, _)| **of == size);
        let packets: Vec<Count> = of_size.map(|(_, count)| *count).collect();
        let sum: u64 = packets.iter().map(|count| count.instructions).sum();
        Some((system.to_owned(), Figure { mean: sum as f64 / packets.len() as f64, packets }))
    };
    Row { filter: filter.name.to_owned(), size, systems: systems().filter_map(figure).collect() }
}

/// All systems give a packet the same verdict, and both ways to count the same number.
fn agree(machine: &Machine, filter: &Filter, said: &Said, around: u64) -> Result<()> {
    let (filter, packets) = (filter.name, filter.sizes.len());
    let of = |system| said.counts.get(&key(filter, system)).map(|counts| (system, counts));
    let mut known = systems().filter_map(of);
    let Some((reference, expected)) = known.next() else { return Ok(()) };
    for (system, counts) in known {
        for (n, (count, expected)) in counts.iter().zip(expected).enumerate() {
            ensure!(
                count.verdict == expected.verdict,
                "{machine}: packet {n} of {filter} is {} in {system}, {} in {reference}",
                count.verdict,
                expected.verdict
            );
        }
    }
    for (system, counts) in systems().filter_map(of) {
        ensure!(counts.len() == packets, "{machine}: {} packets of {filter} in {system}, not {packets}", counts.len());
        let timed = said.timed.get(&key(filter, system));
        let timed = timed.with_context(|| format!("{machine}: {filter} was not timed in {system}"))?;
        let (steps, counted) = (counts.first(), timed.instructions.saturating_sub(around));
        let same = |steps: &Count| {
            steps.verdict == timed.verdict && steps.instructions.abs_diff(counted) <= 1 + counted / TIMER
        };
        ensure!(
            steps.is_some_and(same),
            "{machine}: {filter} in {system} was {steps:?} by steps, but {timed:?} with {around} around it",
        );
    }
    Ok(())
}

/// Filters that are there for the proof only, the shorter one first.
const LINES: [&str; 2] = ["line100", "line200"];

/// What is timed has one part in this many for the timer's interrupts, at most; the kernel reading its clock before the
/// first packet and after the last is less than one instruction each.
const TIMER: u64 = 100;

/// Filters that run straight through take as many instructions more as their code has more.
fn longer(machine: &Machine, filters: &[Filter], said: &Said) -> Result<Vec<Longer>> {
    let of = |name| filters.iter().find(|filter| filter.name == name);
    let (Some(short), Some(long)) = (of(LINES[0]), of(LINES[1])) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for ((system, less), (_, more)) in short.instructions.iter().zip(&long.instructions) {
        let count = |filter: &Filter| {
            let timed = said.timed.get(&key(filter.name, system)).map(|count| count.instructions);
            timed.with_context(|| format!("{machine}: {} was not timed in {system}", filter.name))
        };
        let longer = Longer {
            system: (*system).to_owned(),
            code: more - less,
            counted: count(long)?.saturating_sub(count(short)?),
        };
        ensure!(longer.code == longer.counted, "{machine}: what counts does not count: {longer:?}");
        all.push(longer);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&str]) -> Said {
        Said::read(&format!("fact kernel 6.12\n{}", lines.join("\n"))).expect("it is read")
    }

    const EMPTY: [&str; 15] = [
        "count empty ebpf 0 2 9",
        "timed empty ebpf 2 89",
        "count empty wasmkc 0 2 75",
        "timed empty wasmkc 2 155",
        "step empty wasmkc 8 bpf_prog_2_wkc_empty",
        "step empty wasmkc 27 wasmkc_xdp_run [wasmkc]",
        "step empty wasmkc 6 wkc_enter [wasmkc]",
        "step empty wasmkc 3 __x86_indirect_thunk_rsi",
        "step empty wasmkc 14 wkc_arena_text [wasmkc]",
        "step empty wasmkc 2 wkc_ret [wasmkc]",
        "step empty wasmkc 1 __x86_return_thunk",
        "step empty wasmkc 2 wkc_left [wasmkc]",
        "step empty wasmkc 9 wasmkc_xdp_run [wasmkc]",
        "step empty wasmkc 1 __x86_return_thunk",
        "step empty wasmkc 2 bpf_prog_2_wkc_empty",
    ];

    fn judged(more: &[&str], names: &[&'static str]) -> Result<Measured> {
        let lines = [&EMPTY[..], more].concat();
        let filter = |(n, name): (usize, &&'static str)| Filter {
            name,
            sizes: vec![64],
            instructions: vec![(EBPF, 100 * n as u64), ("wasmkc", 100 * n as u64)],
        };
        let filters: Vec<Filter> = names.iter().enumerate().map(filter).collect();
        measured("6.12/max".parse().expect("a machine"), &filters, &said(&lines))
    }

    #[test]
    fn a_packet_s_way_is_told_by_its_parts() {
        let measured = judged(&[], &["empty"]).expect("all holds");
        assert_eq!(measured.around, 80);
        assert_eq!(measured.way, Way { null: 9, stub: 10, kfunc: 37, trampoline: 14, code: 14 });
        assert_eq!(measured.way.all(), 75);
        let row = &measured.rows[0];
        assert_eq!((row.systems[EBPF].mean, row.systems["wasmkc"].mean), (9.0, 75.0));
    }

    #[test]
    fn two_verdicts_for_one_packet_are_an_error() {
        let more = ["count rules ebpf 0 2 9", "count rules wasmkc 0 1 9"];
        let error = judged(&more, &["empty", "rules"]).expect_err("they differ").to_string();
        assert!(error.contains("packet 0 of rules is 1 in wasmkc, 2 in ebpf"), "{error}");
    }

    #[test]
    fn two_counts_of_one_packet_are_an_error() {
        let more = ["count rules ebpf 0 2 19", "timed rules ebpf 2 89"];
        let error = judged(&more, &["empty", "rules"]).expect_err("they differ").to_string();
        assert!(error.contains("rules in ebpf was Some(Count { verdict: 2, instructions: 19 }) by steps"), "{error}");
    }

    #[test]
    fn a_packet_that_was_not_counted_is_an_error() {
        let more = ["count empty wasmkc 1 2 75"];
        let error = judged(&more, &["empty"]).expect_err("one too many").to_string();
        assert!(error.contains("2 packets of empty in wasmkc, not 1"), "{error}");
    }

    #[test]
    fn a_count_that_does_not_grow_with_the_code_is_an_error() {
        let straight = |system: &str, name: &str, steps: u64| {
            let timed = steps + 80;
            format!("count {name} {system} 0 2 {steps}\ntimed {name} {system} 2 {timed}")
        };
        let run = |grown: u64| {
            let lines = [
                straight("ebpf", "line100", 110),
                straight("ebpf", "line200", 210),
                straight("wasmkc", "line100", 180),
                straight("wasmkc", "line200", 180 + grown),
            ];
            judged(&lines.each_ref().map(String::as_str), &["line100", "line200"])
        };
        assert_eq!(run(100).expect("it grows").longer.len(), 2);
        assert!(run(99).expect_err("one is missing").to_string().contains("does not count"));
    }
}
