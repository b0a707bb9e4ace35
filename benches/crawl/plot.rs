//! Pictures of what was measured: speed and processor time of the contenders, and speed by the number of connections.

use std::{fs, path::Path};

use plotters::prelude::*;

use super::rows::{Measured, Row, cells, spread};

/// The number of connections at which contenders are compared.
const COMPARED_AT: usize = 64;
/// A row of bars, pixels.
const BAR: u32 = 34;

const COLOURS: [RGBColor; 9] = [
    RGBColor(255, 127, 14),
    RGBColor(23, 190, 207),
    RGBColor(31, 119, 180),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(127, 127, 127),
];

type Drawn = Result<(), Box<dyn std::error::Error>>;

pub(crate) fn draw(measured: &Measured, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let mut sites: Vec<&str> = measured.runs.iter().map(|row| row.site.as_str()).collect();
    sites.sort_unstable();
    sites.dedup();
    for site in sites {
        let speed = format!("Pages a second, {site}, {COMPARED_AT} connections (logarithmic)");
        bars(measured, site, (&speed, true), &folder.join(format!("crawl-{site}-speed.svg")), |row| row.pages_per_s)
            .unwrap();
        let cpu = format!("CPU milliseconds a page, {site}, {COMPARED_AT} connections (logarithmic)");
        bars(measured, site, (&cpu, false), &folder.join(format!("crawl-{site}-cpu.svg")), |row| row.cpu_ms_per_page)
            .unwrap();
        lines(measured, site, &folder.join(format!("crawl-{site}-connections.svg"))).unwrap();
    }
}

/// A bar a contender, with the spread over the rounds on it.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a few contenders")]
fn bars(
    measured: &Measured,
    site: &str,
    (title, more_is_better): (&str, bool),
    path: &Path,
    of: fn(&Row) -> f64,
) -> Drawn {
    let cells = cells(&measured.runs);
    let Some(cell) = cells.get(&(site, COMPARED_AT)) else { return Ok(()) };
    let mut bars: Vec<(&str, [f64; 3])> =
        cell.iter().filter_map(|(contender, rows)| Some((*contender, spread(rows, of)?))).collect();
    // The best is drawn last, on top.
    bars.sort_by(|a, b| a.1[1].total_cmp(&b.1[1]));
    if !more_is_better {
        bars.reverse();
    }
    let least = bars.iter().map(|bar| bar.1[0]).fold(f64::INFINITY, f64::min) / 2.0;
    let most = bars.iter().map(|bar| bar.1[2]).fold(0.0, f64::max) * 3.0;
    let area = SVGBackend::new(path, (760, 90 + BAR * bars.len() as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 17))
        .margin(10)
        .y_label_area_size(90)
        .build_cartesian_2d((least..most).log_scale(), 0.0..bars.len() as f64)?;
    // Each bar has its name beside it and its number on it; an axis would say less, and crowd.
    chart.configure_mesh().disable_mesh().disable_axes().draw()?;
    for (i, (contender, [low, median, high])) in bars.iter().enumerate() {
        let y = i as f64;
        let colour = colour(contender, 1);
        chart.draw_series([Rectangle::new([(least, y + 0.2), (*median, y + 0.8)], colour.filled())])?;
        chart.draw_series([PathElement::new([(*low, y + 0.5), (*high, y + 0.5)], BLACK)])?;
        let digits = if *median < 10.0 { 3 } else { 0 };
        let style = ("sans-serif", 13).into_font().into_text_style(&area);
        chart.draw_series([Text::new(format!("{median:.digits$}"), (*high * 1.08, y + 0.65), style.clone())])?;
        let (x0, _) = chart.backend_coord(&(least, y));
        let (_, middle) = chart.backend_coord(&(least, y + 0.65));
        area.draw(&Text::new((*contender).to_owned(), (x0 - 84, middle), style))?;
    }
    area.present()?;
    Ok(())
}

/// dragline has one of its own.
fn colour(contender: &str, i: usize) -> RGBColor {
    if contender == "dragline" { COLOURS[0] } else { COLOURS[1 + i % (COLOURS.len() - 1)] }
}

/// Pages a second by connections, a line a contender.
#[expect(clippy::cast_precision_loss, reason = "a few hundred connections")]
fn lines(measured: &Measured, site: &str, path: &Path) -> Drawn {
    let cells = cells(&measured.runs);
    let mut series: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    for ((_, connections), cell) in cells.iter().filter(|((of, _), _)| *of == site) {
        for (contender, rows) in cell {
            let Some([_, median, _]) = spread(rows, |row| row.pages_per_s) else { continue };
            let point = (*connections as f64, median);
            match series.iter_mut().find(|(name, _)| name == contender) {
                Some((_, points)) => points.push(point),
                None => series.push((contender, vec![point])),
            }
        }
    }
    let points = || series.iter().flat_map(|(_, points)| points);
    let most_connections = points().map(|point| point.0).fold(2.0, f64::max);
    let (least, most) = points().fold((f64::INFINITY, 1.0), |(low, high), point| (point.1.min(low), point.1.max(high)));
    let area = SVGBackend::new(path, (760, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("Pages a second by connections, {site} (logarithmic)"), ("sans-serif", 17))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(60)
        .build_cartesian_2d((1.0..most_connections).log_scale(), (least.min(most) / 2.0..most * 1.5).log_scale())?;
    let whole = |value: &f64| format!("{value:.0}");
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("connections")
        .x_label_formatter(&whole)
        .y_label_formatter(&whole)
        .draw()?;
    for (i, (contender, points)) in series.iter().enumerate() {
        let colour = colour(contender, i);
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(line)?
            .label(*contender)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}
