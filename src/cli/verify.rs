//! `dragline verify`: whether an output folder holds what the crawl says that it holds.
//!
//! Reads every record of every pass, all of the state and the receipts, and holds them against each other: each
//! line against the schema and against itself, the queue against what was seen, the URLs that have records
//! against those that are done, counts against counts. It trusts no number that it can count. It changes nothing in the folder, and
//! holds its lock, shared, while it reads. Memory is bounded by the sorters' [`MAX_HELD`](sorter::MAX_HELD),
//! whatever the number of records.
//!
//! Deliberately not: whether servers said what is recorded, and whether a later pass's `same_as_pass` is the
//! same.

mod counts;
mod files;
mod found;
mod hosts;
mod line;
mod pass;
mod receipts;
mod rules;
mod sorter;
mod state;
mod text;
mod urls;
mod watch;

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{Exit, args::VerifyArgs, complain, print};
use crate::{
    engine::Book,
    frontier::{Frontier, FrontierError},
    job::folder::{self, FolderError, Glimpse},
};
use found::{Finding, Findings, Kind};
use pass::{Ends, Scan, Shelf};
use state::Audit;
use text::Told;
use urls::{Failed, Place, Witness};
use watch::Watch;

pub(super) fn execute(args: &VerifyArgs) -> Exit {
    let scratch = args.temp.clone().unwrap_or_else(std::env::temp_dir);
    match verify(&args.out, &scratch, &mut Watch::new(args.quiet)) {
        Ok(told) => {
            let printed = print(if args.json { told.json() } else { told.text() }.as_bytes());
            match printed {
                Exit::Finished if !told.is_verified() => Exit::Unverified,
                printed => printed,
            }
        }
        Err(failure) => {
            complain(&format!("error: {failure}"));
            Exit::OutputRefused
        }
    }
}

/// Why nothing can be said of a folder.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{} holds no crawl", .0.display())]
    Nothing(PathBuf),
    #[error("a crawl is under way in {}; verify it when it has stopped", .0.display())]
    UnderWay(PathBuf),
    #[error("{0}")]
    Frontier(FrontierError),
    #[error("{} can't be read: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("no room to sort in: {0}; --temp names another folder for that")]
    Scratch(io::Error),
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Locked(path) => Self::UnderWay(path),
            FolderError::State(error) => Self::Frontier(error),
            FolderError::Unwritable { path, source } => Self::Unreadable { path, source },
            other => Self::Frontier(FrontierError::Store(other.to_string())),
        }
    }
}

/// The state, as far as it can be read.
struct State {
    frontier: Box<dyn Frontier>,
    book: Book,
    audit: Audit,
}

fn verify(out: &Path, scratch: &Path, watch: &mut Watch) -> Result<Told, Failure> {
    let mut findings = Findings::default();
    if !out.is_dir() {
        return Err(Failure::Nothing(out.to_owned()));
    }
    watch.step("opening the state");
    let Glimpse { frontier, lock: _lock } = folder::glimpse(out)?;
    let mut state = frontier.and_then(|opened| open(opened, out, &mut findings).transpose()).transpose()?;
    let is_damaged = findings.n_found() > 0;
    let book = state.as_ref().map(|state| state.book.clone());
    let n_before = book.as_ref().map_or(0, |book| book.passes_before);
    let not_moved = book.as_ref().map_or_else(Vec::new, |book| book.setting_aside.clone());
    let shelf = |pass: u32, prefix: String| {
        let not_moved = if pass < n_before { Vec::new() } else { not_moved.clone() };
        Shelf { pass, out: out.to_owned(), prefix, not_moved }
    };

    let found = folder::passes_in(out);
    let last = found.last().copied().unwrap_or_default();
    let current = if book.is_some() { n_before + 1 } else { last + 1 };
    let mut told = Told::new(out, current);
    let in_place = shelf(current, String::new());
    if let Some(state) = &mut state {
        let audit = state::audit(state.frontier.as_mut(), &in_place, scratch, watch, &mut findings);
        state.audit = settle(audit, &in_place, &mut findings)?;
    }
    state::read_cookies(&in_place, &mut findings)?;
    current_pass(&in_place, state, is_damaged, scratch, watch, &mut findings, &mut told)?;
    for pass in 1..current {
        watch.step(format!("reading pass {pass}"));
        receipts::earlier_pass(
            &shelf(pass, format!("{}/{pass}/", folder::PASSES)),
            scratch,
            watch,
            &mut findings,
            &mut told,
        )?;
    }
    for pass in found.into_iter().filter(|pass| *pass >= current) {
        let what = format!("there was no pass {pass}: the crawl is in its pass {current}");
        findings.add(Finding::new(Kind::Stray, current, what).file(format!("{}/{pass}", folder::PASSES)));
    }
    watch.step("naming what was found");
    pass::name_urls(out, &mut findings);
    told.findings = findings;
    Ok(told)
}

/// The state, or none if it is damaged, which is a finding.
fn open(
    opened: Result<Box<dyn Frontier>, FrontierError>,
    out: &Path,
    findings: &mut Findings,
) -> Result<Option<State>, Failure> {
    // Which pass it is of can't be known.
    const PASS: u32 = 1;
    match opened {
        Ok(frontier) => match Book::from_bytes(frontier.book()) {
            Ok(book) => return Ok(Some(State { frontier, book, audit: Audit::default() })),
            Err(error) => findings.add(Finding::new(Kind::State, PASS, error.to_string())),
        },
        Err(error @ FrontierError::Corrupted { .. }) => findings.add(state::damage(&error, out, PASS)),
        Err(FrontierError::InUse(path)) => return Err(Failure::UnderWay(path)),
        Err(error) => return Err(Failure::Frontier(error)),
    }
    Ok(None)
}

/// The pass that the state is about; without a state, that of the receipt.
fn current_pass(
    shelf: &Shelf,
    state: Option<State>,
    is_damaged: bool,
    scratch: &Path,
    watch: &mut Watch,
    findings: &mut Findings,
    told: &mut Told,
) -> Result<(), Failure> {
    let receipt = receipts::read(shelf, folder::RECEIPT, findings)?;
    let book = state.as_ref().map(|state| state.book.clone());
    let marks = match (&book, &receipt) {
        (Some(book), _) => Some((book.outputs.clone(), if book.end.is_some() { Ends::Here } else { Ends::Open })),
        (None, Some((receipt, _))) => Some((receipt.outputs.clone(), Ends::Here)),
        (None, None) => None,
    };
    watch.step(format!("reading pass {}", shelf.pass));
    let scan =
        pass::scan(shelf, marks.as_ref().map(|(marks, ends)| (marks.as_slice(), *ends)), scratch, watch, findings)?;
    if state.is_none() && receipt.is_none() && scan.files.is_empty() && !is_damaged {
        return Err(Failure::Nothing(shelf.out.clone()));
    }
    told.read(shelf.pass, &scan);
    match (state, receipt) {
        (Some(state), receipt) => with_state(shelf, state, receipt, scan, watch, findings, told),
        (None, receipt) => {
            if !is_damaged {
                findings.note("there is no state in the folder (frontier.store = \"memory\", or it was not copied)");
            }
            receipts::without_state(shelf, receipt, scan, findings, told)
        }
    }
}

/// Holds the records against the state, and the receipt against both.
fn with_state(
    shelf: &Shelf,
    mut state: State,
    receipt: Option<receipts::Said>,
    scan: Scan,
    watch: &mut Watch,
    findings: &mut Findings,
    told: &mut Told,
) -> Result<(), Failure> {
    watch.step("holding the records against the state");
    (told.end, told.seen) = (Some(state.book.end), state.audit.seen);
    // Records may not be wanted at all.
    if state.book.identity.get("outputs.format").is_none_or(|format| format != "\"none\"") {
        records_with_state(shelf, &mut state, scan, findings)?;
    } else {
        findings.note("outputs.format is \"none\": there are no records to look at");
    }
    let State { frontier, book, audit } = &mut state;
    let named = urls::name_hosts(audit.has_hosts.then_some(frontier.as_mut()), findings);
    settle(named.map_err(Failed::State), shelf, findings)?;
    receipts::conserve(book, audit, frontier.n_queued(), shelf.pass, findings);
    match (receipt, book.end) {
        (Some((receipt, said)), Some(end)) => {
            if audit.has_hosts {
                let compared =
                    receipts::compare_with_state(&receipt, &said, end, book, frontier.as_mut(), shelf, findings);
                settle(compared.map_err(Failed::State), shelf, findings)?;
            } else {
                findings.note("the receipt was not compared: not every host of the state could be read");
            }
            receipts::look_for_report(shelf, findings);
        }
        (Some(_), None) => {
            let what = "it is there, and the last run did not end";
            findings.add(Finding::new(Kind::Receipt, shelf.pass, what).file(shelf.name(folder::RECEIPT)));
        }
        (None, Some(_)) if !receipts::is_missing(shelf) => {}
        (None, Some(_)) => {
            let what = "it is missing, and the last run ended; the same command writes it";
            findings.add(Finding::new(Kind::Missing, shelf.pass, what).file(shelf.name(folder::RECEIPT)));
        }
        (None, None) => findings.note("the last run was killed: there is no receipt until it has gone on and ended"),
    }
    Ok(())
}

/// Holds the records against what can be read of the state.
fn records_with_state(shelf: &Shelf, state: &mut State, scan: Scan, findings: &mut Findings) -> Result<(), Failure> {
    let State { frontier, book, audit } = state;
    let place = Place { pass: shelf.pass, files: &scan.files };
    let witness = if audit.seen.is_some() { Witness::State(frontier.as_mut()) } else { Witness::NobodyYet };
    let matched = urls::match_up(scan.urls, witness, &place, findings);
    settle(matched, shelf, findings)?;
    receipts::compare_counts(&scan.counts, scan.is_whole, book, shelf.pass, findings);
    if scan.is_whole && audit.has_hosts {
        let matched = scan.hosts.match_state(frontier.as_mut(), &place, findings);
        settle(matched, shelf, findings)?;
    }
    Ok(())
}

/// A state that turns out to be damaged is a finding; all else ends it.
fn settle<T: Default>(done: Result<T, Failed>, shelf: &Shelf, findings: &mut Findings) -> Result<T, Failure> {
    match done {
        Ok(done) => Ok(done),
        Err(Failed::State(error @ FrontierError::Corrupted { .. })) => {
            findings.add(state::damage(&error, &shelf.out, shelf.pass));
            Ok(T::default())
        }
        Err(Failed::State(error)) => Err(Failure::Frontier(error)),
        Err(Failed::Scratch(error)) => Err(Failure::Scratch(error)),
    }
}
