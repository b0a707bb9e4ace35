//! An address, alone and against a base: canonical form is a fixed point, and says what it is.
#![no_main]

use dragline::address::{CanonicalUrl, Canonicalizer};
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|text: &str| {
    let rules = Canonicalizer::default();
    let base = Url::parse("https://example.com/a/b?c#d").expect("a URL");
    for canonical in [rules.parse(text), rules.resolve(&base, text)].into_iter().flatten() {
        check(&rules, &canonical);
    }
});

fn check(rules: &Canonicalizer, canonical: &CanonicalUrl) {
    let again = rules.parse(canonical.as_str()).expect("what is canonical is an address");
    assert_eq!(again.as_str(), canonical.as_str(), "not idempotent");
    assert_eq!(again.fingerprint(), canonical.fingerprint());
    let url = canonical.as_url();
    assert!(matches!(url.scheme(), "http" | "https"), "{canonical}");
    assert!(url.username().is_empty() && url.password().is_none(), "credentials were kept");
    assert!(canonical.path_and_query().starts_with('/'));
    let robots = canonical.robots_txt();
    assert_eq!((robots.path_and_query(), robots.origin()), ("/robots.txt", canonical.origin()));
}
