//! The cookies of a job: `[cookies]`, checked. Reads the file of cookies to begin with.

use std::path::Path;

use super::{
    build::{Checks, to_usize},
    load::read_text,
    raw::Raw,
    settings::Cookies,
};
use crate::fetch::cookies::{Cookie, CookieOptions};

/// Longest file of cookies.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// The cookies, if any are to be taken.
pub(crate) fn cookies(raw: &Raw, checks: &mut Checks<'_>) -> Option<Cookies> {
    let given = &raw.cookies;
    let read = |file: &str| {
        let text = read_text(Path::new(file), MAX_FILE_BYTES).map_err(|reason| format!("file {file} {reason}"))?;
        Cookie::read_all(text.as_bytes()).map_err(|error| format!("file {file}: {error}"))
    };
    let preset = match given.file.as_str() {
        "" => Vec::new(),
        file => checks.ok("cookies.file", read(file)).unwrap_or_default(),
    };
    if !given.enabled && !given.file.is_empty() {
        checks.fail("cookies.file", "is of no use: cookies.enabled is false");
    }
    let options =
        CookieOptions { max: to_usize(given.max.into()), max_per_domain: to_usize(given.max_per_domain.into()) };
    given.enabled.then_some(Cookies { options, preset })
}
