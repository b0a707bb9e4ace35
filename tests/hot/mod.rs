//! The hot path of a crawl, step by step: what is done for every page or every link of it.
//!
//! Each [`Step`] is a function of its own over one and the same [`Hot`], so that a profile can tell them apart. Two programs go
//! through [`STEPS`]: `benches/micro.rs` times them over pages of the Rust documentation, and the test `guard` counts their
//! instructions and allocations over [made-up ones](corpus), which are the same everywhere.
//!
//! The steps call what the engine's workers and recorder call, through the library's public names. What the engine does between
//! them (`engine/judge.rs`) is done here in the same order and not with the same code.
//!
//! Deliberately not: the network, and whatever waits.

mod bench;
pub(crate) mod corpus;

use std::{collections::HashSet, io::Write, path::Path, sync::Arc};

use dragline::{
    address::{CanonicalUrl, Canonicalizer, Fingerprint},
    engine::record::{Record, RecordTimings},
    frontier::{self, Discovery, DiskFrontier, Frontier, Kind},
    parse::{self, Limits},
    robots::Rules,
    scope::{self, Candidate, Role, Scope},
    verdict::Verdict,
};
use flate2::{Compression, write::GzEncoder};
use url::Url;

/// A page as it came.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) url: Url,
    pub(crate) body: Vec<u8>,
}

/// What all steps work with. What one needs of another was made beforehand, so that each costs its own only.
pub(crate) struct Hot {
    pages: Vec<Input>,
    parsed: Vec<parse::Page>,
    /// The distinct links of each page.
    links: Vec<Vec<CanonicalUrl>>,
    /// All of them, each once.
    urls: Vec<CanonicalUrl>,
    canonicalizer: Canonicalizer,
    parser: parse::Options,
    scope: Scope,
    rules: Rules,
    frontier: DiskFrontier,
    workbench: bench::Turns,
}

/// One step, over the whole corpus.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// What one of the things is that it does many of.
    pub(crate) unit: &'static str,
    /// Does it, and tells how many.
    pub(crate) run: fn(&mut Hot) -> usize,
}

pub(crate) const STEPS: [Step; 9] = [
    Step { name: "canonicalise", unit: "link", run: step_canonicalise },
    Step { name: "fingerprint", unit: "URL", run: step_fingerprint },
    Step { name: "scope", unit: "URL", run: step_scope },
    Step { name: "robots", unit: "URL", run: step_robots },
    Step { name: "parse", unit: "page", run: step_parse },
    Step { name: "seen", unit: "link", run: step_seen },
    Step { name: "workbench", unit: "lease", run: step_workbench },
    Step { name: "record", unit: "record", run: step_record },
    Step { name: "compress", unit: "page", run: step_compress },
];

impl Hot {
    /// The frontier's files go into `folder`, which is there and empty.
    pub(crate) fn new(pages: Vec<Input>, folder: &Path) -> Self {
        let canonicalizer = Canonicalizer::default();
        let limits = Limits { max_links: 50_000, max_meta_bytes: 4096, max_text_bytes: 0 };
        let parser = parse::Options::new(limits);
        let parsed: Vec<_> = pages.iter().map(|page| parse_one(page, &parser)).collect();
        let links: Vec<_> = parsed.iter().map(|page| distinct(canonical(page, &canonicalizer))).collect();
        let seed = canonicalizer.parse(pages[0].url.as_str()).expect("a page has a valid URL");
        let options = frontier::Options { max_queued: None, seen_cache_bytes: 32 << 20, buffer_bytes: 32 << 20 };
        Self {
            scope: Scope::new(&scope::Options::default(), &[seed]).expect("it has no patterns"),
            rules: Rules::parse(corpus::robots_txt().as_bytes(), "dragline", 500 * 1024),
            frontier: DiskFrontier::create(&folder.join("frontier"), &options).expect("the folder is empty"),
            workbench: bench::Turns::new(),
            urls: distinct(links.iter().flatten().cloned()),
            pages,
            parsed,
            links,
            canonicalizer,
            parser,
        }
    }
}

fn parse_one(page: &Input, parser: &parse::Options) -> parse::Page {
    parse::page(&page.body, Some("text/html; charset=utf-8"), &page.url, parser)
}

fn canonical<'a>(page: &'a parse::Page, canonicalizer: &'a Canonicalizer) -> impl Iterator<Item = CanonicalUrl> + 'a {
    let encoding = page.charset.encoding;
    page.links.iter().filter_map(move |link| canonicalizer.resolve_in(&page.base, &link.href, encoding).ok())
}

fn distinct(urls: impl Iterator<Item = CanonicalUrl>) -> Vec<CanonicalUrl> {
    let mut met: HashSet<Fingerprint> = HashSet::new();
    urls.filter(|url| met.insert(url.fingerprint())).collect()
}

/// References are resolved against their page and made canonical.
#[inline(never)]
fn step_canonicalise(hot: &mut Hot) -> usize {
    hot.parsed.iter().map(|page| canonical(page, &hot.canonicalizer).count()).sum()
}

/// URLs become the 128 bits under which they are known.
#[inline(never)]
fn step_fingerprint(hot: &mut Hot) -> usize {
    hot.urls.iter().map(CanonicalUrl::fingerprint).filter(|fingerprint| *fingerprint != Fingerprint(0)).count()
}

/// May it be visited, by its text?
#[inline(never)]
fn step_scope(hot: &mut Hot) -> usize {
    let judge = |url| hot.scope.judge(&Candidate { url, role: Role::Link, depth: 1, hops_off_site: 0 });
    hot.urls.iter().map(judge).filter(|ruling| matches!(ruling.verdict, Verdict::Fetch | Verdict::Refuse(_))).count()
}

/// May it be visited, by robots.txt?
#[inline(never)]
fn step_robots(hot: &mut Hot) -> usize {
    hot.urls.iter().filter(|url| hot.rules.decide(url.path_and_query()).line.is_none_or(|line| line > 0)).count()
}

/// Bytes become a page.
#[inline(never)]
fn step_parse(hot: &mut Hot) -> usize {
    hot.pages.iter().map(|page| parse_one(page, &hot.parser)).filter(|page| page.title.is_some()).count()
}

/// The links of each page, a batch, are sorted into new and known, page by page; most are known.
#[inline(never)]
fn step_seen(hot: &mut Hot) -> usize {
    let mut n_tested = 0;
    for (page, urls) in hot.pages.iter().zip(&hot.links) {
        let via: Arc<str> = Arc::from(page.url.as_str());
        let batch: Vec<Discovery> = urls.iter().map(|url| found(url, &via)).collect();
        n_tested += batch.len();
        hot.frontier.sift(batch).expect("the store works");
    }
    n_tested
}

fn found(url: &CanonicalUrl, via: &Arc<str>) -> Discovery {
    Discovery {
        url: url.clone(),
        fingerprint: url.fingerprint(),
        role: Role::Link,
        depth: 1,
        kind: Kind::Page,
        nesting: 0,
        hops_off_site: 0,
        via: Some(via.clone()),
        redirects: Vec::new(),
        verdict: Verdict::Fetch,
        rule: None,
        depends_on_way: false,
    }
}

/// URLs are admitted, leased, returned and settled.
#[inline(never)]
fn step_workbench(hot: &mut Hot) -> usize {
    let n_leases = hot.workbench.go_through(&hot.urls);
    assert_eq!(n_leases, hot.urls.len(), "each was leased once");
    n_leases
}

/// What is known of a page becomes a line of JSON.
#[inline(never)]
fn step_record(hot: &mut Hot) -> usize {
    let lines = hot.pages.iter().zip(&hot.parsed).map(|(page, parsed)| record(page, parsed).to_line());
    lines.filter(|line| line.len() > 100).count()
}

fn record<'a>(page: &'a Input, parsed: &'a parse::Page) -> Record<'a> {
    let length = page.body.len() as u64;
    Record {
        url: page.url.as_str().into(),
        final_url: page.url.as_str().into(),
        via: Some("http://docs.test/std/index.html"),
        depth: 2,
        kind: "page",
        outcome: "fetched",
        status: Some(200),
        http_version: Some("HTTP/1.1".into()),
        remote_address: Some("127.0.0.1:80".to_owned()),
        content_type: Some("text/html"),
        charset: Some(parsed.charset.name()),
        body_bytes: Some(length),
        wire_bytes: Some(length),
        digest: Some(format!("sha256:{:064x}", u128::from(length))),
        title: parsed.title.as_deref(),
        description: parsed.description.as_deref(),
        language: parsed.language.as_deref(),
        outlinks: Some(parsed.links.len()),
        timings: Some(RecordTimings { first_byte_ms: Some(1.25), total_ms: 2.5, ..RecordTimings::default() }),
        attempts: 1,
        fetched_at: dragline::clock::Timestamp(1_764_000_000_000_000).rfc3339(),
        ..Record::default()
    }
}

/// Each page becomes a gzip member of its own, as WARC has it. One page in four: nothing else takes so long.
#[inline(never)]
fn step_compress(hot: &mut Hot) -> usize {
    let pack = |page: &Input| {
        let mut member = GzEncoder::new(Vec::new(), Compression::default());
        write!(member, "WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {}\r\n\r\n", page.url)?;
        member.write_all(&page.body)?;
        member.finish()
    };
    hot.pages.iter().step_by(4).filter(|page| pack(page).is_ok_and(|member| member.len() > 100)).count()
}
