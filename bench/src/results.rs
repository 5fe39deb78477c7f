//! The figures, and what is computed of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::systems::{Built, Kind};

/// What the figures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Nanoseconds a packet.
    Nanoseconds,
    /// Instructions a packet, counted once.
    Instructions,
}

/// What a packet takes, one number a round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// In the order of the rounds.
    pub rounds: Vec<f64>,
    /// The middle one.
    pub median: f64,
    /// The least.
    pub minimum: f64,
}

impl Sample {
    /// Of all rounds.
    #[must_use]
    pub fn of(rounds: Vec<f64>) -> Self {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match (sorted.len() % 2, sorted.get(middle)) {
            (_, None) => f64::NAN,
            (1, Some(median)) => *median,
            (_, Some(upper)) => f64::midpoint(sorted[middle - 1], *upper),
        };
        Self { median, minimum: sorted.first().copied().unwrap_or(f64::NAN), rounds }
    }
}

/// One workload with packets of one size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The workload's name.
    pub workload: String,
    /// Bytes of a frame.
    pub size: usize,
    /// Digest of all verdicts, the same for all systems.
    pub verdicts: String,
    /// SHA-256 of all packets when they were judged, the same for all systems.
    pub packets: String,
    /// The figures.
    pub systems: BTreeMap<Kind, Sample>,
}

/// A workload's code in one system.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Code {
    /// The workload's name.
    pub workload: String,
    /// The system.
    pub system: Kind,
    /// What is known of it.
    #[serde(flatten)]
    pub built: Built,
}

/// What could not be measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeftOut {
    /// The workload's name.
    pub workload: String,
    /// The system.
    pub system: Kind,
    /// Why.
    pub reason: String,
}

/// All of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// Where.
    pub machine: Machine,
    /// What the figures are.
    pub unit: Unit,
    /// What the packets were made of.
    pub seed: u64,
    /// Packets of a trace.
    pub packets: usize,
    /// Systems in the order of the tables.
    pub systems: Vec<Kind>,
    /// Figures.
    pub rows: Vec<Row>,
    /// Code.
    pub code: Vec<Code>,
    /// What is missing.
    pub left_out: Vec<LeftOut>,
    /// Geometric means.
    pub means: Vec<Mean>,
}

/// Geometric means over the rows of a system, but for `empty`; of rows that both systems have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The system.
    pub system: Kind,
    /// To clang, of medians.
    pub to_clang: Option<f64>,
    /// To clang, of minima.
    pub to_clang_minimum: Option<f64>,
    /// To clang, of medians, less what the same system takes for `empty`.
    pub to_clang_beyond_empty: Option<f64>,
    /// To eBPF, of medians.
    pub to_ebpf: Option<f64>,
    /// To eBPF, of minima.
    pub to_ebpf_minimum: Option<f64>,
}

/// Geometric mean; none of nothing.
fn geometric(ratios: &[f64]) -> Option<f64> {
    (!ratios.is_empty()).then(|| (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp())
}

/// Means of all systems.
#[must_use]
pub fn means(rows: &[Row], systems: &[Kind]) -> Vec<Mean> {
    let to = |system: &Kind, base: Kind, of: fn(&Sample) -> f64| {
        let both = rows.iter().filter(|row| row.workload != "empty");
        let ratios: Vec<f64> =
            both.filter_map(|row| Some(of(row.systems.get(system)?) / of(row.systems.get(&base)?))).collect();
        geometric(&ratios)
    };
    let median = |row: &Row, kind: Kind| row.systems.get(&kind).map(|sample| sample.median);
    let empty = |kind: Kind, size: usize| {
        rows.iter().find(|row| row.workload == "empty" && row.size == size).and_then(|row| median(row, kind))
    };
    let beyond = |row: &Row, kind: Kind| Some((median(row, kind)? - empty(kind, row.size)?).max(0.1));
    let beyond_empty = |system: &Kind| {
        let rows = rows.iter().filter(|row| row.workload != "empty");
        let ratios: Vec<f64> = rows.filter_map(|row| Some(beyond(row, *system)? / beyond(row, Kind::Clang)?)).collect();
        geometric(&ratios)
    };
    let mean = |system: &Kind| Mean {
        system: *system,
        to_clang: to(system, Kind::Clang, |sample| sample.median),
        to_clang_minimum: to(system, Kind::Clang, |sample| sample.minimum),
        to_clang_beyond_empty: beyond_empty(system),
        to_ebpf: to(system, Kind::Ebpf, |sample| sample.median),
        to_ebpf_minimum: to(system, Kind::Ebpf, |sample| sample.minimum),
    };
    systems.iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(workload: &str, clang: f64, wasmkc: f64) -> Row {
        Row {
            workload: workload.to_owned(),
            size: 64,
            verdicts: String::new(),
            packets: String::new(),
            systems: [(Kind::Clang, Sample::of(vec![clang])), (Kind::Wasmkc, Sample::of(vec![wasmkc]))].into(),
        }
    }

    #[test]
    fn the_median_is_the_middle_and_the_minimum_the_least() {
        let odd = Sample::of(vec![3.0, 1.0, 9.0]);
        assert_eq!((odd.median, odd.minimum), (3.0, 1.0));
        assert_eq!(Sample::of(vec![4.0, 1.0, 2.0, 9.0]).median, 3.0);
    }

    #[test]
    fn means_are_geometric_and_leave_the_empty_filter_out() {
        let rows = [row("empty", 1.0, 100.0), row("rules", 2.0, 104.0), row("scan", 10.0, 180.0)];
        let means = means(&rows, &[Kind::Wasmkc]);
        let is = |value: Option<f64>, wanted: f64| (value.expect("both are there") - wanted).abs() < 1e-9;
        assert!(is(means[0].to_clang, (52.0f64 * 18.0).sqrt()));
        assert!(is(means[0].to_clang_beyond_empty, (4.0f64 * 80.0 / 9.0).sqrt()));
        assert_eq!(means[0].to_ebpf, None);
    }
}
