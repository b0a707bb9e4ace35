//! URLs by their fingerprints: those that have records, those that redirects lead to, and those that the
//! state knows, walked side by side in one order.
//!
//! Memory is that of the sorters, whatever the number of URLs.

use std::{io, path::Path};

use super::{
    found::{Finding, Findings, Kind},
    sorter::{Entry, Sorted, Sorter},
};
use crate::{
    address::Fingerprint,
    frontier::{Audited, Frontier, FrontierError, Table},
};

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Spot {
    /// Which of the pass's files.
    pub(super) file: u32,
    /// Which line of it, from 1.
    pub(super) line: u64,
}

/// A URL that a line speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mention {
    fingerprint: u128,
    spot: Spot,
}

impl Entry for Mention {
    const BYTES: usize = 28;

    fn put(&self, into: &mut Vec<u8>) {
        into.extend(self.fingerprint.to_be_bytes());
        into.extend(self.spot.file.to_be_bytes());
        into.extend(self.spot.line.to_be_bytes());
    }

    fn get(bytes: &[u8]) -> Self {
        let wrong = "of the size that was asked for";
        Self {
            fingerprint: u128::from_be_bytes(bytes[..16].try_into().expect(wrong)),
            spot: Spot {
                file: u32::from_be_bytes(bytes[16..20].try_into().expect(wrong)),
                line: u64::from_be_bytes(bytes[20..28].try_into().expect(wrong)),
            },
        }
    }
}

/// What is collected while records are read.
pub(super) struct Urls {
    recorded: Sorter<Mention>,
    /// Targets of redirects.
    targets: Sorter<Mention>,
}

impl Urls {
    pub(super) fn new(scratch: &Path) -> Self {
        Self { recorded: Sorter::new(scratch), targets: Sorter::new(scratch) }
    }

    pub(super) fn record(&mut self, url: Fingerprint, spot: Spot) -> io::Result<()> {
        self.recorded.push(Mention { fingerprint: url.0, spot })
    }

    pub(super) fn target(&mut self, url: Fingerprint, spot: Spot) -> io::Result<()> {
        self.targets.push(Mention { fingerprint: url.0, spot })
    }
}

/// What is known of the URLs besides their records.
pub(super) enum Witness<'a> {
    /// The state.
    State(&'a mut dyn Frontier),
    /// Nothing, and nothing is pending: every URL has a record.
    Nobody,
    /// Nothing, and some URLs may have none.
    NobodyYet,
}

/// What the state says of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Queued,
    Done,
}

/// How many URLs the state knows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) done: u64,
    pub(super) queued: u64,
}

/// Why the walk ended early.
pub(super) enum Failed {
    Scratch(io::Error),
    State(FrontierError),
}

/// Where findings of a pass go, with the names of its files.
pub(super) struct Place<'a> {
    pub(super) pass: u32,
    pub(super) files: &'a [String],
}

impl Place<'_> {
    pub(super) fn at(&self, kind: Kind, spot: Spot, what: impl Into<String>) -> Finding {
        let file = self.files.get(spot.file as usize).cloned().unwrap_or_default();
        Finding::new(kind, self.pass, what).file(file).line(spot.line)
    }
}

/// Walks all three side by side.
pub(super) fn match_up(
    urls: Urls,
    witness: Witness<'_>,
    place: &Place<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let recorded = urls.recorded.finish().map_err(Failed::Scratch)?;
    let targets = urls.targets.finish().map_err(Failed::Scratch)?;
    let mut walk = Walk { recorded, targets, place, findings, failed: None };
    match witness {
        Witness::State(frontier) => {
            let mut damage = None;
            let walked = frontier.audit(Table::Seen, &mut |entry| match entry {
                Audited::Seen(url, None) => walk.meet(url.0, Some(Known::Done)),
                Audited::Seen(url, Some(_)) => walk.meet(url.0, Some(Known::Queued)),
                Audited::Damaged(error) => damage = Some(error),
                Audited::Queued(_) => {}
            });
            walked.and(damage.map_or(Ok(()), Err)).map_err(Failed::State)?;
        }
        Witness::Nobody | Witness::NobodyYet => {
            if matches!(witness, Witness::NobodyYet) {
                walk.targets = Sorter::new(Path::new("")).finish().map_err(Failed::Scratch)?;
            }
            while let Some(next) = walk.recorded.peek() {
                walk.meet(next.fingerprint, None);
            }
        }
    }
    walk.pass_by(None);
    match walk.failed {
        Some(error) => Err(Failed::Scratch(error)),
        None => Ok(()),
    }
}

struct Walk<'a> {
    recorded: Sorted<Mention>,
    targets: Sorted<Mention>,
    place: &'a Place<'a>,
    findings: &'a mut Findings,
    failed: Option<io::Error>,
}

impl Walk<'_> {
    /// The next URL; of one that the state knows, how.
    fn meet(&mut self, url: u128, known: Option<Known>) {
        self.pass_by(Some(url));
        let mut first = None;
        while let Some(mention) = self.take_if(|mention| mention.fingerprint == url) {
            match (first, known) {
                (None, Some(Known::Queued)) => {
                    let what = "it has a record, and the state says that it is still queued";
                    self.findings.add(self.place.at(Kind::Early, mention.spot, what));
                }
                (None, _) => {}
                (Some(first), _) => self.double(first, mention.spot),
            }
            first = first.or(Some(mention.spot));
        }
        if first.is_none() && known == Some(Known::Done) {
            let what = format!("(fingerprint {url:032x}) is done in the state, and no output holds its record");
            let finding = Finding::new(Kind::Gap, self.place.pass, what);
            self.findings.add(Finding { fingerprint: Some(Fingerprint(url)), ..finding });
        }
        while self.targets.peek().is_some_and(|target| target.fingerprint == url) {
            next(&mut self.targets, &mut self.failed);
        }
    }

    /// All that stand before `url`, or all that are left, are known to nobody.
    fn pass_by(&mut self, url: Option<u128>) {
        let is_before = |mention: &Mention| url.is_none_or(|url| mention.fingerprint < url);
        let mut last: Option<Mention> = None;
        while let Some(mention) = self.take_if(is_before) {
            match last.filter(|last| last.fingerprint == mention.fingerprint) {
                Some(first) => self.double(first.spot, mention.spot),
                None => {
                    let what = "it has a record, and the state does not know it";
                    self.findings.add(self.place.at(Kind::Unknown, mention.spot, what));
                    last = Some(mention);
                }
            }
        }
        while self.targets.peek().is_some_and(|target| is_before(&target)) {
            let Some(target) = next(&mut self.targets, &mut self.failed) else { break };
            let what = "it redirects to a URL that has no record and is not pending";
            self.findings.add(self.place.at(Kind::Target, target.spot, what));
        }
    }

    fn double(&mut self, first: Spot, second: Spot) {
        let file = self.place.files.get(first.file as usize).map_or("", String::as_str);
        let what = format!("it has a record already, in {file} line {}", first.line);
        self.findings.add(self.place.at(Kind::Double, second, what));
    }

    fn take_if(&mut self, is_it: impl Fn(&Mention) -> bool) -> Option<Mention> {
        self.recorded.peek().filter(is_it)?;
        next(&mut self.recorded, &mut self.failed)
    }
}

/// Says of which host the URLs are that have no record, or stand in no queue. The state knows them by their fingerprints
/// only; without its hosts they stay without a name.
pub(super) fn name_hosts(frontier: Option<&mut dyn Frontier>, findings: &mut Findings) -> Result<(), FrontierError> {
    let mut gaps: Vec<&mut Finding> = findings.named.iter_mut().filter(|it| it.fingerprint.is_some()).collect();
    if let Some(frontier) = frontier.filter(|_| !gaps.is_empty()) {
        frontier.for_each_host(&mut |record| {
            for gap in &mut gaps {
                if gap.fingerprint.is_some_and(|url| url.is_of(record.host.id())) {
                    gap.what = format!("a URL of {} {}", record.host, gap.what);
                    gap.fingerprint = None;
                }
            }
        })?;
    }
    for gap in gaps.into_iter().filter(|gap| gap.fingerprint.is_some()) {
        gap.what = format!("a URL {}", gap.what);
    }
    Ok(())
}

/// The next one; none when the scratch file can't be read, which is kept for later.
fn next(of: &mut Sorted<Mention>, failed: &mut Option<io::Error>) -> Option<Mention> {
    match of.next() {
        Ok(mention) => mention,
        Err(error) => {
            failed.get_or_insert(error);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{address::Canonicalizer, frontier::MemoryFrontier};

    /// Fingerprints that are recorded and redirected to, beside a state of `done` and `queued` ones.
    fn check(recorded: &[&str], targets: &[&str], state: Option<(&[&str], &[&str])>, expected: &[(Kind, u64)]) {
        use crate::frontier::{Discovery, Kind as UrlKind, Options};
        let parse = |text: &&str| Canonicalizer::default().parse(&format!("http://h/{text}")).expect("valid");
        let scratch = tempfile::tempdir().expect("a folder");
        let mut urls = Urls::new(scratch.path());
        for (line, text) in (1..).zip(recorded) {
            urls.record(parse(text).fingerprint(), Spot { file: 0, line }).expect("room");
        }
        for (line, text) in (1..).zip(targets) {
            urls.target(parse(text).fingerprint(), Spot { file: 0, line }).expect("room");
        }
        let options = Options { max_queued: None, seen_cache_bytes: 1 << 10, buffer_bytes: 1 << 10 };
        let mut frontier = MemoryFrontier::new(&options);
        let found = |url: crate::address::CanonicalUrl| Discovery {
            fingerprint: url.fingerprint(),
            url,
            role: crate::scope::Role::Link,
            depth: 0,
            kind: UrlKind::Page,
            nesting: 0,
            hops_off_site: 0,
            via: None,
            redirects: Vec::new(),
            verdict: crate::verdict::Verdict::Fetch,
            rule: None,
            depends_on_way: false,
        };
        let witness = match state {
            None => Witness::Nobody,
            Some((done, queued)) => {
                frontier.sift(done.iter().chain(queued).map(parse).map(found).collect()).expect("memory");
                assert!(done.iter().all(|text| frontier.conclude(&parse(text)).expect("memory")));
                Witness::State(&mut frontier)
            }
        };
        let mut findings = Findings::default();
        let files = ["pages.jsonl".to_owned()];
        let place = Place { pass: 1, files: &files };
        assert!(match_up(urls, witness, &place, &mut findings).is_ok(), "memory does not fail");
        assert_eq!(findings.counts.into_iter().collect::<Vec<_>>(), expected, "{recorded:?}");
    }

    #[test]
    fn gaps_and_doubles_are_found_wherever_they_sort() {
        check(&["a", "b", "c"], &["b"], Some((&["a", "b", "c"], &["d"])), &[]);
        check(&[], &[], Some((&[], &[])), &[]);
        for one in ["a", "b", "c", "d", "e", "f"] {
            let all = ["a", "b", "c", "d", "e", "f"];
            let others: Vec<&str> = all.into_iter().filter(|text| *text != one).collect();
            let doubled: Vec<&str> = all.into_iter().chain([one]).collect();
            check(&others, &[], Some((&all, &[])), &[(Kind::Gap, 1)]);
            check(&doubled, &[], Some((&all, &[])), &[(Kind::Double, 1)]);
            check(&doubled, &[], None, &[(Kind::Double, 1)]);
            check(&all, &[], Some((&others, &[])), &[(Kind::Unknown, 1)]);
            check(&doubled, &[], Some((&others, &[])), &[(Kind::Double, 1), (Kind::Unknown, 1)]);
            check(&all, &[], Some((&others, &[one])), &[(Kind::Early, 1)]);
            check(
                &others,
                &[one, "a"],
                Some((&others, &[])),
                if one == "a" { &[(Kind::Target, 2)] } else { &[(Kind::Target, 1)] },
            );
            check(&others, &[one], None, &[(Kind::Target, 1)]);
            check(&others, &[one], Some((&others, &[one])), &[]);
        }
    }
}
