//! Which rules made a canonical URL of what was written: for `explain` and `inspect`, not for a
//! crawl.
//!
//! What the rules after the parser did is seen by watching them. What the parser did is told by
//! comparing what was written with what came of it.

use url::Url;

use super::{
    AddressError, CanonicalUrl, Canonicalizer, Rule,
    canonicalizer::{Parts, drop_userinfo},
    encoding::join,
};

/// What stands for credentials that are not shown.
const HIDDEN: &str = "…@";

/// One rule and what it changed: the part of the URL that it is about, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The rule.
    pub rule: Rule,
    /// What there was, e.g. `?utm_source=x`. Credentials are not shown.
    pub before: String,
    /// What is left, e.g. nothing.
    pub after: String,
}

impl Canonicalizer {
    /// The canonical form of a reference and the rules that changed it, in their order.
    ///
    /// # Errors
    /// When the result is not a valid URL, or not `http(s)`.
    pub fn explain(&self, base: Option<&Url>, reference: &str) -> Result<(CanonicalUrl, Vec<Change>), AddressError> {
        let mut url = base.map_or_else(|| Url::parse(reference), |base| join(base, reference))?;
        let has_userinfo = !url.username().is_empty() || url.password().is_some();
        drop_userinfo(&mut url)?;
        let mut changes = by_parser(reference, &url, base);
        if has_userinfo {
            changes.push(Change { rule: Rule::Userinfo, before: HIDDEN.to_owned(), after: String::new() });
        }
        let mut parts = Parts::of(&url);
        let mut last = parts.clone();
        self.rewrite(&mut parts, |rule, now| {
            if *now != last {
                let before = difference(&last, now);
                changes.push(Change { rule, before, after: difference(now, &last) });
                last = now.clone();
            }
        });
        changes.sort_by_key(|change| change.rule);
        Ok((self.apply(url)?, changes))
    }
}

/// Those parts of `one` that are not the same in `other`.
fn difference(one: &Parts<'_>, other: &Parts<'_>) -> String {
    let mut text = String::new();
    if one.host != other.host {
        text.push_str(&one.host);
    }
    if one.path != other.path {
        text.push_str(&one.path);
    }
    if let Some(query) = one.query.as_ref().filter(|_| one.query != other.query) {
        text.push('?');
        text.push_str(query);
    }
    if let Some(fragment) = one.fragment.filter(|_| one.fragment != other.fragment) {
        text.push('#');
        text.push_str(fragment);
    }
    text
}

/// What the rules did that are part of parsing. `url` is what came of it.
fn by_parser(reference: &str, url: &Url, base: Option<&Url>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |rule, before: &str, after: &str| {
        changes.push(Change { rule, before: before.to_owned(), after: after.to_owned() });
    };
    let written: String =
        reference.trim_matches(|c: char| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    let written = Written::of(&written, base);
    let host = url.host_str().unwrap_or_default();
    if written.port.is_some() && url.port().is_none() {
        add(Rule::DefaultPort, &format!(":{}", written.port.unwrap_or_default()), "");
    }
    if written.scheme.bytes().any(|b| b.is_ascii_uppercase()) {
        add(Rule::Case, written.scheme, url.scheme());
    }
    if written.host.is_ascii() && written.host.bytes().any(|b| b.is_ascii_uppercase()) {
        add(Rule::Case, written.host, host);
    }
    if written.path.split(['/', '\\']).any(is_dots) {
        add(Rule::DotSegments, written.path, url.path());
    }
    if !written.host.is_ascii() {
        add(Rule::Idn, written.host, host);
    }
    changes
}

fn is_dots(segment: &str) -> bool {
    // Long segments are none, whatever they hold.
    segment.len() <= 6 && matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..")
}

/// The parts of a reference as they were written; empty where there are none.
#[derive(Debug, PartialEq, Eq)]
struct Written<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<&'a str>,
    path: &'a str,
}

impl<'a> Written<'a> {
    fn of(text: &'a str, base: Option<&Url>) -> Self {
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        };
        let (scheme, rest) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("", text));
        let slashes = rest.len() - rest.trim_start_matches(['/', '\\']).len();
        // `http:a` is relative where the base is http too, and absolute elsewhere.
        let is_relative = base.is_some_and(|base| scheme.is_empty() || base.scheme().eq_ignore_ascii_case(scheme));
        let (authority, path) = if slashes < 2 && is_relative {
            ("", rest)
        } else {
            let rest = &rest[slashes..];
            rest.split_at(rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len()))
        };
        let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (address, None),
        };
        let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
        Self { scheme, host, port, path }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Options, *};

    fn check(base: Option<&str>, reference: &str, expected: &[(Rule, &str, &str)]) {
        let canonicalizer =
            Canonicalizer::new(&Options { rules: Rule::ALL.into_iter().collect(), ..Options::default() });
        let base = base.map(|base| Url::parse(base).expect("valid"));
        let (url, changes) = canonicalizer.explain(base.as_ref(), reference).expect("valid");
        let changes: Vec<_> = changes.iter().map(|c| (c.rule, &*c.before, &*c.after)).collect();
        assert_eq!(changes, expected, "{reference}");
        assert_eq!(canonicalizer.explain(None, url.as_str()), Ok((url, vec![])), "{reference}");
    }

    #[test]
    fn every_example_names_its_rule() {
        for rule in Rule::ALL {
            let canonicalizer =
                Canonicalizer::new(&Options { rules: [rule].into_iter().collect(), ..Options::default() });
            let (_, changes) = canonicalizer.explain(None, rule.example().0).expect("valid");
            assert!(changes.iter().any(|change| change.rule == rule), "{rule}: {changes:?}");
        }
    }

    #[test]
    fn changes_are_told_in_order() {
        check(None, "http://example.com/a?b", &[]);
        check(
            None,
            " HTTP://u:p@WWW.Example.com:80/a/../%7Eb?utm_id=1#c",
            &[
                (Rule::Fragment, "#c", ""),
                (Rule::Userinfo, "…@", ""),
                (Rule::DefaultPort, ":80", ""),
                (Rule::Case, "HTTP", "http"),
                (Rule::Case, "WWW.Example.com", "www.example.com"),
                (Rule::DotSegments, "/a/../%7Eb", "/%7Eb"),
                (Rule::PercentEncoding, "/%7Eb", "/~b"),
                (Rule::TrackingParameters, "?utm_id=1", ""),
                (Rule::Www, "www.example.com", "example.com"),
            ],
        );
        check(
            Some("http://h/x/y"),
            "../Z:80",
            &[(Rule::DotSegments, "../Z:80", "/Z:80"), (Rule::LowercasePath, "/Z:80", "/z:80")],
        );
        check(Some("http://h/x/y"), "//é.Example:81", &[(Rule::Idn, "é.Example", "xn--9ca.example")]);
        check(Some("http://h/x/"), "?b&a", &[(Rule::SortedQuery, "?b&a", "?a&b")]);
        check(None, "http:\\\\[::1]:80\\.", &[(Rule::DefaultPort, ":80", ""), (Rule::DotSegments, "\\.", "/")]);
    }
}
