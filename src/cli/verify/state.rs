//! The state by itself: all of it is read, and its queue is held against what it has seen.
//!
//! It looks at no output, so it says as much of a crawl that writes none. Its memory is that of one sorter,
//! which is free again before records are read.

use std::{collections::HashMap, fs, io, path::Path};

use super::{
    Failure,
    found::{Finding, Findings, Kind, MAX_NAMED},
    pass::Shelf,
    sorter::{Entry, Sorted, Sorter},
    urls::{Failed, Seen},
    watch::Watch,
};
use crate::{
    address::Fingerprint,
    fetch::cookies::Cookie,
    frontier::{Audited, Frontier, FrontierError, Place, Table},
    job::folder,
};

/// What was read of a state, as far as it could be.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// The URLs that were seen; none if some of them can't be read.
    pub(super) seen: Option<Seen>,
    /// The entries of the queue; none if some of them can't be read.
    pub(super) in_queue: Option<u64>,
    /// Whether all hosts can be read.
    pub(super) has_hosts: bool,
}

/// An entry of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Queued {
    url: u128,
    place: Place,
}

impl Entry for Queued {
    const BYTES: usize = 26;

    fn put(&self, into: &mut Vec<u8>) {
        into.extend(self.url.to_be_bytes());
        into.extend(self.place.depth.to_be_bytes());
        into.extend(self.place.seq.to_be_bytes());
    }

    fn get(bytes: &[u8]) -> Self {
        let wrong = "of the size that was asked for";
        Self {
            url: u128::from_be_bytes(bytes[..16].try_into().expect(wrong)),
            place: Place {
                depth: u16::from_be_bytes(bytes[16..18].try_into().expect(wrong)),
                seq: u64::from_be_bytes(bytes[18..26].try_into().expect(wrong)),
            },
        }
    }
}

/// Reads every table of a state and holds its queue against what was seen, both ways.
pub(super) fn audit(
    frontier: &mut dyn Frontier,
    shelf: &Shelf,
    scratch: &Path,
    watch: &mut Watch,
    findings: &mut Findings,
) -> Result<Audit, Failed> {
    watch.step("reading the queue");
    let (mut queue, mut n_queued, mut failed) = (Sorter::new(scratch), 0, None);
    let is_whole = read(frontier, Table::Queue, shelf, findings, &mut |entry, _| {
        if let Audited::Queued(queued) = entry {
            n_queued += 1;
            let pushed = queue.push(Queued { url: queued.url.fingerprint().0, place: queued.place });
            failed = failed.take().or(pushed.err());
        }
    })?;
    failed.map_or(Ok(()), |error| Err(Failed::Scratch(error)))?;
    let queue = is_whole.then(|| queue.finish()).transpose().map_err(Failed::Scratch)?;
    if queue.is_none() {
        findings.note("the queue was not held against what was seen: not all of it could be read");
    }
    let mut audit = Audit { in_queue: is_whole.then_some(n_queued), ..Audit::default() };
    watch.step("reading what was seen");
    audit.seen = hold(frontier, queue, shelf, findings)?;
    watch.step("reading the rest of the state");
    for table in [Table::Hosts, Table::Robots, Table::Directories, Table::Retired, Table::Validators] {
        let is_whole = read(frontier, table, shelf, findings, &mut |_, _| {})?;
        audit.has_hosts |= is_whole && table == Table::Hosts;
    }
    Ok(audit)
}

/// Reads a table; whether all of it can be read. What can't be is found.
fn read(
    frontier: &mut dyn Frontier,
    table: Table,
    shelf: &Shelf,
    findings: &mut Findings,
    each: &mut dyn FnMut(Audited, &mut Findings),
) -> Result<bool, Failed> {
    let mut is_whole = true;
    let audited = frontier.audit(table, &mut |audited| match audited {
        Audited::Damaged(error) => {
            is_whole = false;
            findings.add(damage(&error, &shelf.out, shelf.pass));
        }
        entry => each(entry, findings),
    });
    audited.map_err(Failed::State)?;
    Ok(is_whole)
}

/// Reads what was seen beside the queue; gives how many URLs there are of either kind, if all can be read.
fn hold(
    frontier: &mut dyn Frontier,
    queue: Option<Sorted<Queued>>,
    shelf: &Shelf,
    findings: &mut Findings,
) -> Result<Option<Seen>, Failed> {
    let mut seen = Seen::default();
    let mut walk = queue.map(|queue| Walk { queue, pass: shelf.pass, wrong: HashMap::new(), n_more: 0, failed: None });
    let is_whole = read(frontier, Table::Seen, shelf, findings, &mut |entry, findings| {
        if let Audited::Seen(url, queued) = entry {
            *(if queued.is_some() { &mut seen.queued } else { &mut seen.done }) += 1;
            if let Some(walk) = &mut walk {
                walk.meet(url.0, queued, findings);
            }
        }
    })?;
    if let Some(mut walk) = walk {
        // Behind damage it is not known who was seen.
        if is_whole {
            walk.pass_by(None);
        }
        walk.finish(frontier, findings)?;
    }
    Ok(is_whole.then_some(seen))
}

/// Goes through the queue beside what was seen, by ascending fingerprints.
struct Walk {
    queue: Sorted<Queued>,
    pass: u32,
    /// What is wrong with entries, by the URL, which is named last; at most [`MAX_NAMED`].
    wrong: HashMap<u128, &'static str>,
    n_more: u64,
    failed: Option<io::Error>,
}

impl Walk {
    /// The next URL that was seen, and where it is queued.
    fn meet(&mut self, url: u128, place: Option<Place>, findings: &mut Findings) {
        self.pass_by(Some(url));
        let (mut is_there, mut is_elsewhere) = (false, false);
        while let Some(entry) = self.take_if(|entry| entry.url == url) {
            if Some(entry.place) == place {
                is_there = true;
            } else {
                is_elsewhere = true;
            }
        }
        match (place, is_there, is_elsewhere) {
            (None, _, true) => self.add(url, "it is done in the state, and stands in its host's queue"),
            (Some(_), true, true) => self.add(url, "it stands in its host's queue more than once"),
            (Some(_), false, true) => self.add(url, "it stands in its host's queue, and not where the state says"),
            (Some(_), false, false) => {
                let what = format!("(fingerprint {url:032x}) is queued in the state, and stands in no queue");
                let finding = Finding::new(Kind::Queue, self.pass, what);
                findings.add(Finding { fingerprint: Some(Fingerprint(url)), ..finding });
            }
            (_, _, false) => {}
        }
    }

    /// All that stand before `url`, or all that are left, were never seen.
    fn pass_by(&mut self, url: Option<u128>) {
        while let Some(entry) = self.take_if(|entry| url.is_none_or(|url| entry.url < url)) {
            self.add(entry.url, "it stands in its host's queue, and was never seen");
        }
    }

    fn add(&mut self, url: u128, what: &'static str) {
        if self.wrong.len() < MAX_NAMED || self.wrong.contains_key(&url) {
            self.wrong.insert(url, what);
        } else {
            self.n_more += 1;
        }
    }

    fn take_if(&mut self, is_it: impl Fn(&Queued) -> bool) -> Option<Queued> {
        self.queue.peek().filter(is_it)?;
        match self.queue.next() {
            Ok(entry) => entry,
            Err(error) => {
                self.failed.get_or_insert(error);
                None
            }
        }
    }

    /// Says which URLs they are: one more look at the queue.
    fn finish(mut self, frontier: &mut dyn Frontier, findings: &mut Findings) -> Result<(), Failed> {
        if let Some(error) = self.failed {
            return Err(Failed::Scratch(error));
        }
        if self.wrong.is_empty() {
            return Ok(());
        }
        let audited = frontier.audit(Table::Queue, &mut |entry| {
            if let Audited::Queued(queued) = entry
                && let Some(what) = self.wrong.remove(&queued.url.fingerprint().0)
            {
                let finding = Finding::new(Kind::Queue, self.pass, what);
                findings.add(Finding { url: Some(queued.url.as_str().to_owned()), ..finding });
            }
        });
        audited.map_err(Failed::State)?;
        (0..self.n_more).for_each(|_| findings.add(Finding::new(Kind::Queue, self.pass, "")));
        Ok(())
    }
}

/// A state that is damaged, with the file that it is about.
pub(super) fn damage(error: &FrontierError, out: &Path, pass: u32) -> Finding {
    match error {
        FrontierError::Corrupted { path, what } => {
            let file = path.strip_prefix(out).unwrap_or(path);
            Finding::new(Kind::State, pass, what).file(file.display().to_string())
        }
        other => Finding::new(Kind::State, pass, other.to_string()),
    }
}

/// Reads the jar of cookies, if one was saved.
pub(super) fn read_cookies(shelf: &Shelf, findings: &mut Findings) -> Result<(), Failure> {
    let file = format!("{}/{}", folder::STATE, folder::COOKIES);
    let path = shelf.out.join(&file);
    match fs::read(&path) {
        Ok(bytes) => {
            if let Err(error) = Cookie::read_all(&bytes) {
                findings.add(Finding::new(Kind::State, shelf.pass, error.to_string()).file(file));
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Failure::Unreadable { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        address::{CanonicalUrl, Canonicalizer},
        frontier::{Discovery, DiskFrontier, Options, QueuedUrl},
    };

    const OPTIONS: Options = Options { max_queued: None, seen_cache_bytes: 1 << 10, buffer_bytes: 1 << 10 };

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(&format!("http://h/{text}")).expect("valid")
    }

    fn found(text: &str) -> Discovery {
        let url = url(text);
        Discovery {
            fingerprint: url.fingerprint(),
            url,
            role: crate::scope::Role::Link,
            depth: 0,
            kind: crate::frontier::Kind::Page,
            nesting: 0,
            hops_off_site: 0,
            via: None,
            redirects: Vec::new(),
            verdict: crate::verdict::Verdict::Fetch,
            rule: None,
            depends_on_way: false,
        }
    }

    /// Queues `a` to `d`, spoils that, and gives what is found: URLs and what is wrong with them.
    fn check(spoil: impl FnOnce(&mut DiskFrontier, &[QueuedUrl]), expected: &[(&str, &str)]) -> Audit {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store");
        let mut frontier = DiskFrontier::create(&path, &OPTIONS).expect("created");
        let queued = frontier.sift(["a", "b", "c", "d"].map(found).into()).expect("room").admitted;
        spoil(&mut frontier, &queued);
        let shelf = Shelf { pass: 1, out: folder.path().to_owned(), prefix: String::new(), not_moved: Vec::new() };
        let mut findings = Findings::default();
        let audited = audit(&mut frontier, &shelf, folder.path(), &mut Watch::new(true), &mut findings);
        let Ok(audit) = audited else { panic!("the store does not fail") };
        let name = |finding: &Finding| match (&finding.url, finding.fingerprint) {
            (Some(url), None) => url.clone(),
            (None, Some(url)) => format!("{url:?}"),
            _ => panic!("it is named in one way: {finding:?}"),
        };
        let mut named: Vec<_> = findings.named.iter().map(|it| (name(it), it.what.clone())).collect();
        named.sort();
        let mut expected: Vec<_> = expected.to_vec();
        expected.sort_by_key(|(name, _)| (*name).to_owned());
        assert_eq!(named.len(), expected.len(), "{named:?}");
        for ((name, what), (expected_name, words)) in named.iter().zip(&expected) {
            assert!(name == expected_name && what.contains(words), "{named:?} and not {expected:?}");
        }
        audit
    }

    /// Puts `what` into the place in the queue in which `instead` is.
    fn put(frontier: &mut DiskFrontier, what: &CanonicalUrl, instead: &QueuedUrl) {
        frontier.postpone(&QueuedUrl { url: what.clone(), ..instead.clone() }).expect("room");
    }

    #[test]
    fn queues_are_held_against_what_was_seen_both_ways() {
        let audit = check(|_, _| {}, &[]);
        assert_eq!((audit.in_queue, audit.has_hosts), (Some(4), true));
        assert_eq!(audit.seen.map(|seen| (seen.done, seen.queued)), Some((0, 4)));
        let done = check(|frontier, queued| assert!(frontier.conclude(&queued[2].url).expect("room")), &[]);
        assert_eq!((done.in_queue, done.seen.map(|seen| (seen.done, seen.queued))), (Some(3), Some((1, 3))));

        let lost = format!("{:?}", url("b").fingerprint());
        let twice = "in its host's queue more than once";
        check(
            |frontier, queued| put(frontier, &queued[3].url, &queued[1]),
            &[(&lost, "is queued in the state, and stands in no queue"), ("http://h/d", twice)],
        );
        check(
            |frontier, queued| put(frontier, &url("nobody"), &queued[1]),
            &[(&lost, "stands in no queue"), ("http://h/nobody", "and was never seen")],
        );
        let elsewhere = |frontier: &mut DiskFrontier, queued: &[QueuedUrl]| {
            put(frontier, &queued[3].url, &queued[1]);
            put(frontier, &queued[1].url, &queued[3]);
        };
        let not_there = "and not where the state says";
        check(elsewhere, &[("http://h/b", not_there), ("http://h/d", not_there)]);
        let done = |frontier: &mut DiskFrontier, queued: &[QueuedUrl]| {
            put(frontier, &queued[3].url, &queued[1]);
            frontier.conclude(&queued[3].url).expect("room");
        };
        let audit =
            check(done, &[(&lost, "stands in no queue"), ("http://h/d", "it is done in the state, and stands")]);
        assert_eq!((audit.in_queue, audit.seen.map(|seen| seen.queued)), (Some(3), Some(3)), "no count tells");
    }

    #[test]
    fn all_are_counted_and_the_first_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut frontier = DiskFrontier::create(&folder.path().join("store"), &OPTIONS).expect("created");
        let pages = |from: u32| (from..from + 50).map(|n| found(&n.to_string())).collect::<Vec<_>>();
        let queued = frontier.sift(pages(0)).expect("room").admitted;
        for (queued, instead) in queued.iter().zip(pages(50)) {
            put(&mut frontier, &instead.url, queued);
        }
        let shelf = Shelf { pass: 1, out: folder.path().to_owned(), prefix: String::new(), not_moved: Vec::new() };
        let mut findings = Findings::default();
        let audited = audit(&mut frontier, &shelf, folder.path(), &mut Watch::new(true), &mut findings);
        assert!(audited.is_ok_and(|audit| audit.in_queue == Some(50)));
        assert_eq!((findings.n_found(), findings.named.len()), (100, MAX_NAMED));
    }
}
