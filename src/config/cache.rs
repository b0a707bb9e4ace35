//! The cache of responses: `[cache]`, checked.

use super::{
    build::Checks,
    raw::{CacheMode, Raw},
};
use crate::cache::{self, policy};

/// The cache, if there is to be one.
pub(crate) fn cache(raw: &Raw, checks: &mut Checks<'_>) -> Option<cache::Options> {
    let raw = &raw.cache;
    let ttl = Some(raw.ttl.0).filter(|ttl| !ttl.is_zero());
    if raw.ignore_server && ttl.is_none() && !checks.is_bad("cache") {
        checks.fail("cache.ignore_server", "needs cache.ttl: how long a response is fresh then");
    }
    raw.enabled.then(|| cache::Options {
        max_bytes: raw.size.0,
        entry_max_bytes: usize::try_from(raw.entry_max.0.min(raw.size.0)).unwrap_or(usize::MAX),
        keep: raw.keep.0,
        rules: policy::Rules {
            mode: match raw.mode {
                CacheMode::Private => policy::Mode::Private,
                CacheMode::Shared => policy::Mode::Shared,
            },
            ttl,
            ignore_server: raw.ignore_server,
            heuristic_max: raw.heuristic_max.0,
        },
    })
}
