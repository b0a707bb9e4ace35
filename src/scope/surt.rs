//! SURT prefixes, as Heritrix has them: a URL written from the general to the particular,
//! `http://(org,example,www,:8080)/path?query`, so that a prefix is a place.
//!
//! `(org,example,` is a domain with all that is below it, `(org,example,)` one host,
//! `(org,example,)/docs/` one of its folders. As in Heritrix, http and https are compared as one,
//! and a prefix is compared as text: `(org,exam` also reaches `example.org`. An IP address is not
//! turned around: `(10.0.0.1)`.
//!
//! No URL is ever written so: it is compared piece by piece where it stands.

use std::cmp::Ordering;

use super::{PatternError, reach::is_ip};
use crate::address::CanonicalUrl;

/// Longest prefix, bytes.
const MAX_PREFIX_BYTES: usize = 4096;

/// Prefixes of which none is a prefix of another, sorted. What starts with one of them has it as its
/// nearest neighbour from below, so one binary search finds it.
#[derive(Debug, Clone)]
pub(super) struct SurtPrefixes(Vec<Box<str>>);

impl SurtPrefixes {
    /// The errors are those of every bad one.
    pub(super) fn new(texts: &[String]) -> Result<Self, Vec<PatternError>> {
        let (mut prefixes, mut errors) = (Vec::new(), Vec::new());
        for text in texts {
            match check_prefix(text) {
                Ok(prefix) => prefixes.push(prefix),
                Err(reason) => errors.push(PatternError { kind: "SURT prefix", pattern: text.clone(), reason }),
            }
        }
        prefixes.sort_unstable();
        let mut kept: Vec<Box<str>> = Vec::new();
        for prefix in prefixes {
            if kept.last().is_none_or(|last| !prefix.starts_with(&**last)) {
                kept.push(prefix.into());
            }
        }
        if errors.is_empty() { Ok(Self(kept)) } else { Err(errors) }
    }

    pub(super) fn cover(&self, url: &CanonicalUrl) -> bool {
        let n_not_above = self.0.partition_point(|prefix| compare(prefix, url) != Compared::Above);
        n_not_above.checked_sub(1).is_some_and(|nearest| compare(&self.0[nearest], url) == Compared::Prefix)
    }
}

/// Where a prefix stands among a URL's SURT form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Below,
    Prefix,
    Above,
}

fn compare(prefix: &str, url: &CanonicalUrl) -> Compared {
    let mut rest = prefix.as_bytes();
    for piece in pieces(url) {
        let piece = piece.as_bytes();
        let n_common = rest.len().min(piece.len());
        match rest[..n_common].cmp(&piece[..n_common]) {
            Ordering::Less => return Compared::Below,
            Ordering::Greater => return Compared::Above,
            Ordering::Equal => rest = &rest[n_common..],
        }
        if rest.is_empty() {
            return Compared::Prefix;
        }
    }
    // Longer than the URL, of which it is a continuation.
    Compared::Above
}

/// The SURT form after its scheme.
fn pieces(url: &CanonicalUrl) -> impl Iterator<Item = &str> {
    let host = url.host_str();
    let (labels, whole) = if is_ip(url) { ("", host) } else { (host, "") };
    let port = &url.as_url()[url::Position::AfterHost..url::Position::BeforePath];
    // The empty text of an IP address' labels is no label.
    let labels = labels.rsplit('.').filter(move |_| whole.is_empty()).flat_map(|label| [label, ","]);
    ["(", whole].into_iter().chain(labels).chain([port, ")", url.path_and_query()])
}

/// A prefix as it is compared: without its scheme, its host in lower case.
///
/// # Errors
/// What is wrong with it and how it would be right.
pub fn check_prefix(text: &str) -> Result<String, String> {
    if text.len() > MAX_PREFIX_BYTES {
        return Err(format!("it is {} bytes long, more than {MAX_PREFIX_BYTES}", text.len()));
    }
    if !text.is_ascii() || text.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()) {
        return Err("write names in ASCII (xn--…) and paths percent-encoded, without spaces".to_owned());
    }
    let surt = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or(text);
    let Some(rest) = surt.strip_prefix('(') else {
        return Err("expected a bracket, the host's labels from the last to the first, and what follows, such as \
                    \"(com,example,\" or \"(com,example,)/docs/\""
            .to_owned());
    };
    let Some((host, path)) = rest.split_once(')') else {
        check_host(rest)?;
        return Ok(format!("({}", rest.to_ascii_lowercase()));
    };
    check_host(host)?;
    if !(path.is_empty() || path.starts_with('/')) {
        return Err("a path starts with \"/\"".to_owned());
    }
    if path.contains('#') {
        return Err("no URL is visited with a fragment; leave out \"#\" and what follows".to_owned());
    }
    let host = host.to_ascii_lowercase();
    let (name, port) = split_port(&host);
    let bare = name.trim_end_matches(',');
    let ip = bare.parse::<std::net::Ipv4Addr>().is_ok() || bare.starts_with('[');
    if !ip && !name.ends_with(',') {
        return Err(format!("a whole host ends with a comma: \"({bare},{port})\""));
    }
    Ok(format!("({}{port}){path}", if ip { bare } else { name }))
}

/// `com,example,:8080` is a name and `:8080`.
fn split_port(host: &str) -> (&str, &str) {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => host.split_at(colon),
        _ => (host, ""),
    }
}

fn check_host(host: &str) -> Result<(), String> {
    if host.contains(['/', '?', '#', '@', '*', '(', '\\']) {
        return Err("a host is labels with commas, and ends with \")\" before the path".to_owned());
    }
    if host.contains(",,") || host.starts_with(',') || (host.contains('.') && host.contains(',') && !is_dotted(host)) {
        return Err("the labels of a host are separated by one comma each, the last comes first".to_owned());
    }
    let (_, port) = split_port(host);
    if matches!(port, ":80" | ":443") {
        return Err("a URL's default port is never written; leave it out".to_owned());
    }
    Ok(())
}

fn is_dotted(host: &str) -> bool {
    split_port(host).0.trim_end_matches(',').parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::Canonicalizer;

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    fn written(url: &CanonicalUrl) -> String {
        pieces(url).collect()
    }

    fn check(prefix: &str, inside: &[&str], outside: &[&str]) {
        let prefixes = SurtPrefixes::new(&["(net,other,)/".into(), prefix.into(), "(aaa,".into()]).expect("valid");
        for text in inside {
            assert!(prefixes.cover(&url(text)), "{prefix} should reach {text}");
        }
        for text in outside {
            assert!(!prefixes.cover(&url(text)), "{prefix} should not reach {text}");
        }
    }

    #[test]
    fn surt_forms() {
        assert_eq!(written(&url("http://www.example.org:8080/a/b?c=d")), "(org,example,www,:8080)/a/b?c=d");
        assert_eq!(written(&url("https://example.org")), "(org,example,)/");
        assert_eq!(written(&url("http://10.0.0.1/x")), "(10.0.0.1)/x");
        assert_eq!(written(&url("http://[::1]:81/x")), "([::1]:81)/x");
        assert_eq!(written(&url("http://localhost/")), "(localhost,)/");
    }

    #[test]
    fn domains_hosts_and_folders() {
        check(
            "(com,example,",
            &["http://example.com/", "https://a.b.example.com:81/x"],
            &["http://examples.com/", "http://com/", "http://example.org/", "http://com.example/"],
        );
        check(
            "http://(com,example,)",
            &["http://example.com/", "https://example.com/x"],
            &["http://www.example.com/", "http://example.com:81/"],
        );
        check(
            "https://(ORG,Example,)/docs/",
            &["http://example.org/docs/", "https://example.org/docs/x?y"],
            &["http://example.org/docs", "http://example.org/Docs/", "http://www.example.org/docs/"],
        );
        check("(com,exam", &["http://example.com/", "http://exam.com/"], &["http://ex.com/"]);
        check("(com,example,:8080)/", &["http://example.com:8080/a"], &["http://example.com/"]);
        check("(10.0.0.1,)/", &["http://10.0.0.1/"], &["http://10.0.0.10/", "http://10.0.0.1:81/"]);
        check("(10.0.", &["http://10.0.0.1/", "http://10.0.255.1/x"], &["http://10.1.0.1/"]);
        check("([::1]", &["http://[::1]/", "http://[::1]:81/x"], &["http://[::2]/"]);
        check("(", &["http://x/"], &[]);
    }

    #[test]
    fn bad_prefixes_say_how() {
        for (bad, hint) in [
            ("com,example,", "bracket"),
            ("http://example.com/", "bracket"),
            ("(com,example)", "(com,example,)"),
            ("(com,example)/x", "(com,example,)"),
            ("(com,example,)x", "starts with"),
            ("(com,,example,", "one comma"),
            ("(example.com,)", "one comma"),
            ("(com,example/docs", "ends with"),
            ("(com,example,:80)/", "default port"),
            ("(com,münchen,)", "xn--"),
            ("(com,example,)/a#b", "fragment"),
            ("", "bracket"),
        ] {
            let error = check_prefix(bad).expect_err(bad);
            assert!(error.contains(hint), "{bad}: {error}");
        }
        let errors = SurtPrefixes::new(&["x".into(), "(com,".into(), "y".into()]).expect_err("two are bad");
        assert_eq!(errors.len(), 2);
        assert_eq!(errors[0].kind, "SURT prefix");
    }

    proptest! {
        #[test]
        fn agrees_with_a_walk_over_texts(
            labels in prop::collection::vec("[ab]{1,2}", 1..4), path in "[ab/]{0,4}",
            prefixes in prop::collection::vec(("[ab]{1,2}(,[ab]{1,2}){0,2},?", prop::option::of("/[ab/]{0,3}")), 0..6),
        ) {
            let texts: Vec<String> = prefixes.iter().map(|(host, path)| match path {
                Some(path) => format!("({},){path}", host.trim_end_matches(',')),
                None => format!("({host}"),
            }).collect();
            let url = url(&format!("http://{}/{path}", labels.join(".")));
            let surt = written(&url);
            let covered = SurtPrefixes::new(&texts).expect("valid").cover(&url);
            prop_assert_eq!(covered, texts.iter().any(|prefix| surt.starts_with(prefix.as_str())), "{} {:?}", surt, texts);
        }

        #[test]
        fn any_prefix_is_judged_without_a_panic(text in "\\PC{0,40}", brackets in "[(),.:\\[\\]/a1]{0,12}") {
            let _ = check_prefix(&text);
            if let Ok(checked) = check_prefix(&brackets) {
                prop_assert_eq!(check_prefix(&checked), Ok(checked));
            }
        }
    }
}
