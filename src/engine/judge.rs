//! From references to discoveries: each link resolved, made canonical, counted once a page, judged.

use std::{collections::HashSet, sync::Arc};

use url::Url;

use crate::{
    address::{CanonicalUrl, Canonicalizer, Fingerprint},
    frontier::{Discovery, Hop, Kind},
    scope::Scope,
    verdict::{Refusal, Verdict},
};

/// Judges what is found on the way. Shared by all workers.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) canonicalizer: Canonicalizer,
    pub(super) scope: Scope,
    pub(super) max_redirects: usize,
}

impl Judge {
    /// The distinct URLs that `references` name, in order. References that name nothing that can
    /// be crawled (other schemes, no valid URL) are left out: they are no URLs to account for.
    pub(super) fn links<'a>(
        &self,
        base: &Url,
        references: impl Iterator<Item = &'a str>,
        depth: u16,
        kind: Kind,
        via: &Arc<str>,
    ) -> Vec<Discovery> {
        let mut met: HashSet<Fingerprint> = HashSet::new();
        let mut last = "";
        let mut found = Vec::new();
        for reference in references {
            // Menus repeat themselves; the cheapest resolution is none.
            if reference == last {
                continue;
            }
            last = reference;
            let Ok(url) = self.canonicalizer.resolve(base, reference) else { continue };
            let fingerprint = url.fingerprint();
            if met.insert(fingerprint) {
                let verdict = self.scope.judge(&url);
                found.push(Discovery {
                    url,
                    fingerprint,
                    depth,
                    kind,
                    via: Some(via.clone()),
                    redirects: Vec::new(),
                    verdict,
                });
            }
        }
        found
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
        let verdict = match self.scope.judge(&target) {
            Verdict::Fetch if chain.len() > self.max_redirects => Verdict::Refuse(Refusal::RedirectLimit),
            verdict => verdict,
        };
        Discovery {
            fingerprint: target.fingerprint(),
            url: target,
            depth,
            kind,
            via: Some(via),
            redirects: chain,
            verdict,
        }
    }
}
