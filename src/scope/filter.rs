//! Filters by a URL's parts: scheme, port, extension, number of parameters.

use std::collections::HashSet;

use super::{Options, PatternError, rule::Rule};
use crate::address::CanonicalUrl;

/// Longest extension, bytes; a longer one is none.
const MAX_EXTENSION_BYTES: usize = 16;
/// Most dots that one extension may have inside: `tar.gz` has one.
const MAX_INNER_DOTS: usize = 2;

/// Scheme and port.
#[derive(Debug, Clone)]
pub(super) struct Filters {
    http: bool,
    https: bool,
    /// Sorted; empty for all.
    ports: Box<[u16]>,
}

impl Filters {
    pub(super) fn new(options: &Options) -> Self {
        let takes = |name: &str| options.schemes.is_empty() || options.schemes.iter().any(|scheme| scheme == name);
        let mut ports = options.ports.clone();
        ports.sort_unstable();
        Self { http: takes("http"), https: takes("https"), ports: ports.into() }
    }

    pub(super) fn scheme(&self, url: &CanonicalUrl) -> Option<Rule> {
        let (taken, scheme) = match url.as_url().scheme() {
            "https" => (self.https, "https"),
            _ => (self.http, "http"),
        };
        (!taken).then_some(Rule::Scheme { scheme })
    }

    pub(super) fn port(&self, url: &CanonicalUrl) -> Option<Rule> {
        if self.ports.is_empty() {
            return None;
        }
        let port = url.as_url().port_or_known_default().unwrap_or_default();
        self.ports.binary_search(&port).is_err().then_some(Rule::Port { port })
    }
}

/// A set of extensions.
#[derive(Debug, Clone)]
pub(super) struct Extensions {
    known: HashSet<Box<[u8]>>,
    /// Whether having none is meant too.
    none: bool,
}

impl Extensions {
    /// From checked texts; a bad one is the error.
    pub(super) fn new(texts: &[String]) -> Result<Self, Vec<PatternError>> {
        let (mut known, mut errors) = (HashSet::new(), Vec::new());
        for text in texts {
            match check_extension(text) {
                Ok(()) => _ = known.insert(text.to_ascii_lowercase().into_bytes().into()),
                Err(reason) => errors.push(PatternError { kind: "extension", pattern: text.clone(), reason }),
            }
        }
        if errors.is_empty() { Ok(Self { none: known.remove(&b""[..]), known }) } else { Err(errors) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && !self.none
    }

    /// Whether the URL has one of them.
    pub(super) fn contain(&self, url: &CanonicalUrl) -> bool {
        let segment = last_segment(url);
        if extension(segment).is_none() {
            return self.none;
        }
        let dots = segment.bytes().enumerate().rev().filter(|(_, byte)| *byte == b'.').map(|(at, _)| at);
        // `x.tar.gz` is a `gz` and a `tar.gz`.
        dots.take(MAX_INNER_DOTS + 1).take_while(|dot| segment.len() - dot <= MAX_EXTENSION_BYTES + 1).any(|dot| {
            let text = &segment.as_bytes()[dot + 1..];
            let mut lower = [0; MAX_EXTENSION_BYTES];
            let lower = &mut lower[..text.len()];
            lower.copy_from_slice(text);
            lower.make_ascii_lowercase();
            self.known.contains(&*lower)
        })
    }
}

/// Whether `text` can be the extension of something: letters and digits with a letter among them,
/// without the first dot (`pdf`, `tar.gz`, `7z`); or empty, for no extension.
///
/// # Errors
/// What would be right.
pub fn check_extension(text: &str) -> Result<(), String> {
    if let Some(rest) = text.strip_prefix('.') {
        return Err(format!("leave out the dot: \"{rest}\""));
    }
    let n_dots = text.bytes().filter(|byte| *byte == b'.').count();
    let usable = text.split('.').all(|part| part.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !part.is_empty());
    let ends_well = text.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()));
    if text.is_empty() || (usable && ends_well && n_dots <= MAX_INNER_DOTS && text.len() <= MAX_EXTENSION_BYTES) {
        return Ok(());
    }
    Err(format!("expected at most {MAX_EXTENSION_BYTES} letters and digits, such as \"pdf\" or \"tar.gz\""))
}

/// The last segment of the path, without the parameters that a `;` begins.
fn last_segment(url: &CanonicalUrl) -> &str {
    let segment = url.path().rsplit('/').next().unwrap_or_default();
    segment.split(';').next().unwrap_or_default()
}

/// What follows the last dot of a file's name: letters and digits with a letter among them, since
/// `/release/1.2` has no extension; nor has `/.profile`, which is all name.
fn extension(segment: &str) -> Option<&str> {
    let (stem, extension) = segment.rsplit_once('.')?;
    let plain = extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let named = extension.bytes().any(|byte| byte.is_ascii_alphabetic());
    (!stem.is_empty() && plain && named && extension.len() <= MAX_EXTENSION_BYTES).then_some(extension)
}

/// The extension of a URL as a rule quotes it: in lower case, empty for none.
pub(super) fn extension_of(url: &CanonicalUrl) -> Box<str> {
    extension(last_segment(url)).unwrap_or_default().to_ascii_lowercase().into()
}

/// The parameters of a URL's query: what stands between `&`s, if anything does.
pub(super) fn parameters(url: &CanonicalUrl) -> impl Iterator<Item = &str> {
    url.as_url().query().unwrap_or_default().split('&').filter(|parameter| !parameter.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Canonicalizer;

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    fn check(listed: &[&str], yes: &[&str], no: &[&str]) {
        let owned: Vec<String> = listed.iter().map(ToString::to_string).collect();
        let extensions = Extensions::new(&owned).expect("valid");
        for text in yes {
            assert!(extensions.contain(&url(text)), "{text} has one of {listed:?}");
        }
        for text in no {
            assert!(!extensions.contain(&url(text)), "{text} has none of {listed:?}");
        }
    }

    #[test]
    fn extensions_are_of_the_last_segment() {
        check(
            &["pdf", "GZ"],
            &["http://h/a.pdf", "http://h/a.PDF?x=y.html", "http://h/x.tar.gz", "http://h/a.pdf;v=1"],
            &[
                "http://h/a.pdf/",
                "http://h/?a.pdf",
                "http://h/pdf",
                "http://h/.pdf",
                "http://h.pdf/",
                "http://h/a.pdfx",
            ],
        );
        check(&["tar.gz"], &["http://h/x.tar.gz", "http://h/x-1.2.tar.gz"], &["http://h/x.gz", "http://h/tar.gz"]);
        check(
            &[""],
            &["http://h/", "http://h/a/b", "http://h/release/1.2", "http://h/a.", "http://h/Mr.%20Smith"],
            &["http://h/a.html"],
        );
        check(&["7z"], &["http://h/a.7z"], &["http://h/a.7"]);
        let long = format!("http://h/a.{}", "x".repeat(40_000));
        check(&["", "x"], &[&long], &[]);
    }

    #[test]
    fn what_can_be_an_extension() {
        for good in ["", "pdf", "tar.gz", "7z", "mp3"] {
            assert_eq!(check_extension(good), Ok(()), "{good}");
        }
        for bad in [".pdf", "*.pdf", "a..b", "a.", "1", "x.1", "a.b.c.d", "aaaaaaaaaaaaaaaaa", "pdf,doc"] {
            assert!(check_extension(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ports_and_schemes() {
        let options = Options { ports: vec![8080, 443], schemes: vec!["https".into()], ..Options::default() };
        let filters = Filters::new(&options);
        assert_eq!(filters.port(&url("https://h/")), None);
        assert_eq!(filters.port(&url("http://h:8080/")), None);
        assert_eq!(filters.port(&url("http://h/")), Some(Rule::Port { port: 80 }));
        assert_eq!(filters.scheme(&url("https://h:1/")), None);
        assert_eq!(filters.scheme(&url("http://h/")), Some(Rule::Scheme { scheme: "http" }));
        let all = Filters::new(&Options::default());
        assert_eq!((all.port(&url("http://h:1/")), all.scheme(&url("http://h/"))), (None, None));
    }

    #[test]
    fn parameters_are_what_stands_between_ampersands() {
        let count = |text| parameters(&url(text)).count();
        assert_eq!(count("http://h/"), 0);
        assert_eq!(count("http://h/?"), 0);
        assert_eq!(count("http://h/?a"), 1);
        assert_eq!(count("http://h/?&a=1&&b=2&"), 2);
    }
}
