//! The results as a picture: for each workload and size the ratio of each system to clang.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::results::{Results, Row};
use crate::systems::Kind;

/// Draws `results` to `path`.
///
/// # Errors
/// If there is nothing to draw, or the file cannot be written.
pub fn draw(results: &Results, path: &Path) -> Result<()> {
    // from the bottom upwards
    let rows: Vec<&Row> = results.rows.iter().rev().filter(|row| row.systems.contains_key(&Kind::Clang)).collect();
    if rows.is_empty() {
        return Err(anyhow!("nothing was measured beside clang"));
    }
    let ratio = |row: &Row, kind: &Kind| Some(row.systems.get(kind)?.median / row.systems.get(&Kind::Clang)?.median);
    let all: Vec<f64> =
        rows.iter().flat_map(|row| results.systems.iter().filter_map(|kind| ratio(row, kind))).collect();
    let (low, high) = all.iter().fold((1.0f64, 1.0f64), |(low, high), value| (low.min(*value), high.max(*value)));

    let root = SVGBackend::new(path, (1200, 1000)).into_drawing_area();
    root.fill(&WHITE)?;
    let machine = &results.machine;
    let title = format!("time a packet, ratio to clang -O2: {}, Linux {}", machine.cpu, machine.kernel);
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(50)
        .y_label_area_size(130)
        .build_cartesian_2d((low * 0.9..high * 1.1).log_scale(), (0..rows.len()).into_segmented())?;
    let name = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(n) => {
            rows.get(*n).map_or_else(String::new, |row| format!("{} {}", row.workload, row.size))
        }
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows.len())
        .y_label_formatter(&name)
        .y_label_style(("sans-serif", 14))
        .x_label_formatter(&|ratio| format!("{ratio:.1}"))
        .x_desc("ratio, logarithmic")
        .draw()?;
    for (n, kind) in results.systems.iter().enumerate() {
        let colour = Palette99::pick(n).to_rgba();
        let points = rows.iter().enumerate().filter_map(|(at, row)| {
            Some(Circle::new((ratio(row, kind)?, SegmentValue::CenterOf(at)), 5, colour.filled()))
        });
        chart.draw_series(points)?.label(kind.name()).legend(move |(x, y)| Circle::new((x + 8, y), 5, colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}
