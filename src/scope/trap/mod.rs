//! Traps: URLs that look like ones of endlessly many that a page makes up.
//!
//! Each rule looks at the text of one URL alone, so it knows nothing of what the site has served so
//! far; that is what budgets and the comparison of contents are for. Rules guess, so each has a
//! bound that real sites keep ([`Traps`](super::Traps)) and says exactly what it took offence at.
//!
//! - [`path`]: segments that repeat in a row or in all, too many of them, session IDs twice;
//! - [`query`]: its length, names and pairs that repeat, URLs nested within URLs;
//! - [`calendar`]: dates far from now on what looks like a calendar.
//!
//! Invariants: linear in the URL's length, and nothing is allocated unless a trap is found.

mod calendar;
mod path;
mod query;

use super::{Traps, rule::Trap};
use crate::address::CanonicalUrl;

/// The first trap that `url` looks like.
pub(super) fn find(url: &CanonicalUrl, traps: &Traps, now_year: u16) -> Option<Trap> {
    let (path, query) = (url.path(), url.as_url().query().unwrap_or_default());
    path::find(path, traps)
        .or_else(|| query::find(path, query, traps))
        .or_else(|| calendar::find(path, query, traps, now_year))
}

/// A finding at `key`.
fn trap(key: &'static str, bound: impl std::fmt::Display, found: String) -> Trap {
    Trap { key, bound: bound.to_string().into(), found: found.into() }
}
