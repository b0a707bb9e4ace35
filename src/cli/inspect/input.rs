//! What is to be inspected: a file, standard input, or what a URL answers.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};

use super::{
    super::{Exit, complain, human::plain, run},
    shown, shown_url,
};
use crate::{
    address::{CanonicalUrl, Canonicalizer},
    clock::Clock,
    fetch::{
        self, Fetcher, HttpFetcher, IdentityFetcher, IdentityOptions, Request, Response, guard,
        redirect::{Next, next},
    },
};

/// Most bytes taken of a file, of standard input or of an answer.
const MAX_BYTES: usize = 256 << 20;
/// Redirects followed, but for robots.txt.
pub(super) const MAX_REDIRECTS: u8 = 10;
/// For one exchange.
const TIMEOUT: Duration = Duration::from_secs(60);
/// For its connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes that a byte may unpack to.
const MAX_DECODE_RATIO: u32 = 1000;
/// Most header fields, and bytes of them.
const MAX_HEADER_FIELDS: usize = 256;
const MAX_HEADER_BYTES: usize = 256 << 10;

/// How a URL is asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reach {
    /// Also connect to this network ("10.0.0.0/8", "loopback"); may be repeated
    #[arg(long, value_name = "CIDR|loopback")]
    allow_address: Vec<guard::Entry>,
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

/// Reads a file, standard input (`-`) or a URL, from which at most `max_redirects` are followed. What
/// goes wrong is told, and the exit code is the error.
pub(super) fn read(source: &str, reach: &Reach, max_redirects: u8) -> Result<Input, Exit> {
    let local = |body: io::Result<Bytes>| {
        body.map(|body| Input { url: None, status: None, headers: HeaderMap::new(), body }).map_err(|error| {
            let hint = Some(source).filter(|_| error.kind() == io::ErrorKind::NotFound).and_then(meant);
            let hint = hint.map(|url| format!("; for a URL write {url}")).unwrap_or_default();
            let name = if hint.is_empty() { shown_url(source) } else { shown(source) };
            complain(&format!("error: {name} can't be read: {error}{hint}"));
            Exit::Usage
        })
    };
    if source == "-" {
        return local(all_of(io::stdin().lock()));
    }
    match Canonicalizer::default().parse(source) {
        Ok(url) => get(url, reach, max_redirects),
        Err(error) if is_like_a_url(source) && !Path::new(source).exists() => {
            complain(&format!("error: `{}` can't be asked for: {}", shown(source), plain(&error.to_string())));
            Err(Exit::Usage)
        }
        Err(_) => local(File::open(source).and_then(all_of)),
    }
}

/// Whether it begins as URLs do, with a scheme and slashes, or as web addresses do.
fn is_like_a_url(source: &str) -> bool {
    let Some((scheme, rest)) = source.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let is_web = ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web));
    is_scheme && (is_web || rest.starts_with("//"))
}

/// The URL that is meant by what names no file: `https://example.com/` by `example.com`.
fn meant(source: &str) -> Option<CanonicalUrl> {
    const EXTENSIONS: [&str; 10] = ["csv", "gz", "htm", "html", "json", "jsonl", "pdf", "txt", "xhtml", "xml"];
    let (_, last_label) = source.split(['/', '?']).next()?.rsplit_once('.')?;
    let is_name = last_label.starts_with(|c: char| c.is_alphabetic())
        && !EXTENSIONS.iter().any(|extension| last_label.eq_ignore_ascii_case(extension));
    let url = Canonicalizer::default().parse(&format!("https://{source}"));
    url.ok().filter(|_| is_name && !source.starts_with(['.', '/']))
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

fn get(url: CanonicalUrl, reach: &Reach, max_redirects: u8) -> Result<Input, Exit> {
    let runtime = run::runtime()?;
    let answer = runtime.block_on(follow(url, reach, max_redirects));
    // Nobody waits for connections that are being closed.
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

/// Asks for a URL and follows its redirects, each hop through the address guard. One too many, or one
/// that leads nowhere, is the answer itself, as it is in a crawl.
async fn follow(mut url: CanonicalUrl, reach: &Reach, max_redirects: u8) -> Result<(CanonicalUrl, Response), String> {
    let http = Arc::new(HttpFetcher::new(options(reach)).map_err(|error| error.to_string())?);
    let name = HeaderValue::from_static(concat!("dragline/", env!("CARGO_PKG_VERSION")));
    let fetcher = IdentityFetcher::new(http, IdentityOptions::named(name));
    let mut n_redirects = 0;
    loop {
        let request = Request::get(url.clone(), MAX_BYTES);
        let response =
            fetcher.fetch(request).await.map_err(|error| format!("failed to fetch {url}: {}", error.message))?;
        let target = match next(&Method::GET, response.status, &response.headers, &url, &Canonicalizer::default()) {
            Next::Stay => return Ok((url, response)),
            Next::Follow { url, .. } => url,
            Next::Stuck(why) => {
                complain(&format!("note: {url} answered with {}, but {}", response.status, plain(&why.to_string())));
                return Ok((url, response));
            }
        };
        if n_redirects == max_redirects {
            complain(&format!("note: {max_redirects} redirects were followed, and no more are"));
            return Ok((url, response));
        }
        url = target;
        n_redirects += 1;
    }
}

fn options(reach: &Reach) -> fetch::Options {
    fetch::Options {
        connect_timeout: CONNECT_TIMEOUT,
        first_byte_timeout: TIMEOUT,
        idle_timeout: TIMEOUT,
        min_rate: None,
        max_header_fields: MAX_HEADER_FIELDS,
        max_header_bytes: MAX_HEADER_BYTES,
        bandwidth: None,
        timeout: TIMEOUT,
        max_decode_ratio: MAX_DECODE_RATIO,
        memory_budget_bytes: MAX_BYTES as u64,
        idle_connections: 1,
        connections: fetch::Connections { default: 1, exceptions: vec![] },
        guard: guard::Options { allow: reach.allow_address.clone(), ..guard::Options::default() },
        resolve: Vec::new(),
        dns: fetch::resolve::Options::default(),
        tls: fetch::tls::TlsOptions::default(),
        proxy: fetch::proxy::ProxyOptions::default(),
        clock: Clock::system(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_urls_are_told_apart() {
        let check = |source: &str, like_a_url: bool, expected: Option<&str>| {
            let meant = meant(source).map(|url| url.to_string());
            assert_eq!((is_like_a_url(source), meant.as_deref()), (like_a_url, expected), "{source}");
        };
        check("http://h:99999/", true, None);
        check("ftp://h/", true, None);
        check("https:", true, None);
        check("example.com", false, Some("https://example.com/"));
        check("me:pw@example.com/a.html?b", false, Some("https://example.com/a.html?b"));
        check("page.html", false, None);
        check("../example.com", false, None);
        check("C:\\page", false, None);
        check("robots", false, None);
    }
}
