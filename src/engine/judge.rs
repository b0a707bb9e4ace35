//! From references to discoveries: each link resolved, made canonical, counted once a page, judged.

use std::{collections::HashSet, sync::Arc};

use encoding_rs::Encoding;
use url::Url;

use crate::{
    address::{CanonicalUrl, Canonicalizer, Fingerprint},
    frontier::{Discovery, Hop, Kind},
    scope::{Candidate, Role, Scope},
    verdict::{Refusal, Verdict},
};

/// Judges what is found on the way. Shared by all workers.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) canonicalizer: Canonicalizer,
    pub(super) scope: Scope,
    pub(super) max_redirects: usize,
    /// Most bytes that the URLs of one page may take together: a long `<base>` makes much of little.
    pub(super) max_link_bytes: usize,
}

/// Where a page's references are resolved.
pub(super) struct Place<'a> {
    /// Against what.
    pub(super) base: &'a Url,
    /// The page's encoding, in which the URL standard has queries written.
    pub(super) encoding: &'static Encoding,
    /// Of the page itself, beyond the scope's mode.
    pub(super) hops_off_site: u8,
}

impl<'a> Place<'a> {
    /// In UTF-8, as everywhere but on a page of another encoding.
    pub(super) fn new(base: &'a Url) -> Self {
        Self { base, encoding: encoding_rs::UTF_8, hops_off_site: 0 }
    }
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
        references: impl Iterator<Item = &'a str>,
        role: Role,
        depth: u16,
        kind: Kind,
        via: &Arc<str>,
    ) -> (Vec<Discovery>, bool) {
        let mut room = self.max_link_bytes;
        let mut met: HashSet<Fingerprint> = HashSet::new();
        let mut last = "";
        let mut found = Vec::new();
        for reference in references {
            // Menus repeat themselves; the cheapest resolution is none.
            if reference == last {
                continue;
            }
            last = reference;
            let Ok(url) = self.canonicalizer.resolve_in(place.base, reference, place.encoding) else { continue };
            let fingerprint = url.fingerprint();
            if met.insert(fingerprint) {
                let Some(rest) = room.checked_sub(url.as_str().len()) else { return (found, true) };
                room = rest;
                let candidate = Candidate { url: &url, role, depth, hops_off_site: place.hops_off_site };
                let verdict = self.scope.judge(&candidate).verdict;
                found.push(Discovery {
                    url,
                    fingerprint,
                    depth,
                    kind,
                    nesting: 0,
                    via: Some(via.clone()),
                    redirects: Vec::new(),
                    verdict,
                });
            }
        }
        (found, false)
    }

    /// The URL that a redirect points to; it stands as deep as the one that redirects.
    pub(super) fn redirect(
        &self,
        target: CanonicalUrl,
        depth: u16,
        kind: Kind,
        via: Arc<str>,
        chain: Vec<Hop>,
    ) -> Discovery {
        let candidate = Candidate { url: &target, role: Role::Redirect, depth, hops_off_site: 0 };
        let verdict = match self.scope.judge(&candidate).verdict {
            Verdict::Fetch if chain.len() > self.max_redirects => Verdict::Refuse(Refusal::RedirectLimit),
            verdict => verdict,
        };
        Discovery {
            fingerprint: target.fingerprint(),
            url: target,
            depth,
            kind,
            nesting: 0,
            via: Some(via),
            redirects: chain,
            verdict,
        }
    }
}
