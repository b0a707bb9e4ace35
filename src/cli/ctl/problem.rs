//! What a daemon says when it does not do something (problem details, RFC 9457), as people read it.

use std::{fmt, time::Duration};

use reqwest::StatusCode;
use serde::Deserialize;

use super::super::human::{duration, plain};

/// Longest wait that a daemon is believed to ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Most mistakes of a document that are shown.
const MAX_SHOWN: usize = 50;

/// Problem details. All of it is foreign text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    title: String,
    detail: String,
    errors: Vec<Wrong>,
    #[serde(skip)]
    status: u16,
    #[serde(skip)]
    pub(super) retry_after: Option<Duration>,
    /// What the document is called here.
    #[serde(skip)]
    document: Option<String>,
    /// Whether a key was sent.
    #[serde(skip)]
    had_key: bool,
}

/// One thing that is wrong with a document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wrong {
    key: String,
    at: String,
    message: String,
}

impl Problem {
    /// What an answer of this status says; none if it is none of a daemon's.
    pub(super) fn read(status: StatusCode, body: &[u8], retry_after: Option<&str>, had_key: bool) -> Option<Self> {
        let read: Self = serde_json::from_slice(body).ok()?;
        let retry_after = retry_after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        let retry_after = retry_after.map(|time| time.min(MAX_RETRY_AFTER));
        (!read.title.is_empty()).then_some(Self { status: status.as_u16(), retry_after, had_key, ..read })
    }

    /// The same, where what it calls `document` has a name.
    pub(super) fn of_document(self, name: String) -> Self {
        Self { document: Some(name), ..self }
    }

    /// Whether what was asked for can't be meant, however often it is asked.
    pub(super) fn is_senseless(&self) -> bool {
        matches!(self.status, 400 | 413 | 415 | 422)
    }

    /// Whether it may go better later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.status, 408 | 429 | 502..=504)
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", plain(&self.title), self.status)?;
        // Of a single mistake the detail says the same as its line.
        if !self.detail.is_empty() && self.errors.len() != 1 {
            write!(f, ": {}", plain(&self.detail))?;
        }
        for wrong in self.errors.iter().take(MAX_SHOWN) {
            let at = match (&self.document, wrong.at.strip_prefix("document")) {
                (Some(name), Some(line)) => format!("{}{}", plain(name), plain(line)),
                _ => plain(&wrong.at),
            };
            let parts = [at, plain(&wrong.key), plain(&wrong.message)];
            let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            write!(f, "\n  {}", parts.join(": "))?;
        }
        if let Some(n_more) = self.errors.len().checked_sub(MAX_SHOWN).filter(|n| *n > 0) {
            write!(f, "\n  and {n_more} more")?;
        }
        if self.status == 401 {
            let hint = if self.had_key { "the key that was sent is not known there" } else { "no key was sent" };
            write!(f, "\n{hint}: DRAGLINE_KEY or --key-file")?;
        }
        if let Some(time) = self.retry_after {
            write!(f, "\nit may go better in {}", duration(time))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str, retry_after: Option<&str>) -> Option<Problem> {
        Problem::read(StatusCode::from_u16(status).unwrap(), body.as_bytes(), retry_after, false)
    }

    #[test]
    fn mistakes_are_told_with_their_place_in_the_file() {
        let body = r#"{"type":"urn:x","title":"The document can't be meant","detail":"2 things are wrong with it","status":422,
            "errors":[{"key":"limits.depht","at":"document:3","message":"unknown key"},{"key":"","at":"document","message":"no \u001b[31mred"}]}"#;
        let problem = read(422, body, None).unwrap().of_document("site.toml".into());
        let expected = "The document can't be meant (422): 2 things are wrong with it\n  \
                        site.toml:3: limits.depht: unknown key\n  site.toml: no \u{fffd}[31mred";
        assert_eq!(problem.to_string(), expected);
        assert!(problem.is_senseless() && !problem.is_passing());
    }

    #[test]
    fn keys_and_waits_have_a_hint() {
        let unknown = read(401, r#"{"title":"A key is needed","detail":"d"}"#, None).unwrap();
        assert!(unknown.to_string().ends_with("no key was sent: DRAGLINE_KEY or --key-file"), "{unknown}");
        let busy = read(503, r#"{"title":"Not now","detail":"d"}"#, Some("99999999")).unwrap();
        assert!(busy.is_passing() && busy.to_string().ends_with("it may go better in 1h 0m"), "{busy}");
        assert!(read(503, "{}", None).is_none() && read(503, "[", None).is_none());
    }
}
