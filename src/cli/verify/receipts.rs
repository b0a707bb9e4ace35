//! Receipts: read, held against records, against the state, and against themselves.

use std::{fs, io, path::Path};

use serde_json::Value as Json;

use super::{
    Failure,
    counts::{Counts, Extent, compare, judge_receipt},
    found::{Finding, Findings, Kind},
    pass::{self, Ends, Scan, Shelf},
    state::Audit,
    text::Told,
    urls::{self, Place, Witness},
    watch::Watch,
};
use crate::{
    engine::{Book, End, Finished, top_hosts},
    frontier::{Frontier, FrontierError},
    job::folder,
    report::Receipt,
};

/// A receipt as it is meant, and as it is written.
pub(super) type Said = (Receipt, Json);

/// Reads a receipt, if there is one that can be read.
pub(super) fn read(shelf: &Shelf, name: &str, findings: &mut Findings) -> Result<Option<Said>, Failure> {
    if shelf.is_of_before(name) {
        return Ok(None);
    }
    let path = shelf.path(name);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Failure::Unreadable { path, source }),
    };
    let said = serde_json::from_slice::<Receipt>(&bytes).and_then(|it| Ok((it, serde_json::from_slice(&bytes)?)));
    match said {
        Ok(said) => {
            judge_receipt(&said.0, shelf.pass, &shelf.name(name), findings);
            Ok(Some(said))
        }
        Err(error) => {
            findings.add(Finding::new(Kind::Receipt, shelf.pass, error.to_string()).file(shelf.name(name)));
            Ok(None)
        }
    }
}

/// Whether there is no receipt, not even one that can't be read.
pub(super) fn is_missing(shelf: &Shelf) -> bool {
    !shelf.has(folder::RECEIPT)
}

/// The counts of the book against those of the records.
pub(super) fn compare_counts(counts: &Counts, is_whole: bool, book: &Book, pass: u32, findings: &mut Findings) {
    if !is_whole {
        findings.note("counts were not compared: not every record could be read");
        return;
    }
    let tally = serde_json::to_value(&book.tally).expect("maps with text keys, strings and numbers always serialise");
    compare("", &counts.as_tally(), &tally, Extent::Part, &mut |what| {
        findings.add(Finding::new(Kind::Count, pass, format!("in the state, {what} by the records")));
    });
}

/// Whether every URL that was discovered is done or queued, by all that count.
pub(super) fn conserve(book: &Book, audit: &Audit, n_queued: u64, pass: u32, findings: &mut Findings) {
    let tally = &book.tally;
    let mut demand = |what: &str, a: u64, b: u64| {
        if a != b {
            findings.add(Finding::new(Kind::Conservation, pass, format!("{what}: {a} and {b}")));
        }
    };
    if let Some(seen) = audit.seen {
        demand("URLs known, and counted as discovered", seen.done + seen.queued, tally.discovered);
        demand("URLs done, and counted as ended", seen.done, tally.n_concluded());
        demand("URLs known as queued, and the length of the queue", seen.queued, n_queued);
    }
    if let Some(in_queue) = audit.in_queue {
        demand("entries of the queue, and its length", in_queue, n_queued);
    }
}

/// The receipt against the one that the state would give now.
pub(super) fn compare_with_state(
    receipt: &Receipt,
    said: &Json,
    end: End,
    book: &Book,
    frontier: &mut dyn Frontier,
    shelf: &Shelf,
    findings: &mut Findings,
) -> Result<(), FrontierError> {
    let (hosts, n_queued) = (top_hosts(frontier)?, frontier.n_queued());
    let expected = Receipt::new(&receipt.job, &Finished { end, book: book.clone(), tail: Vec::new(), n_queued, hosts });
    let as_json = |receipt| serde_json::to_value(receipt).expect("a receipt always serialises");
    let mut expected = as_json(&expected);
    // Another version may have written it: then what this one does not know is not judged.
    let understood = (expected["dragline"] != said["dragline"]).then(|| as_json(receipt));
    let said = understood.as_ref().unwrap_or(said);
    expected["dragline"] = said["dragline"].clone();
    // Whom a run waited for when it was stopped is not kept.
    if end != End::Finished
        && let Some(left) = said["waited"].get("left")
    {
        expected["waited"]["left"] = left.clone();
    }
    let file = shelf.name(folder::RECEIPT);
    compare("", &expected, said, Extent::Whole, &mut |what| {
        findings.add(Finding::new(Kind::ReceiptCount, shelf.pass, format!("{what} by the state")).file(file.clone()));
    });
    Ok(())
}

/// Says so if there is no page for people: it may not have been wanted.
pub(super) fn look_for_report(shelf: &Shelf, findings: &mut Findings) {
    if !shelf.has(folder::REPORT) {
        findings
            .note(format!("there is no {} (it was removed, or outputs.report = false)", shelf.name(folder::REPORT)));
    }
}

/// A pass of which there is no state: its records against its receipt.
pub(super) fn without_state(
    shelf: &Shelf,
    receipt: Option<Said>,
    scan: Scan,
    findings: &mut Findings,
    told: &mut Told,
) -> Result<(), Failure> {
    let place = Place { pass: shelf.pass, files: &scan.files };
    let is_over = receipt.as_ref().is_some_and(|(receipt, _)| receipt.totals.pending == 0);
    let witness = if is_over && scan.is_whole { Witness::Nobody } else { Witness::NobodyYet };
    urls::match_up(scan.urls, witness, &place, findings).map_err(|failed| match failed {
        urls::Failed::Scratch(error) => Failure::Scratch(error),
        urls::Failed::State(error) => Failure::Frontier(error),
    })?;
    let name = shelf.name(folder::RECEIPT);
    let Some((receipt, said)) = receipt else {
        if is_missing(shelf) {
            let what = "it is missing, and so is the state: nothing says what there should be";
            findings.add(Finding::new(Kind::Missing, shelf.pass, what).file(name));
        }
        return Ok(());
    };
    told.end.get_or_insert(Some(receipt.end));
    if receipt.outputs.is_empty() && receipt.totals.discovered > receipt.totals.pending {
        findings.note(format!("{name} names no outputs: there are no records to look at"));
    } else if scan.is_whole {
        compare("", &scan.counts.as_receipt(), &said, Extent::Part, &mut |what| {
            let what = format!("{what} by the records");
            findings.add(Finding::new(Kind::ReceiptCount, shelf.pass, what).file(name.clone()));
        });
        scan.hosts.match_receipt(&receipt, &place, &name, findings).map_err(Failure::Scratch)?;
    } else {
        findings.note("counts were not compared: not every record could be read");
    }
    look_for_report(shelf, findings);
    Ok(())
}

/// A pass that is set aside.
pub(super) fn earlier_pass(
    shelf: &Shelf,
    scratch: &Path,
    watch: &mut Watch,
    findings: &mut Findings,
    told: &mut Told,
) -> Result<(), Failure> {
    let Some((receipt, said)) = read(shelf, folder::RECEIPT, findings)? else {
        if is_missing(shelf) {
            let what = format!("it is missing: nothing can be said of pass {}", shelf.pass);
            findings.add(Finding::new(Kind::Missing, shelf.pass, what).file(shelf.name(folder::RECEIPT)));
        }
        return Ok(());
    };
    let scan = pass::scan(shelf, Some((&receipt.outputs, Ends::Here)), scratch, watch, findings)?;
    told.read(shelf.pass, &scan);
    without_state(shelf, Some((receipt, said)), scan, findings, told)
}
