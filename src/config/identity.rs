//! What makes two crawls the same job.
//!
//! An output folder remembers the [`Identity`] of the job it belongs to. Everything that decides
//! *what* is recorded is in it: seeds, scope, what robots.txt may forbid, how requests look, the
//! shape of records. How fast, how long and how talkative a run is may change between two runs of
//! one job. No secret is in it: only that a header is secret.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{
    headers::{HIDDEN, is_secret},
    raw::{Header, Raw},
    settings::Seeds,
};

/// Sorted lines `key=value`, values as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity(BTreeMap<String, String>);

impl Identity {
    pub(crate) fn of(raw: &Raw, seeds: &Seeds) -> Self {
        let urls = |urls: &[crate::address::CanonicalUrl]| -> Json {
            let mut urls: Vec<&str> = urls.iter().map(crate::address::CanonicalUrl::as_str).collect();
            urls.sort_unstable();
            urls.into_iter().collect()
        };
        let mut of = Self(BTreeMap::new());
        of.add("seeds.urls", &urls(&seeds.urls));
        of.add("seeds.sitemaps", &urls(&seeds.sitemaps));
        of.add("seeds.files", &json!(raw.seeds.files));
        of.add("seeds.stdin", &json!(raw.seeds.stdin));
        let canonical = json!(raw.canonical);
        for (key, value) in canonical.as_object().into_iter().flatten() {
            of.add(&format!("canonical.{key}"), value);
        }
        of.add("scope.mode", &json!(raw.scope.mode));
        of.add("scope.include", &json!(raw.scope.include));
        of.add("scope.exclude", &json!(raw.scope.exclude));
        // Keys that came later than folders that are still gone on with: not set is the default.
        of.add_changed("scope", &json!(raw.scope), &json!(super::raw::Scope::default()), &[]);
        let budget = ["same_content"];
        of.add_changed("traps", &json!(raw.traps), &json!(super::raw::Traps::default()), &budget);
        of.add("robots.mode", &json!(raw.robots.mode));
        of.add("robots.agent", &json!(raw.robots.agent));
        of.add("robots.sitemaps", &json!(raw.robots.sitemaps));
        of.add("robots.signals", &json!(raw.robots.signals));
        of.add("robots.purposes", &json!(raw.robots.purposes));
        // Only what differs from the default, so that folders of older versions can be resumed.
        let (usual, given) = (crate::config::raw::Sitemaps::default(), &raw.sitemaps);
        for (key, usual, given) in [
            ("max_size", json!(usual.max_size), json!(given.max_size)),
            ("max_entries", json!(usual.max_entries), json!(given.max_entries)),
            ("nesting", json!(usual.nesting), json!(given.nesting)),
            ("alternates", json!(usual.alternates), json!(given.alternates)),
        ] {
            if given != usual {
                of.add(&format!("sitemaps.{key}"), &given);
            }
        }
        // As written: the version in the default must not make another job of an upgrade.
        of.add("fetch.user_agent", &json!(raw.fetch.user_agent));
        if !raw.fetch.accept_language.is_empty() {
            of.add("fetch.accept_language", &json!(raw.fetch.accept_language));
        }
        let budgets = ["max", "max_per_domain"];
        of.add_changed("cookies", &json!(raw.cookies), &json!(super::raw::Cookies::default()), &budgets);
        for auth in &raw.auth {
            of.add(&format!("auth.{}", auth.origin), &json!(HIDDEN));
        }
        for origin in raw.client_certificate.iter().flat_map(|entry| &entry.origins) {
            of.add(&format!("client_certificate.{origin}"), &json!(HIDDEN));
        }
        for rule in &raw.host {
            let fields = [("user_agent", json!(rule.user_agent)), ("accept_language", json!(rule.accept_language))];
            let headers = rule.headers.iter().map(|(name, value)| (name.as_str(), json!(value)));
            for (name, value) in fields.into_iter().chain(headers).filter(|(_, value)| *value != json!("")) {
                of.add(&format!("host.{}.{}", rule.pattern, name.to_ascii_lowercase()), &value);
            }
        }
        of.add("fetch.body", &json!(raw.fetch.body));
        of.add("fetch.nofollow", &json!(raw.fetch.nofollow));
        of.add("links.kinds", &json!(raw.links.kinds));
        of.add("links.obey_rel", &json!(raw.links.obey_rel));
        of.add("links.text_files", &json!(raw.links.text_files));
        of.add("links.pdf", &json!(raw.links.pdf));
        of.add("fetch.max_redirects", &json!(raw.fetch.max_redirects));
        let usual = crate::config::raw::Fetch::default();
        if raw.fetch.downgrade != usual.downgrade {
            of.add("fetch.downgrade", &json!(raw.fetch.downgrade));
        }
        for (name, header) in &raw.fetch.headers {
            let value = match header {
                Header::Text(text) if !is_secret(name) => text.as_str(),
                _ => HIDDEN,
            };
            of.add(&format!("fetch.headers.{}", name.to_ascii_lowercase()), &json!(value));
        }
        of.add("outputs.format", &json!(raw.outputs.format));
        of.add("outputs.compression", &json!(raw.outputs.compression));
        of.add("outputs.rotate", &json!(raw.outputs.rotate));
        of.add("outputs.text", &json!(raw.outputs.text));
        of.add("outputs.links", &json!(raw.outputs.links));
        of.add("outputs.link_details", &json!(raw.outputs.link_details));
        of.add("outputs.metadata", &json!(raw.outputs.metadata));
        of.add("outputs.headers", &json!(raw.outputs.headers));
        of
    }

    /// Adds the number and a digest of the seeds that were read, in their order.
    pub fn add_seeds_read<'a>(&mut self, seeds: impl Iterator<Item = &'a crate::address::CanonicalUrl>) {
        let mut digest = Sha256::new();
        let mut n_seeds = 0;
        for seed in seeds {
            digest.update(seed.as_str());
            digest.update("\n");
            n_seeds += 1;
        }
        self.add("seeds.read", &json!(format!("{n_seeds} URLs, sha256:{}", hex(&digest.finalize()))));
    }

    /// Adds what differs from the default in a section, and is not there yet.
    fn add_changed(&mut self, section: &str, values: &Json, defaults: &Json, but: &[&str]) {
        for (key, value) in values.as_object().into_iter().flatten() {
            let name = format!("{section}.{key}");
            if *value != defaults[key] && !but.contains(&key.as_str()) && !self.0.contains_key(&name) {
                self.add(&name, value);
            }
        }
    }

    fn add(&mut self, key: &str, value: &Json) {
        self.0.insert(key.to_owned(), value.to_string());
    }

    /// As kept in an output folder.
    pub fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }

    /// Reads [`Identity::into_map`] back.
    pub fn from_map(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }

    /// As text: one line a key.
    pub fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (key, value)| {
            writeln!(text, "{key}={value}").expect("a String takes everything");
            text
        })
    }

    /// SHA-256 of [`Identity::text`], 64 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        hex(&Sha256::digest(self.text()))
    }

    /// The keys in which two jobs differ, with both values: `scope.mode: "host" → "domain"`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let keys: std::collections::BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let value =
            |of: &Self, key: &str| of.0.get(key).map_or_else(|| "not set".to_owned(), |v| super::inspect::quote(v));
        let differ = keys.into_iter().filter(|key| self.0.get(*key) != other.0.get(*key));
        differ.map(|key| format!("{key}: {} → {}", value(self, key), value(other, key))).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(change: impl FnOnce(&mut Raw)) -> Identity {
        let mut raw = Raw::default();
        change(&mut raw);
        Identity::of(&raw, &Seeds { urls: vec![], files: vec![], stdin: false, sitemaps: vec![] })
    }

    #[test]
    fn pace_is_not_identity() {
        let plain = identity(|_| {});
        let hurried = identity(|raw| {
            raw.fetch.concurrency = 500;
            raw.limits.pages = super::super::units::Limit(Some(super::super::units::Count(3)));
            raw.job.contact = "me@example.org".into();
        });
        assert_eq!(plain.fingerprint(), hurried.fingerprint());
        let other = identity(|raw| raw.scope.mode = super::super::raw::ScopeMode::Any);
        assert_eq!(plain.differences(&other), [r#"scope.mode: "host" → "any""#]);
        assert_ne!(plain.fingerprint(), other.fingerprint());
        assert_eq!(Identity::from_map(other.clone().into_map()), other);
    }

    #[test]
    fn what_is_set_later_is_compared_with_the_default() {
        assert!(!identity(|_| {}).text().contains("traps"));
        let other = identity(|raw| {
            raw.traps.session_ids = false;
            raw.traps.same_content = super::super::units::Limit::NONE;
            raw.scope.hops_off_site = 1;
        });
        let differences = identity(|_| {}).differences(&other);
        assert_eq!(differences, ["scope.hops_off_site: not set → 1", "traps.session_ids: not set → false"]);
    }

    #[test]
    fn a_secret_is_not_in_it() {
        let with = identity(|raw| {
            raw.fetch.headers.insert("Cookie".into(), Header::Text("sesame".into()));
        });
        assert!(!with.text().contains("sesame"));
    }
}
