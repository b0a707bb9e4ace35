//! What an answer, or its absence, means: the table of [`retry`], in a courier's words. Pure.

use crate::{
    address::CanonicalUrl,
    clock::Timestamp,
    engine::worker,
    fetch::{
        CacheStatus, FetchError, Response,
        retry::{self, ForHost, ForUrl, Meaning, Purpose},
    },
    politeness::Conduct,
};

/// What came of asking for `url`.
pub(super) fn judge(url: &CanonicalUrl, result: &Result<Response, FetchError>) -> Meaning {
    let purpose = if url.path_and_query() == "/robots.txt" { Purpose::RobotsTxt } else { Purpose::Page };
    retry::judge(purpose, result.as_ref().map_or_else(Into::into, Into::into))
}

/// How an exchange went, for the host's pace. `None` when nobody was asked.
pub(super) fn conduct(url: &CanonicalUrl, result: &Result<Response, FetchError>) -> Option<Conduct> {
    let (host, fingerprint) = (judge(url, result).host, url.fingerprint());
    match result {
        Ok(response) => worker::conduct_of(response, host, fingerprint),
        Err(error) => worker::signal_of(host, None).map(|signal| worker::conduct(&error.timings, signal, fingerprint)),
    }
}

/// Whether another attempt may end better, and whether the URL itself must wait for it: a host that is
/// slowed makes everybody wait already.
pub(super) fn may_pass(url: &CanonicalUrl, result: &Result<Response, FetchError>) -> Option<bool> {
    // What is stored stays what it is. What is shared was said just now, to somebody who tries again too.
    let is_stored = |response: &Response| response.from_cache && response.cache != Some(CacheStatus::Collapsed);
    if result.as_ref().is_ok_and(is_stored) {
        return None;
    }
    let meaning = judge(url, result);
    (meaning.url == ForUrl::Again).then_some(!matches!(meaning.host, ForHost::Trouble | ForHost::SlowDown))
}

/// A number in 0..1 that spreads what would otherwise happen at once.
pub(super) fn jitter(url: &CanonicalUrl, at: Timestamp) -> f64 {
    worker::chance(url.fingerprint(), at)
}
