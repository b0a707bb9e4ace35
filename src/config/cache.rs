//! The cache of responses: `[cache]`, checked.

use super::raw::Raw;
use crate::cache;

/// The cache, if there is to be one.
pub(crate) fn cache(raw: &Raw) -> Option<cache::Options> {
    raw.cache.enabled.then_some(cache::Options { max_bytes: raw.cache.size.0, ttl: raw.cache.ttl.0 })
}
