//! The cache in front of a fetcher that waits for a gate: what is asked, how often, and who gets what.
//!
//! `serving` asks one at a time, `herd` a thousand at once. The fetcher answers by a script, and time
//! stands still but for the steps that a test takes. The policy is tested beside its code.

mod herd;
mod interleavings;
mod serving;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Semaphore;

use super::{CachedFetcher, Options, policy::Rules};
use crate::{
    address::Canonicalizer,
    clock::{Clock, Timestamp},
    fetch::{ErrorKind, FetchError, Fetcher, Phase, Request, Response, Timings},
};

type Script = Box<dyn Fn(usize, &Request) -> Result<Response, FetchError> + Send + Sync>;

/// Answers by a script, which is told how often it was asked before, when the gate gives a permit.
struct Server {
    script: Script,
    gate: Semaphore,
    asked: Mutex<Vec<Request>>,
    n_dropped: AtomicUsize,
}

impl Server {
    /// With its gate open.
    fn new(script: impl Fn(usize, &Request) -> Result<Response, FetchError> + Send + Sync + 'static) -> Arc<Self> {
        let server = Self::closed(script);
        server.gate.add_permits(1_000_000);
        server
    }

    fn closed(script: impl Fn(usize, &Request) -> Result<Response, FetchError> + Send + Sync + 'static) -> Arc<Self> {
        let (gate, asked) = (Semaphore::new(0), Mutex::default());
        Arc::new(Self { script: Box::new(script), gate, asked, n_dropped: AtomicUsize::new(0) })
    }

    fn n_asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// What the last request said in this field.
    fn last_said(&self, name: &str) -> Option<String> {
        let asked = self.asked.lock().unwrap();
        asked.last().unwrap().headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    fn cache(self: &Arc<Self>, rules: Rules) -> Arc<CachedFetcher> {
        self.cache_with(Options { rules, ..OPTIONS })
    }

    fn cache_with(self: &Arc<Self>, options: Options) -> Arc<CachedFetcher> {
        let inner: Arc<dyn Fetcher> = Arc::clone(self) as _;
        Arc::new(CachedFetcher::new(inner, options, Clock::starting_at(START)))
    }
}

/// Counts exchanges that are given up.
struct OnDrop<'a>(&'a AtomicUsize, bool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(usize::from(!self.1), Ordering::SeqCst);
    }
}

impl Fetcher for Server {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        let n = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.clone());
            asked.len() - 1
        };
        async move {
            let mut given_up = OnDrop(&self.n_dropped, false);
            self.gate.acquire().await.unwrap().forget();
            given_up.1 = true;
            (self.script)(n, &request)
        }
        .boxed()
    }
}

/// Wed, 01 Jan 2020 00:00:00 GMT.
const START: Timestamp = Timestamp(1_577_836_800_000_000);

const OPTIONS: Options = Options {
    max_bytes: 1 << 20,
    entry_max_bytes: 1 << 18,
    keep: Duration::from_secs(86_400),
    rules: Rules { mode: super::policy::Mode::Private, ttl: None, ignore_server: false, heuristic_max: Duration::ZERO },
};

fn fields(fields: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
    }
    map
}

fn page(status: u16, said: &[(&str, &str)]) -> Response {
    Response { status, headers: fields(said), body: Bytes::from_static(b"hello"), wire_bytes: 5, ..Response::default() }
}

fn failure(kind: ErrorKind) -> FetchError {
    FetchError { kind, phase: Phase::Head, message: "broken".into(), timings: Timings::default() }
}

fn get(path: &str) -> Request {
    let url = Canonicalizer::default().parse(&format!("http://h/{path}")).unwrap();
    Request::get(url, 1000)
}

fn saying(path: &str, said: &[(&str, &str)]) -> Request {
    Request { headers: fields(said), ..get(path) }
}

/// 304 to a request that names the version, a page that may be served for 10 s otherwise.
fn versioned(_: usize, request: &Request) -> Result<Response, FetchError> {
    let is_known = request.headers.get("if-none-match").is_some_and(|tag| tag == "\"v1\"");
    let said = [("etag", "\"v1\""), ("cache-control", "max-age=10"), ("age", "0")];
    Ok(if is_known { Response { body: Bytes::new(), wire_bytes: 0, ..page(304, &said) } } else { page(200, &said) })
}

async fn wait(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

/// Lets every task go as far as it can.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
