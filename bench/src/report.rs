//! The results as tables of text.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::results::{LeftOut, Mean, Results, Row, Sample, Unit};
use crate::systems::Kind;

/// How tables are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With lines, for terminals.
    Lines,
    /// Markdown.
    Markdown,
}

/// A table whose columns from the `left`-th on are numbers.
pub(crate) fn table(
    style: Style,
    header: Vec<String>,
    left: usize,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Table {
    let mut table = Table::new();
    table.load_preset(if style == Style::Lines { UTF8_FULL_CONDENSED } else { ASCII_MARKDOWN });
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn header(first: &[&str], systems: &[Kind]) -> Vec<String> {
    first.iter().map(|name| (*name).to_owned()).chain(systems.iter().map(|kind| kind.name())).collect()
}

fn number(value: f64) -> String {
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn figures(results: &Results, style: Style, of: impl Fn(&Row, &Sample) -> String) -> Table {
    let rows = results.rows.iter().map(|row| {
        let cell = |kind| row.systems.get(kind).map_or_else(|| "-".to_owned(), |sample| of(row, sample));
        [row.workload.clone(), row.size.to_string()].into_iter().chain(results.systems.iter().map(cell)).collect()
    });
    table(style, header(&["workload", "bytes"], &results.systems), 1, rows)
}

/// A mean's name, and which it is.
type Column = (&'static str, fn(&Mean) -> Option<f64>);

fn means(results: &Results, style: Style) -> Table {
    let cell = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    let columns: &[Column] = match results.unit {
        Unit::Nanoseconds => &[
            ("to clang", |mean| mean.to_clang),
            ("of minima", |mean| mean.to_clang_minimum),
            ("beyond empty", |mean| mean.to_clang_beyond_empty),
            ("to eBPF", |mean| mean.to_ebpf),
            ("of minima", |mean| mean.to_ebpf_minimum),
        ],
        Unit::Instructions => {
            &[("to clang", |mean| mean.to_clang), ("beyond empty", |mean| mean.to_clang_beyond_empty)]
        }
    };
    let rows = results.means.iter().map(|mean| {
        let values = columns.iter().map(|(_, value)| cell(value(mean)));
        [mean.system.name()].into_iter().chain(values).collect()
    });
    let header = ["system"].into_iter().chain(columns.iter().map(|(name, _)| *name)).map(str::to_owned);
    table(style, header.collect(), 1, rows)
}

fn code(results: &Results, style: Style) -> Table {
    let mut names: Vec<&str> = results.code.iter().map(|code| code.workload.as_str()).collect();
    names.dedup();
    let rows = names.into_iter().map(|name| {
        let cell = |kind: &Kind| {
            let found = results.code.iter().find(|code| code.workload == name && code.system == *kind);
            found.map_or_else(
                || "-".to_owned(),
                |code| {
                    let bytes = code.built.code_bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
                    format!("{bytes} / {:.1}", code.built.compile_ms)
                },
            )
        };
        [name.to_owned()].into_iter().chain(results.systems.iter().map(cell)).collect()
    });
    table(style, header(&["workload"], &results.systems), 1, rows)
}

/// Everything, in the order of interest.
#[must_use]
pub fn text(results: &Results, style: Style) -> String {
    let machine = &results.machine;
    let mut text = format!(
        "{}, {} processors, Linux {}, eBPF JIT {}, load {}\n{}\n{} packets from seed {}\n",
        machine.cpu,
        machine.cpus,
        machine.kernel,
        machine.ebpf_jit,
        machine.load,
        machine.compilers.join("; "),
        results.packets,
        results.seed
    );
    let mut part = |title: &str, table: &Table| text.push_str(&format!("\n{title}\n\n{table}\n"));
    if results.rows.iter().any(|row| !row.systems.is_empty()) {
        part("Geometric means of the ratios, but for `empty`:", &means(results, style));
        let of = figures(results, style, |row, sample| {
            row.systems.get(&Kind::Clang).map_or_else(|| "-".to_owned(), |clang| number(sample.median / clang.median))
        });
        let median = figures(results, style, |_, sample| number(sample.median));
        match results.unit {
            Unit::Nanoseconds => {
                part("Ratios of medians to clang:", &of);
                part("Nanoseconds a packet, median:", &median);
                part("Nanoseconds a packet, minimum:", &figures(results, style, |_, sample| number(sample.minimum)));
            }
            Unit::Instructions => {
                part("Ratios to clang:", &of);
                part("Instructions a packet:", &median);
            }
        }
    }
    if !results.code.is_empty() {
        part("Bytes of code / milliseconds to compile it:", &code(results, style));
    }
    let mut lines = vec![String::new()];
    let objects = results.code.iter().filter(|code| matches!(code.system, Kind::Wasmkc | Kind::WasmkcMasked));
    lines.extend(objects.filter_map(|code| {
        Some(format!("object {} {}: {}", code.workload, code.system.name(), code.built.sha256.as_ref()?))
    }));
    lines.extend(results.rows.iter().map(|row| {
        format!("same work {} {}: verdicts {}, packets {:.16}", row.workload, row.size, row.verdicts, row.packets)
    }));
    let alike = |a: &LeftOut, b: &LeftOut| (a.system, &a.reason) == (b.system, &b.reason);
    let mut left_out: Vec<&LeftOut> = results.left_out.iter().collect();
    left_out.sort_by_key(|out| (out.system, &out.reason));
    lines.extend(left_out.chunk_by(|a, b| alike(a, b)).map(|outs| {
        let names: Vec<&str> = outs.iter().map(|out| out.workload.as_str()).collect();
        format!("left out: {} in {}: {}", outs[0].system.name(), names.join(", "), outs[0].reason)
    }));
    text.push_str(&lines.join("\n"));
    text.push('\n');
    text
}
