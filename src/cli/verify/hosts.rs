//! Counts by host: those of the records beside those of the state or the receipt.
//!
//! Sums of at most [`MAX_HOSTS`] hosts are held in memory, the rest goes through a sorter.

use std::{collections::HashMap, io, path::Path};

use super::{
    counts,
    found::{Finding, Findings, Kind},
    line::{Line, Outcome},
    sorter::{Entry, Sorted, Sorter},
    urls::{Failed, Place},
};
use crate::{
    address::{HostId, HostKey},
    frontier::{Frontier, HostTally},
    report::{HostCounts, Receipt},
};

/// Most hosts whose sums are held in memory at once.
const MAX_HOSTS: usize = 1 << 16;
/// Numbers of one host.
const N: usize = 8;
/// Their names, in the order in which they stand.
const NAMES: [&str; N] =
    ["fetched", "not_modified", "redirected", "failed", "refused", "body_bytes", "latency_sum_ms", "latency_count"];

/// What was counted of one host, by [`NAMES`].
type Sums = [u64; N];

/// Who counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Records,
    State,
}

/// Part of what one side counted of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    host: u64,
    side: Side,
    sums: Sums,
}

impl Entry for Part {
    const BYTES: usize = 9 + 8 * N;

    fn put(&self, into: &mut Vec<u8>) {
        into.extend(self.host.to_be_bytes());
        into.push(u8::from(self.side == Side::State));
        self.sums.iter().for_each(|sum| into.extend(sum.to_be_bytes()));
    }

    fn get(bytes: &[u8]) -> Self {
        let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight"));
        let side = if bytes[8] == 0 { Side::Records } else { Side::State };
        Self { host: number(0), side, sums: std::array::from_fn(|i| number(9 + 8 * i)) }
    }
}

/// What is collected while records are read.
pub(super) struct Hosts {
    sums: HashMap<u64, Sums>,
    parts: Sorter<Part>,
}

impl Hosts {
    pub(super) fn new(scratch: &Path) -> Self {
        Self { sums: HashMap::new(), parts: Sorter::new(scratch) }
    }

    pub(super) fn add(&mut self, host: HostId, line: &Line<'_>) -> io::Result<()> {
        if self.sums.len() >= MAX_HOSTS && !self.sums.contains_key(&host.0) {
            self.spill()?;
        }
        let sums = self.sums.entry(host.0).or_default();
        sums[match line.outcome {
            Outcome::Fetched => 0,
            Outcome::NotModified => 1,
            Outcome::Redirected => 2,
            Outcome::Failed => 3,
            Outcome::Refused => 4,
        }] += 1;
        sums[5] += line.body_bytes.unwrap_or_default();
        if let Some(latency) = counts::latency_ms(line) {
            sums[6] += latency;
            sums[7] += 1;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        for (host, sums) in self.sums.drain() {
            self.parts.push(Part { host, side: Side::Records, sums })?;
        }
        Ok(())
    }

    /// Holds them against what the state counted.
    pub(super) fn match_state(
        mut self,
        frontier: &mut dyn Frontier,
        place: &Place<'_>,
        findings: &mut Findings,
    ) -> Result<(), Failed> {
        self.spill().map_err(Failed::Scratch)?;
        let mut failed = None;
        let told = frontier.for_each_host(&mut |record| {
            let part = Part { host: record.host.id().0, side: Side::State, sums: of_tally(&record.tally) };
            if let Err(error) = self.parts.push(part) {
                failed.get_or_insert(error);
            }
        });
        told.map_err(Failed::State)?;
        if let Some(error) = failed {
            return Err(Failed::Scratch(error));
        }
        let mut wrong: HashMap<u64, String> = HashMap::new();
        let mut n_unnamed = 0;
        let mut parts = self.parts.finish().map_err(Failed::Scratch)?;
        while let Some((host, records, state)) = next(&mut parts).map_err(Failed::Scratch)? {
            let Some(what) = differences(&records, &state) else { continue };
            if wrong.len() < super::found::MAX_NAMED {
                wrong.insert(host, what);
            } else {
                n_unnamed += 1;
            }
        }
        name(frontier, &mut wrong).map_err(Failed::State)?;
        for what in wrong.into_values() {
            findings.add(Finding::new(Kind::HostCount, place.pass, what));
        }
        (0..n_unnamed).for_each(|_| findings.add(Finding::new(Kind::HostCount, place.pass, "")));
        Ok(())
    }

    /// Holds them against what a receipt says.
    pub(super) fn match_receipt(
        mut self,
        receipt: &Receipt,
        place: &Place<'_>,
        file: &str,
        findings: &mut Findings,
    ) -> io::Result<()> {
        self.spill()?;
        let mut differ = |what: String| findings.add(Finding::new(Kind::ReceiptCount, place.pass, what).file(file));
        let mut named: HashMap<u64, &crate::report::HostLine> = HashMap::new();
        for line in &receipt.hosts {
            if named.insert(HostKey::new(&line.host).id().0, line).is_some() {
                differ(format!("hosts, {}: it is named twice", line.host));
            }
        }
        let mut others = Sums::default();
        let mut parts = self.parts.finish()?;
        while let Some((host, records, _)) = next(&mut parts)? {
            match named.remove(&host) {
                Some(line) => {
                    if let Some(what) = differences(&of_counts(&line.counts, &records), &records) {
                        differ(format!("hosts, {}: {what}", line.host));
                    }
                }
                None => others.iter_mut().zip(records).for_each(|(sum, more)| *sum += more),
            }
        }
        for line in named.into_values().filter(|line| line.counts.n_urls() > 0) {
            differ(format!("hosts, {}: no record is of it", line.host));
        }
        let said = receipt.other_hosts.as_ref().map_or_else(Sums::default, |counts| of_counts(counts, &others));
        if let Some(what) = differences(&said, &others) {
            differ(format!("other_hosts: {what}"));
        }
        Ok(())
    }
}

/// The next host, with what each side counted.
fn next(parts: &mut Sorted<Part>) -> io::Result<Option<(u64, Sums, Sums)>> {
    let Some(first) = parts.peek() else { return Ok(None) };
    let (mut records, mut state) = (Sums::default(), Sums::default());
    while parts.peek().is_some_and(|part| part.host == first.host) {
        let Some(part) = parts.next()? else { break };
        let sums = if part.side == Side::State { &mut state } else { &mut records };
        sums.iter_mut().zip(part.sums).for_each(|(sum, more)| *sum = sum.saturating_add(more));
    }
    Ok(Some((first.host, records, state)))
}

fn of_tally(tally: &HostTally) -> Sums {
    [
        tally.fetched,
        tally.not_modified,
        tally.redirected,
        tally.failed,
        tally.refused,
        tally.body_bytes,
        tally.latency_sum_ms,
        tally.latency_count,
    ]
}

/// Of the times a receipt has the mean only: `counted` where that is right.
fn of_counts(counts: &HostCounts, counted: &Sums) -> Sums {
    let is_mean = counts.mean_latency_ms == counted[6].checked_div(counted[7]);
    let times = if is_mean { [counted[6], counted[7]] } else { [counts.mean_latency_ms.unwrap_or_default(), 1] };
    [
        counts.fetched,
        counts.not_modified,
        counts.redirected,
        counts.failed,
        counts.refused,
        counts.body_bytes,
        times[0],
        times[1],
    ]
}

/// Where what is said differs from what the records come to.
fn differences(a: &Sums, b: &Sums) -> Option<String> {
    let differ = NAMES.iter().zip(a.iter().zip(b)).filter(|(_, (a, b))| a != b);
    let texts: Vec<String> = differ.map(|(name, (a, b))| format!("{name} {a} and {b}")).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// Puts the names of hosts before what is wrong with them.
fn name(frontier: &mut dyn Frontier, wrong: &mut HashMap<u64, String>) -> Result<(), crate::frontier::FrontierError> {
    let mut named = HashMap::new();
    if wrong.is_empty() {
        return Ok(());
    }
    frontier.for_each_host(&mut |record| {
        if let Some(what) = wrong.remove(&record.host.id().0) {
            named.insert(record.host.id().0, format!("{}, by its records and by the state: {what}", record.host));
        }
    })?;
    for (host, what) in wrong.drain() {
        named.insert(host, format!("a host that the state does not know, by its records and by the state: {what}"));
    }
    *wrong = named;
    Ok(())
}
