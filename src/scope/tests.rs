//! Scope as a whole: laws that hold for all URLs, roles and their rules, and lists of what real
//! sites have.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::{
    address::Canonicalizer,
    verdict::{Refusal, Verdict},
};

fn url(text: &str) -> CanonicalUrl {
    Canonicalizer::default().parse(text).expect("valid")
}

fn scope(options: &Options, seeds: &[&str]) -> Scope {
    let seeds: Vec<CanonicalUrl> = seeds.iter().map(|seed| url(seed)).collect();
    Scope::new(options, &seeds).expect("valid options")
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

/// Judges; `Ok` holds the hops, `Err` the reason, both with the rule.
fn ruled(scope: &Scope, text: &str, role: Role, hops: u8) -> Result<(u8, String), (Refusal, String)> {
    let url = url(text);
    let ruling = scope.judge(&Candidate { url: &url, role, depth: 1, hops_off_site: hops });
    let rule = ruling.rule.expect("every verdict has its rule").to_string();
    match ruling.verdict {
        Verdict::Fetch => Ok((ruling.hops_off_site, rule)),
        Verdict::Refuse(refusal) => Err((refusal, rule)),
    }
}

fn fetched(scope: &Scope, text: &str, role: Role, hops: u8) -> Option<u8> {
    ruled(scope, text, role, hops).ok().map(|(hops, _)| hops)
}

fn refused(scope: &Scope, text: &str, role: Role, hops: u8, refusal: Refusal, rule: &str) {
    assert_eq!(ruled(scope, text, role, hops), Err((refusal, rule.to_owned())), "{text}");
}

const SEED: &str = "http://www.example.org/docs/";

#[test]
fn every_refusal_names_its_rule() {
    let options = Options {
        exclude: strings(&["/a*", "re:[?]b", "*.pdf", "*.p*"]),
        schemes: strings(&["http"]),
        ports: vec![80, 8080],
        exclude_extensions: strings(&["zip"]),
        max_url_length: 200,
        max_parameters: Some(3),
        ..Options::default()
    };
    let scope = scope(&options, &[SEED]);
    let check = |text: &str, refusal, rule: &str| refused(&scope, text, Role::Link, 0, refusal, rule);
    let long = format!("http://www.example.org/{}", "x".repeat(200));
    check(&long, Refusal::UrlTooLong, "limits.url_length = 200");
    check("http://example.com/", Refusal::OutOfScope, "scope.mode = host");
    check("https://www.example.org/", Refusal::Excluded, "scope.schemes: https is not listed");
    check("http://www.example.org:81/", Refusal::Excluded, "scope.ports: 81 is not listed");
    check("http://www.example.org/x.pdf", Refusal::Excluded, "scope.exclude[2] = \"*.pdf\"");
    check("http://www.example.org/abc?b", Refusal::Excluded, "scope.exclude[0] = \"/a*\"");
    check("http://www.example.org/x?b", Refusal::Excluded, "scope.exclude[1] = \"re:[?]b\"");
    check("http://www.example.org/x.ZIP", Refusal::Excluded, "scope.exclude_extensions: \"zip\"");
    check("http://www.example.org/?q&w&e&r", Refusal::TooManyParameters, "limits.parameters = 3: 4 parameters");
    check("http://www.example.org/q/w/q/w/q/w/", Refusal::Trap, "traps.repeated_segments = 3: `q/w` 3 times in a row");
    assert_eq!(ruled(&scope, "http://www.example.org:8080/", Role::Link, 0), Ok((0, "scope.mode = host".into())));
}

#[test]
fn selection_spares_seeds_and_prohibition_does_not() {
    let options = Options {
        include: strings(&["/docs/x*"]),
        extensions: strings(&["html"]),
        exclude: strings(&["*/never/"]),
        ..Options::default()
    };
    let seeds = ["http://h/", "http://h/a/b/a/b/a/b/", "http://h/never/"];
    let scope = scope(&options, &seeds);
    for (role, text) in [(Role::Seed, seeds[0]), (Role::Link, seeds[0]), (Role::Link, seeds[1])] {
        assert_eq!(fetched(&scope, text, role, 0), Some(0), "{text}");
    }
    refused(&scope, seeds[2], Role::Seed, 0, Refusal::Excluded, "scope.exclude[0] = \"*/never/\"");
    refused(&scope, "http://h/shop.html", Role::Link, 0, Refusal::Excluded, "scope.include: no pattern matches");
    refused(&scope, "http://h/docs/x.txt", Role::Link, 0, Refusal::Excluded, "scope.extensions: \"txt\" is not listed");
    assert_eq!(fetched(&scope, "http://h/docs/x.html", Role::Link, 0), Some(0));
}

#[test]
fn surt_mode_reaches_its_prefixes_and_the_seeds() {
    let options =
        Options { mode: Mode::Surt, surts: strings(&["(org,example,", "http://(com,h,)/a/"]), ..Options::default() };
    let scope = scope(&options, &["http://seed.example/"]);
    for text in ["http://seed.example/", "https://a.example.org/x", "http://h.com/a/b"] {
        assert_eq!(fetched(&scope, text, Role::Link, 0), Some(0), "{text}");
    }
    for text in ["http://seed.example/x", "http://h.com/b", "http://www.h.com/a/"] {
        refused(&scope, text, Role::Link, 0, Refusal::OutOfScope, "scope.mode = surt");
    }
}

#[test]
fn a_list_is_its_seeds_and_their_redirects() {
    let options = Options { mode: Mode::List, ..Options::default() };
    let list = scope(&options, &["http://a/", "http://b/x"]);
    assert_eq!(fetched(&list, "http://b/x", Role::Link, 0), Some(0));
    refused(&list, "http://b/", Role::Link, 0, Refusal::OutOfScope, "scope.mode = list");
    refused(&list, "http://b/", Role::SitemapEntry, 0, Refusal::OutOfScope, "scope.mode = list");
    assert_eq!(fetched(&list, "https://elsewhere/", Role::Redirect, 0), Some(0));
    let still = scope(&Options { redirects: Crossing::Never, ..options.clone() }, &["http://a/"]);
    refused(&still, "http://a/y", Role::Redirect, 0, Refusal::Excluded, "scope.redirects = never");
    let home = scope(&Options { redirects: Crossing::Domain, ..options }, &["http://a.example.org/"]);
    assert_eq!(fetched(&home, "http://www.example.org/", Role::Redirect, 0), Some(1));
    refused(&home, "http://example.com/", Role::Redirect, 0, Refusal::OutOfScope, "scope.redirects = domain");
}

#[test]
fn hops_off_site_are_counted_from_the_edge() {
    let two = scope(&Options { hops_off_site: 2, ..Options::default() }, &[SEED]);
    let off = "http://elsewhere.example/";
    assert_eq!(fetched(&two, off, Role::Link, 0), Some(1));
    assert_eq!(fetched(&two, off, Role::Link, 1), Some(2));
    refused(&two, off, Role::Link, 2, Refusal::TooFar, "scope.hops_off_site = 2: 3 hops off-site");
    // The way back leads home.
    assert_eq!(fetched(&two, SEED, Role::Link, 2), Some(0));
    // A redirect is no hop, but leaves the site.
    assert_eq!(fetched(&two, off, Role::Redirect, 0), Some(1));
    assert_eq!(fetched(&two, off, Role::Redirect, 2), Some(2));
    refused(&two, off, Role::Link, u8::MAX, Refusal::TooFar, "scope.hops_off_site = 2: 255 hops off-site");
}

#[test]
fn each_role_has_its_rule() {
    let options = Options {
        redirects: Crossing::Any,
        sitemaps: Crossing::Domain,
        canonical: Crossing::Any,
        assets: Crossing::Any,
        exclude: strings(&["*/private"]),
        ..Options::default()
    };
    let scope = scope(&options, &[SEED]);
    let off = "http://cdn.example.net/x";
    assert_eq!(ruled(&scope, off, Role::Redirect, 0), Ok((1, "scope.redirects = any".into())));
    // A chain goes on; what is linked from its end does not.
    assert_eq!(fetched(&scope, off, Role::Redirect, 1), Some(1));
    refused(&scope, off, Role::Link, 1, Refusal::OutOfScope, "scope.mode = host");
    assert_eq!(fetched(&scope, "https://example.org/sitemap.xml", Role::Sitemap, 0), Some(1));
    refused(&scope, off, Role::Sitemap, 0, Refusal::OutOfScope, "scope.sitemaps = domain");
    // Its entries are back home, or left out.
    assert_eq!(fetched(&scope, "http://www.example.org/x", Role::SitemapEntry, 1), Some(0));
    refused(&scope, "https://example.org/x", Role::SitemapEntry, 1, Refusal::OutOfScope, "scope.mode = host");
    // One step for a canonical link, two for an asset.
    assert_eq!(fetched(&scope, off, Role::Canonical, 0), Some(1));
    refused(&scope, off, Role::Canonical, 1, Refusal::TooFar, "scope.hops_off_site = 0: 2 hops off-site");
    assert_eq!(fetched(&scope, off, Role::Embedded, 1), Some(2));
    refused(&scope, off, Role::Embedded, 2, Refusal::TooFar, "scope.hops_off_site = 0: 3 hops off-site");
    // Patterns and guards hold for all.
    for role in Role::ALL {
        refused(
            &scope,
            "http://www.example.org/private",
            role,
            0,
            Refusal::Excluded,
            "scope.exclude[0] = \"*/private\"",
        );
    }
}

#[test]
fn never_is_not_even_at_home() {
    let options = Options { canonical: Crossing::Never, ..Options::default() };
    let scope = scope(&options, &[SEED]);
    assert!(!scope.wants(Role::Canonical) && scope.wants(Role::Embedded) && scope.wants(Role::Link));
    refused(&scope, SEED, Role::Canonical, 0, Refusal::Excluded, "scope.canonical = never");
}

#[test]
fn explanations_hold_every_check() {
    let options =
        Options { include: strings(&["/x/*", "/docs/*"]), exclude: strings(&["*.pdf"]), ..Options::default() };
    let scope = scope(&options, &[SEED]);
    let url = url("http://www.example.org/docs/a/a/a/b.pdf");
    let steps = scope.explain(&Candidate { url: &url, role: Role::Link, depth: 1, hops_off_site: 0 });
    let lines: Vec<String> = steps.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "limits.url_length: passed",
            "scope.mode: passed (scope.mode = host)",
            "scope.schemes: passed",
            "scope.ports: passed",
            "scope.exclude: refused, excluded (scope.exclude[0] = \"*.pdf\")",
            "scope.include: passed (scope.include[1] = \"/docs/*\")",
            "scope.exclude_extensions: passed",
            "scope.extensions: passed",
            "limits.parameters: passed",
            "traps: refused, trap (traps.repeated_segments = 3: `a` 3 times in a row)",
        ]
    );
}

/// Paths and queries as sites have them, none of which is a trap.
const REAL: [&str; 60] = [
    "/",
    "/2024/01/15/title",
    "/2011/11/11/11-reasons",
    "/blog/2011/11/11/11/11/",
    "/a/a/",
    "/en/en/",
    "/docs/1.2.3/api/v1/v1/index.html",
    "/v2/v2/manifests/v2",
    "/tiles/0/0/0.png",
    "/tiles/15/17000/11000.png",
    "/photos/00/00/00/12.jpg",
    "/ab/cd/ef/abcdef0123456789.jpg",
    "/wiki/New_York,_New_York",
    "/wiki/Talk:Main_Page/Archive_1",
    "/w/index.php?title=Special:Log&page=User%3AExample&type=block",
    "/w/index.php?title=A&diff=123456789&oldid=123456788",
    "/repos/o/r/tree/main/src/main/java/org/o/r/src/main",
    "/o/r/blob/0123456789abcdef0123456789abcdef01234567/tests/tests/test_tests.py",
    "/o/r/compare/v1.0...v1.1",
    "/node_modules/a/node_modules/b/node_modules/c/node_modules/d/index.js",
    "/src/a/src/b/src/c/src/d/mod.rs",
    "/web/20200101000000/http://example.com/",
    "/web/20200101000000/https://web.archive.org/web/2019/http://example.com/",
    "/search?q=rust&q=crawler&page=2",
    "/search?q=100%25&lang=en",
    "/shop?cat[]=1&cat[]=2&cat[]=3&cat[]=4&color=red&color=blue&size=m&sort=price",
    "/shop/women/shoes/boots?filter=brand%3Aacme%7Cbrand%3Aother",
    "/form?a=&b=&c=&c=&c=&c=&c=",
    "/login?next=%2Faccount%2Forders%3Fpage%3D2",
    "/login?next=%2Flogin%3Fnext%3D%252Faccount",
    "/share?url=http%3A%2F%2Fexample.com%2F&media=http%3A%2F%2Fexample.com%2Fa.jpg&via=http%3A%2F%2Fexample.com",
    "/sharer.php?u=https://example.com/a?b=c",
    "/oauth?redirect_uri=https%3A%2F%2Fexample.com%2Fcb%3Fnext%3Dhttps%253A%252F%252Fexample.com",
    "/image/fetch/w_100/https://example.com/a.jpg",
    "/page;jsessionid=0123456789ABCDEF.node1",
    "/(S(abcdef123456))/default.aspx",
    "/Rust_(programming_language)",
    "/calendar/2026/05",
    "/calendar/2031-05-12/",
    "/calendar/1969/07/20",
    "/events/2024/01/15/concert",
    "/events/4711",
    "/event/2137/10",
    "/events?date=2025-01-01",
    "/archive/1789/07/14",
    "/films?year=1925",
    "/data?year=2100&scenario=ssp5",
    "/product/4512/10",
    "/issues/2137/05",
    "/topic/99999-what-happens-in-2189",
    "/RFC/rfc2119",
    "/en-us/dotnet/api/system.collections.generic.dictionary-2.keycollection.enumerator?view=net-8.0",
    "/javadoc/java.base/java/util/java/util/List.html",
    "/std/collections/hash_map/struct.HashMap.html?search=hash",
    "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t",
    "/fr/articles/2024/janvier/15/la-vie-la-vie-la-vie/",
    "/maps/@52.5200,13.4050,15z/data=!3m1!4b1",
    "/static//js//app.js",
    "/b/?ie=UTF8&node=1&ref_=nav_1&pf_rd_r=ABC&pf_rd_p=DEF&pf_rd_s=a&pf_rd_t=b&pf_rd_i=c",
    "/cgi-bin/koha/opac-detail.pl?biblionumber=2137&query_desc=kw%2Cwrdl%3A%20rust",
];

fn guarded(seed: &str) -> Scope {
    scope(&Options { now_year: 2026, max_url_length: 2048, ..Options::default() }, &[seed])
}

#[test]
fn what_real_sites_have_is_no_trap() {
    let scope = guarded("http://h/");
    for text in REAL {
        assert_eq!(
            ruled(&scope, &format!("http://h{text}"), Role::Link, 0),
            Ok((0, "scope.mode = host".into())),
            "{text}"
        );
    }
}

/// 64 KiB of `unit` after `start`, canonical without a walk through the parser's own slow paths.
fn hostile(start: &str, unit: &str) -> CanonicalUrl {
    let text = format!("http://h/{start}{}", unit.repeat(65_536 / unit.len()));
    CanonicalUrl::from_stored(&text).expect("valid")
}

#[test]
fn hostile_urls_take_linear_time() {
    let none = Traps::default();
    // Bounds so high that every rule must look at everything.
    let traps = Traps {
        repeated_segments: Some(u16::MAX),
        recurring_segments: Some(u16::MAX),
        path_segments: None,
        query_length: None,
        nested_urls: Some(u16::MAX),
        repeated_parameters: Some(u16::MAX),
        repeated_pairs: Some(u16::MAX),
        ..none
    };
    let options = Options {
        mode: Mode::Any,
        max_url_length: usize::MAX,
        max_parameters: None,
        traps,
        now_year: 2026,
        exclude: strings(&["*never*", "re:(a*)*never$"]),
        extensions: strings(&["", "html"]),
        exclude_extensions: strings(&["tar.gz"]),
        ..Options::default()
    };
    let scope = scope(&options, &["http://h/"]);
    let cases = [
        ("", "/"),
        ("", "%25"),
        ("?", "&"),
        ("", "a/"),
        ("", "a/b/"),
        ("?", "a=b&"),
        ("?", "%25"),
        ("?", "25%"),
        ("%", "25"),
        ("?", "http://"),
        ("?", "%3A%2F%2F"),
        ("calendar/", "2026/05/"),
        ("calendar?", "date=2026-05&"),
        ("", ";jsessionid="),
        ("", "."),
        ("", "a.b."),
        ("calendar/", "2026-"),
    ];
    for (start, unit) in cases {
        let url = hostile(start, unit);
        let began = Instant::now();
        for role in Role::ALL {
            let candidate = Candidate { url: &url, role, depth: 0, hops_off_site: 0 };
            scope.judge(&candidate);
        }
        let took = began.elapsed() / 7;
        assert!(took < Duration::from_millis(250), "{start}{unit}…: {took:?}");
    }
}

prop_compose! {
    fn any_url()(
        scheme in "https?", host in "(www\\.)?(a|b|example)\\.(org|co\\.uk|test)", port in "(:(81|8080))?",
        path in "(/(a|b|c|docs|calendar|2031|2137|05|x\\.pdf|y\\.tar\\.gz|%25252F|;jsessionid=1)){0,10}/?",
        query in "(\\?((a|b|year|month|date)=(1|2137|05|2137-05|http://x/|%2525)?&){0,6})?",
    ) -> CanonicalUrl {
        url(&format!("{scheme}://{host}{port}{path}{query}"))
    }
}

prop_compose! {
    fn any_options()(
        mode in prop::sample::select(Mode::ALL.to_vec()),
        crossings in prop::array::uniform4(prop::sample::select(vec![Crossing::Never, Crossing::Scope, Crossing::Domain, Crossing::Any])),
        hops_off_site in 0u8..3,
        include in prop::sample::subsequence(vec!["/docs/*", "re:/a/", "*"], 0..=2),
        exclude in prop::sample::subsequence(vec!["*.pdf", "/c*", "re:b/b"], 0..=3),
        schemes in prop::sample::subsequence(vec!["http", "https"], 0..=2),
        ports in prop::sample::subsequence(vec![80u16, 443, 8080], 0..=3),
        extensions in prop::sample::subsequence(vec!["", "pdf", "gz"], 0..=3),
        exclude_extensions in prop::sample::subsequence(vec!["pdf", "tar.gz"], 0..=2),
        max_parameters in prop::option::of(0usize..5),
        is_guarded in any::<bool>(),
    ) -> Options {
        Options {
            mode, hops_off_site, ports, max_parameters,
            surts: strings(&["(org,example,", "(uk,co,a,)/docs/"]),
            include: strings(&include), exclude: strings(&exclude), schemes: strings(&schemes),
            extensions: strings(&extensions), exclude_extensions: strings(&exclude_extensions),
            redirects: crossings[0], sitemaps: crossings[1], canonical: crossings[2], assets: crossings[3],
            max_url_length: 120,
            traps: if is_guarded { Traps::default() } else { Traps::off() },
            now_year: 2026,
        }
    }
}

/// The verdict as one would write it down without a thought for speed.
fn naive(options: &Options, seeds: &[CanonicalUrl], candidate: &Candidate<'_>) -> Result<(), Refusal> {
    let Candidate { url, role, hops_off_site: before, .. } = *candidate;
    let is_seed = role == Role::Seed || seeds.contains(url);
    let alone = |options: Options| Scope::new(&options, seeds).expect("valid");
    let judge_alone = |options: Options| {
        let candidate = Candidate { url, role: Role::Link, depth: 0, hops_off_site: 0 };
        alone(options).judge(&candidate).verdict
    };
    let bare = || Options { mode: Mode::Any, traps: Traps::off(), max_parameters: None, ..Options::default() };
    if url.as_str().len() > options.max_url_length {
        return Err(Refusal::UrlTooLong);
    }
    let crossing = match role {
        Role::Redirect => options.redirects,
        Role::Sitemap => options.sitemaps,
        Role::Canonical => options.canonical,
        Role::Embedded => options.assets,
        _ => Crossing::Scope,
    };
    if crossing == Crossing::Never {
        return Err(Refusal::Excluded);
    }
    let by_mode = Options { mode: options.mode, surts: options.surts.clone(), ..bare() };
    let inside = is_seed || judge_alone(by_mode) == Verdict::Fetch;
    let in_list = options.mode == Mode::List && role == Role::Redirect && crossing == Crossing::Scope;
    if !inside && !in_list {
        let is_hop = role != Role::Redirect && role != Role::Sitemap;
        let hops = if is_hop { u32::from(before) + 1 } else { u32::from(before.max(1)) };
        let max = u32::from(options.hops_off_site);
        let at_home = judge_alone(Options { mode: Mode::Domain, ..bare() }) == Verdict::Fetch;
        let leap = match role {
            Role::Canonical => hops <= max + 1,
            Role::Embedded => hops <= max + 2,
            _ => true,
        };
        let leaps = leap && (crossing == Crossing::Any || (crossing == Crossing::Domain && at_home));
        if hops > max && !leaps {
            let is_flat = max == 0 && crossing == Crossing::Scope;
            let is_foreign = crossing == Crossing::Domain && !at_home;
            return Err(if is_flat || is_foreign { Refusal::OutOfScope } else { Refusal::TooFar });
        }
    }
    let any_of = |patterns: &[String]| {
        patterns.iter().any(|pattern| {
            let exclude = vec![pattern.clone()];
            judge_alone(Options { exclude, ..bare() }) != Verdict::Fetch
        })
    };
    let port = url.as_url().port_or_known_default().expect("known");
    let name = url.as_url().path().rsplit('/').next().expect("one").split(';').next().expect("one");
    let has = |extension: &String| match extension.as_str() {
        "" => !name.contains('.'),
        extension => name.ends_with(&format!(".{extension}")),
    };
    if (!options.schemes.is_empty() && !options.schemes.iter().any(|scheme| scheme == url.as_url().scheme()))
        || (!options.ports.is_empty() && !options.ports.contains(&port))
        || any_of(&options.exclude)
        || (!options.include.is_empty() && !any_of(&options.include) && !is_seed)
        || options.exclude_extensions.iter().any(has)
        || (!options.extensions.is_empty() && !options.extensions.iter().any(has) && !is_seed && role != Role::Sitemap)
    {
        return Err(Refusal::Excluded);
    }
    let n = url.as_url().query().map_or(0, |query| query.split('&').filter(|pair| !pair.is_empty()).count());
    if options.max_parameters.is_some_and(|max| n > max) {
        return Err(Refusal::TooManyParameters);
    }
    if !is_seed && trap::find(url, &options.traps, options.now_year).is_some() {
        return Err(Refusal::Trap);
    }
    Ok(())
}

proptest! {
    #[test]
    fn judging_agrees_with_a_naive_walk_and_with_its_explanation(
        options in any_options(), seeds in prop::collection::vec(any_url(), 0..3), url in any_url(),
        role in prop::sample::select(Role::ALL.to_vec()), hops_off_site in 0u8..4,
    ) {
        let scope = Scope::new(&options, &seeds).expect("valid");
        let candidate = Candidate { url: &url, role, depth: 0, hops_off_site };
        let ruling = scope.judge(&candidate);
        prop_assert_eq!(&ruling, &scope.judge(&candidate), "idempotent");
        prop_assert!(ruling.rule.is_some());
        let expected = match naive(&options, &seeds, &candidate) {
            Ok(()) => Verdict::Fetch,
            Err(refusal) => Verdict::Refuse(refusal),
        };
        prop_assert_eq!(ruling.verdict, expected, "{} as {:?} by {:?}", url, role, ruling.rule);
        let steps = scope.explain(&candidate);
        let first = steps.iter().find_map(|step| step.refusal.map(|refusal| (refusal, step.rule.clone())));
        match first {
            Some((refusal, rule)) => prop_assert_eq!((Verdict::Refuse(refusal), rule), (ruling.verdict, ruling.rule)),
            None => prop_assert_eq!(ruling.verdict, Verdict::Fetch),
        }
    }

    #[test]
    fn with_the_defaults_the_way_does_not_matter(url in any_url(), a in 0u8..4, b in 0u8..4) {
        let scope = scope(&Options { now_year: 2026, ..Options::default() }, &["http://www.example.org/"]);
        let verdict = |role, hops_off_site| scope.judge(&Candidate { url: &url, role, depth: 0, hops_off_site }).verdict;
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Seed) {
            prop_assert_eq!(verdict(Role::Link, a), verdict(role, b));
        }
    }

    #[test]
    fn any_text_is_judged_without_a_panic(path in "\\PC{0,80}", query in "\\PC{0,80}") {
        let scope = guarded("http://h/");
        for text in [format!("http://h/{path}?{query}"), format!("http://h/calendar/2137/{path}?date=2137{query}&year={query}")] {
            if let Ok(url) = Canonicalizer::default().parse(&text) {
                for role in Role::ALL {
                    let candidate = Candidate { url: &url, role, depth: 0, hops_off_site: 0 };
                    scope.judge(&candidate);
                    scope.explain(&candidate);
                }
                assert!(url.as_str().starts_with(url.directory(2)));
            }
        }
    }
}
