//! A visit to a URL: asked for once, read, judged.

use std::sync::Arc;

use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE};

use super::{
    super::{
        event::{Conclusion, Failure, Outcome},
        judge::Place,
        visit::{Subject, Visit},
    },
    Worker, chance, conduct, signal_of, write,
};
use crate::{
    address::HostKey,
    fetch::{
        ErrorKind, FetchError, Request, Response, Truncation,
        redirect::redirect_target,
        retry::{self, StatusClass},
    },
    frontier::{Discovery, Hop, Kind, QueuedUrl, workbench::Returned},
    parse::{self, Page},
    politeness::{Conduct, Signal},
    shutdown::blocking,
    sitemap,
    verdict::Refusal,
};

/// From this size on a body is parsed where it can't hold up other tasks.
const LARGE_BODY_BYTES: usize = 256 * 1024;

/// What was read of a body, and where it leads.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) page: Option<Page>,
    pub(super) found: Vec<Discovery>,
    pub(super) n_outlinks: Option<usize>,
    pub(super) outlinks_truncated: bool,
    pub(super) redirect: Option<String>,
}

impl Worker {
    pub(super) async fn visit(&self, host: HostKey, queued: QueuedUrl) -> (Returned, Visit) {
        let request = Request {
            url: queued.url.clone(),
            headers: http::HeaderMap::new(),
            max_body_bytes: self.options.max_body_bytes,
        };
        let answer = self.fetcher.fetch(request).await;
        let (conduct, subject, found) = match answer {
            Ok(response) => self.answered(&queued, &response),
            Err(error) => self.unanswered(&queued, &error),
        };
        let returned = Returned { host: host.id(), held_connection: true, conduct, errand: None };
        (returned, Visit { host, conduct, subject, found })
    }

    fn answered(&self, queued: &QueuedUrl, response: &Response) -> (Option<Conduct>, Subject, Vec<Discovery>) {
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
        let work = || self.conclude(queued, response, class);
        // A sitemap may unpack to far more than its size.
        let is_large = response.body.len() >= LARGE_BODY_BYTES || queued.kind == Kind::Sitemap;
        let (outcome, record, found) = if is_large { blocking(work) } else { work() };
        let timings = &response.timings;
        let conclusion = Conclusion {
            url: queued.url.clone(),
            depth: queued.place.depth,
            outcome,
            status: Some(response.status),
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
    ) -> (Outcome, Vec<u8>, Vec<Discovery>) {
        let reading = self.read(queued, response, class);
        let outcome = match class {
            StatusClass::Success => Outcome::Fetched,
            StatusClass::Redirect if reading.redirect.is_some() => Outcome::Redirected,
            _ => Outcome::Failed(Failure::Status(response.status)),
        };
        let record = write::answered(queued, response, outcome, &reading, &self.options.extras).to_line();
        (outcome, record, reading.found)
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

    fn read(&self, queued: &QueuedUrl, response: &Response, class: StatusClass) -> Reading {
        let via: Arc<str> = Arc::from(queued.url.as_str());
        if let Some(reference) = redirect_target(response) {
            return self.read_redirect(queued, response.status, &reference, via);
        }
        if class != StatusClass::Success {
            return Reading::default();
        }
        let content_type = response.header(CONTENT_TYPE);
        // Sitemaps made by scripts often come as text/html.
        if queued.kind == Kind::Sitemap && sitemap::looks_like_sitemap(None, &response.body) {
            return self.read_sitemap(queued, response, &via);
        }
        if parse::is_html(content_type, &response.body) {
            return self.read_page(queued, response, content_type, &via);
        }
        if queued.kind == Kind::Sitemap || sitemap::looks_like_sitemap(content_type, &response.body) {
            return self.read_sitemap(queued, response, &via);
        }
        Reading::default()
    }

    fn read_redirect(&self, queued: &QueuedUrl, status: u16, reference: &str, via: Arc<str>) -> Reading {
        let Ok(target) = self.judge.canonicalizer.resolve(queued.url.as_url(), reference) else {
            return Reading::default();
        };
        let mut chain = queued.redirects.clone();
        chain.push(Hop { url: queued.url.as_str().to_owned(), status });
        let redirect = Some(target.as_str().to_owned());
        let discovery = self.judge.redirect(target, queued.place.depth, queued.kind, via, chain);
        let found = vec![Discovery { nesting: queued.nesting, ..discovery }];
        Reading { redirect, found, ..Reading::default() }
    }

    fn read_page(
        &self,
        queued: &QueuedUrl,
        response: &Response,
        content_type: Option<&str>,
        via: &Arc<str>,
    ) -> Reading {
        let mut page = parse::page(&response.body, content_type, queued.url.as_url(), &self.options.parse);
        if page.language.is_none() {
            page.language = response.header(CONTENT_LANGUAGE).map(str::to_owned);
        }
        let whole_page =
            self.options.obey_nofollow && page.robots.iter().any(|token| token == "nofollow" || token == "none");
        let follow = |link: &&parse::Link| !(whole_page || self.options.obey_nofollow && link.nofollow);
        let references = page.links.iter().filter(follow).map(|link| &*link.href);
        let place = Place { base: &page.base, encoding: page.charset.encoding };
        let depth = queued.place.depth.saturating_add(1);
        let (found, cut) = self.judge.links(&place, references, depth, Kind::Page, via);
        Reading {
            found,
            n_outlinks: Some(page.links.len()),
            outlinks_truncated: page.links_truncated || cut,
            page: Some(page),
            redirect: None,
        }
    }

    fn read_sitemap(&self, queued: &QueuedUrl, response: &Response, via: &Arc<str>) -> Reading {
        let options = &self.options.sitemaps;
        let origin = sitemap::Origin { url: None, content_type: response.header(CONTENT_TYPE) };
        let mut read = sitemap::parse(&response.body, &origin, &options.limits);
        if options.newest_first {
            sitemap::newest_first(&mut read.pages);
            sitemap::newest_first(&mut read.sitemaps);
        }
        // What a declared sitemap lists is offered as a seed is; a feed that a page links to is a page.
        let declared = queued.kind == Kind::Sitemap;
        let depth = queued.place.depth.saturating_add(u16::from(!declared));
        let place = Place::new(queued.url.as_url());
        let pages = read.pages.iter().map(|page| &*page.url);
        let extras = read.pages.iter().filter_map(|page| page.extras.as_ref()).filter(|_| options.alternates);
        let alternates = extras.flat_map(|extras| extras.alternates.iter().map(|alternate| &*alternate.url));
        let (mut found, mut cut) = self.judge.links(&place, pages.chain(alternates), depth, Kind::Page, via);
        // An index of indexes is against the protocol; a few are borne with, an endless chain is not.
        let nesting = queued.nesting.saturating_add(1);
        if nesting <= options.max_nesting {
            let sitemaps = read.sitemaps.iter().map(|sitemap| &*sitemap.url);
            let (mut sitemaps, cut_too) = self.judge.links(&place, sitemaps, depth, Kind::Sitemap, via);
            sitemaps.iter_mut().for_each(|sitemap| sitemap.nesting = nesting);
            found.append(&mut sitemaps);
            cut |= cut_too;
        }
        Reading {
            n_outlinks: Some(read.pages.len() + read.sitemaps.len()),
            outlinks_truncated: read.truncated || cut,
            found,
            ..Reading::default()
        }
    }
}
