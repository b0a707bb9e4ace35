//! Plots as SVG that lives inside of the page: drawn by plotters, coloured by the page's style.
//!
//! plotters knows one set of colours, the page has two (light and dark). So everything is drawn in
//! the signal colours of [`Paint`], which are then replaced by CSS classes. That is safe to do on
//! the text of the SVG: quotes in foreign text are escaped, so it can't look like an attribute.
//!
//! Plots are narrow, so that their letters stay readable on a phone; wide windows show two side by
//! side. A plot that can't be drawn is `None`: its numbers are on the page anyway.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Bucket, PagesOverTime, units};

/// Width of every plot, in its own units; about pixels on a phone.
const WIDTH: u32 = 380;
/// Height of plots with axes.
const HEIGHT: u32 = 220;
/// Height of a row of [`bars`].
const ROW: i32 = 24;
/// Where the bars of [`bars`] begin, and how long the longest is.
const BARS_LEFT: i32 = 132;
const BARS_LENGTH: i32 = 180;
/// Height of [`strip`].
const STRIP: u32 = 22;
/// Longest label shown whole, characters.
const MAX_LABEL: usize = 18;
/// Most steps of [`over_time`]: more can't be told apart.
const MAX_STEPS: usize = 80;
/// Pages per second below which nothing can be drawn.
const LEAST_RATE: f64 = 1e-9;
/// Shortest time that [`recent`] shows, seconds.
const LEAST_RECENT_S: f64 = 30.0;
/// Sizes of letters as plotters takes them; it divides by 1.24.
const SMALL: f64 = 14.2;
const NORMAL: f64 = 15.0;

type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// What a thing means; its colour is the style sheet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Text,
    Faint,
    Grid,
    Fetched,
    NotModified,
    Redirected,
    Failed,
    Refused,
    Pending,
}

impl Paint {
    const ALL: [Self; 9] = [
        Self::Text,
        Self::Faint,
        Self::Grid,
        Self::Fetched,
        Self::NotModified,
        Self::Redirected,
        Self::Failed,
        Self::Refused,
        Self::Pending,
    ];

    /// Its name in the style sheet.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Faint => "faint",
            Self::Grid => "grid",
            Self::Fetched => "fetched",
            Self::NotModified => "not-modified",
            Self::Redirected => "redirected",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Pending => "pending",
        }
    }

    fn signal(self) -> RGBColor {
        RGBColor(1, 2, self as u8)
    }
}

/// A named number.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: u64,
    pub(super) paint: Paint,
}

/// Horizontal bars, one a row.
pub(super) fn bars(id: &str, title: &str, bars: &[Bar]) -> Option<String> {
    let rows = i32::try_from(bars.len()).ok()?;
    let height = u32::try_from(rows.checked_mul(ROW)?).ok()?;
    let longest = bars.iter().map(|bar| bar.value).max().filter(|&n| n > 0)?;
    draw(id, title, (WIDTH, height), |area| {
        for (y, bar) in (0..rows).map(|row| row * ROW).zip(bars) {
            let middle = y + ROW / 2;
            let end = BARS_LEFT + length(bar.value, longest, BARS_LENGTH);
            area.draw(&Text::new(
                shorten(&bar.label),
                (BARS_LEFT - 8, middle),
                text(Paint::Text, NORMAL, HPos::Right),
            ))?;
            area.draw(&Rectangle::new([(BARS_LEFT, y + 4), (end, y + ROW - 4)], bar.paint.signal().filled()))?;
            area.draw(&Text::new(units::count(bar.value), (end + 6, middle), text(Paint::Faint, NORMAL, HPos::Left)))?;
        }
        Ok(())
    })
}

/// One bar of the parts of a whole, side by side.
pub(super) fn strip(id: &str, title: &str, parts: &[Bar]) -> Option<String> {
    // Twice as wide as the others: it holds no letters and stands alone.
    let width = 2 * WIDTH;
    let whole = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.value));
    let full = i32::try_from(width).ok().filter(|_| whole > 0)?;
    let svg = draw(id, title, (width, STRIP), |area| {
        let mut before = 0_u64;
        for part in parts.iter().filter(|part| part.value > 0) {
            let start = length(before, whole, full);
            before = before.saturating_add(part.value);
            // A part too small for a pixel is still shown.
            let end = length(before, whole, full).max(start + 2);
            area.draw(&Rectangle::new([(start, 0), (end, STRIP.cast_signed())], part.paint.signal().filled()))?;
        }
        Ok(())
    })?;
    // It holds nothing that stretching would spoil.
    Some(svg.replacen("<svg ", "<svg preserveAspectRatio=\"none\" ", 1))
}

/// A histogram by powers of two, without the empty buckets at both ends.
pub(super) fn histogram(id: &str, title: &str, buckets: &[Bucket], unit: units::Unit) -> Option<String> {
    let first = buckets.iter().position(|bucket| bucket.count > 0)?;
    let last = buckets.iter().rposition(|bucket| bucket.count > 0)?;
    let shown = &buckets[first..=last];
    let n_shown = i32::try_from(shown.len()).ok()?;
    let most = shown.iter().map(|bucket| bucket.count).max()? as f64;
    let edge = |index: &i32| {
        let at = usize::try_from(*index).ok();
        let low = at.and_then(|i| shown.get(i)).map(|bucket| bucket.from);
        low.or_else(|| shown.last().and_then(|bucket| bucket.below)).map_or_else(String::new, |value| unit.show(value))
    };
    draw(id, title, (WIDTH, HEIGHT), |area| {
        let mut chart = axes(area).build_cartesian_2d(0..n_shown, 0.0..most * 1.05)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(7)
            .y_labels(labels(most))
            .x_label_formatter(&edge)
            .y_label_formatter(&|n| units::axis_count(*n))
            .axis_style(Paint::Grid.signal())
            .bold_line_style(Paint::Grid.signal())
            .light_line_style(TRANSPARENT)
            .label_style(label())
            .draw()?;
        chart.draw_series((0..).zip(shown).map(|(i, bucket)| {
            let mut bar = Rectangle::new([(i, 0.0), (i + 1, bucket.count as f64)], Paint::Fetched.signal().filled());
            bar.set_margin(0, 0, 1, 1);
            bar
        }))?;
        Ok(())
    })
}

/// Pages per second over crawl time, which lasted `active_ms` milliseconds.
pub(super) fn over_time(id: &str, title: &str, timeline: &PagesOverTime, active_ms: f64) -> Option<String> {
    let steps = steps(timeline, active_ms / 1000.0);
    let highest = steps.iter().map(|step| step.rate).fold(0.0, f64::max);
    if highest < LEAST_RATE {
        return None;
    }
    let end = steps.last()?.end.max(active_ms / 1000.0);
    // The axis counts in the unit of its labels, so that they are round.
    let (unit, seconds) = time_unit(end);
    let end = end / seconds;
    let outline: Vec<(f64, f64)> =
        steps.iter().flat_map(|step| [(step.start / seconds, step.rate), (step.end / seconds, step.rate)]).collect();
    draw(id, title, (WIDTH, HEIGHT), |area| {
        let mut chart = axes(area).build_cartesian_2d(0.0..end, 0.0..highest * 1.05)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(6)
            .y_labels(5)
            .x_label_formatter(&|at| format!("{} {unit}", units::number(*at)))
            .y_label_formatter(&|rate| units::axis_number(*rate))
            .axis_style(Paint::Grid.signal())
            .bold_line_style(Paint::Grid.signal())
            .light_line_style(TRANSPARENT)
            .label_style(label())
            .draw()?;
        let paint = Paint::Fetched.signal();
        chart.draw_series(AreaSeries::new(outline, 0.0, paint.mix(0.35)).border_style(paint.stroke_width(2)))?;
        Ok(())
    })
}

/// What has been going on lately: an area, and a line above it for what differs from that. Points are seconds before
/// now, none of them less than those after it, and values.
pub(crate) fn recent(
    id: &str,
    title: &str,
    area: &[(f64, f64)],
    line: &[(f64, f64)],
    show: &dyn Fn(f64) -> String,
) -> Option<String> {
    let begin = area.first()?.0.max(LEAST_RECENT_S);
    let highest = area.iter().chain(line).map(|(_, value)| *value).fold(0.0, f64::max);
    let highest = if highest < LEAST_RATE { 1.0 } else { highest };
    let place = |points: &[(f64, f64)]| points.iter().map(|(before, value)| (-before, *value)).collect::<Vec<_>>();
    draw(id, title, (WIDTH, HEIGHT), |drawing| {
        let mut chart = axes(drawing).build_cartesian_2d(-begin..0.0, 0.0..highest * 1.05)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(5)
            .y_labels(5)
            .x_label_formatter(&|at| if *at > -0.5 { "now".to_owned() } else { format!("−{} s", units::number(-at)) })
            .y_label_formatter(&|value| show(*value))
            .axis_style(Paint::Grid.signal())
            .bold_line_style(Paint::Grid.signal())
            .light_line_style(TRANSPARENT)
            .label_style(label())
            .draw()?;
        let paint = Paint::Redirected.signal();
        chart.draw_series(AreaSeries::new(place(area), 0.0, paint.mix(0.35)).border_style(paint.stroke_width(2)))?;
        chart.draw_series(LineSeries::new(place(line), Paint::Text.signal().stroke_width(1)))?;
        Ok(())
    })
}

/// Pages per second between two moments, in seconds. Drawn as a step, so that a single one is seen.
struct Step {
    start: f64,
    end: f64,
    rate: f64,
}

/// At most [`MAX_STEPS`] steps. The last one ends with the crawl, lest it look like a slump.
fn steps(timeline: &PagesOverTime, active_seconds: f64) -> Vec<Step> {
    let merged = timeline.fetched.len().div_ceil(MAX_STEPS).max(1);
    let bucket = timeline.bucket_ms.max(1) as f64 / 1000.0;
    let width = bucket * merged as f64;
    let chunks = (0_u32..).zip(timeline.fetched.chunks(merged));
    let step = |(i, chunk): (u32, &[u64])| {
        let start = f64::from(i) * width;
        let is_last = chunk.len() < merged || start + width > active_seconds;
        let seconds = if is_last { (active_seconds - start).max(bucket).min(width) } else { width };
        let pages = chunk.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
        Step { start, end: start + seconds, rate: pages as f64 / seconds }
    };
    chunks.map(step).collect()
}

/// Lets `fill` draw, then gives the SVG its name and classes instead of colours.
fn draw<F>(id: &str, title: &str, size: (u32, u32), fill: F) -> Option<String>
where
    F: FnOnce(&DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<(), DrawError>,
{
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        fill(&area).and_then(|()| area.present()).ok()?;
    }
    // The opening tag is replaced: sizes are the page's matter, and inside of HTML no namespace is needed.
    let (_, content) = svg.split_once('>')?;
    let (width, height) = size;
    let title = maud::html! { (title) }.into_string();
    let mut svg = format!(
        "<svg role=\"img\" aria-labelledby=\"{id}\" viewBox=\"0 0 {width} {height}\"><title id=\"{id}\">{title}</title>{content}"
    );
    for paint in Paint::ALL {
        let RGBColor(r, g, b) = paint.signal();
        for property in ["fill", "stroke"] {
            let colour = format!("{property}=\"#{r:02X}{g:02X}{b:02X}\"");
            svg = svg.replace(&colour, &format!("class=\"{property}-{}\"", paint.name()));
        }
    }
    Some(svg)
}

fn axes<'a, 'b>(area: &'a DrawingArea<SVGBackend<'b>, plotters::coord::Shift>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.margin_top(8).margin_right(24).margin_left(2).x_label_area_size(24).y_label_area_size(44);
    builder
}

/// How many labels an axis of counts up to `most` wants, so that few counts get one each.
fn labels(most: f64) -> usize {
    if most < 4.0 { 3 } else { 5 }
}

fn label() -> TextStyle<'static> {
    ("sans-serif", SMALL).into_font().color(&Paint::Faint.signal())
}

fn text(paint: Paint, size: f64, side: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&paint.signal()).pos(Pos::new(side, VPos::Center))
}

/// `part` of `whole` of `full` units; at least one unless it is nothing.
fn length(part: u64, whole: u64, full: i32) -> i32 {
    if part == 0 || whole == 0 {
        return 0;
    }
    let units = u128::from(part) * u128::from(full.unsigned_abs()) / u128::from(whole);
    i32::try_from(units).unwrap_or(full).clamp(1, full)
}

/// The unit for an axis of time that ends at `end` seconds, and its length in seconds.
fn time_unit(end: f64) -> (&'static str, f64) {
    match end {
        e if e < 180.0 => ("s", 1.0),
        e if e < 10_800.0 => ("min", 60.0),
        e if e < 259_200.0 => ("h", 3600.0),
        _ => ("d", 86_400.0),
    }
}

fn shorten(label: &str) -> String {
    if label.chars().count() <= MAX_LABEL {
        return label.to_owned();
    }
    label.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}

/// A host's name, short enough for a label. Its end tells most, so the beginning is left out.
pub(super) fn shorten_host(host: &str) -> String {
    match host.chars().count().checked_sub(MAX_LABEL) {
        None | Some(0) => host.to_owned(),
        Some(n_over) => ['…'].into_iter().chain(host.chars().skip(n_over + 1)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(bucket_ms: u64, fetched: &[u64], active_seconds: f64) -> Vec<(f64, f64, f64)> {
        let timeline = PagesOverTime { bucket_ms, fetched: fetched.to_vec() };
        steps(&timeline, active_seconds).iter().map(|step| (step.start, step.end, step.rate)).collect()
    }

    #[test]
    fn a_step_is_a_bucket_and_its_rate_is_per_second() {
        assert_eq!(rates(500, &[4, 2], 1.0), [(0.0, 0.5, 8.0), (0.5, 1.0, 4.0)]);
        assert_eq!(rates(500, &[4], 9.0), [(0.0, 0.5, 8.0)]);
        assert_eq!(rates(500, &[], 9.0), []);
    }

    #[test]
    fn many_buckets_are_merged_and_the_last_step_ends_with_the_crawl() {
        let steps = rates(1000, &[10; 200], 200.0);
        assert_eq!(steps.len(), 67);
        assert!(steps.iter().all(|(_, _, rate)| *rate == 10.0), "an even crawl is even to its end");
        assert_eq!(steps[66], (198.0, 200.0, 10.0));
    }

    #[test]
    fn the_smallest_part_has_a_length_and_the_largest_fits() {
        assert_eq!((length(0, 10, 180), length(1, u64::MAX, 180), length(u64::MAX, u64::MAX, 180)), (0, 1, 180));
    }

    #[test]
    fn long_names_keep_what_tells_most() {
        assert_eq!(shorten("abcdefghijklmnopqrstuvwxyz"), "abcdefghijklmnopq…");
        assert_eq!(shorten_host("abcdefghijklmnopqrstuvwxyz"), "…jklmnopqrstuvwxyz");
        assert_eq!(shorten_host("host.example.org"), "host.example.org");
    }
}
