//! What was found to be wrong: kinds, places, words; counted in full, named up to a bound.
//!
//! It judges nothing.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::address::Fingerprint;

/// Most findings of one kind that are named one by one; all are counted.
pub(super) const MAX_NAMED: usize = 20;

/// What is wrong, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// The state is not what was written.
    State,
    /// The state does not agree with itself.
    Conservation,
    /// A URL is queued and stands in no queue, or stands in one and is not queued.
    Queue,
    /// An output, a receipt or a pass is not there.
    Missing,
    /// An output is shorter than what was committed.
    Short,
    /// An output is longer than what was committed, or was never begun.
    Stray,
    /// An output's bytes are not those that were committed.
    Changed,
    /// An output does not unpack.
    Frame,
    /// An output holds more or fewer records than were committed.
    Records,
    /// A line is no text in UTF-8, no JSON object, or has no end.
    Line,
    /// A line is no record: a field is missing, unknown or of the wrong type.
    Schema,
    /// A record contradicts itself.
    Record,
    /// A URL has more than one record.
    Double,
    /// A URL is done and has no record.
    Gap,
    /// A URL has a record and is still queued.
    Early,
    /// A URL has a record and nobody ever met it.
    Unknown,
    /// A redirect leads to a URL that nobody ever met.
    Target,
    /// A count of the state is not that of the records.
    Count,
    /// A count of a host is not that of its records.
    HostCount,
    /// The receipt can't be read.
    Receipt,
    /// The receipt says something else than state or records.
    ReceiptCount,
}

impl Kind {
    /// In words, of several.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::State => "the state is damaged",
            Self::Conservation => "the state does not agree with itself",
            Self::Queue => "queues do not hold the URLs that are queued",
            Self::Missing => "what should be there is missing",
            Self::Short => "outputs are shorter than what was committed",
            Self::Stray => "outputs hold more than was committed",
            Self::Changed => "outputs are not what was committed",
            Self::Frame => "outputs don't unpack",
            Self::Records => "outputs hold another number of records than was committed",
            Self::Line => "lines are no JSON objects",
            Self::Schema => "lines are no records",
            Self::Record => "records contradict themselves",
            Self::Double => "URLs have more than one record",
            Self::Gap => "URLs are done and have no record",
            Self::Early => "URLs have a record and are still queued",
            Self::Unknown => "URLs have a record and the state does not know them",
            Self::Target => "redirects lead to URLs that nobody met",
            Self::Count => "counts of the state are not those of the records",
            Self::HostCount => "counts of hosts are not those of their records",
            Self::Receipt => "receipts can't be read",
            Self::ReceiptCount => "receipts say something else",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    pub(super) kind: Kind,
    /// Of which pass.
    pub(super) pass: u32,
    /// In which file, as it is reached from the output folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    /// At which line of it, unpacked, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u64>,
    /// At which of its bytes, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) byte: Option<u64>,
    /// Of which URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// By which the state knows the URL.
    #[serde(skip)]
    pub(super) fingerprint: Option<Fingerprint>,
    /// In words.
    pub(super) what: String,
}

impl Finding {
    pub(super) fn new(kind: Kind, pass: u32, what: impl Into<String>) -> Self {
        Self { kind, pass, file: None, line: None, byte: None, url: None, fingerprint: None, what: what.into() }
    }

    pub(super) fn file(self, file: impl Into<String>) -> Self {
        Self { file: Some(file.into()), ..self }
    }

    pub(super) fn line(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }

    pub(super) fn byte(self, byte: u64) -> Self {
        Self { byte: Some(byte), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}")?;
            if let Some(line) = self.line {
                write!(f, " line {line}")?;
            }
            if let Some(byte) = self.byte {
                write!(f, " byte {byte}")?;
            }
            f.write_str(": ")?;
        }
        if let Some(url) = &self.url {
            write!(f, "{url}: ")?;
        }
        f.write_str(&self.what)
    }
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// How many of each kind.
    pub(super) counts: BTreeMap<Kind, u64>,
    /// The first [`MAX_NAMED`] of each.
    pub(super) named: Vec<Finding>,
    /// What is worth saying and no fault.
    pub(super) notes: Vec<String>,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        if self.wants(finding.kind) {
            self.named.push(finding);
        } else {
            *self.counts.entry(finding.kind).or_default() += 1;
        }
    }

    /// Whether one more of a kind is to be named; if not, it is counted with this.
    fn wants(&mut self, kind: Kind) -> bool {
        let n = self.counts.entry(kind).or_default();
        if *n >= MAX_NAMED as u64 {
            return false;
        }
        *n += 1;
        true
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(super) fn n_found(&self) -> u64 {
        self.counts.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_named() {
        let mut findings = Findings::default();
        (0..100).for_each(|n| findings.add(Finding::new(Kind::Gap, 1, format!("{n}"))));
        findings.add(Finding::new(Kind::Line, 2, "no JSON").file("pages.jsonl").line(3).byte(70));
        assert_eq!((findings.n_found(), findings.named.len()), (101, MAX_NAMED + 1));
        assert_eq!(
            findings.named.last().map(ToString::to_string).as_deref(),
            Some("pages.jsonl line 3 byte 70: no JSON")
        );
    }
}
