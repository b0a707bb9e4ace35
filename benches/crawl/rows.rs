//! Results: a line of JSON a run or count, and tables of medians.
//!
//! A table is of one site and number of connections. Its numbers are medians over the rounds, with the least and the most in
//! parentheses; what was missed or fetched twice is the worst of all rounds.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};

use super::{contender::Contender, meter::Taken, site::Site, tally::Tally};

/// How many URLs of those missed or fetched twice are named.
const MAX_NAMED: usize = 5;

/// One run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) site: String,
    /// Pages of the true set.
    pub(crate) true_pages: usize,
    pub(crate) contender: String,
    pub(crate) version: Option<String>,
    pub(crate) connections: usize,
    pub(crate) round: usize,
    /// The machine, by its processor and number of cores.
    pub(crate) machine: String,
    /// The commit that was checked out.
    pub(crate) commit: String,
    /// Why there are no numbers: it is missing, failed, or took too long.
    pub(crate) failure: Option<String>,
    pub(crate) pages: usize,
    pub(crate) wall_s: f64,
    pub(crate) pages_per_s: f64,
    pub(crate) cpu_ms_per_page: f64,
    pub(crate) user_ms: f64,
    pub(crate) system_ms: f64,
    pub(crate) peak_mib: f64,
    pub(crate) missed: usize,
    pub(crate) twice: usize,
    /// Pages that the truth does not know.
    pub(crate) unknown: usize,
    pub(crate) other_requests: usize,
    /// Some of those missed, and of those fetched twice.
    pub(crate) examples: Vec<String>,
}

/// What a page costs, counted and not timed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) contender: String,
    pub(crate) commit: String,
    /// Pages that were counted.
    pub(crate) counted_pages: usize,
    pub(crate) instructions_per_page: f64,
    pub(crate) allocations_per_page: f64,
}

/// All that was measured.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) runs: Vec<Row>,
    pub(crate) counts: Vec<Count>,
}

impl Row {
    pub(crate) fn new(site: &Site, contender: Contender, connections: usize, round: usize) -> Self {
        Self {
            site: site.label.clone(),
            true_pages: site.pages().len(),
            contender: contender.as_str().to_owned(),
            connections,
            round,
            machine: machine(),
            commit: commit(),
            ..Self::default()
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52 pages")]
    pub(crate) fn with(self, taken: &Taken, tally: &Tally) -> Self {
        let pages = tally.n_pages + tally.n_unknown;
        let n = pages.max(1) as f64;
        let mut examples: Vec<String> =
            tally.missed.iter().take(MAX_NAMED).map(|url| format!("missed {url}")).collect();
        examples.extend(tally.twice.iter().take(MAX_NAMED).map(|url| format!("twice {url}")));
        Self {
            pages,
            wall_s: taken.wall_s,
            pages_per_s: pages as f64 / taken.wall_s,
            cpu_ms_per_page: (taken.user_ms + taken.system_ms) / n,
            user_ms: taken.user_ms,
            system_ms: taken.system_ms,
            peak_mib: taken.peak_mib,
            missed: tally.missed.len(),
            twice: tally.twice.len(),
            unknown: tally.n_unknown,
            other_requests: tally.n_other,
            examples,
            ..self
        }
    }

    /// For the terminal, while it goes on.
    pub(crate) fn line(&self) -> String {
        let Self { site, contender, connections, round, .. } = self;
        let head = format!("{site} {connections:>3} round {round} {contender:10}");
        if let Some(why) = &self.failure {
            return format!("{head} {why}");
        }
        format!(
            "{head} {:>8.0} pages/s {:>7.3} CPU ms/page {:>5.0} MiB, missed {}, twice {}, other requests {}",
            self.pages_per_s, self.cpu_ms_per_page, self.peak_mib, self.missed, self.twice, self.other_requests
        )
    }
}

pub(crate) fn commit() -> String {
    let told = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    told.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned()).unwrap_or_default()
}

/// How many URLs a receipt says were known.
pub(crate) fn n_known(receipt: &Path) -> u64 {
    let receipt = fs::read(receipt).unwrap_or_default();
    let receipt: serde_json::Value = serde_json::from_slice(&receipt).unwrap_or_default();
    receipt["totals"]["discovered"].as_u64().unwrap_or_default()
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores, {}", model.map_or("unknown processor", |(_, name)| name.trim()))
}

/// Lines of JSON; those that are neither runs nor counts are mistakes.
pub(crate) fn read(files: &[PathBuf]) -> Measured {
    let mut measured = Measured::default();
    for file in files {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for line in text.lines() {
            match serde_json::from_str(line) {
                Ok(count) => measured.counts.push(count),
                Err(_) => measured.runs.push(serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))),
            }
        }
    }
    measured
}

/// The rows of one cell, by site, connections and contender.
pub(crate) type Cells<'a> = BTreeMap<(&'a str, usize), Vec<(&'a str, Vec<&'a Row>)>>;

/// Groups runs; contenders stay in the order in which they are met first.
pub(crate) fn cells(runs: &[Row]) -> Cells<'_> {
    let mut order: Vec<&str> = Vec::new();
    for row in runs {
        if !order.contains(&row.contender.as_str()) {
            order.push(&row.contender);
        }
    }
    let mut cells = Cells::new();
    for row in runs {
        let cell = cells.entry((&row.site, row.connections)).or_default();
        match cell.iter_mut().find(|(contender, _)| *contender == row.contender) {
            Some((_, rows)) => rows.push(row),
            None => cell.push((&row.contender, vec![row])),
        }
    }
    for cell in cells.values_mut() {
        cell.sort_by_key(|(contender, _)| order.iter().position(|it| it == contender));
    }
    cells
}

/// Least, median and most of those that have numbers.
pub(crate) fn spread(rows: &[&Row], of: impl Fn(&Row) -> f64) -> Option<[f64; 3]> {
    let mut values: Vec<f64> = rows.iter().filter(|row| row.failure.is_none()).map(|row| of(row)).collect();
    values.sort_by(f64::total_cmp);
    let (first, last) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
    Some([first, median, last])
}

/// Tables in Markdown.
pub(crate) fn tables(measured: &Measured) -> String {
    let mut text = String::new();
    for ((site, connections), cell) in cells(&measured.runs) {
        let first = cell[0].1[0];
        let _ = writeln!(
            text,
            "**{site}**, {} pages, {connections} connections; {}; commit `{}`\n",
            first.true_pages, first.machine, first.commit
        );
        text += "| contender | pages/s | CPU ms/page | peak MiB | missed | fetched twice | not in the truth | other requests | runs |\n";
        text += "|---|---|---|---|---|---|---|---|---|\n";
        for (contender, rows) in &cell {
            text += &line(contender, rows);
        }
        text.push('\n');
    }
    if !measured.counts.is_empty() {
        text += "| contender | instructions a page | allocations a page | pages counted | commit |\n|---|---|---|---|---|\n";
    }
    for count in &measured.counts {
        let Count { contender, commit, counted_pages, instructions_per_page, allocations_per_page } = count;
        let _ = writeln!(
            text,
            "| {contender} | {instructions_per_page:.0} | {allocations_per_page:.1} | {counted_pages} | `{commit}` |"
        );
    }
    text
}

fn line(contender: &str, rows: &[&Row]) -> String {
    let name =
        rows.iter().find_map(|row| row.version.as_ref()).map_or(contender.to_owned(), |it| format!("{contender} {it}"));
    let failed: Vec<&str> = rows.iter().filter_map(|row| row.failure.as_deref()).collect();
    let Some([low, rate, high]) = spread(rows, |row| row.pages_per_s) else {
        return format!("| {name} | {} | | | | | | | 0 of {} |\n", failed.first().unwrap_or(&""), rows.len());
    };
    let [cpu_low, cpu, cpu_high] = spread(rows, |row| row.cpu_ms_per_page).unwrap_or_default();
    let [_, _, peak] = spread(rows, |row| row.peak_mib).unwrap_or_default();
    let most = |of: fn(&Row) -> usize| rows.iter().map(|row| of(row)).max().unwrap_or_default();
    format!(
        "| {name} | {rate:.0} ({low:.0} to {high:.0}) | {cpu:.3} ({cpu_low:.3} to {cpu_high:.3}) | {peak:.0} | {} | {} | {} | {} | {} of {} |\n",
        most(|row| row.missed),
        most(|row| row.twice),
        most(|row| row.unknown),
        most(|row| row.other_requests),
        rows.len() - failed.len(),
        rows.len(),
    )
}
