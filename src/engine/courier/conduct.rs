//! What an answer, or its absence, means: the table of [`retry`], in a courier's words. Pure.

use crate::{
    address::CanonicalUrl,
    clock::Timestamp,
    engine::worker::{chance, signal_of},
    fetch::{
        FetchError, Response, Timings,
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
    let (timings, asked_pause, remote) = match result {
        Ok(response) if response.from_cache => return None,
        Ok(response) => {
            let asked_pause = retry::retry_after(&response.headers, response.timings.ended_at);
            (&response.timings, asked_pause, response.remote.map(|remote| remote.ip()))
        }
        Err(error) => (&error.timings, None, None),
    };
    let signal = signal_of(judge(url, result).host, asked_pause)?;
    let Timings { sent_at, first_byte_at, ended_at, .. } = *timings;
    Some(Conduct { sent_at, first_byte_at, ended_at, signal, jitter: jitter(url, ended_at), remote })
}

/// Whether another attempt may end better, and whether the URL itself must wait for it: a host that is
/// slowed makes everybody wait already.
pub(super) fn may_pass(url: &CanonicalUrl, result: &Result<Response, FetchError>) -> Option<bool> {
    if result.as_ref().is_ok_and(|response| response.from_cache) {
        return None;
    }
    let meaning = judge(url, result);
    (meaning.url == ForUrl::Again).then_some(!matches!(meaning.host, ForHost::Trouble | ForHost::SlowDown))
}

/// A number in 0..1 that spreads what would otherwise happen at once.
pub(super) fn jitter(url: &CanonicalUrl, at: Timestamp) -> f64 {
    chance(url.fingerprint(), at)
}
