//! Explaining a URL of a crawl: its configuration, its state, and the record in its outputs.
//!
//! Nothing of the crawl is changed. Of a folder that nobody works on, opening the store takes its lock for a moment; the
//! state of a crawl that this process runs is shown by its recorder.

use std::{io::empty, sync::Arc};

use serde_json::Value as Json;
use tokio::task::spawn_blocking;

use super::{
    assemble,
    folder::{Folder, FolderError, Seen},
};
use crate::{
    address::{Canonicalizer, without_userinfo},
    clock::{Clock, Timestamp},
    config::{Identity, Settings, Store},
    engine::{
        Book, Looks, Options, View,
        explain::{Explanation, Inquiry, explain},
    },
    frontier::{Frontier, FrontierError},
    scope::Scope,
    sink::{SinkError, read_records},
};

/// What is known of each of `urls`, by a folder that nobody works on.
///
/// # Errors
/// When the folder can't be looked at.
pub(crate) fn answer(settings: &Settings, urls: &[String]) -> Result<Vec<Explanation>, FolderError> {
    let mut questions = Questions::new(settings, urls.to_vec());
    let (mut unseen, mut lock) = (None, None);
    let (mut frontier, book) = match Folder::look(settings)? {
        Seen::Nothing => {
            questions.notes.push(nothing(settings));
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
    let options = assemble::options(settings);
    let known = frontier.as_deref_mut().map(|it| it as _);
    let mut explanations = questions.answer(&options, book.as_deref(), known).map_err(FolderError::State)?;
    for it in explanations.iter_mut().filter(|_| unseen.is_some()) {
        it.unseen_state.clone_from(&unseen);
        it.conclude();
    }
    // The outputs may be long: nobody who wants to crawl waits for that.
    drop(frontier);
    drop(lock);
    if let Some(book) = &book {
        finish(settings, book, &mut explanations);
    }
    Ok(explanations)
}

/// The same of a crawl that runs; none if it has ended meanwhile. `held` is held as long as its outputs are read.
///
/// # Errors
/// When its store fails.
pub(crate) async fn answer_of_running(
    settings: Arc<Settings>,
    urls: Vec<String>,
    looks: &Looks,
    held: impl Send + 'static,
) -> Result<Option<Vec<Explanation>>, FolderError> {
    // Seeds are read, patterns compiled and records looked for where that holds up nobody.
    let asked = settings.clone();
    let Ok(questions) = spawn_blocking(move || Questions::new(&asked, urls)).await else { return Ok(None) };
    let look = move |View { options, book, frontier }: View<'_>| {
        questions.answer(options, Some(book), Some(frontier)).map(|explanations| (explanations, book.clone()))
    };
    let Some(looked) = looks.ask(look).await else { return Ok(None) };
    let (mut explanations, book) = looked.map_err(FolderError::State)?;
    let finished = spawn_blocking(move || {
        let _held = held;
        finish(&settings, &book, &mut explanations);
        for it in explanations.iter_mut().filter(|it| is_done(it) && it.last.is_none()) {
            it.notes.push("its record is on its way to the outputs: ask again in a moment".to_owned());
        }
        explanations
    });
    Ok(finished.await.ok())
}

/// What is asked, and what is to be known for it beside the state.
struct Questions {
    urls: Vec<String>,
    canonicalizer: Canonicalizer,
    scope: Option<Scope>,
    notes: Vec<String>,
    now: Timestamp,
}

impl Questions {
    fn new(settings: &Settings, urls: Vec<String>) -> Self {
        let (canonicalizer, now, mut notes) =
            (Canonicalizer::new(&settings.canonical), Clock::system().now(), Vec::new());
        let scope = scope(settings, &canonicalizer, now, &mut notes);
        Self { urls, canonicalizer, scope, notes, now }
    }

    fn answer(
        &self,
        options: &Options,
        book: Option<&Book>,
        mut frontier: Option<&mut dyn Frontier>,
    ) -> Result<Vec<Explanation>, FrontierError> {
        let inquiry =
            Inquiry { canonicalizer: &self.canonicalizer, scope: self.scope.as_ref(), options, book, now: self.now };
        let explain_one = |url: &String| {
            let mut it = explain(&inquiry, url, frontier.as_deref_mut().map(|it| it as _))?;
            // Credentials are not part of what is crawled, and are shown nowhere.
            it.url = without_userinfo(url).into_owned();
            it.notes.clone_from(&self.notes);
            Ok(it)
        };
        self.urls.iter().map(explain_one).collect()
    }
}

/// Adds what the outputs hold.
fn finish(settings: &Settings, book: &Book, explanations: &mut [Explanation]) {
    differ(settings, book, explanations);
    if let Err(error) = records(settings, &book.outputs, explanations) {
        explanations.iter_mut().for_each(|it| it.notes.push(format!("no record was looked up: {error}")));
    }
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

fn is_done(it: &Explanation) -> bool {
    it.frontier.as_ref().is_some_and(|frontier| frontier.state == "done")
}

/// Finds the records of those whose story has ended: one pass over the outputs.
fn records(
    settings: &Settings,
    marks: &[crate::sink::Mark],
    explanations: &mut [Explanation],
) -> Result<(), SinkError> {
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
