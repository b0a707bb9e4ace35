//! How far a [`Mode`] reaches from given seeds, as sets that are looked up and never walked.

use std::collections::HashSet;

use url::Host;

use super::{Mode, Options, PatternError, surt::SurtPrefixes};
use crate::address::CanonicalUrl;

/// A mode and what it needs to know of the seeds.
#[derive(Debug, Clone)]
pub(super) enum Reach {
    Hosts(HashSet<Box<str>>),
    Subdomains(HashSet<Box<str>>),
    Domains(HashSet<Box<str>>),
    Prefixes(Prefixes),
    Surts(SurtPrefixes),
    /// What is a seed is known elsewhere.
    SeedsOnly,
    Any,
}

impl Reach {
    /// The errors are those of bad SURT prefixes.
    pub(super) fn new(options: &Options, seeds: &[CanonicalUrl]) -> Result<Self, Vec<PatternError>> {
        let hosts = || seeds.iter().map(|seed| seed.host_str().into()).collect();
        Ok(match options.mode {
            Mode::Host => Self::Hosts(hosts()),
            Mode::Subdomains => Self::Subdomains(hosts()),
            Mode::Domain => Self::Domains(domains(seeds)),
            Mode::Prefix => Self::Prefixes(Prefixes::new(seeds.iter().map(folder))),
            Mode::Surt => Self::Surts(SurtPrefixes::new(&options.surts)?),
            Mode::List => Self::SeedsOnly,
            Mode::Any => Self::Any,
        })
    }

    /// Whether a seed may stand out of it, so that who asks must know the seeds.
    pub(super) fn leaves_seeds_out(&self) -> bool {
        matches!(self, Self::Surts(_) | Self::SeedsOnly)
    }

    pub(super) fn contains(&self, url: &CanonicalUrl) -> bool {
        match self {
            Self::Hosts(hosts) => hosts.contains(url.host_str()),
            Self::Subdomains(hosts) => own_and_parent_names(url).any(|name| hosts.contains(name)),
            Self::Domains(domains) => domains.contains(domain(url)),
            Self::Prefixes(prefixes) => prefixes.cover(url.as_str()),
            Self::Surts(prefixes) => prefixes.cover(url),
            Self::SeedsOnly => false,
            Self::Any => true,
        }
    }
}

/// The registrable domains of the seeds.
pub(super) fn domains(seeds: &[CanonicalUrl]) -> HashSet<Box<str>> {
    seeds.iter().map(|seed| domain(seed).into()).collect()
}

/// The registrable domain of a URL's host, or the host itself when it has none.
pub(super) fn domain(url: &CanonicalUrl) -> &str {
    let host = url.host_str();
    // The list's default rule would take `0.1` for the registrable domain of `127.0.0.1`.
    if is_ip(url) { host } else { psl::domain_str(host).unwrap_or(host) }
}

/// `a.b.c`, `b.c`, `c`; of an IP address only itself.
fn own_and_parent_names(url: &CanonicalUrl) -> impl Iterator<Item = &str> {
    let is_name = !is_ip(url);
    std::iter::successors(Some(url.host_str()), move |name| {
        is_name.then(|| name.split_once('.').map(|(_, parent)| parent)).flatten()
    })
}

pub(super) fn is_ip(url: &CanonicalUrl) -> bool {
    matches!(url.as_url().host(), Some(Host::Ipv4(_) | Host::Ipv6(_)))
}

/// Origin and path up to and including its last slash.
fn folder(url: &CanonicalUrl) -> &str {
    let text = &url.as_url()[..url::Position::AfterPath];
    // An http(s) URL's path starts with a slash, so one is always found.
    &text[..text.rfind('/').map_or(text.len(), |at| at + 1)]
}

/// Texts of which none is a prefix of another, sorted. A text that starts with one of them has it
/// as its nearest neighbour from below, so one binary search finds it.
#[derive(Debug, Clone)]
pub(super) struct Prefixes(Vec<Box<str>>);

impl Prefixes {
    fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut sorted: Vec<&str> = texts.collect();
        sorted.sort_unstable();
        let mut kept: Vec<Box<str>> = Vec::new();
        for text in sorted {
            if kept.last().is_none_or(|last| !text.starts_with(&**last)) {
                kept.push(text.into());
            }
        }
        Self(kept)
    }

    fn cover(&self, text: &str) -> bool {
        let n_not_above = self.0.partition_point(|prefix| **prefix <= *text);
        n_not_above.checked_sub(1).is_some_and(|nearest| text.starts_with(&*self.0[nearest]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::Canonicalizer;

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    fn check(mode: Mode, seed: &str, inside: &[&str], outside: &[&str]) {
        let options = Options { mode, ..Options::default() };
        let reach = Reach::new(&options, &[url("http://other-seed.example/elsewhere/"), url(seed)]).expect("no SURT");
        for text in inside.iter().chain([&seed]) {
            assert!(reach.contains(&url(text)), "{mode:?} of {seed} should reach {text}");
        }
        for text in outside {
            assert!(!reach.contains(&url(text)), "{mode:?} of {seed} should not reach {text}");
        }
    }

    #[test]
    fn host_is_any_port_and_scheme_of_one_name() {
        check(
            Mode::Host,
            "http://www.example.org/a",
            &["https://www.example.org:8443/b", "http://WWW.example.org/"],
            &["http://example.org/", "http://a.www.example.org/", "http://wwwxexample.org/"],
        );
    }

    #[test]
    fn subdomains_end_at_a_dot() {
        check(
            Mode::Subdomains,
            "http://example.org/",
            &["http://a.example.org/", "https://b.a.example.org:81/x"],
            &["http://notexample.org/", "http://org/", "http://example.org.evil.example/"],
        );
        check(Mode::Subdomains, "http://1.2.3.4/", &[], &["http://4/", "http://2.3.4/"]);
        check(Mode::Subdomains, "http://[::1]/", &["http://[::1]:80/"], &["http://[::2]/"]);
    }

    #[test]
    fn domain_follows_the_public_suffix_list() {
        check(
            Mode::Domain,
            "http://www.shop.example.co.uk/",
            &["http://example.co.uk/", "https://a.b.example.co.uk/"],
            &["http://other.co.uk/", "http://co.uk/", "http://example.com/"],
        );
        check(Mode::Domain, "http://me.github.io/", &["http://x.me.github.io/"], &["http://you.github.io/"]);
        check(Mode::Domain, "http://github.io/", &[], &["http://you.github.io/"]);
        check(Mode::Domain, "http://localhost/", &["http://localhost:8080/"], &["http://a.localhost/"]);
        check(Mode::Domain, "http://127.0.0.1/", &["http://127.0.0.1:81/"], &["http://127.1.0.1/", "http://10.0.0.1/"]);
    }

    #[test]
    fn prefix_is_the_folder_on_the_origin() {
        check(
            Mode::Prefix,
            "http://h.example/docs/a.html?x=/y/z",
            &["http://h.example/docs/", "http://h.example/docs/b/c?d"],
            &[
                "http://h.example/docs",
                "http://h.example/docsx/",
                "http://h.example/",
                "https://h.example/docs/",
                "http://h.example:81/docs/",
            ],
        );
        check(Mode::Prefix, "http://h.example", &["http://h.example/any"], &["http://h.example.org/"]);
    }

    #[test]
    fn a_kept_fragment_is_no_folder() {
        let url = CanonicalUrl::from_stored("http://h/a/b?c/d#/e/f").expect("valid");
        assert_eq!(folder(&url), "http://h/a/");
    }

    #[test]
    fn any_is_everywhere() {
        check(Mode::Any, "http://a.example/", &["http://b.example/"], &[]);
    }

    #[test]
    fn nested_prefixes_hide_nothing() {
        let prefixes = Prefixes::new(["http://h/a/", "http://h/a/b/", "http://h/c/"].into_iter());
        assert!(prefixes.cover("http://h/a/zzz"), "a prefix below its own sub-prefix");
        assert!(prefixes.cover("http://h/c/"));
        assert!(!prefixes.cover("http://h/b/"));
    }

    proptest! {
        #[test]
        fn prefixes_agree_with_a_walk(texts in prop::collection::vec("[ab]{1,4}", 0..8), text in "[ab]{0,6}") {
            let prefixes = Prefixes::new(texts.iter().map(String::as_str));
            prop_assert_eq!(prefixes.cover(&text), texts.iter().any(|t| text.starts_with(t.as_str())));
        }
    }
}
