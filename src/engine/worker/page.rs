//! A visit to a URL: asked for once, read, judged.

use std::time::Duration;

use super::{
    super::{
        event::{Conclusion, Failure, Outcome},
        judge::Source,
        trail::Trail,
        visit::{Keep, Subject, Visit},
    },
    Worker, chance,
    condition::Known,
    conduct, conduct_of,
    read::{NOT_MODIFIED, Reading},
    signal_of, write,
};
use crate::{
    address::HostKey,
    clock::Timestamp,
    fetch::{
        FetchError, Request, Response, Truncation,
        retry::{self, ForHost, ForUrl, Purpose},
    },
    frontier::{Discovery, Kind, QueuedUrl},
    politeness::Conduct,
    robots::Signals,
    shutdown::blocking,
};

/// From this size on a body is parsed where it can't hold up other tasks.
const LARGE_BODY_BYTES: usize = 256 * 1024;

/// What the record of a URL says that was worth another attempt and gets none.
const BUDGET_SPENT: &str = "not tried again: the budget of retries of its host is used up";

impl Worker {
    pub(super) async fn visit(
        &self,
        host: HostKey,
        queued: QueuedUrl,
        signals: Option<&Signals>,
        known: Option<Known>,
        may_retry: bool,
        mut trail: Option<Box<Trail>>,
    ) -> Visit {
        let mut request = Request::get(queued.url.clone(), self.options.max_body_bytes);
        known.iter().for_each(|known| known.put_on(&mut request));
        let answer = self.fetcher.fetch(request).await;
        trail.iter_mut().for_each(|trail| trail.exchanged(answer.as_ref()));
        let (conduct, subject, found) = match answer {
            Ok(response) => self.answered(&queued, &response, signals, known.as_ref(), may_retry, trail.as_deref_mut()),
            Err(error) => self.unanswered(&queued, &error, may_retry),
        };
        Visit { host, conduct, subject, found, trail }
    }

    fn answered(
        &self,
        queued: &QueuedUrl,
        response: &Response,
        signals: Option<&Signals>,
        known: Option<&Known>,
        may_retry: bool,
        trail: Option<&mut Trail>,
    ) -> (Option<Conduct>, Subject, Vec<Discovery>) {
        let meaning = retry::judge(Purpose::Page, response.into());
        let asked_pause = retry::retry_after(&response.headers, response.timings.ended_at);
        let conduct = conduct_of(response, meaning.host, queued.fingerprint);
        if meaning.url == ForUrl::Again && self.may_retry(queued, may_retry) {
            let cut = response.truncated.filter(|_| retry::is_success(response.status));
            let why = cut.and_then(Truncation::failure).map_or(Failure::Status(response.status), Failure::Error);
            let pause = self.pause(queued, meaning.host, asked_pause, response.timings.ended_at);
            return (conduct, again(queued, why, pause, response.timings.ended_at), Vec::new());
        }
        let is_spent = meaning.url == ForUrl::Again && self.is_budget_spent(queued, may_retry);
        let work = || self.conclude(queued, response, signals, known, is_spent, trail);
        // A sitemap may unpack to far more than its size.
        let is_large = response.body.len() >= LARGE_BODY_BYTES || queued.kind == Kind::Sitemap;
        let Ending { outcome, record, found, content, keep } = if is_large { blocking(work) } else { work() };
        let timings = &response.timings;
        let conclusion = Conclusion {
            url: queued.url.clone(),
            depth: queued.depth(),
            outcome,
            status: Some(response.status),
            via: queued.via.clone(),
            content,
            body_bytes: response.body.len() as u64,
            wire_bytes: response.wire_bytes,
            latency: timings.first_byte_at.map(|at| at.since(timings.sent_at)),
            at: timings.ended_at,
        };
        (conduct, Subject::Concluded { conclusion, record, keep }, found)
    }

    /// Reads the body, and writes the record: the work on a page that takes time.
    fn conclude(
        &self,
        queued: &QueuedUrl,
        response: &Response,
        signals: Option<&Signals>,
        known: Option<&Known>,
        is_spent: bool,
        mut trail: Option<&mut Trail>,
    ) -> Ending {
        if let Some(known) = known.filter(|_| response.status == NOT_MODIFIED) {
            let reading = self.read_again(queued, known);
            let found = self.discovered(queued, &reading);
            trail.iter_mut().for_each(|trail| trail.judged(reading.found.len(), self.clock.now()));
            let record = write::not_modified(queued, response, &reading, &known.validators, &self.options.extras);
            let (record, content) = (record.to_line(), content_of(&known.validators.digest));
            trail.iter_mut().for_each(|trail| trail.lap("write", self.clock.now()));
            // What is kept stays as it is: an answer without a body that names another version says
            // nothing of what that one holds, and to ask by its name would be to never learn it.
            return Ending { outcome: Outcome::NotModified, record, found, content, keep: Keep::AsItIs };
        }
        let mut reading = self.read(queued, response, signals);
        let found = self.discovered(queued, &reading);
        if let Some(trail) = &mut trail {
            reading.parsed_at.iter().for_each(|parsed_at| trail.lap("parse", *parsed_at));
            trail.judged(reading.found.len(), self.clock.now());
        }
        if is_spent && !retry::is_success(response.status) {
            let failure = (Failure::Status(response.status), BUDGET_SPENT.to_owned());
            reading.failure.get_or_insert(failure);
        }
        let outcome = match &reading.failure {
            Some((failure, _)) => Outcome::Failed(*failure),
            None if retry::is_success(response.status) => Outcome::Fetched,
            None if reading.redirect.is_some() => Outcome::Redirected,
            None => Outcome::Failed(Failure::Status(response.status)),
        };
        let digest = write::digest(&response.body);
        let mut record = write::answered(queued, response, outcome, &reading, &self.options.extras, &digest);
        let mut keep = Keep::AsItIs;
        if outcome == Outcome::Fetched {
            let same = known.filter(|known| known.validators.digest == digest && response.truncated.is_none());
            record.same_as_pass = same.map(|known| known.validators.pass);
            keep = self.keep(queued, response, &reading, &digest, known);
        }
        let record = record.to_line();
        trail.iter_mut().for_each(|trail| trail.lap("write", self.clock.now()));
        let content = content_of(&digest).filter(|_| !response.body.is_empty());
        Ending { outcome, record, found, content, keep }
    }

    /// What the frontier is told of where an answer leads.
    fn discovered(&self, queued: &QueuedUrl, reading: &Reading) -> Vec<Discovery> {
        let source = Source { hops_off_site: queued.hops_off_site, via: Some(queued.url.as_str().into()) };
        let Some(chain) = &reading.chain else { return self.news(&reading.found, &source) };
        let targets = reading.found.iter().cloned();
        targets.map(|target| self.judge.redirect(&queued.url, target, &source, chain.clone())).collect()
    }

    fn unanswered(
        &self,
        queued: &QueuedUrl,
        error: &FetchError,
        may_retry: bool,
    ) -> (Option<Conduct>, Subject, Vec<Discovery>) {
        let at = error.timings.ended_at;
        if let Some(refusal) = error.refusal() {
            // Nobody was asked.
            let outcome = Outcome::Refused(refusal);
            let subject = self.conclude_without_answer(queued, outcome, Some(&error.message), None, at);
            return (None, subject, Vec::new());
        }
        let meaning = retry::judge(Purpose::Page, error.into());
        let conduct = signal_of(meaning.host, None).map(|it| conduct(&error.timings, it, queued.fingerprint));
        let failure = Failure::Error(error.kind);
        let subject = if meaning.url == ForUrl::Again && self.may_retry(queued, may_retry) {
            again(queued, failure, self.pause(queued, meaning.host, None, at), at)
        } else {
            let is_spent = meaning.url == ForUrl::Again && self.is_budget_spent(queued, may_retry);
            let spent = is_spent.then(|| format!("{}; {BUDGET_SPENT}", error.message));
            let message = spent.as_deref().unwrap_or(&error.message);
            self.conclude_without_answer(queued, Outcome::Failed(failure), Some(message), Some(&error.timings), at)
        };
        (conduct, subject, Vec::new())
    }

    /// Whether both budgets allow another attempt: the URL's, and its host's as the lease has it.
    fn may_retry(&self, queued: &QueuedUrl, host_may: bool) -> bool {
        queued.attempts < self.options.retries && host_may
    }

    /// Whether it is the host's budget alone that allows none.
    fn is_budget_spent(&self, queued: &QueuedUrl, host_may: bool) -> bool {
        queued.attempts < self.options.retries && !host_may
    }

    /// The URL's own pause before the next attempt; none when the host is slowed anyway.
    fn pause(&self, queued: &QueuedUrl, host: ForHost, asked: Option<Duration>, at: Timestamp) -> Duration {
        match host {
            ForHost::Trouble | ForHost::SlowDown => Duration::ZERO,
            ForHost::Unasked | ForHost::Fine | ForHost::Faulty => {
                let (base, max) = (self.options.retry_base, self.options.retry_max);
                let own = retry::backoff(base, max, queued.attempts + 1, chance(queued.fingerprint, at));
                own.max(asked.unwrap_or_default().min(max))
            }
        }
    }
}

/// What an answer came to.
struct Ending {
    outcome: Outcome,
    record: Vec<u8>,
    found: Vec<Discovery>,
    /// A digest of the body, if it says something.
    content: Option<u64>,
    keep: Keep,
}

fn content_of(digest: &[u8; 32]) -> Option<u64> {
    digest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Back into the queue.
fn again(queued: &QueuedUrl, why: Failure, pause: Duration, at: Timestamp) -> Subject {
    let queued = QueuedUrl { attempts: queued.attempts + 1, not_before: at + pause, ..queued.clone() };
    Subject::Again { queued, why, at }
}
