//! From settings to the engine's parts.

use std::{
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
};

use http::HeaderMap;

use super::{Surroundings, files};
use crate::{
    address::{CanonicalUrl, Canonicalizer},
    cache::{self, CachedFetcher},
    clock::{Clock, Timestamp},
    config::{Identity, SeedError, Settings},
    engine::{
        Extras, Options, Seed, Stack,
        courier::{self, Courier, PoliteFetcher},
        groups,
        trail::Sampler,
    },
    fetch::{BuildError, Fetcher, HttpFetcher, IdentityFetcher, IdentityOptions, cookies::CookieJar},
    frontier::{Kind, workbench},
    politeness::{Gate, gate},
    scope::{self, PatternError, Scope},
    shutdown::Tasks,
    telemetry::traces::{self, Traces},
};

/// Origins whose robots.txt is kept, and hosts whose crawl-delay is, when URLs are fetched by hand.
const MAX_ORIGINS: u64 = 10_000;

/// Memory for the digests of bodies that `traps.same_content` compares.
const TRAP_MEMORY_BYTES: u64 = 8 << 20;

/// How the engine is to run.
pub(crate) fn options(settings: &Settings) -> Options {
    let limits = &settings.limits;
    Options {
        concurrency: files::concurrency(settings.fetch.concurrency),
        max_body_bytes: settings.fetch.max_body_bytes,
        retries: settings.fetch.retries,
        retry_base: settings.fetch.retry_base,
        retry_max: settings.fetch.retry_max,
        max_redirects: usize::from(settings.fetch.max_redirects),
        downgrade: settings.fetch.downgrade,
        validators: settings.recrawl_validators,
        obey_nofollow: settings.fetch.obey_nofollow,
        obey_rel: settings.links.obey_rel,
        parse: settings.parse.clone(),
        text_links: settings.links.text_files,
        pdf_links: settings.links.pdf,
        sitemaps: settings.sitemaps,
        robots: settings.robots.clone(),
        extras: Extras {
            text: settings.outputs.text,
            links: settings.outputs.links,
            link_details: settings.outputs.link_details,
            metadata: settings.outputs.metadata,
            headers: settings.outputs.headers,
        },
        groups: groups::Options {
            pages_per_directory: limits.pages_per_directory.and_then(NonZeroU64::new),
            directory_levels: limits.directory_levels,
            same_content: limits.same_content.and_then(NonZeroU32::new),
            memory_bytes: TRAP_MEMORY_BYTES,
        },
        commit_every: settings.frontier.commit_every,
        commit_visits: settings.frontier.commit_urls,
        max_bytes: limits.bytes,
        max_duration: limits.duration,
        drain_deadline: settings.shutdown_deadline,
        // Whoever begins the crawl knows these.
        crawl: None,
        followed: Sampler::NONE,
        workbench: workbench::Options {
            active_hosts: settings.frontier.active_hosts,
            head: settings.frontier.head,
            session_budget: settings.frontier.session_budget,
            max_depth: limits.depth,
            max_pages: limits.pages,
            pages_per_host: limits.pages_per_host,
            bytes_per_host: limits.bytes_per_host,
            pages_per_directory: limits.pages_per_directory,
            same_content: limits.same_content,
            directory_levels: limits.directory_levels,
            obey_robots: settings.robots.obey,
            // Only a later pass has something to recall: the engine knows.
            recalls: false,
            limits: shared_limits(settings),
            politeness: settings.politeness.clone(),
        },
    }
}

/// What is promised beyond each host.
fn shared_limits(settings: &Settings) -> gate::Limits {
    gate::Limits {
        interval: settings.limits.interval.unwrap_or_default(),
        burst: NonZeroU32::MIN,
        address: settings.address_limit,
        domain: settings.domain_limit,
    }
}

/// What the jobs of one process share: the fetch stack but for its first layers, which are each job's own.
///
/// The stack is what every request passes that leaves the process. Here are, the last one first: one exchange over a
/// connection, and the cache in front of it. [`stack`] and [`courier`] have the rest; `docs/ARCHITECTURE.md` has the whole
/// list with its reasons. Redirects and retries are no layers: they are decisions of whoever asks.
///
/// # Errors
/// When the client can't be built; with a checked configuration it can.
pub(crate) fn surroundings(settings: &Settings, clock: Clock, tasks: &Tasks) -> Result<Surroundings, StackError> {
    // One exchange: guard, resolver, proxies, TLS, deadlines, bounds. Last, so that nothing opens a socket past it.
    let mut options = settings.fetch_options(clock);
    options.idle_connections = files::idle_connections(options.idle_connections, settings.fetch.concurrency);
    let http: Arc<dyn Fetcher> = Arc::new(HttpFetcher::new(options)?);
    // In front of that, so that a hit opens no connection and waits for nobody.
    let cache = settings.cache.map(|options| cache(http.clone(), options, clock, tasks));
    let most = NonZeroU32::new(u32::try_from(files::concurrency(settings.fetch.concurrency)).unwrap_or(u32::MAX));
    let gate = Gate::new(gate::Options { connections: most, ..gate::Options::default() }, clock.now());
    let traces = settings.traces.as_ref().map(|options| Traces::start(options, clock, tasks)).transpose()?;
    Ok(Surroundings { clock, gate, http, cache, traces })
}

/// What workers work with.
///
/// # Errors
/// When a pattern can't be built; a checked configuration has none such.
pub(crate) fn stack(
    settings: &Settings,
    seeds: &[Seed],
    surroundings: &Surroundings,
    jar: Option<Arc<CookieJar>>,
) -> Result<Stack, StackError> {
    let Surroundings { clock, http, cache, .. } = surroundings;
    let cached = cache.as_ref().map_or_else(|| http.clone(), |cache| cache.clone() as Arc<dyn Fetcher>);
    let pages: Vec<CanonicalUrl> = seeds.iter().map(|seed| seed.url.clone()).collect();
    let identity = IdentityOptions { cookies: jar, ..settings.identity_options(&pages) };
    // First of all layers, so that the cache sees the head of a request as the server will. One a job.
    let fetcher = Arc::new(IdentityFetcher::new(cached, identity));
    let scope = scope(settings, &pages, clock.now()).map_err(StackError::Patterns)?;
    Ok(Stack { fetcher, scope, canonicalizer: Canonicalizer::new(&settings.canonical), clock: *clock })
}

/// What brings one URL that somebody asks for by hand; and the secret headers of the configuration, which are
/// for the origins of what is asked for and so for each order to hold.
pub(crate) fn courier(settings: &Settings, surroundings: &Surroundings) -> (Courier, HeaderMap) {
    let Surroundings { clock, gate, http, cache, traces } = surroundings;
    // Nothing is kept of its cookies: orders by hand have no folder.
    let jar = settings.cookies.as_ref().map(|cookies| {
        let jar = CookieJar::new(cookies.options, *clock);
        jar.add(cookies.preset.iter().cloned());
        Arc::new(jar)
    });
    // In front of what opens connections, so that whatever reaches a server has waited for its turn there. A crawl's
    // workbench has asked the same gate before it hands out a lease; it has nothing here.
    let member = gate.join(shared_limits(settings), clock.now());
    let polite = PoliteFetcher::new(http.clone(), member, settings.politeness.clone(), MAX_ORIGINS, *clock);
    let polite = Arc::new(polite);
    let cached: Arc<dyn Fetcher> = match cache {
        Some(cache) => Arc::new(cache.beside(polite.clone())),
        None => polite.clone(),
    };
    let identity = IdentityOptions { cookies: jar, ..settings.identity_options(&[]) };
    let fetcher = Arc::new(IdentityFetcher::new(cached, identity));
    let options = courier::Options {
        robots: settings.robots.clone(),
        max_origins: MAX_ORIGINS,
        max_redirects: usize::from(settings.fetch.max_redirects),
        downgrade: settings.fetch.downgrade,
        retries: settings.fetch.retries,
        retry_base: settings.fetch.retry_base,
        retry_max: settings.fetch.retry_max,
    };
    let canonicalizer = Canonicalizer::new(&settings.canonical);
    let headers = settings.fetch.headers.iter().filter(|(_, value)| value.is_sensitive());
    let secrets = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
    let courier = Courier::new(fetcher, polite, canonicalizer, *clock, options);
    let courier = match traces.clone() {
        Some(traces) => courier.observed(Box::new(move |delivery| traces.delivered(delivery))),
        None => courier,
    };
    (courier, secrets)
}

/// Which URLs a crawl from `seeds` may visit.
///
/// # Errors
/// When a pattern does not compile; those of a checked configuration do.
pub(crate) fn scope(settings: &Settings, seeds: &[CanonicalUrl], now: Timestamp) -> Result<Scope, Vec<PatternError>> {
    let options = scope::Options { now_year: now.year(), ..settings.scope.clone() };
    Scope::new(&options, seeds)
}

/// The cache, and the task that lets go of what has expired in it.
fn cache(inner: Arc<dyn Fetcher>, options: cache::Options, clock: Clock, tasks: &Tasks) -> Arc<CachedFetcher> {
    let fetcher = Arc::new(CachedFetcher::new(inner, options, clock));
    let swept = fetcher.clone();
    tasks.spawn("cache", async move {
        loop {
            tokio::time::sleep(cache::SWEEP).await;
            swept.sweep().await;
        }
    });
    fetcher
}

/// Why the stack can't be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StackError {
    #[error(transparent)]
    Client(#[from] BuildError),
    #[error(transparent)]
    Traces(#[from] traces::BuildError),
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Patterns(Vec<PatternError>),
}

/// All seeds, those of files and of standard input included, and the crawl's identity, to which
/// belongs what was read: another list is another crawl, in another scope.
///
/// # Errors
/// At the first file that can't be read and the first line that is no URL.
pub(crate) fn seeds(settings: &Settings) -> Result<(Vec<Seed>, Identity), SeedError> {
    let mut seeds = Vec::new();
    let mut stdin = std::io::stdin().lock();
    let canonicalizer = Canonicalizer::new(&settings.canonical);
    settings.seeds.read(&canonicalizer, &mut stdin, &mut |url| seeds.push(Seed { url, kind: Kind::Page }))?;
    let mut identity = settings.identity.clone();
    if settings.seeds.stdin || !settings.seeds.files.is_empty() {
        identity.add_seeds_read(seeds.iter().map(|seed| &seed.url));
    }
    seeds.extend(settings.seeds.sitemaps.iter().map(|url| Seed { url: url.clone(), kind: Kind::Sitemap }));
    Ok((seeds, identity))
}
