//! What is to be inspected: a file, standard input, or what a URL answers.

use std::{
    fs::File,
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};

use super::super::{Exit, complain, run};
use crate::{
    address::{CanonicalUrl, Canonicalizer, redacted},
    clock::Clock,
    fetch::{self, Fetcher, HttpFetcher, Request, Response, guard::Allow, redirect::redirect_target},
};

/// Most bytes taken of a file, of standard input or of an answer.
const MAX_BYTES: usize = 256 << 20;
/// Redirects followed.
const MAX_REDIRECTS: usize = 10;
/// For one exchange.
const TIMEOUT: Duration = Duration::from_secs(60);
/// For its connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes that a byte may unpack to.
const MAX_DECODE_RATIO: u32 = 1000;

/// How a URL is asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reach {
    /// Also connect to this network ("10.0.0.0/8", "loopback"); may be repeated
    #[arg(long, value_name = "CIDR|loopback")]
    allow_address: Vec<Allow>,
}

/// Something to inspect.
#[derive(Debug)]
pub(super) struct Input {
    /// The URL that answered in the end, when one was asked.
    pub(super) url: Option<CanonicalUrl>,
    /// The answer's status, when a URL was asked.
    pub(super) status: Option<u16>,
    /// The answer's header fields.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Input {
    /// `Content-Type`, when a URL was asked and said.
    pub(super) fn content_type(&self) -> Option<&str> {
        self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok())
    }
}

/// Reads a file, standard input (`-`) or a URL. What goes wrong is told, and the exit code is the
/// error.
pub(super) fn read(source: &str, reach: &Reach) -> Result<Input, Exit> {
    let local = |body: io::Result<Bytes>| {
        body.map(|body| Input { url: None, status: None, headers: HeaderMap::new(), body }).map_err(|error| {
            complain(&format!("error: {source} can't be read: {error}"));
            Exit::Usage
        })
    };
    if source == "-" {
        return local(all_of(io::stdin().lock()));
    }
    match Canonicalizer::default().parse(source) {
        Ok(url) => get(url, reach),
        Err(_) => local(File::open(source).and_then(all_of)),
    }
}

/// All of it, or an error when it is longer than [`MAX_BYTES`].
fn all_of(reader: impl Read) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BYTES {
        return Err(io::Error::other(format!("longer than {MAX_BYTES} bytes")));
    }
    Ok(bytes.into())
}

fn get(url: CanonicalUrl, reach: &Reach) -> Result<Input, Exit> {
    let runtime = run::runtime()?;
    let answer = runtime.block_on(follow(url, reach));
    // Nobody waits for a name look-up that hangs in the system's resolver.
    runtime.shutdown_background();
    match answer {
        Ok((url, response)) => {
            if !(200..300).contains(&response.status) {
                complain(&format!("note: {url} answered with status {}", response.status));
            }
            Ok(Input { url: Some(url), status: Some(response.status), headers: response.headers, body: response.body })
        }
        Err(message) => {
            complain(&format!("error: {message}"));
            Err(Exit::NothingFetched)
        }
    }
}

/// Asks for a URL and follows its redirects, each hop through the address guard.
async fn follow(mut url: CanonicalUrl, reach: &Reach) -> Result<(CanonicalUrl, Response), String> {
    let fetcher: Arc<dyn Fetcher> = Arc::new(HttpFetcher::new(options(reach)).map_err(|error| error.to_string())?);
    for _ in 0..=MAX_REDIRECTS {
        let request = Request { url: url.clone(), headers: HeaderMap::new(), max_body_bytes: MAX_BYTES };
        let response =
            fetcher.fetch(request).await.map_err(|error| format!("failed to fetch {url}: {}", error.message))?;
        let Some(reference) = redirect_target(&response) else { return Ok((url, response)) };
        url = Canonicalizer::default()
            .resolve(url.as_url(), &reference)
            .map_err(|error| format!("{url} redirects to `{}`: {error}", redacted(&reference)))?;
    }
    Err(format!("more than {MAX_REDIRECTS} redirects, the last to {url}"))
}

fn options(reach: &Reach) -> fetch::Options {
    fetch::Options {
        user_agent: HeaderValue::from_static(concat!("dragline/", env!("CARGO_PKG_VERSION"))),
        headers: HeaderMap::new(),
        credential_origins: std::collections::HashSet::new(),
        connect_timeout: CONNECT_TIMEOUT,
        idle_timeout: TIMEOUT,
        timeout: TIMEOUT,
        max_decode_ratio: MAX_DECODE_RATIO,
        memory_budget_bytes: MAX_BYTES as u64,
        idle_connections_per_host: 1,
        allow: reach.allow_address.clone(),
        resolve: Vec::new(),
        clock: Clock::system(),
    }
}
