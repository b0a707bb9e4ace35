//! A visit to a URL: asked for once, read, judged.

use super::{
    super::{
        event::{Conclusion, Failure, Outcome},
        visit::{Subject, Visit},
    },
    Worker, chance, conduct, signal_of, write,
};
use crate::{
    address::HostKey,
    fetch::{
        ErrorKind, FetchError, Request, Response, Truncation,
        retry::{self, StatusClass},
    },
    frontier::{Discovery, Kind, QueuedUrl, workbench::Returned},
    politeness::{Conduct, Signal},
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
        let class = retry::classify(response.status);
        let asked_pause = retry::retry_after(&response.headers, response.timings.ended_at);
        let signal = match class {
            StatusClass::Throttled => Signal::SlowDown(asked_pause),
            StatusClass::Transient if matches!(response.status, 502 | 504) => Signal::Trouble,
            StatusClass::Transient => Signal::Faulty,
            _ if response.status >= 500 => Signal::Faulty,
            _ => Signal::Fine,
        };
        let conduct = (!response.from_cache).then(|| conduct(&response.timings, signal, queued.fingerprint));
        let broke_off = matches!(response.truncated, Some(Truncation::Incomplete | Truncation::Timeout));
        if (class.is_retryable() || (class == StatusClass::Success && broke_off)) && self.may_retry(queued) {
            let why = match response.truncated {
                Some(Truncation::Timeout) if broke_off => Failure::Error(ErrorKind::Timeout),
                _ if broke_off => Failure::Error(ErrorKind::Closed),
                _ => Failure::Status(response.status),
            };
            return (conduct, self.again(queued, why, signal, response.timings.ended_at), Vec::new());
        }
        let work = || self.conclude(queued, response, class, signals);
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
        class: StatusClass,
        signals: Option<&Signals>,
    ) -> (Outcome, Vec<u8>, Vec<Discovery>, Option<u64>) {
        let reading = self.read(queued, response, class, signals);
        let outcome = match (class, &reading.failure) {
            (_, Some((failure, _))) => Outcome::Failed(*failure),
            (StatusClass::Success, None) => Outcome::Fetched,
            (StatusClass::Redirect, None) if reading.redirect.is_some() => Outcome::Redirected,
            (_, None) => Outcome::Failed(Failure::Status(response.status)),
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
        let signal = signal_of(error);
        let conduct = Some(conduct(&error.timings, signal, queued.fingerprint));
        let failure = Failure::Error(error.kind);
        let subject = if error.is_retryable() && self.may_retry(queued) {
            self.again(queued, failure, signal, at)
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

    /// Back into the queue. When the host is slowed anyway, the URL needs no pause of its own.
    fn again(&self, queued: &QueuedUrl, why: Failure, signal: Signal, at: crate::clock::Timestamp) -> Subject {
        let attempts = queued.attempts + 1;
        let own_pause = matches!(signal, Signal::Fine | Signal::Faulty);
        let jitter = chance(queued.fingerprint, at);
        let pause = retry::backoff(self.options.retry_base, self.options.retry_max, attempts, jitter);
        let not_before = if own_pause { at + pause } else { at };
        Subject::Again { queued: QueuedUrl { attempts, not_before, ..queued.clone() }, why, at }
    }
}
