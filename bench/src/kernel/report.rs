//! The results as tables of text.

use comfy_table::Table;

use super::figures::{Measured, Results};
use super::filters::{EBPF, WASMKC};
use crate::report::{Style, table};

fn strings<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// The way in and out, by its parts, on every machine.
fn ways(results: &Results, style: Style) -> Table {
    let rows = results.machines.iter().map(|measured| {
        let way = &measured.way;
        let above = way.all().saturating_sub(way.null);
        let numbers = [way.null, way.stub, way.kfunc, way.trampoline, way.code, above, above.saturating_sub(way.code)];
        [measured.machine.to_string()].into_iter().chain(numbers.map(|number| number.to_string())).collect()
    });
    let header = ["machine", "null in eBPF", "stub", "kfunc", "trampoline", "filter", "above null", "without filter"];
    table(style, strings(header), 1, rows)
}

fn mean(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn filters(measured: &Measured, style: Style) -> Table {
    let rows = measured.rows.iter().map(|row| {
        let figure = |system: &str| row.systems.get(system).map(|figure| figure.mean);
        let cell = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), mean);
        let ebpf = figure(EBPF);
        let ours = WASMKC.map(|(system, _)| figure(system));
        let ratio = |value: Option<f64>| {
            let ratio = value.zip(ebpf).map(|(ours, ebpf)| format!("{:.2}", ours / ebpf));
            ratio.unwrap_or_else(|| "-".to_owned())
        };
        let mut cells = vec![row.filter.clone(), row.size.to_string(), cell(ebpf)];
        cells.extend(ours.map(cell));
        cells.extend(ours.map(ratio));
        cells
    });
    let header = ["filter", "bytes", "eBPF", "wasmkc", "masked", "wasmkc / eBPF", "masked / eBPF"];
    table(style, strings(header), 1, rows)
}

/// Everything, in the order of interest.
#[must_use]
pub fn text(results: &Results, style: Style) -> String {
    let mut text = format!("{}\n{}\n", results.qemu, results.compilers.join("; "));
    text.push_str(&format!("{} packets of each size from seed {}\n", results.packets, results.seed));
    text.push_str(&format!("\nA filter that does nothing, instructions by part:\n\n{}\n", ways(results, style)));
    for measured in &results.machines {
        text.push_str(&format!(
            "\n{}: instructions a packet, means\n\n{}\n\n",
            measured.machine,
            filters(measured, style)
        ));
        text.push_str(&format!("Linux {}, {}\n", measured.release, measured.model));
        text.extend(measured.mitigations.iter().map(|line| format!("- mitigation {line}\n")));
        text.push_str(&format!("- the kernel's loop around the program: {}\n", measured.around));
        text.extend(measured.longer.iter().map(|longer| {
            format!("- {}: {} instructions more in the code, {} counted\n", longer.system, longer.code, longer.counted)
        }));
        text.extend(
            measured.left_out.iter().map(|out| format!("- left out: {} {}: {}\n", out.filter, out.system, out.reason)),
        );
    }
    text
}
