//! From text to [`CanonicalUrl`]: the URL standard's parser, and then the rules that are on.
//!
//! A rule looks at one part of a URL and gives it back changed, or says that there is nothing to
//! change; parts are written into the URL once, after the last rule. A URL that no rule changes is
//! the parser's and nothing is allocated for it.

use std::{borrow::Cow, sync::Arc};

use encoding_rs::Encoding;
use url::Url;

use super::{
    AddressError, CanonicalUrl, Parameter, Rule, Rules, SESSION_PARAMETERS, TRACKING_PARAMETERS,
    encoding::{join, join_in},
    host,
    parameters::Names,
    path, percent, query,
};

/// What [`Canonicalizer::new`] is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The rules that are on.
    pub rules: Rules,
    /// Parameters besides [`TRACKING_PARAMETERS`].
    pub tracking_parameters_extra: Vec<Parameter>,
    /// Parameters besides [`SESSION_PARAMETERS`].
    pub session_parameters_extra: Vec<Parameter>,
}

/// Applies the rules that are on, in the order of [`Rule`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Canonicalizer {
    rules: Rules,
    /// Those of them that have something to do after the parser.
    steps: Arc<[Rule]>,
    /// Those of the steps that never make one of two different pages.
    safe_steps: Arc<[Rule]>,
    tracking: Arc<Names>,
    session: Arc<Names>,
}

/// With the safe rules.
impl Default for Canonicalizer {
    fn default() -> Self {
        Self::new(&Options::default())
    }
}

impl Canonicalizer {
    /// With these rules.
    pub fn new(options: &Options) -> Self {
        let names = |rule: Rule, listed: &[(&str, &[&str])], extra: &[Parameter]| {
            let is_on = options.rules.contains(rule);
            Arc::new(if is_on { Names::new(listed, extra) } else { Names::default() })
        };
        Self {
            rules: options.rules,
            steps: options.rules.iter().filter(|rule| rule.is_switchable()).collect(),
            safe_steps: options.rules.iter().filter(|rule| rule.is_switchable() && rule.is_default()).collect(),
            tracking: names(Rule::TrackingParameters, &TRACKING_PARAMETERS, &options.tracking_parameters_extra),
            session: names(Rule::SessionParameters, &SESSION_PARAMETERS, &options.session_parameters_extra),
        }
    }

    /// The rules that are on.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Parses an absolute URL.
    ///
    /// # Errors
    /// When it is not a valid URL, or not `http(s)`.
    pub fn parse(&self, text: &str) -> Result<CanonicalUrl, AddressError> {
        self.apply(Url::parse(text)?)
    }

    /// Resolves a reference against a base, as a browser would.
    ///
    /// # Errors
    /// When the result is not a valid URL, or not `http(s)`.
    pub fn resolve(&self, base: &Url, reference: &str) -> Result<CanonicalUrl, AddressError> {
        self.apply(join(base, reference)?)
    }

    /// The same on a page in another encoding than UTF-8 ([`join_in`]).
    ///
    /// # Errors
    /// As [`Canonicalizer::resolve`].
    pub fn resolve_in(
        &self,
        base: &Url,
        reference: &str,
        page: &'static Encoding,
    ) -> Result<CanonicalUrl, AddressError> {
        self.apply(join_in(base, reference, page)?)
    }

    /// The part of a reference on which it depends where it leads: two that agree in it lead to the same place. All of
    /// it, or what stands before the fragment, if that is dropped anyway (a fragment makes no reference invalid).
    pub fn what_counts<'r>(&self, reference: &'r str) -> &'r str {
        let before =
            reference.split_once('#').filter(|_| self.rules.contains(Rule::Fragment)).map(|(before, _)| before);
        // White space is cut off at the end of a reference, and not within it.
        before.filter(|it| !it.ends_with(|c| c <= ' ')).unwrap_or(reference)
    }

    /// Where a redirect from `from` leads. A server that redirects from one form to another tells them
    /// apart; where the rules would make the target the URL that redirects (`/a/` to `/a/index.html`,
    /// `example.com` to `www.example.com`), only the safe ones are applied, and the page is not lost.
    ///
    /// # Errors
    /// As [`Canonicalizer::resolve`].
    pub fn resolve_redirect(&self, from: &CanonicalUrl, reference: &str) -> Result<CanonicalUrl, AddressError> {
        let target = self.resolve(from.as_url(), reference)?;
        if target != *from || self.steps.len() == self.safe_steps.len() {
            return Ok(target);
        }
        self.apply_steps(&self.safe_steps, join(from.as_url(), reference)?)
    }

    /// The canonical form of a URL that has been parsed.
    ///
    /// # Errors
    /// When it is not `http(s)`.
    pub fn apply(&self, url: Url) -> Result<CanonicalUrl, AddressError> {
        self.apply_steps(&self.steps, url)
    }

    fn apply_steps(&self, steps: &[Rule], mut url: Url) -> Result<CanonicalUrl, AddressError> {
        drop_userinfo(&mut url)?;
        let mut parts = Parts::of(&url);
        steps.iter().for_each(|rule| self.step(*rule, &mut parts));
        let rewritten = parts.into_rewritten(&url);
        rewritten.write(&mut url);
        Ok(CanonicalUrl(url))
    }

    /// Applies the rules one after another; `after` sees what each has left.
    pub(super) fn rewrite<'a>(&self, parts: &mut Parts<'a>, mut after: impl FnMut(Rule, &Parts<'a>)) {
        for rule in self.steps.iter().copied() {
            self.step(rule, parts);
            after(rule, parts);
        }
    }

    fn step(&self, rule: Rule, parts: &mut Parts<'_>) {
        match rule {
            // The first is done before the rules, the others by the parser.
            Rule::Userinfo | Rule::DefaultPort | Rule::Case | Rule::DotSegments | Rule::Idn => {}
            Rule::Fragment => parts.fragment = None,
            Rule::PercentEncoding => {
                change(&mut parts.path, percent::normal_form);
                parts.change_query(percent::normal_form);
            }
            Rule::EmptyQuery => parts.query = parts.query.take().filter(|query| !query.is_empty()),
            Rule::SortedQuery => parts.change_query(query::sorted),
            Rule::TrackingParameters => parts.change_query(|query| query::without(query, &self.tracking)),
            Rule::SessionParameters => {
                change(&mut parts.path, |path| path::without_sessions(path, &self.session));
                parts.change_query(|query| query::without(query, &self.session));
            }
            Rule::IndexFile => change(&mut parts.path, path::without_index_file),
            Rule::DuplicateSlashes => change(&mut parts.path, path::single_slashes),
            Rule::Www => change(&mut parts.host, host::without_www),
            Rule::LowercasePath => change(&mut parts.path, path::lower_case),
        }
    }
}

/// [`Rule::Userinfo`], and the refusal of what can't be crawled.
pub(super) fn drop_userinfo(url: &mut Url) -> Result<(), AddressError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Both setters fail only for URLs without a host, and http(s) URLs have one.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    Ok(())
}

/// The parts of a URL that rules change: borrowed until one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) host: Cow<'a, str>,
    pub(super) path: Cow<'a, str>,
    pub(super) query: Option<Cow<'a, str>>,
    pub(super) fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(url: &'a Url) -> Self {
        Self {
            host: url.host_str().unwrap_or_default().into(),
            path: url.path().into(),
            query: url.query().map(Cow::Borrowed),
            fragment: url.fragment(),
        }
    }

    /// A query of which a rule leaves nothing is gone, with its `?`.
    fn change_query(&mut self, rule: impl FnOnce(&str) -> Option<String>) {
        if let Some(changed) = self.query.as_deref().and_then(rule) {
            self.query = (!changed.is_empty()).then_some(Cow::Owned(changed));
        }
    }

    /// What differs from `url`, which these were parts of.
    pub(super) fn into_rewritten(self, url: &Url) -> Rewritten {
        let owned = |part: Cow<'_, str>| if let Cow::Owned(text) = part { Some(text) } else { None };
        Rewritten {
            host: owned(self.host),
            path: owned(self.path),
            query: match self.query {
                None => url.query().is_some().then_some(None),
                Some(query) => owned(query).map(Some),
            },
            drops_fragment: self.fragment.is_none() && url.fragment().is_some(),
        }
    }
}

fn change(part: &mut Cow<'_, str>, rule: impl FnOnce(&str) -> Option<String>) {
    if let Some(changed) = rule(part) {
        *part = Cow::Owned(changed);
    }
}

/// The parts of a URL that are to be written anew.
pub(super) struct Rewritten {
    host: Option<String>,
    path: Option<String>,
    query: Option<Option<String>>,
    drops_fragment: bool,
}

impl Rewritten {
    pub(super) fn write(self, url: &mut Url) {
        // From the end to the front, so that less is moved. The setters parse what they are given,
        // and rules make only what the parser leaves as it is.
        if self.drops_fragment {
            url.set_fragment(None);
        }
        if let Some(query) = self.query {
            url.set_query(query.as_deref());
        }
        if let Some(path) = self.path {
            url.set_path(&path);
        }
        if let Some(host) = self.host {
            // It fails for no host that is a part of a valid one; if it did, the host would stay.
            let _ = url.set_host(Some(&host));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(rules: impl IntoIterator<Item = Rule>) -> Canonicalizer {
        Canonicalizer::new(&Options { rules: rules.into_iter().collect(), ..Options::default() })
    }

    fn check(input: &str, expected: &str) {
        let url = Canonicalizer::default().parse(input).expect("valid");
        assert_eq!(url.as_str(), expected);
    }

    #[test]
    fn canonical_forms() {
        check("HTTP://EXAMPLE.com:80/a/../b#frag", "http://example.com/b");
        check("http://user:secret@h/", "http://h/");
        check("http://:secret@h/", "http://h/");
        check("https://h:443/%7euser/%c3%a9", "https://h/~user/%C3%A9");
        check("http://h/a%2fb?x=%3d%41", "http://h/a%2Fb?x=%3DA");
        check("http://h/%2e%2E/x", "http://h/x");
        check("http://h/a%2Ehtml", "http://h/a.html");
        check("http://h/a%zz%4", "http://h/a%zz%4");
        check("http://h/%%341", "http://h/%%341");
        check("http://h?", "http://h/");
        check("http://h/a?&", "http://h/a?&");
        check("http://h/a?#b", "http://h/a");
        check("http://h/#?", "http://h/");
        check("http://münchen.example/", "http://xn--mnchen-3ya.example/");
        check("http://0x7f.1/", "http://127.0.0.1/");
        check("http://www.h/A//index.html;sid=1?b&a&utm_source=1", "http://www.h/A//index.html;sid=1?b&a&utm_source=1");
    }

    #[test]
    fn every_rule_does_what_its_example_says() {
        for rule in Rule::ALL {
            let (before, after) = rule.example();
            assert_eq!(with([rule]).parse(before).expect("valid").as_str(), after, "{rule}");
            let is_left = with([]).parse(before).expect("valid").as_str() == before;
            assert_eq!(is_left, rule.is_switchable(), "{rule}");
        }
    }

    #[test]
    fn all_rules_together() {
        let check = |input: &str, expected: &str| {
            assert_eq!(with(Rule::ALL).parse(input).expect("valid").as_str(), expected);
        };
        check("http://WWW.Example.com:80/A//Index%2Ehtml;jsessionid=1?utm%5Fsource=x#y", "http://example.com/a/");
        check("http://www.co.uk/?utm_id=1&&b=1&A=2&sid=3", "http://www.co.uk/?&A=2&b=1");
        check("http://h/(S(x))/a/..;sid=1/?", "http://h/a/..;sid=1/");
    }

    #[test]
    fn parameters_can_be_added() {
        let rules = Rules::default().with(Rule::TrackingParameters).with(Rule::SessionParameters);
        let canonicalizer = Canonicalizer::new(&Options {
            rules,
            tracking_parameters_extra: vec!["Partner*".parse().expect("a name")],
            session_parameters_extra: vec!["visit".parse().expect("a name")],
        });
        let url = canonicalizer.parse("http://h/a;visit=1;v=2?partner_id=1&visit=2&x=3&gclid=4&sid=5").expect("valid");
        assert_eq!(url.as_str(), "http://h/a;v=2?x=3");
    }

    #[test]
    fn a_redirect_between_forms_of_one_page_leads_somewhere() {
        let check = |from: &str, reference: &str, expected: &str| {
            let from = with(Rule::ALL).parse(from).expect("valid");
            assert_eq!(with(Rule::ALL).resolve_redirect(&from, reference).expect("valid").as_str(), expected);
        };
        check("http://example.com/", "http://www.example.com/#x", "http://www.example.com/");
        check("http://h/a/", "Index%2Ehtml", "http://h/a/Index.html");
        check("http://h/a/", "/a/", "http://h/a/");
        check("http://h/a/", "/b//index.html", "http://h/b/");
        let from = CanonicalUrl::from_stored("http://www.example.com/").expect("valid");
        assert_eq!(
            with(Rule::ALL).resolve_redirect(&from, "//example.com").expect("valid").as_str(),
            "http://example.com/"
        );
    }

    #[test]
    fn other_schemes_are_refused() {
        let err = Canonicalizer::default().parse("mailto:a@b").unwrap_err();
        assert_eq!(err, AddressError::Scheme("mailto".into()));
    }

    /// URLs made of pieces on which rules trip.
    fn nasty() -> impl Strategy<Value = String> {
        let host = prop::sample::select(vec![
            "h",
            "www.h",
            "www.www.example.com",
            "www.com",
            "www.co.uk",
            "WWW.münchen.example.",
            "www..com",
            "www.1.2.3.4",
            "[::1]:80",
            "u:p@www.example.com:443",
            "www.github.io",
            "xn--www-.com",
        ]);
        let piece = prop::sample::select(vec![
            "/",
            "//",
            ".",
            "..",
            "%2e",
            "%2E%2E",
            "%",
            "%4",
            "%%341",
            "%25",
            "%7e",
            "%c3%a9",
            "%2f",
            ";",
            ";jsessionid=1",
            ";sid=",
            "jsessionid=2",
            "(S(x))",
            "(",
            ")",
            "index.html",
            "Default.aspx",
            "a",
            "B",
            "é",
            "\\",
            "\t",
            " ",
            "?",
            "&",
            "&&",
            "=",
            "utm_source=1",
            "UTM%5fid",
            "gclid",
            "sid=3",
            "#",
            "'",
            "\"",
            "|",
            "+",
            ":",
            "@",
            "\u{0}",
        ]);
        let scheme = prop::sample::select(vec!["http", "HTTPS"]);
        (scheme, host, prop::collection::vec(piece, 0..14))
            .prop_map(|(scheme, host, pieces)| format!("{scheme}://{host}/{}", pieces.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn idempotent_under_every_set_of_rules(text in nasty(), bits in any::<u16>()) {
            let canonicalizer = with(Rule::ALL.into_iter().filter(|rule| bits >> *rule as u8 & 1 == 1));
            if let Ok(once) = canonicalizer.parse(&text) {
                let twice = canonicalizer.parse(once.as_str()).expect("still valid");
                prop_assert_eq!(&twice, &once);
                prop_assert_eq!(CanonicalUrl::from_stored(once.as_str()).expect("valid"), once);
            }
        }

        #[test]
        fn each_rule_alone_is_idempotent(text in nasty()) {
            for rule in Rule::ALL {
                let canonicalizer = with([rule]);
                if let Ok(once) = canonicalizer.parse(&text) {
                    prop_assert_eq!(canonicalizer.parse(once.as_str()).expect("still valid"), once);
                }
            }
        }

        #[test]
        fn without_rules_only_userinfo_goes(text in nasty()) {
            if let Ok(mut url) = Url::parse(&text) {
                let canonical = with([]).parse(&text).expect("valid");
                let _ = url.set_username("");
                let _ = url.set_password(None);
                prop_assert_eq!(canonical.as_url(), &url);
            }
        }

        #[test]
        fn what_counts_decides(text in nasty(), cut in 0..80_usize) {
            // As a whole URL and as what is left of one, which is mostly a relative reference.
            let base = Url::parse("http://base.example/a/b?c").expect("valid");
            let reference: String = text.chars().skip(cut).collect();
            for rules in [Rules::default(), Rules::least()] {
                let canonicalizer = with(rules.iter());
                let resolve = |reference: &str| canonicalizer.resolve(&base, reference).ok();
                prop_assert_eq!(resolve(canonicalizer.what_counts(&reference)), resolve(&reference), "{}", reference);
            }
        }

        #[test]
        fn any_text(path in "\\PC{0,40}") {
            let c = Canonicalizer::default();
            if let Ok(once) = c.parse(&format!("http://h/{path}")) {
                prop_assert_eq!(&c.parse(once.as_str()).expect("still valid"), &once);
            }
        }
    }
}
