//! [`Scope`]: the order in which a URL is judged.

use std::collections::HashSet;

use super::{
    Candidate, Crossing, Mode, Options, PatternError, Role, Rule, Ruling, Step, Traps,
    filter::{Extensions, Filters, extension_of, parameters},
    pattern::Patterns,
    reach::{Reach, domain, domains},
    trap,
};
use crate::{
    address::{CanonicalUrl, Fingerprint},
    verdict::{Refusal, Verdict},
};

/// Steps that an asset may lie beyond the last page that may be visited: a stylesheet and what it
/// is made of. Heritrix' default too (`maxTransHops`).
const MAX_ASSET_HOPS: u8 = 2;

/// Which URLs one crawl may visit.
#[derive(Debug, Clone)]
pub struct Scope {
    mode: Mode,
    reach: Reach,
    /// The seeds' registrable domains, if a role may lead there.
    domains: HashSet<Box<str>>,
    /// Sorted.
    seeds: Box<[Fingerprint]>,
    hops_off_site: u8,
    redirects: Crossing,
    sitemaps: Crossing,
    canonical: Crossing,
    assets: Crossing,
    filters: Filters,
    exclude: Patterns,
    include: Patterns,
    extensions: Extensions,
    exclude_extensions: Extensions,
    max_url_length: usize,
    max_parameters: Option<usize>,
    traps: Traps,
    now_year: u16,
}

/// A candidate and how it stands to the mode.
struct Facts<'a> {
    candidate: &'a Candidate<'a>,
    way: Way,
}

/// Whether the mode, or an exception from it, lets a URL in, by which rule, and how far off-site.
struct Way {
    refusal: Option<Refusal>,
    rule: Rule,
    hops: u8,
}

/// Why not, and by which rule.
type Objection = (Refusal, Rule);

/// One check; `None` lets pass.
type Check = fn(&Scope, &Facts<'_>) -> Option<Objection>;

/// All checks in their order, by the keys that set them. The cheap and the ones that forbid come
/// first, the ones that guess last.
const CHECKS: [(&str, Check); 10] = [
    ("limits.url_length", Scope::check_length),
    ("scope.mode", Scope::check_way),
    ("scope.schemes", Scope::check_scheme),
    ("scope.ports", Scope::check_port),
    ("scope.exclude", Scope::check_exclude),
    ("scope.include", Scope::check_include),
    ("scope.exclude_extensions", Scope::check_excluded_extension),
    ("scope.extensions", Scope::check_extension),
    ("limits.parameters", Scope::check_parameters),
    ("traps", Scope::check_traps),
];

impl Scope {
    /// Compiles what may be visited from `seeds`.
    ///
    /// # Errors
    /// Every pattern, SURT prefix and extension that does not compile.
    pub fn new(options: &Options, seeds: &[CanonicalUrl]) -> Result<Self, Vec<PatternError>> {
        let mut errors = Vec::new();
        let include = kept(Patterns::new(&options.include), &mut errors);
        let exclude = kept(Patterns::new(&options.exclude), &mut errors);
        let reach = kept(Reach::new(options, seeds), &mut errors);
        let extensions = kept(Extensions::new(&options.extensions), &mut errors);
        let exclude_extensions = kept(Extensions::new(&options.exclude_extensions), &mut errors);
        let (Some(include), Some(exclude), Some(reach), Some(extensions), Some(exclude_extensions)) =
            (include, exclude, reach, extensions, exclude_extensions)
        else {
            return Err(errors);
        };
        let crossings = [options.redirects, options.sitemaps, options.canonical, options.assets];
        let by_domain = crossings.contains(&Crossing::Domain);
        let mut fingerprints: Vec<Fingerprint> = seeds.iter().map(CanonicalUrl::fingerprint).collect();
        fingerprints.sort_unstable();
        fingerprints.dedup();
        Ok(Self {
            mode: options.mode,
            reach,
            domains: if by_domain { domains(seeds) } else { HashSet::new() },
            seeds: fingerprints.into(),
            hops_off_site: options.hops_off_site,
            redirects: options.redirects,
            sitemaps: options.sitemaps,
            canonical: options.canonical,
            assets: options.assets,
            filters: Filters::new(options),
            exclude,
            include,
            extensions,
            exclude_extensions,
            max_url_length: options.max_url_length,
            max_parameters: options.max_parameters,
            traps: options.traps.clone(),
            now_year: options.now_year,
        })
    }

    /// The scope that refuses nothing.
    pub fn any() -> Self {
        let options = Options {
            mode: Mode::Any,
            max_url_length: usize::MAX,
            max_parameters: None,
            traps: Traps::off(),
            ..Options::default()
        };
        Self::new(&options, &[]).expect("no pattern, so none that fails")
    }

    /// Whether URLs found in this role are wanted at all. Those that are not (`never`) need not be
    /// looked for; [`judge`](Self::judge) refuses them.
    pub fn wants(&self, role: Role) -> bool {
        self.crossing(role) != Crossing::Never
    }

    /// Whether a URL that `rule` refuses could be let in if it is found in another role or by another
    /// way: it should be judged again then.
    pub fn depends_on_way(&self, rule: &Rule) -> bool {
        let crossings = [self.redirects, self.sitemaps, self.canonical, self.assets];
        let reaches_further = || crossings.into_iter().any(|it| matches!(it, Crossing::Domain | Crossing::Any));
        // A sitemap that a page links to is met again as a sitemap.
        let may_be_sitemap = || self.sitemaps != Crossing::Never;
        match rule {
            Rule::Mode(_) => rule.depends_on_way() || reaches_further(),
            Rule::Extension { list: "scope.extensions", .. } => may_be_sitemap(),
            rule => rule.depends_on_way(),
        }
    }

    /// Whether the candidate may be asked for, as far as its text and its way here tell.
    ///
    /// With hops 0 and all crossings `scope` (the defaults), the verdict depends on the URL alone;
    /// but for redirects in [`Mode::List`]. See [`Rule::depends_on_way`].
    pub fn judge(&self, candidate: &Candidate<'_>) -> Ruling {
        let facts = self.facts(candidate);
        for (_, check) in CHECKS {
            if let Some((refusal, rule)) = check(self, &facts) {
                let hops_off_site = facts.way.hops;
                return Ruling { verdict: Verdict::Refuse(refusal), rule: Some(rule), hops_off_site };
            }
        }
        Ruling { verdict: Verdict::Fetch, rule: Some(facts.way.rule), hops_off_site: facts.way.hops }
    }

    /// What every check says, in order; the first that refuses is what [`judge`](Self::judge) says.
    pub fn explain(&self, candidate: &Candidate<'_>) -> Vec<Step> {
        let facts = self.facts(candidate);
        let steps = CHECKS.into_iter().map(|(key, check)| match check(self, &facts) {
            Some((refusal, rule)) => Step { check: key, refusal: Some(refusal), rule: Some(rule) },
            None => Step { check: key, refusal: None, rule: self.passed_by(key, &facts) },
        });
        steps.collect()
    }

    /// What lets a URL pass a check by name, if something does.
    fn passed_by(&self, key: &str, facts: &Facts<'_>) -> Option<Rule> {
        match key {
            "scope.mode" => Some(facts.way.rule.clone()),
            "scope.include" => match self.include.first_match(facts.candidate.url) {
                Some((index, pattern)) => Some(Rule::Pattern { list: "scope.include", index, pattern: pattern.into() }),
                None => (!self.include.is_empty()).then_some(Rule::Seed),
            },
            _ => None,
        }
    }

    fn facts<'a>(&self, candidate: &'a Candidate<'a>) -> Facts<'a> {
        Facts { candidate, way: self.way(candidate) }
    }

    fn crossing(&self, role: Role) -> Crossing {
        match role {
            Role::Seed | Role::Link | Role::SitemapEntry => Crossing::Scope,
            Role::Redirect => self.redirects,
            Role::Sitemap => self.sitemaps,
            Role::Canonical => self.canonical,
            Role::Embedded => self.assets,
        }
    }

    fn way(&self, candidate: &Candidate<'_>) -> Way {
        let &Candidate { url, role, hops_off_site: before, .. } = candidate;
        let crossing = self.crossing(role);
        let by_role = Rule::Crossing { role, crossing };
        if crossing == Crossing::Never {
            return Way { refusal: Some(Refusal::Excluded), rule: by_role, hops: before };
        }
        if self.reach.contains(url) {
            return Way { refusal: None, rule: Rule::Mode(self.mode), hops: 0 };
        }
        if role == Role::Seed || (self.reach.leaves_seeds_out() && self.is_seed(candidate)) {
            return Way { refusal: None, rule: Rule::Seed, hops: 0 };
        }
        if self.mode == Mode::List && role == Role::Redirect && crossing == Crossing::Scope {
            return Way { refusal: None, rule: Rule::ListRedirect, hops: before };
        }
        // A redirect or a nested sitemap is no link: what is off-site already goes no further off.
        let is_hop = !matches!(role, Role::Redirect | Role::Sitemap);
        let hops = if is_hop { before.saturating_add(1) } else { before.max(1) };
        let by_hops = Rule::HopsOffSite { max: self.hops_off_site, hops };
        if hops <= self.hops_off_site {
            return Way { refusal: None, rule: by_hops, hops };
        }
        let (refusal, rule) = match crossing {
            Crossing::Domain if !self.domains.contains(domain(url)) => (Some(Refusal::OutOfScope), by_role),
            Crossing::Domain | Crossing::Any if hops <= self.furthest(role) => (None, by_role),
            Crossing::Scope if self.hops_off_site == 0 => (Some(Refusal::OutOfScope), Rule::Mode(self.mode)),
            _ => (Some(Refusal::TooFar), by_hops),
        };
        Way { refusal, rule, hops }
    }

    /// Most hops of what is let out of the mode for its role. Redirects and sitemaps have bounds of
    /// their own (`fetch.max_redirects`, the nesting of sitemaps).
    fn furthest(&self, role: Role) -> u8 {
        match role {
            Role::Redirect | Role::Sitemap => u8::MAX,
            Role::Embedded => self.hops_off_site.saturating_add(MAX_ASSET_HOPS),
            _ => self.hops_off_site.saturating_add(1),
        }
    }

    fn is_seed(&self, candidate: &Candidate<'_>) -> bool {
        candidate.role == Role::Seed || self.seeds.binary_search(&candidate.url.fingerprint()).is_ok()
    }

    fn check_length(&self, facts: &Facts<'_>) -> Option<Objection> {
        let max = self.max_url_length;
        (facts.candidate.url.as_str().len() > max).then_some((Refusal::UrlTooLong, Rule::UrlLength { max }))
    }

    #[expect(clippy::unused_self, reason = "as all checks")]
    fn check_way(&self, facts: &Facts<'_>) -> Option<Objection> {
        facts.way.refusal.map(|refusal| (refusal, facts.way.rule.clone()))
    }

    fn check_scheme(&self, facts: &Facts<'_>) -> Option<Objection> {
        self.filters.scheme(facts.candidate.url).map(|rule| (Refusal::Excluded, rule))
    }

    fn check_port(&self, facts: &Facts<'_>) -> Option<Objection> {
        self.filters.port(facts.candidate.url).map(|rule| (Refusal::Excluded, rule))
    }

    fn check_exclude(&self, facts: &Facts<'_>) -> Option<Objection> {
        let url = facts.candidate.url;
        if !self.exclude.match_url(url) {
            return None;
        }
        let (index, pattern) = self.exclude.first_match(url)?;
        Some((Refusal::Excluded, Rule::Pattern { list: "scope.exclude", index, pattern: pattern.into() }))
    }

    fn check_include(&self, facts: &Facts<'_>) -> Option<Objection> {
        let admits = self.include.is_empty()
            || self.include.match_url(facts.candidate.url)
            // A seed such as a home page is where the links to the included pages are.
            || self.is_seed(facts.candidate);
        (!admits).then_some((Refusal::Excluded, Rule::NotIncluded))
    }

    fn check_excluded_extension(&self, facts: &Facts<'_>) -> Option<Objection> {
        let url = facts.candidate.url;
        let hit = !self.exclude_extensions.is_empty() && self.exclude_extensions.contain(url);
        hit.then(|| {
            (Refusal::Excluded, Rule::Extension { list: "scope.exclude_extensions", extension: extension_of(url) })
        })
    }

    fn check_extension(&self, facts: &Facts<'_>) -> Option<Objection> {
        let url = facts.candidate.url;
        let admits = self.extensions.is_empty()
            || self.extensions.contain(url)
            // Sitemaps are no pages that could be selected, but name them.
            || facts.candidate.role == Role::Sitemap
            || self.is_seed(facts.candidate);
        (!admits)
            .then(|| (Refusal::Excluded, Rule::Extension { list: "scope.extensions", extension: extension_of(url) }))
    }

    fn check_parameters(&self, facts: &Facts<'_>) -> Option<Objection> {
        let max = self.max_parameters?;
        let n = parameters(facts.candidate.url).count();
        (n > max).then_some((Refusal::TooManyParameters, Rule::Parameters { max, n }))
    }

    fn check_traps(&self, facts: &Facts<'_>) -> Option<Objection> {
        let trap = trap::find(facts.candidate.url, &self.traps, self.now_year)?;
        // A user's own URL is not made up by a page.
        (!self.is_seed(facts.candidate)).then_some((Refusal::Trap, Rule::Trap(trap)))
    }
}

/// The value; errors go to the others.
fn kept<T>(result: Result<T, Vec<PatternError>>, errors: &mut Vec<PatternError>) -> Option<T> {
    result.map_err(|more| errors.extend(more)).ok()
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
        let url = url(text);
        let candidate = Candidate { url: &url, role: Role::Link, depth: 1, hops_off_site: 0 };
        assert_eq!(scope.judge(&candidate).verdict, expected, "{text}");
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
