//! [`Scope`]: the order in which a URL is judged.

use std::collections::HashSet;

use super::{Mode, Options, PatternError, pattern::Patterns, reach::Reach};
use crate::{
    address::{CanonicalUrl, Fingerprint},
    verdict::{Refusal, Verdict},
};

/// Which URLs one crawl may visit.
#[derive(Debug, Clone)]
pub struct Scope {
    max_url_length: usize,
    reach: Reach,
    exclude: Patterns,
    include: Option<Include>,
}

#[derive(Debug, Clone)]
struct Include {
    patterns: Patterns,
    /// Exempt: a seed such as a home page is where the links to the included pages are.
    seeds: HashSet<Fingerprint>,
}

impl Scope {
    /// Compiles what may be visited from `seeds`.
    ///
    /// # Errors
    /// Every pattern of `include` and `exclude` that does not compile.
    pub fn new(options: &Options, seeds: &[CanonicalUrl]) -> Result<Self, Vec<PatternError>> {
        let (include, exclude) = match (Patterns::new(&options.include), Patterns::new(&options.exclude)) {
            (Ok(include), Ok(exclude)) => (include, exclude),
            (include, exclude) => {
                let lists = [include.err(), exclude.err()];
                return Err(lists.into_iter().flatten().flatten().collect());
            }
        };
        let include = (!options.include.is_empty())
            .then(|| Include { patterns: include, seeds: seeds.iter().map(CanonicalUrl::fingerprint).collect() });
        Ok(Self { max_url_length: options.max_url_length, reach: Reach::new(options.mode, seeds), exclude, include })
    }

    /// The scope that refuses nothing.
    pub fn any() -> Self {
        let options = Options { mode: Mode::Any, max_url_length: usize::MAX, ..Options::default() };
        Self::new(&options, &[]).expect("no pattern, so none that fails")
    }

    /// Whether `url` may be asked for, as far as its text tells.
    pub fn judge(&self, url: &CanonicalUrl) -> Verdict {
        if url.as_str().len() > self.max_url_length {
            return Verdict::Refuse(Refusal::UrlTooLong);
        }
        if !self.reach.contains(url) {
            return Verdict::Refuse(Refusal::OutOfScope);
        }
        let included = || self.include.as_ref().is_none_or(|include| include.admits(url));
        if self.exclude.match_url(url) || !included() {
            return Verdict::Refuse(Refusal::Excluded);
        }
        Verdict::Fetch
    }
}

impl Include {
    fn admits(&self, url: &CanonicalUrl) -> bool {
        self.patterns.match_url(url) || self.seeds.contains(&url.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Canonicalizer;

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    fn scope(include: &[&str], exclude: &[&str]) -> Scope {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let options =
            Options { include: owned(include), exclude: owned(exclude), max_url_length: 40, ..Options::default() };
        Scope::new(&options, &[url("http://h.example/")]).expect("valid patterns")
    }

    fn check(scope: &Scope, text: &str, expected: Verdict) {
        assert_eq!(scope.judge(&url(text)), expected, "{text}");
    }

    #[test]
    fn without_patterns_the_mode_decides() {
        let scope = scope(&[], &[]);
        check(&scope, "http://h.example/a", Verdict::Fetch);
        check(&scope, "http://g.example/a", Verdict::Refuse(Refusal::OutOfScope));
    }

    #[test]
    fn length_is_counted_in_bytes_of_the_whole_url() {
        let fits = format!("http://h.example/{}", "a".repeat(23));
        check(&scope(&[], &[]), &fits, Verdict::Fetch);
        check(&scope(&[], &[]), &format!("{fits}a"), Verdict::Refuse(Refusal::UrlTooLong));
    }

    #[test]
    fn exclude_beats_include_and_seeds_need_no_include() {
        let scope = scope(&["/docs/*", "re:/blog/\\d+"], &["*.pdf"]);
        check(&scope, "http://h.example/docs/a", Verdict::Fetch);
        check(&scope, "http://h.example/blog/1", Verdict::Fetch);
        check(&scope, "http://h.example/docs/a.pdf", Verdict::Refuse(Refusal::Excluded));
        check(&scope, "http://h.example/shop", Verdict::Refuse(Refusal::Excluded));
        check(&scope, "http://h.example/", Verdict::Fetch);
    }

    #[test]
    fn an_excluded_seed_is_refused() {
        check(&scope(&[], &["/"]), "http://h.example/", Verdict::Refuse(Refusal::Excluded));
    }

    #[test]
    fn errors_of_both_lists_come_at_once() {
        let options = Options { include: vec!["re:(".into()], exclude: vec!["re:[".into()], ..Options::default() };
        let errors = Scope::new(&options, &[]).expect_err("both are bad");
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn without_seeds_nothing_is_reached() {
        let scope = Scope::new(&Options::default(), &[]).expect("no patterns");
        check(&scope, "http://h.example/", Verdict::Refuse(Refusal::OutOfScope));
        check(&Scope::any(), "http://h.example/", Verdict::Fetch);
    }

    #[test]
    fn mode_names_round_trip() {
        for mode in Mode::ALL {
            assert_eq!(Mode::parse(mode.as_str()), Some(mode));
        }
        assert_eq!(Mode::parse("Host"), None);
    }
}
