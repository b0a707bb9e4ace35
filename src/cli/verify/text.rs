//! What was found, for people and for programs.

use std::{fmt::Write as _, path::Path};

use serde::Serialize;
use serde_json::json;

use super::{
    super::human::{bytes, count, plain, plural},
    found::Findings,
    pass::Scan,
    urls::Seen,
};
use crate::engine::End;

/// Width of the names on the left.
const NAME_WIDTH: usize = 10;

/// All that there is to tell of a folder.
pub(super) struct Told {
    folder: String,
    pass: u32,
    /// How the last run ended, if anything says so; the inner one is none for a killed one.
    pub(super) end: Option<Option<End>>,
    /// The URLs of the state.
    pub(super) seen: Option<Seen>,
    passes: Vec<PassRead>,
    pub(super) findings: Findings,
}

/// What was read of a pass.
#[derive(Debug, Serialize)]
struct PassRead {
    pass: u32,
    files: usize,
    records: u64,
    bytes: u64,
}

impl Told {
    pub(super) fn new(out: &Path, pass: u32) -> Self {
        let folder = out.display().to_string();
        Self { folder, pass, end: None, seen: None, passes: Vec::new(), findings: Findings::default() }
    }

    pub(super) fn read(&mut self, pass: u32, scan: &Scan) {
        let (files, records, bytes) = (scan.files.len(), scan.n_lines, scan.n_bytes);
        self.passes.push(PassRead { pass, files, records, bytes });
    }

    pub(super) fn is_verified(&self) -> bool {
        self.findings.n_found() == 0
    }

    fn end(&self) -> String {
        match self.end {
            None => "unknown".to_owned(),
            Some(None) => "killed".to_owned(),
            Some(Some(End::Finished)) => "finished".to_owned(),
            Some(Some(End::Interrupted)) => "interrupted".to_owned(),
            Some(Some(End::LimitReached(limit))) => format!("stopped at {limit}"),
        }
    }

    /// One object.
    pub(super) fn json(&self) -> String {
        let findings = &self.findings;
        let told = json!({
            "folder": self.folder,
            "verified": self.is_verified(),
            "pass": self.pass,
            "end": self.end(),
            "read": self.passes,
            "urls": self.seen.map(|seen| json!({"done": seen.done, "queued": seen.queued})),
            "n_findings": findings.n_found(),
            "counts": findings.counts,
            "findings": findings.named,
            "notes": findings.notes,
        });
        told.to_string() + "\n"
    }

    /// Lines.
    pub(super) fn text(&self) -> String {
        let findings = &self.findings;
        let verdict = if self.is_verified() { "verified" } else { "does NOT verify" };
        let mut out = format!("{}: {verdict}\n\n", plain(&self.folder));
        let mut row = |name: &str, text: &str| {
            writeln!(out, "  {name:NAME_WIDTH$} {text}").expect("a String takes everything");
        };
        row("crawl", &format!("pass {}, {}", self.pass, self.end()));
        for read in &self.passes {
            let records = plural(read.records, "record");
            let files = plural(read.files as u64, "file");
            row("records", &format!("{records} in {files}, {} (pass {})", bytes(read.bytes), read.pass));
        }
        if let Some(Seen { done, queued }) = self.seen {
            row(
                "state",
                &format!("{} known: {} done, {} queued", plural(done + queued, "URL"), count(done), count(queued)),
            );
        }
        for note in &findings.notes {
            row("note", &plain(note));
        }
        for (kind, n) in &findings.counts {
            writeln!(out, "\n{} ({})", kind.meaning(), count(*n)).expect("a String takes everything");
            let named: Vec<_> = findings.named.iter().filter(|finding| finding.kind == *kind).collect();
            for finding in &named {
                writeln!(out, "  {}", plain(&finding.to_string())).expect("a String takes everything");
            }
            let others = n.saturating_sub(named.len() as u64);
            if others > 0 {
                writeln!(out, "  … and {} more", count(others)).expect("a String takes everything");
            }
        }
        out
    }
}
