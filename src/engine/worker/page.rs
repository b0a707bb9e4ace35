//! A visit to a URL: asked for once, read, judged.

use std::time::Duration;

use super::{
    super::{
        event::{Conclusion, Failure, Outcome},
        visit::{Subject, Visit},
    },
    Worker, chance, conduct, signal_of, write,
};
use crate::{
    address::HostKey,
    clock::Timestamp,
    fetch::{
        ErrorKind, FetchError, Request, Response, Truncation,
        retry::{self, ForHost, ForUrl, Purpose},
    },
    frontier::{Discovery, Kind, QueuedUrl, workbench::Returned},
    politeness::Conduct,
    robots::Signals,
    shutdown::blocking,
    verdict::Refusal,
};

/// From this size on a body is parsed where it can't hold up other tasks.
const LARGE_BODY_BYTES: usize = 256 * 1024;

impl Worker {
    pub(super) async fn visit(&self, host: HostKey, queued: QueuedUrl, signals: Option<&Signals>) -> (Returned, Visit) {
        let request = Request::get(queued.url.clone(), self.options.max_body_bytes);
        let answer = self.fetcher.fetch(request).await;
        let (conduct, subject, found) = match answer {
            Ok(response) => self.answered(&queued, &response, signals),
            Err(error) => self.unanswered(&queued, &error),
        };
        let returned = Returned { host: host.id(), held_connection: true, conduct, errand: None };
        (returned, Visit { host, conduct, subject, found })
    }

    fn answered(
        &self,
        queued: &QueuedUrl,
        response: &Response,
        signals: Option<&Signals>,
    ) -> (Option<Conduct>, Subject, Vec<Discovery>) {
        let meaning = retry::judge(Purpose::Page, response.into());
        let asked_pause = retry::retry_after(&response.headers, response.timings.ended_at);
        let signal = signal_of(meaning.host, asked_pause).filter(|_| !response.from_cache);
        let conduct = signal.map(|signal| conduct(&response.timings, signal, queued.fingerprint));
        if meaning.url == ForUrl::Again && self.may_retry(queued) {
            let cut = response.truncated.filter(|_| retry::is_success(response.status));
            let why = cut.and_then(Truncation::failure).map_or(Failure::Status(response.status), Failure::Error);
            let pause = self.pause(queued, meaning.host, asked_pause, response.timings.ended_at);
            return (conduct, again(queued, why, pause, response.timings.ended_at), Vec::new());
        }
        let work = || self.conclude(queued, response, signals);
        // A sitemap may unpack to far more than its size.
        let is_large = response.body.len() >= LARGE_BODY_BYTES || queued.kind == Kind::Sitemap;
        let (outcome, record, found, content) = if is_large { blocking(work) } else { work() };
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
        (conduct, Subject::Concluded { conclusion, record }, found)
    }

    /// Reads the body, and writes the record: the work on a page that takes time.
    fn conclude(
        &self,
        queued: &QueuedUrl,
        response: &Response,
        signals: Option<&Signals>,
    ) -> (Outcome, Vec<u8>, Vec<Discovery>, Option<u64>) {
        let reading = self.read(queued, response, signals);
        let outcome = match &reading.failure {
            Some((failure, _)) => Outcome::Failed(*failure),
            None if retry::is_success(response.status) => Outcome::Fetched,
            None if reading.redirect.is_some() => Outcome::Redirected,
            None => Outcome::Failed(Failure::Status(response.status)),
        };
        let digest = write::digest(&response.body);
        let record = write::answered(queued, response, outcome, &reading, &self.options.extras, &digest).to_line();
        let content = digest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        (outcome, record, reading.found, content.filter(|_| !response.body.is_empty()))
    }

    fn unanswered(&self, queued: &QueuedUrl, error: &FetchError) -> (Option<Conduct>, Subject, Vec<Discovery>) {
        let at = error.timings.ended_at;
        if error.kind == ErrorKind::AddressRefused {
            // Nobody was asked.
            let outcome = Outcome::Refused(Refusal::AddressRefused);
            let subject = self.conclude_without_answer(queued, outcome, Some(&error.message), None, at);
            return (None, subject, Vec::new());
        }
        let meaning = retry::judge(Purpose::Page, error.into());
        let conduct = signal_of(meaning.host, None).map(|it| conduct(&error.timings, it, queued.fingerprint));
        let failure = Failure::Error(error.kind);
        let subject = if meaning.url == ForUrl::Again && self.may_retry(queued) {
            again(queued, failure, self.pause(queued, meaning.host, None, at), at)
        } else {
            self.conclude_without_answer(
                queued,
                Outcome::Failed(failure),
                Some(&error.message),
                Some(&error.timings),
                at,
            )
        };
        (conduct, subject, Vec::new())
    }

    fn may_retry(&self, queued: &QueuedUrl) -> bool {
        queued.attempts < self.options.retries
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

/// Back into the queue.
fn again(queued: &QueuedUrl, why: Failure, pause: Duration, at: Timestamp) -> Subject {
    let queued = QueuedUrl { attempts: queued.attempts + 1, not_before: at + pause, ..queued.clone() };
    Subject::Again { queued, why, at }
}
