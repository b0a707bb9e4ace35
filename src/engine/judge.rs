//! From references to discoveries: each link resolved, made canonical, counted once a page, judged.

use std::{collections::hash_map::Entry, sync::Arc};

use encoding_rs::Encoding;
use foldhash::{HashMap, HashMapExt};
use url::Url;

use super::kept_links::KeptLink;
use crate::{
    address::{CanonicalUrl, Canonicalizer, Fingerprint},
    fetch::redirect::{Downgrade, is_downgrade},
    frontier::{Discovery, Hop, Kind},
    scope::{Candidate, Mode, Role, Rule, Ruling, Scope},
    verdict::{Refusal, Verdict},
};

/// Judges what is found on the way. Shared by all workers.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) canonicalizer: Canonicalizer,
    pub(super) scope: Scope,
    pub(super) max_redirects: usize,
    pub(super) downgrade: Downgrade,
    /// Most bytes that the URLs of one page may take together: a long `<base>` makes much of little.
    pub(super) max_link_bytes: usize,
}

/// Where a page's references are resolved.
pub(super) struct Place<'a> {
    /// Against what.
    pub(super) base: &'a Url,
    /// The page's encoding, in which the URL standard has queries written.
    pub(super) encoding: &'static Encoding,
}

impl<'a> Place<'a> {
    /// In UTF-8, as everywhere but on a page of another encoding.
    pub(super) fn new(base: &'a Url) -> Self {
        Self { base, encoding: encoding_rs::UTF_8 }
    }
}

/// How something was found.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// Links away from a seed, as it will be filed.
    pub(super) depth: u16,
    /// What it is expected to be.
    pub(super) kind: Kind,
    /// Sitemaps above it, if it is one.
    pub(super) nesting: u8,
    /// Hops off-site of what it was found on.
    pub(super) hops_off_site: u8,
    /// What it was found on; none for a seed.
    pub(super) via: Option<Arc<str>>,
}

impl Judge {
    /// The distinct URLs that `references` name, in order. References that name nothing that can
    /// be crawled (other schemes, no valid URL) are left out: they are no URLs to account for. The
    /// flag says whether some had no room.
    ///
    /// All of one call were found in one `role`. Canonical links and embedded assets are calls of
    /// their own, [`Role::Canonical`] and [`Role::Embedded`], made only if [`Scope::wants`] them.
    pub(super) fn links<'a>(
        &self,
        place: &Place<'_>,
        references: impl Iterator<Item = (Role, &'a str)>,
        way: &Way,
    ) -> (Vec<Discovery>, bool) {
        let mut room = self.max_link_bytes;
        // Where in `found` each is: by what it is, and by how it was written. A page names the same document over and
        // over, mostly with another fragment, and the cheapest resolution is none.
        let mut met: HashMap<Fingerprint, usize> = HashMap::new();
        let mut read: HashMap<&'a str, Option<usize>> = HashMap::new();
        let mut found: Vec<Discovery> = Vec::new();
        for (role, reference) in references {
            let index = match read.entry(self.canonicalizer.what_counts(reference)) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    let url = self.canonicalizer.resolve_in(place.base, reference, place.encoding).ok();
                    let index = url.as_ref().and_then(|url| met.get(&url.fingerprint()).copied());
                    if let Some(url) = url.filter(|_| index.is_none()) {
                        let Some(rest) = room.checked_sub(url.as_str().len()) else { return (found, true) };
                        room = rest;
                        entry.insert(Some(found.len()));
                        met.insert(url.fingerprint(), found.len());
                        found.push(discover(&self.scope, url, role, way));
                        continue;
                    }
                    *entry.insert(index)
                }
            };
            // In another role it may be let in: a thumbnail and the link around it.
            if let Some(first) = index.map(|index| &mut found[index])
                && first.depends_on_way
                && first.role != role
            {
                let again = discover(&self.scope, first.url.clone(), role, way);
                if again.verdict == Verdict::Fetch {
                    *first = again;
                }
            }
        }
        (found, false)
    }

    /// A link that an earlier pass found, judged anew.
    pub(super) fn again(&self, link: &KeptLink, way: &Way) -> Discovery {
        discover(&self.scope, link.url.clone(), link.role, way)
    }

    /// The URL that a redirect points to; it stands as deep as the one that redirects.
    pub(super) fn redirect(&self, from: &CanonicalUrl, target: CanonicalUrl, way: &Way, chain: Vec<Hop>) -> Discovery {
        let mut found = discover(&self.scope, target, Role::Redirect, way);
        let refused = if chain.len() > self.max_redirects {
            Some((Refusal::RedirectLimit, format!("fetch.max_redirects = {}", self.max_redirects)))
        } else if self.downgrade == Downgrade::Refuse && is_downgrade(from, &found.url) {
            Some((Refusal::InsecureRedirect, "fetch.downgrade = \"refuse\"".to_owned()))
        } else {
            None
        };
        if let Some((why, rule)) = refused.filter(|_| found.verdict == Verdict::Fetch) {
            found.verdict = Verdict::Refuse(why);
            found.depends_on_way = true;
            found.rule = Some(rule.into());
        }
        Discovery { redirects: chain, ..found }
    }
}

/// A URL that was found, with scope's word on it.
pub(super) fn discover(scope: &Scope, url: CanonicalUrl, role: Role, way: &Way) -> Discovery {
    let candidate = Candidate { url: &url, role, depth: way.depth, hops_off_site: way.hops_off_site };
    let Ruling { verdict, rule, hops_off_site } = scope.judge(&candidate);
    Discovery {
        fingerprint: url.fingerprint(),
        role,
        depth: way.depth,
        kind: way.kind,
        nesting: way.nesting,
        hops_off_site,
        via: way.via.clone(),
        redirects: Vec::new(),
        depends_on_way: verdict != Verdict::Fetch && rule.as_ref().is_some_and(|rule| scope.depends_on_way(rule)),
        rule: rule.filter(|_| verdict != Verdict::Fetch).map(text_of),
        verdict,
        url,
    }
}

/// A rule as records name it.
fn text_of(rule: Rule) -> Arc<str> {
    match rule {
        // Most links that are refused lead elsewhere, and most of them are known: no text is built.
        Rule::Mode(mode) => mode_text(mode),
        rule => rule.to_string().into(),
    }
}

/// `scope.mode = host`, built once.
fn mode_text(mode: Mode) -> Arc<str> {
    use std::sync::LazyLock;
    static TEXTS: LazyLock<Vec<(Mode, Arc<str>)>> =
        LazyLock::new(|| Mode::ALL.into_iter().map(|mode| (mode, Rule::Mode(mode).to_string().into())).collect());
    TEXTS.iter().find(|(known, _)| *known == mode).map(|(_, text)| text.clone()).expect("every mode is listed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::{Crossing, Options};

    fn found(references: &[(Role, &str)]) -> Vec<(String, Role, bool)> {
        let canonicalizer = Canonicalizer::default();
        let seed = canonicalizer.parse("http://h/").expect("valid");
        let options = Options { assets: Crossing::Never, ..Options::default() };
        let judge = Judge {
            scope: Scope::new(&options, std::slice::from_ref(&seed)).expect("no patterns"),
            canonicalizer,
            max_redirects: 5,
            downgrade: Downgrade::Follow,
            max_link_bytes: 1000,
        };
        let way = Way { depth: 1, kind: Kind::Page, nesting: 0, hops_off_site: 0, via: None };
        let base = Url::parse("http://h/a/").expect("valid");
        let (found, cut) = judge.links(&Place::new(&base), references.iter().copied(), &way);
        assert!(!cut);
        found.into_iter().map(|it| (it.url.to_string(), it.role, it.verdict == Verdict::Fetch)).collect()
    }

    #[test]
    fn each_document_is_found_once_however_it_is_written() {
        let links = ["b", "b#x", "b#y", "./b", "/a/b", "#", "#x", "", "http://", "http://#x", "mailto:x", "b ", "b #x"];
        let found = found(&links.map(|reference| (Role::Link, reference)));
        let urls: Vec<&str> = found.iter().map(|(url, ..)| &**url).collect();
        assert_eq!(urls, ["http://h/a/b", "http://h/a/", "http://h/a/b%20"]);
    }

    #[test]
    fn the_role_that_lets_it_in_counts() {
        let found =
            found(&[(Role::Embedded, "c#1"), (Role::Link, "c#2"), (Role::Embedded, "c"), (Role::Embedded, "d")]);
        let expected = [("http://h/a/c", Role::Link, true), ("http://h/a/d", Role::Embedded, false)];
        assert_eq!(found, expected.map(|(url, role, verdict)| (url.to_owned(), role, verdict)));
    }
}
