//! A thousand callers at once, counted at the server: real sockets, the real stack of cache and client.
//!
//! The server counts what arrives and answers when it is told to, so that every caller is there before
//! the first answer is. What the cache does with one caller at a time is tested beside its code.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use dragline::{
    address::Canonicalizer,
    cache::{CachedFetcher, Options, policy::Rules},
    clock::Clock,
    config::{Environment, Flags, Sources},
    fetch::{CacheStatus, FetchError, Fetcher, HttpFetcher, Request, Response},
};
use futures::{FutureExt, future::BoxFuture};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

const HERD: usize = 1000;

/// What the server says to a request once it is told to: bytes, or nothing and the connection closed.
type Script = fn(head: &str) -> &'static str;

struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

struct Seen {
    heads: Mutex<Vec<String>>,
    gate: Semaphore,
    script: Script,
}

impl Server {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen { heads: Mutex::default(), gate: Semaphore::new(0), script });
        let shared = Arc::clone(&seen);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, seen, _tasks: tasks }
    }

    fn n_arrived(&self) -> usize {
        self.seen.heads.lock().unwrap().len()
    }

    /// Waits until so many requests have arrived in all.
    async fn arrived(&self, n: usize) {
        while self.n_arrived() < n {
            tokio::task::yield_now().await;
        }
    }

    fn request(&self) -> Request {
        let url = Canonicalizer::default().parse(&format!("http://{}/a", self.address)).unwrap();
        Request::get(url, 1 << 20)
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>) {
    let mut read = Vec::new();
    loop {
        while !read.ends_with(b"\r\n\r\n") {
            let mut bytes = [0; 4096];
            match stream.read(&mut bytes).await {
                Ok(n) if n > 0 => read.extend_from_slice(&bytes[..n]),
                _ => return,
            }
        }
        let head = String::from_utf8(std::mem::take(&mut read)).unwrap().to_ascii_lowercase();
        seen.heads.lock().unwrap().push(head.clone());
        seen.gate.acquire().await.unwrap().forget();
        let answer = (seen.script)(&head);
        if answer.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Panics once, after the server has answered.
struct Faulty {
    inner: HttpFetcher,
    panics: AtomicBool,
}

impl Fetcher for Faulty {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        async {
            let answer = self.inner.fetch(request).await;
            assert!(!self.panics.swap(false, Ordering::SeqCst), "a fault of the fetcher's own");
            answer
        }
        .boxed()
    }
}

fn cache(panics: bool) -> Arc<CachedFetcher> {
    let mut flags = Flags::default();
    flags.set("seeds.urls", "--seed", json!(["http://127.0.0.1/"]));
    flags.set("fetch.allow_addresses", "--allow", json!(["127.0.0.0/8"]));
    let environment = Environment::given(Vec::<(String, String)>::new());
    let settings = Sources { environment, flags, ..Sources::default() }.load().expect("good").settings;
    let clock = Clock::system();
    let inner = HttpFetcher::new(settings.fetch_options(clock)).unwrap();
    let options = Options {
        max_bytes: 1 << 20,
        entry_max_bytes: 1 << 20,
        keep: Duration::from_secs(3600),
        rules: Rules::default(),
    };
    let faulty = Faulty { inner, panics: AtomicBool::new(panics) };
    Arc::new(CachedFetcher::new(Arc::new(faulty), options, clock))
}

/// The herd, once every one of it has asked and waits.
async fn herd(server: &Server, cache: &Arc<CachedFetcher>) -> JoinSet<Result<Response, FetchError>> {
    let waiting = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..HERD {
        let (cache, request, waiting) = (Arc::clone(cache), server.request(), Arc::clone(&waiting));
        tasks.spawn(async move {
            let mut answer = cache.fetch(request);
            assert!(futures::poll!(&mut answer).is_pending());
            waiting.fetch_add(1, Ordering::SeqCst);
            answer.await
        });
    }
    while waiting.load(Ordering::SeqCst) < HERD {
        tokio::task::yield_now().await;
    }
    tasks
}

/// A caller that is there before the herd.
async fn leader(server: &Server, cache: &Arc<CachedFetcher>) -> JoinSet<()> {
    let (leading, request) = (Arc::clone(cache), server.request());
    let mut task = JoinSet::new();
    task.spawn(async move {
        leading.fetch(request).await.unwrap();
    });
    server.arrived(1).await;
    task
}

fn count(answers: &[Result<Response, FetchError>], status: Option<CacheStatus>) -> usize {
    answers
        .iter()
        .filter(|answer| answer.as_ref().is_ok_and(|answer| answer.cache == status && &answer.body[..] == b"hello"))
        .count()
}

const FRESH: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: \"v1\"\r\nContent-Length: 5\r\n\r\nhello";
const VALIDATE: &str = "HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nETag: \"v1\"\r\nContent-Length: 5\r\n\r\nhello";
const NOT_MODIFIED: &str = "HTTP/1.1 304 Not Modified\r\nCache-Control: no-cache\r\nETag: \"v1\"\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cold() {
    let server = Server::start(|_| FRESH).await;
    let cache = cache(false);
    let tasks = herd(&server, &cache).await;
    server.seen.gate.add_permits(HERD);
    let answers = tasks.join_all().await;
    assert_eq!((count(&answers, None), count(&answers, Some(CacheStatus::Collapsed))), (1, HERD - 1));
    assert_eq!(server.n_arrived(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn expired_with_a_validator() {
    let server =
        Server::start(|head| if head.contains("if-none-match: \"v1\"") { NOT_MODIFIED } else { VALIDATE }).await;
    let cache = cache(false);
    server.seen.gate.add_permits(1);
    cache.fetch(server.request()).await.unwrap();
    let tasks = herd(&server, &cache).await;
    server.seen.gate.add_permits(HERD);
    let answers = tasks.join_all().await;
    let of = |status| count(&answers, Some(status));
    assert_eq!((of(CacheStatus::Revalidated), of(CacheStatus::Collapsed)), (1, HERD - 1));
    assert_eq!(server.n_arrived(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_leader_that_fails() {
    let server = Server::start(|_| "").await;
    let cache = cache(false);
    let tasks = herd(&server, &cache).await;
    server.seen.gate.add_permits(HERD);
    assert!(tasks.join_all().await.iter().all(Result::is_err));
    assert_eq!(server.n_arrived(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_leader_that_is_cancelled() {
    let server = Server::start(|_| FRESH).await;
    let cache = cache(false);
    let mut leader = leader(&server, &cache).await;
    let tasks = herd(&server, &cache).await;
    leader.shutdown().await;
    server.arrived(2).await;
    server.seen.gate.add_permits(HERD);
    let answers = tasks.join_all().await;
    assert_eq!((count(&answers, None), count(&answers, Some(CacheStatus::Collapsed))), (1, HERD - 1));
    assert_eq!(server.n_arrived(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_leader_that_panics() {
    let server = Server::start(|_| FRESH).await;
    let cache = cache(true);
    let mut leader = leader(&server, &cache).await;
    let tasks = herd(&server, &cache).await;
    server.seen.gate.add_permits(HERD);
    assert!(leader.join_next().await.unwrap().unwrap_err().is_panic());
    let answers = tasks.join_all().await;
    assert_eq!((count(&answers, None), count(&answers, Some(CacheStatus::Collapsed))), (1, HERD - 1));
    assert_eq!(server.n_arrived(), 2);
}
