//! Cookies in files: the jar's own JSON, and the text format of Netscape that other programs write.
//!
//! Reads and writes bytes; where they lie is the owner's business. No message quotes a line: it holds
//! secrets.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Cookie, CookieJar, SameSite};
use crate::clock::Timestamp;

/// The one there is.
const VERSION: u32 = 1;

/// Before a domain, in files of Netscape's format: not for scripts.
const HTTP_ONLY: &str = "#HttpOnly_";

/// Why a file holds no cookies that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CookieFileError {
    /// Not JSON, or not of this shape.
    #[error("line {0}: expected JSON as in a saved jar: {{\"version\":{VERSION},\"cookies\":[…]}}")]
    Json(usize),
    /// The checksum is of something else.
    #[error("is damaged: its cookies are not those that its \"xxh3\" is of")]
    Damaged,
    /// A version that is not known.
    #[error("is of version {0}, expected {VERSION}")]
    Version(u32),
    /// A line that is not of Netscape's format.
    #[error("line {0}: expected domain, TRUE or FALSE, path, TRUE or FALSE, seconds, name and value, apart by tabs")]
    Line(usize),
    /// Not text.
    #[error("is not UTF-8")]
    NotText,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u32,
    cookies: Vec<Cookie>,
    /// Checksum of the cookies: see [`sum`]. A jar that was written by hand needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    xxh3: Option<String>,
}

/// XXH3 (64 bits, in hexadecimal) of the cookies as JSON without white space.
fn sum(cookies: &[Cookie]) -> String {
    format!("{:016x}", xxh3_64(&serde_json::to_vec(cookies).expect("texts and numbers always serialise")))
}

impl CookieJar {
    /// All that is in it, secrets included: for a file that nobody else may read.
    pub fn to_json(&self) -> Vec<u8> {
        let cookies = self.cookies();
        let saved = Saved { version: VERSION, xxh3: Some(sum(&cookies)), cookies };
        let mut json = serde_json::to_vec_pretty(&saved).expect("texts and numbers always serialise");
        json.push(b'\n');
        json
    }

    /// Adds what [`CookieJar::to_json`] gave, or what is in a text of Netscape's format; returns how many
    /// were taken.
    ///
    /// # Errors
    /// When it is neither, or damaged.
    pub fn restore(&self, bytes: &[u8]) -> Result<usize, CookieFileError> {
        Ok(self.add(Cookie::read_all(bytes)?))
    }
}

impl Cookie {
    /// The cookies in a saved jar, or in a text of Netscape's format (`cookies.txt`).
    ///
    /// # Errors
    /// When it is neither, or damaged.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, CookieFileError> {
        let text = std::str::from_utf8(bytes).map_err(|_| CookieFileError::NotText)?;
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with('{') {
            let saved: Saved = serde_json::from_str(text).map_err(|error| CookieFileError::Json(error.line()))?;
            return match saved.version {
                VERSION if saved.xxh3.is_some_and(|said| said != sum(&saved.cookies)) => Err(CookieFileError::Damaged),
                VERSION => Ok(saved.cookies),
                other => Err(CookieFileError::Version(other)),
            };
        }
        let mut cookies = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let (line, http_only) = line.strip_prefix(HTTP_ONLY).map_or((line, false), |rest| (rest, true));
            if line.trim().is_empty() || (line.starts_with('#') && !http_only) {
                continue;
            }
            cookies.push(netscape(line, http_only).ok_or(CookieFileError::Line(i + 1))?);
        }
        Ok(cookies)
    }
}

fn netscape(line: &str, http_only: bool) -> Option<Cookie> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    let truth = |text: &str| match text.to_ascii_uppercase().as_str() {
        "TRUE" => Some(true),
        "FALSE" => Some(false),
        _ => None,
    };
    let (domain, with_subdomains, path, secure) = (next()?, truth(next()?)?, next()?, truth(next()?)?);
    let (expires, name, value) = (next()?.split('.').next()?.parse::<i64>().ok()?, next()?, next().unwrap_or_default());
    if fields.next().is_some() || domain.trim_matches('.').is_empty() || !path.starts_with('/') {
        return None;
    }
    let expires = u64::try_from(expires).ok().filter(|&seconds| seconds > 0);
    Some(Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase(),
        host_only: !with_subdomains,
        path: path.to_owned(),
        secure,
        http_only,
        same_site: SameSite::Default,
        expires: expires.map(|seconds| Timestamp(seconds.saturating_mul(1_000_000))),
        created: Timestamp(0),
        last_used: Timestamp(0),
    })
}
