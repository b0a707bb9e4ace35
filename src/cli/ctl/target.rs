//! Which daemon is meant, and with which key.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use reqwest::header::HeaderValue;
use rustls::pki_types::CertificateDer;
use url::Url;

use super::{args::TargetArgs, trouble::Trouble};
use crate::{
    config::{ClientVariables, Environment, KEY_VARIABLE, URL_VARIABLE},
    fetch::tls,
};

/// Where a daemon listens unless told otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:7700";
/// Longest key, bytes.
const MAX_KEY_BYTES: u64 = 4096;
/// Longest file of certificate authorities, bytes.
const MAX_CA_BYTES: u64 = 16 << 20;

/// A daemon.
pub(super) struct Target {
    /// Without a last slash, query or fragment.
    pub(super) base: Url,
    /// As it is sent.
    pub(super) key: Option<HeaderValue>,
    pub(super) roots: Vec<CertificateDer<'static>>,
}

impl Target {
    /// What flags say, else what the environment says.
    pub(super) fn of(args: &TargetArgs) -> Result<Self, Trouble> {
        let variables = ClientVariables::of(&Environment::process());
        let key = match &args.key_file {
            Some(file) => Some(read_key(file)?),
            None => variables.key.as_deref().map(|key| checked_key(key, KEY_VARIABLE)).transpose()?,
        };
        Self::at(args.url.as_deref().or(variables.url.as_deref()), key, args.ca_file.as_deref())
    }

    /// Without a key: for what needs none.
    pub(super) fn without_key(url: Option<&str>, ca_file: Option<&Path>) -> Result<Self, Trouble> {
        let variables = ClientVariables::of(&Environment::process());
        Self::at(url.or(variables.url.as_deref()), None, ca_file)
    }

    fn at(url: Option<&str>, key: Option<HeaderValue>, ca_file: Option<&Path>) -> Result<Self, Trouble> {
        let base = parse(url.unwrap_or(DEFAULT_URL))?;
        Ok(Self { base, key, roots: ca_file.map(read_roots).transpose()?.unwrap_or_default() })
    }
}

fn parse(text: &str) -> Result<Url, Trouble> {
    // What was given is not quoted: somebody may have written a key into it.
    let wrong = |why: &str| Trouble::Usage(format!("--url or {URL_VARIABLE} {why}"));
    let mut url = Url::parse(text).map_err(|error| wrong(&format!("is no URL such as {DEFAULT_URL}: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("begins with neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(&format!("holds a login: a key belongs into {KEY_VARIABLE} or --key-file")));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment: only what stands before the path of the API is wanted"));
    }
    url.path_segments_mut().expect("http has a host").pop_if_empty();
    Ok(url)
}

fn checked_key(key: &str, place: &str) -> Result<HeaderValue, Trouble> {
    let wrong = || Trouble::Usage(format!("{place} holds no key: a key is a word of visible ASCII characters"));
    let is_word = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
    let value = is_word.then(|| HeaderValue::try_from(format!("Bearer {key}")).ok()).flatten();
    let mut value = value.ok_or_else(wrong)?;
    // So that no log shows it, whoever writes it.
    value.set_sensitive(true);
    Ok(value)
}

fn read_key(file: &Path) -> Result<HeaderValue, Trouble> {
    let unreadable = |source: io::Error| Trouble::Usage(format!("{} can't be read: {source}", file.display()));
    let mut line = String::new();
    let opened = File::open(file).map_err(unreadable)?;
    BufReader::new(opened.take(MAX_KEY_BYTES)).read_line(&mut line).map_err(unreadable)?;
    checked_key(line.trim(), &file.display().to_string())
}

fn read_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let wrong = |why: String| Trouble::Usage(format!("{} {why}", file.display()));
    let mut pem = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(MAX_CA_BYTES).read_to_end(&mut pem));
    read.map_err(|error| wrong(format!("can't be read: {error}")))?;
    tls::certificates(&pem).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_daemon() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = parse(text);
            assert_eq!(parsed.as_ref().ok().map(Url::as_str), expected, "{text}");
            if let Err(trouble) = parsed {
                assert!(!trouble.text().unwrap().contains("sesame"), "{text}");
            }
        };
        check("http://127.0.0.1:7700", Some("http://127.0.0.1:7700/"));
        check("https://crawl.example.org/dragline/", Some("https://crawl.example.org/dragline"));
        check("crawl.example.org", None);
        check("localhost:7700", None);
        check("ftp://h/", None);
        check("http://key:sesame@h/", None);
        check("http://sesame@h/", None);
        check("http://h/?key=sesame", None);
        check("http://sesame:x/", None);
        check("", None);
    }

    #[test]
    fn what_is_a_key() {
        let check = |key: &str, is_one: bool| {
            let checked = checked_key(key, "X");
            assert_eq!(checked.is_ok(), is_one, "{key:?}");
            assert!(!format!("{checked:?}").contains("dl_1"), "{checked:?}");
        };
        check("dl_1a2b", true);
        check("", false);
        check("dl_1 2", false);
        check("dl_1\r\nX-A: b", false);
        check("dl_1\u{e9}", false);
    }
}
