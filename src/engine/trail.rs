//! The trail of one request: what was done for it, step by step, and when.
//!
//! Metrics say that pages have become slow, and not why this one is. So of a share of the URLs ([`Sampler`])
//! a [`Trail`] is kept: the worker notes the steps, the recorder adds its own and tells of the whole as a
//! [`CrawlEvent`](super::event::CrawlEvent). Who listens, and what is made of it, is not known here.
//!
//! A URL that is not followed has no trail: no step of it is noted, and nothing is allocated for it.
//!
//! Invariants:
//! - whether a URL is followed depends on the URL alone, so all attempts at it are, in all passes and jobs;
//! - steps don't overlap, are in the order of time, and lie within their trail;
//! - a trail holds what records hold of an exchange, and less: no header, no body, no login.

use std::{net::SocketAddr, time::Duration};

use http::Method;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{event::Outcome, visit::Subject};
use crate::{
    address::{CanonicalUrl, Fingerprint},
    clock::Timestamp,
    fetch::{CacheStatus, FetchError, Phase, Response, Timings},
};

/// Makes the choice independent of whatever else is chosen by fingerprints.
const SEED: u64 = 0x0074_7261_696c_7321;

/// Which URLs are followed: a share of them, chosen by their fingerprints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sampler {
    /// Those whose number is below it.
    below: u64,
    /// All of them, the last number included.
    all: bool,
}

impl Sampler {
    /// Follows none.
    pub const NONE: Self = Self { below: 0, all: false };

    /// Follows this share of the URLs, from 0 to 1.
    pub fn share(share: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats saturates")]
        Self { below: (share * 2_f64.powi(64)) as u64, all: share >= 1.0 }
    }

    /// Whether any is followed.
    pub fn is_any(self) -> bool {
        self.all || self.below > 0
    }

    /// Whether this one is.
    pub fn follows(self, url: Fingerprint) -> bool {
        self.all || (self.below > 0 && xxh3_64_with_seed(&url.to_bytes(), SEED) < self.below)
    }
}

/// One thing that was done, or waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// `dns`, `first-byte`, `parse`, …
    pub name: &'static str,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

/// What is known of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The version of HTTP, if that was kept.
    pub version: Option<http::Version>,
    /// Who answered, if that is known.
    pub remote: Option<SocketAddr>,
    /// Bytes of the body, decoded and over the wire, if it was kept.
    pub body_bytes: Option<(u64, u64)>,
    /// What the cache had to do with it.
    pub cache: Option<CacheStatus>,
}

impl Answered {
    /// What there is to say of `response`.
    pub fn of(response: &Response) -> Self {
        Self {
            status: response.status,
            version: Some(response.version),
            remote: response.remote,
            body_bytes: Some((response.body.len() as u64, response.wire_bytes)),
            cache: response.cache,
        }
    }
}

/// What was done for one request.
#[derive(Debug, Clone)]
pub struct Trail {
    /// `visit` to a URL of a crawl, `robots` for a robots.txt, `hop` of a URL by hand.
    pub name: &'static str,
    /// How it was asked for.
    pub method: Method,
    /// Which URL.
    pub url: CanonicalUrl,
    /// Links away from a seed.
    pub depth: u16,
    /// From 1.
    pub attempt: u32,
    /// When the lease was handed out.
    pub began_at: Timestamp,
    /// Until when it has been followed.
    pub ended_at: Timestamp,
    /// In the order of time.
    pub steps: Vec<Step>,
    /// What came back, if anything did.
    pub answered: Option<Answered>,
    /// In words of records: `fetched`, `failed`, …; `again` for what is tried again; of a robots.txt, its standing.
    pub outcome: &'static str,
    /// What went wrong, if something did: `http-404`, `timeout`.
    pub error: Option<String>,
    /// URLs found.
    pub n_found: usize,
}

impl Trail {
    /// Without a step.
    pub fn begin(name: &'static str, url: CanonicalUrl, began_at: Timestamp) -> Self {
        Self {
            name,
            method: Method::GET,
            url,
            depth: 0,
            attempt: 1,
            began_at,
            ended_at: began_at,
            steps: Vec::with_capacity(12),
            answered: None,
            outcome: "",
            error: None,
            n_found: 0,
        }
    }

    /// From the end of the last step until `to` this was done.
    pub fn lap(&mut self, name: &'static str, to: Timestamp) {
        self.step(name, self.ended_at, to);
    }

    /// From `from` until `to` this was done. What lies before the end of the last step is cut away: a clock that
    /// was read by two tasks may tell of an overlap.
    fn step(&mut self, name: &'static str, from: Timestamp, to: Timestamp) {
        let from = from.max(self.ended_at);
        let to = to.max(from);
        self.steps.push(Step { name, from, to });
        self.ended_at = to;
    }

    /// An exchange, or an answer of the cache, took place.
    pub fn exchanged(&mut self, answer: Result<&Response, &FetchError>) {
        match answer {
            Ok(response) => {
                self.answered = Some(Answered::of(response));
                if response.from_cache {
                    self.lap("cache", response.timings.ended_at);
                } else {
                    self.travelled(&response.timings, Phase::Body);
                }
            }
            Err(error) => {
                self.error = Some(error.kind.as_str().to_owned());
                self.travelled(&error.timings, error.phase);
            }
        }
    }

    /// The steps of an exchange that came as far as `phase`.
    pub(super) fn travelled(&mut self, timings: &Timings, phase: Phase) {
        let Timings { sent_at, connecting_at, first_byte_at, ended_at, dns, connect, tls } = *timings;
        self.ended_at = self.ended_at.max(sent_at.min(ended_at));
        let mut at = connecting_at.max(sent_at);
        let most = first_byte_at.unwrap_or(ended_at);
        let made: [(&'static str, Option<Duration>); 3] = [("dns", dns), ("connect", connect), ("tls", tls)];
        for (name, took) in made.into_iter().filter_map(|(name, took)| Some((name, took?))) {
            // hyper goes on connecting in the background when another connection becomes free first.
            let to = (at + took).min(most);
            self.step(name, at, to);
            at = to;
        }
        if let Some(first_byte_at) = first_byte_at {
            self.step("first-byte", at, first_byte_at);
            at = first_byte_at;
        }
        let last = match phase {
            Phase::Resolve => "dns",
            Phase::Connect if connect.is_some() => "tls",
            Phase::Connect => "connect",
            Phase::Head => "first-byte",
            Phase::Body => "body",
        };
        self.step(last, at, ended_at);
    }

    /// So many URLs were found, and judged by now.
    pub fn judged(&mut self, n_found: usize, now: Timestamp) {
        self.n_found = n_found;
        self.lap("judge", now);
    }

    /// What came of it, as the recorder is told.
    pub fn conclude(&mut self, subject: &Subject) {
        match subject {
            Subject::Concluded { conclusion, .. } => {
                self.outcome = conclusion.outcome.as_str();
                self.error = match conclusion.outcome {
                    Outcome::Fetched | Outcome::NotModified | Outcome::Redirected => None,
                    Outcome::Failed(why) => Some(why.to_string()),
                    Outcome::Refused(why) => Some(why.as_str().to_owned()),
                };
            }
            Subject::Again { why, .. } => {
                self.outcome = "again";
                self.error = Some(why.to_string());
            }
            Subject::Robots { policy, .. } => {
                self.outcome = match policy {
                    None => "elsewhere",
                    Some(Ok(policy)) => policy.standing.as_str(),
                    Some(Err(why)) => why.as_str(),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{address::Canonicalizer, fetch::ErrorKind};

    #[test]
    fn a_share_of_the_urls_is_followed() {
        let n_followed =
            |share: f64| (0..10_000_u128).filter(|n| Sampler::share(share).follows(Fingerprint(*n))).count();
        assert_eq!([n_followed(0.0), n_followed(1.0)], [0, 10_000]);
        assert!((60..140).contains(&n_followed(0.01)), "{}", n_followed(0.01));
        assert!((4_700..5_300).contains(&n_followed(0.5)), "{}", n_followed(0.5));
        assert!(!Sampler::NONE.is_any() && !Sampler::share(0.0).is_any() && Sampler::share(1e-6).is_any());
        // A greater share follows all that a smaller one does.
        let grows =
            |n: u128| Sampler::share(0.3).follows(Fingerprint(n)) <= Sampler::share(0.4).follows(Fingerprint(n));
        assert!((0..1000).all(grows));
    }

    fn trail() -> Trail {
        let url = Canonicalizer::default().parse("http://a.example/x").unwrap();
        let mut trail = Trail::begin("visit", url, Timestamp(100));
        trail.lap("lease", Timestamp(110));
        trail
    }

    fn told(trail: &Trail) -> Vec<(&'static str, u64, u64)> {
        trail.steps.iter().map(|step| (step.name, step.from.0, step.to.0)).collect()
    }

    #[test]
    fn an_exchange_is_told_step_by_step() {
        let micros = |n| Some(Duration::from_micros(n));
        let timings = Timings {
            sent_at: Timestamp(120),
            connecting_at: Timestamp(125),
            first_byte_at: Some(Timestamp(200)),
            ended_at: Timestamp(250),
            dns: micros(10),
            connect: micros(20),
            tls: micros(30),
        };
        let mut followed = trail();
        followed.exchanged(Ok(&Response { status: 200, timings, ..Response::default() }));
        followed.lap("parse", Timestamp(260));
        let expected = [
            ("lease", 100, 110),
            ("dns", 125, 135),
            ("connect", 135, 155),
            ("tls", 155, 185),
            ("first-byte", 185, 200),
            ("body", 200, 250),
            ("parse", 250, 260),
        ];
        assert_eq!(told(&followed), expected);

        // On a connection that was used before; and one that was ready when another had answered already.
        let mut followed = trail();
        let plain = Timings { connecting_at: Timestamp(0), dns: None, connect: None, tls: None, ..timings };
        followed.exchanged(Ok(&Response { timings: plain, ..Response::default() }));
        assert_eq!(told(&followed), [("lease", 100, 110), ("first-byte", 120, 200), ("body", 200, 250)]);
        let mut followed = trail();
        let late = Timings { dns: None, connect: micros(1000), tls: None, ..timings };
        followed.exchanged(Ok(&Response { timings: late, ..Response::default() }));
        assert_eq!(told(&followed)[1..3], [("connect", 125, 200), ("first-byte", 200, 200)]);
    }

    #[test]
    fn an_exchange_that_failed_ends_where_it_broke_off() {
        let dns = Some(Duration::from_micros(10));
        let timings = Timings { sent_at: Timestamp(120), ended_at: Timestamp(300), dns, ..Timings::default() };
        let (kind, phase) = (ErrorKind::Timeout, Phase::Connect);
        let error = FetchError { kind, phase, message: String::new(), timings };
        let mut followed = trail();
        followed.exchanged(Err(&error));
        assert_eq!(told(&followed)[1..], [("dns", 120, 130), ("connect", 130, 300)]);
        assert_eq!(followed.error.as_deref(), Some("timeout"));
    }

    #[test]
    fn steps_never_overlap() {
        let mut followed = trail();
        followed.lap("a", Timestamp(50));
        followed.step("b", Timestamp(20), Timestamp(140));
        assert_eq!(told(&followed)[1..], [("a", 110, 110), ("b", 110, 140)]);
        assert_eq!(followed.ended_at, Timestamp(140));
    }
}
