//! Explaining a URL of a crawl: its configuration, its state if nobody works on it, and the record in its outputs.
//!
//! Nothing of the crawl is changed; opening the store takes its lock for a moment. Blocks.

use std::io::empty;

use serde_json::Value as Json;

use super::{
    assemble,
    folder::{Folder, FolderError, Seen},
};
use crate::{
    address::{Canonicalizer, without_userinfo},
    clock::{Clock, Timestamp},
    config::{Identity, Settings, Store},
    engine::{
        Book,
        explain::{Explanation, Inquiry, explain},
    },
    scope::Scope,
    sink::{SinkError, read_records},
};

/// What is known of each of `urls`.
///
/// # Errors
/// When the folder can't be looked at.
pub(crate) fn answer(settings: &Settings, urls: &[String]) -> Result<Vec<Explanation>, FolderError> {
    let mut notes = Vec::new();
    let options = assemble::options(settings);
    let canonicalizer = Canonicalizer::new(&settings.canonical);
    let now = Clock::system().now();
    let scope = scope(settings, &canonicalizer, now, &mut notes);
    let seen = Folder::look(settings)?;
    let (mut unseen, mut lock) = (None, None);
    let (mut frontier, book) = match seen {
        Seen::Nothing => {
            notes.push(nothing(settings));
            (None, None)
        }
        Seen::InUse => {
            unseen = Some("another process works on it, so look again when it has stopped".to_owned());
            (None, None)
        }
        Seen::State { frontier, book, lock: held } => {
            lock = Some(held);
            (Some(frontier), Some(book))
        }
    };
    let inquiry =
        Inquiry { canonicalizer: &canonicalizer, scope: scope.as_ref(), options: &options, book: book.as_deref(), now };
    let mut explanations = Vec::new();
    for url in urls {
        let frontier = frontier.as_deref_mut();
        let mut explanation = explain(&inquiry, url, frontier.map(|it| it as _)).map_err(FolderError::State)?;
        // Credentials are not part of what is crawled, and are shown nowhere.
        explanation.url = without_userinfo(url).into_owned();
        explanation.notes.clone_from(&notes);
        explanation.unseen_state.clone_from(&unseen);
        explanation.conclude();
        explanations.push(explanation);
    }
    if let Some(book) = &book {
        differ(settings, book, &mut explanations);
        // The outputs may be long: nobody who wants to crawl waits for that.
        drop(frontier);
        drop(lock);
        if let Err(error) = records(settings, &book.outputs, &mut explanations) {
            explanations.iter_mut().for_each(|it| it.notes.push(format!("no record was looked up: {error}")));
        }
    }
    Ok(explanations)
}

/// What to say of a folder without a state.
fn nothing(settings: &Settings) -> String {
    let out = settings.job.out.display();
    match settings.frontier.store {
        Store::Memory => {
            format!("frontier.store is \"memory\", which leaves no state in {out}: its records are in pages.jsonl")
        }
        Store::Disk => format!("{out} holds no crawl that has begun"),
    }
}

/// Says so when the folder holds a crawl of another configuration.
fn differ(settings: &Settings, book: &Book, explanations: &mut [Explanation]) {
    let mut theirs = book.identity.clone();
    // What was read from files is not read again here.
    theirs.remove("seeds.read");
    let differences = Identity::from_map(theirs).differences(&settings.identity);
    if !differences.is_empty() {
        let note = format!("the folder holds a crawl of another configuration: {}", differences.join("; "));
        explanations.iter_mut().for_each(|it| it.notes.push(note.clone()));
    }
}

/// The scope, from seeds that can be read again.
fn scope(settings: &Settings, canonicalizer: &Canonicalizer, now: Timestamp, notes: &mut Vec<String>) -> Option<Scope> {
    let mut seeds = Vec::new();
    let read = settings.seeds.read(canonicalizer, &mut empty(), &mut |url| seeds.push(url));
    if let Err(error) = read {
        notes.push(format!("scope is not known, because seeds can't be read: {error}"));
        return None;
    }
    if settings.seeds.stdin {
        notes.push("seeds that came from standard input are not known here, so scope may say too much".to_owned());
    }
    seeds.extend(settings.seeds.sitemaps.iter().cloned());
    assemble::scope(settings, &seeds, now).ok()
}

/// Finds the records of those whose story has ended: one pass over the outputs.
fn records(
    settings: &Settings,
    marks: &[crate::sink::Mark],
    explanations: &mut [Explanation],
) -> Result<(), SinkError> {
    let is_done = |it: &Explanation| it.frontier.as_ref().is_some_and(|frontier| frontier.state == "done");
    let mut n_missing = explanations.iter().filter(|it| is_done(it)).count();
    if n_missing == 0 {
        return Ok(());
    }
    read_records(&settings.job.out, marks, &mut |line| {
        // A record begins with its URL, so only those that are asked for are parsed.
        for it in explanations.iter_mut().filter(|it| it.last.is_none() && is_done(it)) {
            let url = serde_json::to_string(it.canonical.as_deref().unwrap_or_default()).expect("a text");
            if line.strip_prefix(b"{\"url\":").is_some_and(|rest| rest.starts_with(url.as_bytes()))
                && let Ok(record) = serde_json::from_slice::<Json>(line)
            {
                it.take_record(record);
                n_missing -= 1;
            }
        }
        n_missing > 0
    })?;
    Ok(())
}
