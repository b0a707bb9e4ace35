//! `[webhooks]` and `[[webhook]]`: who is told of crawls, and how much is done for it.

use std::{collections::HashSet, fmt, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use url::Url;

pub use super::raw::HookEvent;
use super::{
    build::{Checks, to_usize},
    fetch::entries,
    headers::reveal,
    raw::Raw,
};
use crate::{
    address::CanonicalUrl,
    fetch::guard::{self, Guard},
};

/// Before the bytes of a secret in Base64, as the Standard Webhooks have it.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Longest URL of a webhook.
const MAX_URL_BYTES: usize = 2048;

/// `[webhooks]` and `[[webhook]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhooks {
    /// Where they may go.
    pub guard: guard::Options,
    /// Those of callers.
    pub max: usize,
    /// Those of one caller.
    pub per_caller: usize,
    /// For one answer.
    pub timeout: Duration,
    /// To the second attempt.
    pub retry: Duration,
    /// Of an event that is still tried.
    pub max_age: Duration,
    /// Events that wait for one receiver.
    pub queue: usize,
    /// Attempts that are remembered of each.
    pub log: usize,
    /// Receivers at once.
    pub concurrency: usize,
    /// The operator's own.
    pub operators: Vec<OperatorHook>,
}

/// One of `[[webhook]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorHook {
    /// Its name, fit for a file's.
    pub name: String,
    /// Where it is.
    pub url: CanonicalUrl,
    /// What its events are signed with.
    pub secret: HookSecret,
    /// Which; none is all.
    pub events: Vec<HookEvent>,
}

/// What events are signed with. Prints nothing of itself, and is written only to where it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HookSecret(Vec<u8>);

impl HookSecret {
    /// Of bytes, of which there must be enough.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        SECRET_BYTES.contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// Reads what [`HookSecret::reveal`] gave, or somebody made up by the same rule.
    ///
    /// # Errors
    /// When it is none, without quoting it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected \"whsec_\" and 24 to 64 bytes in Base64";
        let bytes = text.strip_prefix(SECRET_PREFIX).and_then(|text| BASE64_STANDARD.decode(text).ok());
        bytes.and_then(|bytes| Self::of(&bytes)).ok_or(EXPECTED)
    }

    /// As text.
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }

    /// The key of the signature.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for HookSecret {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<HookSecret> for String {
    fn from(secret: HookSecret) -> Self {
        secret.reveal()
    }
}

impl fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookSecret")
    }
}

/// The URL of a webhook, as it was written but for what the URL standard makes of it: order and spelling of its
/// parameters are the receiver's.
///
/// # Errors
/// What is wrong with it, without quoting it.
pub fn hook_url(text: &str) -> Result<CanonicalUrl, String> {
    if text.len() > MAX_URL_BYTES {
        return Err(format!("may have {MAX_URL_BYTES} bytes"));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("holds spaces or control characters".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("expected a URL that begins with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("may not hold a user name or a password: the signature says who calls".to_owned());
    }
    if url.fragment().is_some() {
        return Err("may not have a fragment: no receiver would see it".to_owned());
    }
    CanonicalUrl::from_stored(url.as_str()).map_err(|error| error.to_string())
}

/// Whether a webhook may lead there, as far as its text tells; what its name stands for is judged at each attempt.
///
/// # Errors
/// What kind of place it is.
pub fn judge_hook_url(url: &CanonicalUrl, guard: &Guard) -> Result<(), String> {
    let named = url.as_url().domain().map_or(Ok(()), |name| guard.check_name(name));
    let refused = |why: &dyn fmt::Display| format!("{why}; webhooks.allow lists what may be reached");
    named.map_err(|category| refused(&format_args!("the address is {category}")))?;
    guard.check_url(url.as_url()).map_err(|objection| refused(&objection))
}

/// `usual` is the guard of crawls: what it denies and which ports it lets through holds for webhooks as well.
pub(crate) fn webhooks(raw: &Raw, usual: &guard::Options, checks: &mut Checks<'_>) -> Webhooks {
    let allow = entries("webhooks.allow", &raw.webhooks.allow, checks);
    let guard = guard::Options { allow, ..usual.clone() };
    let operators = operators(raw, &Guard::new(guard.clone()), checks);
    let raw = &raw.webhooks;
    Webhooks {
        guard,
        max: to_usize(raw.max.into()),
        per_caller: to_usize(raw.per_caller.into()),
        timeout: raw.timeout.0,
        retry: raw.retry.0,
        max_age: raw.max_age.0,
        queue: to_usize(raw.queue.into()),
        log: to_usize(raw.log.into()),
        concurrency: to_usize(raw.concurrency.into()),
        operators,
    }
}

fn operators(raw: &Raw, guard: &Guard, checks: &mut Checks<'_>) -> Vec<OperatorHook> {
    let (mut hooks, mut seen) = (Vec::new(), HashSet::new());
    for (i, hook) in raw.webhook.iter().enumerate() {
        let at = |field: &str| format!("webhook[{i}].{field}");
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if hook.name.is_empty() || hook.name.len() > 64 || !hook.name.chars().all(usable) {
            checks.fail(&at("name"), "expected at most 64 letters, digits, \".\", \"-\" or \"_\"");
        }
        if !seen.insert(&hook.name) {
            checks.fail(&at("name"), format!("there are two webhooks named {:?}", hook.name));
        }
        let judged = hook_url(&hook.url).and_then(|url| judge_hook_url(&url, guard).map(|()| url));
        let url = checks.ok(&at("url"), judged);
        let secret = reveal(&hook.secret, checks);
        let secret = secret.and_then(|text| HookSecret::parse(&text).map_err(str::to_owned));
        let secret = checks.ok(&at("secret"), secret);
        if let Some((url, secret)) = url.zip(secret) {
            hooks.push(OperatorHook { name: hook.name.clone(), url, secret, events: hook.events.clone() });
        }
    }
    hooks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_that_a_receiver_can_have() {
        let check = |text: &str, expected: Option<&str>| match (hook_url(text), expected) {
            (Ok(url), None) => assert_eq!(url.as_str(), text),
            (Err(error), Some(expected)) => assert!(error.contains(expected), "{text}: {error}"),
            (found, _) => panic!("{text}: {found:?}"),
        };
        check("https://a.test/x?b=2&a=1&utm_source=kept", None);
        check("http://a.test:8080/", None);
        check("ftp://a.test/", Some("http://"));
        check("javascript:alert(1)", Some("http://"));
        check("https://me:secret@a.test/", Some("user name"));
        check("https://a.test/#x", Some("fragment"));
        check("https://a.te\nst/", Some("control"));
        check("https://a.test/\u{0}", Some("control"));
        check(" https://a.test/", Some("spaces"));
        check("https://", Some("no URL"));
        check("", Some("no URL"));
        check(&format!("https://a.test/{}", "x".repeat(3000)), Some("2048"));
        assert!(!hook_url("https://me:secret@a.test/").unwrap_err().contains("secret"));
    }

    #[test]
    fn the_guard_is_the_webhooks_own() {
        let check = |allow: &[&str], deny: &[&str], url: &str, is_fine: bool| {
            let entries = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
            let guard =
                Guard::new(guard::Options { allow: entries(allow), deny: entries(deny), allow_ports: Vec::new() });
            let judged = judge_hook_url(&hook_url(url).unwrap(), &guard);
            assert_eq!(judged.is_ok(), is_fine, "{url}: {judged:?}");
        };
        check(&[], &[], "http://192.0.3.1/", true);
        check(&[], &["192.0.3.0/24"], "http://192.0.3.1/", false);
        check(&[], &[], "http://10.0.0.1/", false);
        check(&["10.0.0.0/8"], &[], "http://10.0.0.1/", true);
        check(&["10.0.0.0/8"], &[], "http://169.254.169.254/", false);
        check(&[], &[], "http://0x7f.1/", false);
        check(&[], &[], "http://[::ffff:127.0.0.1]/", false);
        check(&[], &[], "http://localhost/", false);
        check(&["loopback"], &[], "http://localhost/", true);
        check(&["loopback"], &[], "http://localhost:22/", false);
    }

    #[test]
    fn secrets_are_long_enough_and_print_nothing() {
        let text = format!("whsec_{}", BASE64_STANDARD.encode([7; 24]));
        let secret = HookSecret::parse(&text).unwrap();
        assert_eq!((secret.bytes(), secret.reveal()), (&[7; 24][..], text));
        assert_eq!(format!("{secret:?}"), "HookSecret");
        for bad in ["", "whsec_", "whsec_AAAA", "hunter2hunter2hunter2hunter2", "whsec_!!!!"] {
            assert!(HookSecret::parse(bad).is_err(), "{bad}");
        }
        assert!(HookSecret::parse(&format!("whsec_{}", BASE64_STANDARD.encode([7; 65]))).is_err());
    }
}
