//! `stats`: packets by verdict, traps by cause, fuel.

use crate::args::Stats;
use crate::error::Result;
use crate::kernel::{check_name, explain, not_loaded, open, text};
use crate::output::{emit, table};
use serde_json::{Map, Value, json};
use wasmkc_abi::control;
use wasmkc_abi::trap::TrapCode;
use wasmkc_abi::verdict::VERDICTS;

/// Counters of one program, summed or of one CPU.
struct Row {
    name: String,
    cpu: Option<u32>,
    counters: control::Stats,
}

/// Reads and prints the counters.
pub fn run(args: &Stats, json: bool) -> Result<()> {
    let device = open()?;
    let names = match &args.name {
        Some(name) => {
            check_name(name)?;
            vec![name.clone()]
        }
        None => device.list().map_err(explain)?.iter().map(|p| text(&p.name)).collect(),
    };
    let mut rows = Vec::new();
    for name in names {
        for cpu in cpus(args.cpu) {
            match device.stats(&name, cpu) {
                Ok(counters) => rows.push(Row { name: name.clone(), cpu, counters }),
                // listed just now, and unloaded since
                Err(refused) if args.name.is_none() && refused.errno == libc::ENOENT => break,
                Err(refused) if refused.errno == libc::ENOENT => return Err(not_loaded(&name)),
                Err(refused) => return Err(explain(refused).context(format_args!("`{name}`"))),
            }
        }
    }
    let values: Vec<Value> = rows.iter().map(value).collect();
    let all = Value::from(values.clone());
    let shown = match (&args.name, values.as_slice()) {
        (Some(_), [one]) => one,
        _ => &all,
    };
    emit(json, shown, || if rows.is_empty() { "no program is loaded\n".into() } else { tables(&rows) })
}

/// The CPUs to ask for; one `None` for their sum.
fn cpus(each: bool) -> Vec<Option<u32>> {
    if !each {
        return vec![None];
    }
    // those that are offline, too: what they counted is kept
    let present = std::fs::read_to_string("/sys/devices/system/cpu/present").unwrap_or_default();
    let cpus = parse_cpu_list(&present);
    if cpus.is_empty() { vec![Some(0)] } else { cpus.into_iter().map(Some).collect() }
}

/// CPU numbers of a list like "0-3,8".
fn parse_cpu_list(list: &str) -> Vec<u32> {
    let mut cpus = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
            cpus.extend(first..=last.min(first.saturating_add(65_535)));
        }
    }
    cpus
}

/// Counters of traps that happened, with their names.
fn traps(counters: &control::Stats) -> impl Iterator<Item = (String, u64)> + '_ {
    counters.traps.iter().enumerate().filter(|(_, n)| **n != 0).map(|(code, n)| {
        (TrapCode::from_u32(code as u32).map_or_else(|| format!("trap-{code}"), |c| c.name().to_owned()), *n)
    })
}

fn value(row: &Row) -> Value {
    let verdicts: Map<String, Value> =
        VERDICTS.iter().map(|(v, name)| ((*name).to_owned(), row.counters.verdicts[*v as usize].into())).collect();
    let by_cause: Map<String, Value> = traps(&row.counters).map(|(name, n)| (name, n.into())).collect();
    json!({
        "name": row.name,
        "cpu": row.cpu,
        "packets": row.counters.verdicts.iter().sum::<u64>(),
        "verdicts": verdicts,
        "trapped": row.counters.traps.iter().sum::<u64>(),
        "traps": by_cause,
        "fuel": row.counters.fuel,
    })
}

fn tables(rows: &[Row]) -> String {
    let with_cpu = rows.iter().any(|r| r.cpu.is_some());
    let mut header = vec!["name"];
    if with_cpu {
        header.push("cpu");
    }
    header.push("packets");
    header.extend(VERDICTS.iter().map(|(_, name)| *name));
    header.extend(["traps", "fuel"]);
    let right: Vec<usize> = (1..header.len()).collect();
    let mut text = table(
        &header,
        &right,
        rows.iter().map(|row| {
            let mut cells = vec![row.name.clone()];
            if with_cpu {
                cells.push(row.cpu.map_or_else(|| "all".into(), |c| c.to_string()));
            }
            cells.push(row.counters.verdicts.iter().sum::<u64>().to_string());
            cells.extend(VERDICTS.iter().map(|(v, _)| row.counters.verdicts[*v as usize].to_string()));
            cells.push(row.counters.traps.iter().sum::<u64>().to_string());
            cells.push(row.counters.fuel.to_string());
            cells
        }),
    );
    for row in rows {
        let at = row.cpu.map(|c| format!(" on cpu {c}")).unwrap_or_default();
        for (cause, n) in traps(&row.counters) {
            text += &format!("{}{at}: {n} x {cause}\n", row.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists_are_read() {
        assert_eq!(parse_cpu_list("0-2,8\n"), [0, 1, 2, 8]);
        assert_eq!(parse_cpu_list("0\n"), [0]);
        assert!(parse_cpu_list("").is_empty());
    }

    #[test]
    fn counters_come_out_under_their_names() {
        let mut counters = control::Stats::default();
        counters.verdicts[1] = 7;
        counters.verdicts[2] = 3;
        counters.traps[TrapCode::OutOfFuel as usize] = 2;
        counters.fuel = 99;
        let row = Row { name: "f".into(), cpu: None, counters };
        let json = value(&row);
        assert_eq!(json["packets"], 10);
        assert_eq!(json["verdicts"]["drop"], 7);
        assert_eq!(json["traps"], json!({ "out-of-fuel": 2 }));
        let text = tables(&[row]);
        assert!(text.contains("f: 2 x out-of-fuel"), "{text}");
    }
}
