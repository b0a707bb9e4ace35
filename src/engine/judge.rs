//! From references to discoveries: each link resolved, made canonical, counted once a page: a [`Lead`]. And those that
//! may be news judged: a [`Discovery`].

use std::{collections::hash_map::Entry, sync::Arc};

use encoding_rs::Encoding;
use foldhash::{HashMap, HashMapExt};
use url::Url;

use crate::{
    address::{CanonicalUrl, Canonicalizer, Fingerprint},
    fetch::redirect::{Downgrade, is_downgrade},
    frontier::{Discovery, Hop, Kind},
    scope::{Candidate, Mode, Role, Rule, Ruling, Scope},
    verdict::{Refusal, Verdict},
};

/// Links of a page for which room is made at once.
const MOST_FORESEEN: usize = 1024;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// Links away from a seed, as it will be filed.
    pub(super) depth: u16,
    /// What it is expected to be.
    pub(super) kind: Kind,
    /// Sitemaps above it, if it is one.
    pub(super) nesting: u8,
}

/// What something was found on.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    /// Its hops off-site.
    pub(super) hops_off_site: u8,
    /// Its URL; none for a seed.
    pub(super) via: Option<Arc<str>>,
}

/// A URL that was found, before scope has said anything about it.
#[derive(Debug, Clone)]
pub(super) struct Lead {
    pub(super) url: CanonicalUrl,
    pub(super) fingerprint: Fingerprint,
    pub(super) roles: Roles,
    pub(super) way: Way,
}

impl Lead {
    pub(super) fn new(url: CanonicalUrl, role: Role, way: Way) -> Self {
        Self { fingerprint: url.fingerprint(), url, roles: Roles { first: role, others: 0 }, way }
    }
}

/// In which roles one URL was found: one lets in what another does not, as a link a thumbnail's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Roles {
    first: Role,
    /// The others, a bit each.
    others: u8,
}

impl Roles {
    pub(super) fn add(&mut self, role: Role) {
        if role != self.first {
            self.others |= 1 << role as u8;
        }
    }

    /// The first one, and then the others.
    pub(super) fn iter(self) -> impl Iterator<Item = Role> {
        let is_other = move |role: &Role| self.others & 1 << *role as u8 != 0;
        std::iter::once(self.first).chain(Role::ALL.into_iter().filter(is_other))
    }
}

impl Judge {
    /// The distinct URLs that `references` name, in order. References that name nothing that can
    /// be crawled (other schemes, no valid URL) are left out: they are no URLs to account for. The
    /// flag says whether some had no room.
    pub(super) fn leads<'a>(
        &self,
        place: &Place<'_>,
        references: impl Iterator<Item = (Role, &'a str)>,
        way: Way,
    ) -> (Vec<Lead>, bool) {
        let mut room = self.max_link_bytes;
        // Where in `found` each is: by what it is, and by how it was written. A page names the same document over and
        // over, mostly with another fragment, and the cheapest resolution is none.
        let n_places = references.size_hint().1.unwrap_or_default().min(MOST_FORESEEN);
        let mut met: HashMap<Fingerprint, usize> = HashMap::with_capacity(n_places);
        let mut read: HashMap<&'a str, Option<usize>> = HashMap::with_capacity(n_places);
        let mut found: Vec<Lead> = Vec::new();
        for (role, reference) in references {
            let index = match read.entry(self.canonicalizer.what_counts(reference)) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    let url = self.canonicalizer.resolve_in(place.base, reference, place.encoding).ok();
                    let lead = url.map(|url| Lead::new(url, role, way));
                    let index = lead.as_ref().map(|lead| *met.entry(lead.fingerprint).or_insert(found.len()));
                    if let Some(lead) = lead.filter(|_| index == Some(found.len())) {
                        let Some(rest) = room.checked_sub(lead.url.as_str().len()) else { return (found, true) };
                        room = rest;
                        found.push(lead);
                    }
                    *entry.insert(index)
                }
            };
            if let Some(index) = index {
                found[index].roles.add(role);
            }
        }
        (found, false)
    }

    /// Scope's word on it. It stands in the first role, unless that one does not let it in and another does.
    pub(super) fn judge(&self, lead: Lead, source: &Source) -> Discovery {
        let mut roles = lead.roles.iter().skip(1);
        let way = lead.way;
        let found = discover(&self.scope, lead, source);
        if !found.depends_on_way {
            return found;
        }
        let another = |role| discover(&self.scope, Lead::new(found.url.clone(), role, way), source);
        roles.find_map(|role| Some(another(role)).filter(|it| it.verdict == Verdict::Fetch)).unwrap_or(found)
    }

    /// The URL that a redirect points to; it stands as deep as the one that redirects.
    pub(super) fn redirect(&self, from: &CanonicalUrl, target: Lead, source: &Source, chain: Vec<Hop>) -> Discovery {
        let mut found = discover(&self.scope, target, source);
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

/// A URL that was found, with scope's word on it in the first of its roles.
pub(super) fn discover(scope: &Scope, lead: Lead, source: &Source) -> Discovery {
    let Lead { url, fingerprint, roles: Roles { first: role, .. }, way } = lead;
    let candidate = Candidate { url: &url, role, depth: way.depth, hops_off_site: source.hops_off_site };
    let Ruling { verdict, rule, hops_off_site } = scope.judge(&candidate);
    Discovery {
        fingerprint,
        role,
        depth: way.depth,
        kind: way.kind,
        nesting: way.nesting,
        hops_off_site,
        via: source.via.clone(),
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
        let way = Way { depth: 1, kind: Kind::Page, nesting: 0 };
        let base = Url::parse("http://h/a/").expect("valid");
        let (found, cut) = judge.leads(&Place::new(&base), references.iter().copied(), way);
        assert!(!cut);
        let found = found.into_iter().map(|lead| judge.judge(lead, &Source::default()));
        found.map(|it| (it.url.to_string(), it.role, it.verdict == Verdict::Fetch)).collect()
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
