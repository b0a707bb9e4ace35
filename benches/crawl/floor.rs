//! The floor: loops that GET a known list of URLs and are no crawlers.
//!
//! `get` reads each answer to its end. `scan` also hands it to the parser that dragline's workers call, with the same options,
//! and makes each link canonical, as they do; nothing is remembered, judged or written. What a crawler takes beyond `scan` is
//! what it costs to know where one has been, and to account for it.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dragline::{
    address::{Canonicalizer, Fingerprint},
    parse::{self, Limits, Options},
};
use http_body_util::BodyExt;
use reqwest::{Client, header, redirect::Policy};
use tokio::{runtime::Runtime, task::JoinSet};
use url::Url;

/// How many bytes of a body are kept, as `fetch.body` has it.
const MAX_BODY_BYTES: usize = 10 << 20;

#[derive(Debug, clap::Args)]
pub(crate) struct FloorArgs {
    /// What is done
    #[arg(value_enum)]
    pub(crate) what: What,
    /// The URLs, one a line
    pub(crate) list: PathBuf,
    /// Connections
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// How often the list is gone through
    #[arg(long, default_value_t = 1)]
    pub(crate) repeat: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum What {
    /// GETs
    Get,
    /// GETs, and finds the links
    Scan,
}

/// What all connections work with.
struct Floor {
    client: Client,
    urls: Vec<Url>,
    /// The next one of the list.
    next: AtomicUsize,
    n_in_all: usize,
    scan: Option<(Options, Canonicalizer)>,
}

pub(crate) fn run(args: &FloorArgs) {
    // An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let list = fs::read_to_string(&args.list).unwrap();
    let urls: Vec<Url> = list.lines().map(|line| line.parse().unwrap()).collect();
    let client = Client::builder().no_proxy().redirect(Policy::none()).pool_max_idle_per_host(args.connections);
    let limits = Limits { max_links: 50_000, max_meta_bytes: 4096, max_text_bytes: 0 };
    let floor = Arc::new(Floor {
        client: client.build().unwrap(),
        n_in_all: urls.len() * args.repeat,
        urls,
        next: AtomicUsize::new(0),
        scan: (args.what == What::Scan).then(|| (Options::new(limits), Canonicalizer::default())),
    });
    let n_links: usize = Runtime::new().unwrap().block_on(async {
        let mut connections = JoinSet::new();
        for _ in 0..args.connections {
            let floor = floor.clone();
            connections.spawn(async move { floor.work().await });
        }
        connections.join_all().await.into_iter().sum()
    });
    if args.what == What::Scan {
        println!("{n_links} links");
    }
}

impl Floor {
    /// Takes URLs from the list until there are none. Returns how many links were found.
    async fn work(&self) -> usize {
        let mut n_links = 0;
        loop {
            let i = self.next.fetch_add(1, Ordering::Relaxed);
            if i >= self.n_in_all {
                return n_links;
            }
            n_links += self.visit(&self.urls[i % self.urls.len()]).await;
        }
    }

    async fn visit(&self, url: &Url) -> usize {
        let response = self.client.get(url.clone()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{url}");
        let content_type =
            response.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        let mut frames = reqwest::Body::from(response);
        while let Some(frame) = frames.frame().await {
            if let Ok(data) = frame.unwrap().into_data() {
                assert!(body.len() + data.len() <= MAX_BODY_BYTES, "{url} is too long");
                body.extend_from_slice(&data);
            }
        }
        let Some((options, canonicalizer)) = &self.scan else { return 0 };
        let page = parse::page(&body, content_type.as_deref(), url, options);
        let encoding = page.charset.encoding;
        let canonical = |link: &parse::Link| canonicalizer.resolve_in(&page.base, &link.href, encoding).ok();
        page.links.iter().filter_map(canonical).filter(|url| url.fingerprint() != Fingerprint(0)).count()
    }
}
