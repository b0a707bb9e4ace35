//! HTTP/2 over TLS: what it is for, and servers that abuse it, frame by frame.

use tokio::io::{AsyncRead, WriteHalf, split};
use tokio_rustls::server::TlsStream;

use super::{
    handshakes::{self, acceptor},
    *,
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200`, from HPACK's static table.
const STATUS_200: u8 = 0x88;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field without compression.
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

fn head(stream: u32, flags: u8, fields: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, &[&[STATUS_200], fields].concat())
}

fn reset(stream: u32, code: u8) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &[0, 0, 0, code])
}

/// A server that answers the nth request it gets, on that stream, by a script. A script that doesn't
/// end with [`Step::Again`] closes the connection.
struct H2Server {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

type Script = Arc<dyn Fn(usize, u32) -> Vec<Step> + Send + Sync>;

impl H2Server {
    async fn start(script: impl Fn(usize, u32) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (n_connections, n_requests, script): (_, _, Script) =
            (Arc::clone(&connections), Arc::clone(&requests), Arc::new(script));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let acceptor = acceptor(&[b"h2"]);
            let mut peers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                n_connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, script, n_requests) = (acceptor.clone(), Arc::clone(&script), Arc::clone(&n_requests));
                peers.spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, script, n_requests).await;
                    }
                });
            }
        });
        Self { addr, connections, requests, _tasks: tasks }
    }

    fn fetcher(&self, options: Options) -> HttpFetcher {
        let resolve = vec![("tls.test".to_owned(), self.addr.ip())];
        HttpFetcher::with_roots(Options { resolve, ..options }, handshakes::roots()).unwrap()
    }

    fn request(&self) -> Request {
        get(&format!("https://tls.test:{}/", self.addr.port()))
    }

    async fn fetch(&self, options: Options) -> Result<Response, FetchError> {
        self.fetcher(options).fetch(self.request()).await
    }
}

type Tls = TlsStream<TcpStream>;

async fn serve(stream: Tls, script: Script, n_requests: Arc<AtomicUsize>) {
    let (mut read, mut write) = split(stream);
    let mut preface = [0; 24];
    if read.read_exact(&mut preface).await.is_err() || write.write_all(&frame(SETTINGS, 0, 0, &[])).await.is_err() {
        return;
    }
    let write = Arc::new(tokio::sync::Mutex::new(write));
    let mut playing = JoinSet::new();
    loop {
        tokio::select! {
            frame = next_frame(&mut read) => match frame {
                Some((HEADERS, stream)) => {
                    let n = n_requests.fetch_add(1, Ordering::SeqCst);
                    playing.spawn(perform(Arc::clone(&write), script(n, stream)));
                }
                Some(_) => {}
                None => return,
            },
            Some(again) = playing.join_next() => if !again.unwrap() { return },
        }
    }
}

/// Whether the connection is to be kept.
async fn perform(write: Arc<tokio::sync::Mutex<WriteHalf<Tls>>>, script: Vec<Step>) -> bool {
    for step in script {
        let mut write = write.lock().await;
        match step {
            Step::Send(bytes) => {
                if write.write_all(&bytes).await.is_err() {
                    return false;
                }
                let _ = write.flush().await;
            }
            Step::Repeat(bytes, pause) => {
                while write.write_all(&bytes).await.is_ok() {
                    let _ = write.flush().await;
                    sleep(pause).await;
                }
                return false;
            }
            Step::Wait(pause) => sleep(pause).await,
            Step::Again => return true,
            Step::Hold => {
                drop(write);
                std::future::pending::<()>().await;
            }
        }
    }
    let _ = write.lock().await.shutdown().await;
    false
}

/// Its kind and stream. Not cancel-safe, but what is lost with a connection that closes is nobody's.
async fn next_frame<R: AsyncRead + Unpin>(read: &mut R) -> Option<(u8, u32)> {
    let mut head = [0; 9];
    read.read_exact(&mut head).await.ok()?;
    let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
    read.read_exact(&mut vec![0; length]).await.ok()?;
    Some((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]])))
}

fn quick() -> Options {
    Options {
        first_byte_timeout: Duration::from_millis(400),
        idle_timeout: Duration::from_millis(400),
        timeout: Duration::from_millis(1500),
        ..options()
    }
}

fn hello(stream: u32) -> Vec<Step> {
    vec![Step::Send([head(stream, 0, &[]), frame(DATA, END_STREAM, stream, b"hello")].concat()), Step::Again]
}

#[tokio::test]
async fn requests_share_a_connection() {
    let server = H2Server::start(|_, stream| {
        // All are there before the first is answered.
        let mut script = vec![Step::Wait(Duration::from_millis(20))];
        script.extend(hello(stream));
        script
    })
    .await;
    let fetcher = server.fetcher(options());
    let first = fetcher.fetch(server.request()).await.unwrap();
    assert_eq!((first.version, &*first.body), (http::Version::HTTP_2, &b"hello"[..]));
    assert!(first.timings.tls.is_some());
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (fetcher, request) = (fetcher.clone(), server.request());
        tasks.spawn(async move { fetcher.fetch(request).await.unwrap() });
    }
    for response in tasks.join_all().await {
        assert_eq!(response.body, "hello");
        assert!(response.timings.connect.is_none() && response.timings.tls.is_none());
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_was_not_processed_is_sent_again() {
    let server = H2Server::start(|n, stream| match n {
        0 => vec![Step::Send(reset(stream, 7)), Step::Again],
        _ => hello(stream),
    })
    .await;
    assert_eq!(server.fetch(options()).await.unwrap().body, "hello");
    // And not for ever.
    let server = H2Server::start(|_, stream| vec![Step::Send(reset(stream, 7)), Step::Again]).await;
    let error = server.fetch(options()).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Closed, Phase::Head), "{error}");
    let n = server.requests.load(Ordering::SeqCst);
    assert!((2..=5).contains(&n), "{n}");
}

async fn check_failed(
    name: &str,
    kind: ErrorKind,
    phase: Phase,
    script: impl Fn(u32) -> Vec<Step> + Send + Sync + 'static,
) {
    let server = H2Server::start(move |_, stream| script(stream)).await;
    let started = tokio::time::Instant::now();
    match server.fetch(quick()).await {
        Err(error) => {
            assert_eq!((error.kind, error.phase), (kind, phase), "{name}: {error}");
            assert!(!error.message.contains("tls.test"), "{name}: {error}");
        }
        Ok(response) => panic!("{name}: {response:?}"),
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{name}: {:?}", started.elapsed());
}

async fn check_cut(name: &str, why: &[Truncation], script: impl Fn(u32) -> Vec<Step> + Send + Sync + 'static) {
    let server = H2Server::start(move |_, stream| script(stream)).await;
    let request = Request { max_body_bytes: 100_000, ..server.request() };
    let response = server.fetcher(quick()).fetch(request).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let is_expected = response.truncated.is_some_and(|truncated| why.contains(&truncated));
    assert!(is_expected, "{name}: {:?}", response.truncated);
}

#[tokio::test]
async fn streams_and_connections_that_break_off() {
    use Phase::{Body, Head};
    let (closed, protocol, timeout) = (ErrorKind::Closed, ErrorKind::Protocol, ErrorKind::Timeout);
    check_failed("reset for a head", closed, Head, |id| vec![Step::Send(reset(id, 2)), Step::Again]).await;
    check_failed("gone", closed, Head, |_| vec![Step::Send(frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 2]))]).await;
    check_failed("closed", closed, Head, |_| vec![]).await;
    check_failed("silence", timeout, Head, |_| vec![Step::Hold]).await;
    check_failed("silence for a body", timeout, Body, |id| vec![Step::Send(head(id, 0, &[])), Step::Hold]).await;
    check_failed("reset for a body", closed, Body, |id| {
        vec![Step::Send(head(id, 0, &[])), Step::Send(reset(id, 2)), Step::Again]
    })
    .await;
    check_failed("less than it says", protocol, Body, |id| {
        let fields = field("content-length", "9");
        vec![Step::Send(head(id, 0, &fields)), Step::Send(frame(DATA, END_STREAM, id, b"")), Step::Again]
    })
    .await;
    let begun = |id| Step::Send([head(id, 0, &[]), frame(DATA, 0, id, b"abc")].concat());
    let pause = || Step::Wait(Duration::from_millis(50));
    check_cut("silence", &[Truncation::Timeout], move |id| vec![begun(id), Step::Hold]).await;
    check_cut("reset", &[Truncation::Incomplete], move |id| {
        vec![begun(id), pause(), Step::Send(reset(id, 2)), Step::Again]
    })
    .await;
    check_cut("closed", &[Truncation::Incomplete], move |id| vec![begun(id), pause()]).await;
    check_cut("more than it says", &[Truncation::Incomplete], move |id| {
        let fields = field("content-length", "3");
        let first = [head(id, 0, &fields), frame(DATA, 0, id, b"ab")].concat();
        vec![Step::Send(first), pause(), Step::Send(frame(DATA, END_STREAM, id, b"cdef")), Step::Again]
    })
    .await;
}

#[tokio::test]
async fn what_no_server_may_send() {
    let (head_phase, protocol) = (Phase::Head, ErrorKind::Protocol);
    check_failed("no frame", protocol, head_phase, |_| {
        vec![Step::Send(b"HTTP/1.1 200 OK\r\n\r\n".repeat(9)), Step::Hold]
    })
    .await;
    check_failed("a frame too large", protocol, head_phase, |id| {
        vec![Step::Send(frame(DATA, 0, id, &vec![0; 70_000])), Step::Hold]
    })
    .await;
    check_failed("data before the head", protocol, head_phase, |id| {
        vec![Step::Send(frame(DATA, 0, id, b"x")), Step::Hold]
    })
    .await;
    check_failed("a stream nobody opened", protocol, head_phase, |_| vec![Step::Send(head(99, 0, &[])), Step::Hold])
        .await;
    check_failed("a push", protocol, head_phase, |id| {
        vec![Step::Send(frame(PUSH_PROMISE, END_HEADERS, id, &[0, 0, 0, 2, 0x82])), Step::Hold]
    })
    .await;
    check_failed("a window without end", protocol, head_phase, |_| {
        vec![Step::Send(frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).repeat(2)), Step::Hold]
    })
    .await;
    check_failed("bad compression", protocol, head_phase, |id| {
        vec![Step::Send(frame(HEADERS, END_HEADERS, id, &[0xff; 40])), Step::Hold]
    })
    .await;
    check_failed("no status", protocol, head_phase, |id| {
        vec![Step::Send(frame(HEADERS, END_HEADERS, id, &field("x", "y"))), Step::Hold]
    })
    .await;
}

#[tokio::test]
async fn floods() {
    use Phase::Head;
    let (protocol, timeout, now) = (ErrorKind::Protocol, ErrorKind::Timeout, Duration::ZERO);
    let repeat = move |bytes: Vec<u8>| vec![Step::Repeat(bytes, now)];
    check_failed("continuations", protocol, Head, move |id| {
        let start = frame(HEADERS, 0, id, &[STATUS_200]);
        vec![Step::Send(start), Step::Repeat(frame(CONTINUATION, 0, id, &field("x", &"y".repeat(99)).repeat(99)), now)]
    })
    .await;
    check_failed("empty continuations", protocol, Head, move |id| {
        vec![
            Step::Send(frame(HEADERS, 0, id, &[STATUS_200])),
            Step::Repeat(frame(CONTINUATION, 0, id, b"").repeat(99), now),
        ]
    })
    .await;
    check_failed("a compression bomb", protocol, Head, |id| {
        // One long field goes into the table, and is then named by a byte each.
        let long = [&[0x40, 1, b'x', 0x7f, 0x81, 0x1e][..], &[b'y'; 4000]].concat();
        let bomb = [&[STATUS_200][..], &long, &[0xbe; 12_000]].concat();
        vec![Step::Send(frame(HEADERS, END_HEADERS | END_STREAM, id, &bomb)), Step::Hold]
    })
    .await;
    check_failed("settings", timeout, Head, move |_| repeat(frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9]).repeat(50)))
        .await;
    check_failed("pings", timeout, Head, move |_| repeat(frame(PING, 0, 0, &[7; 8]).repeat(50))).await;
    check_failed("window updates", timeout, Head, move |_| {
        repeat(frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).repeat(50))
    })
    .await;
    check_failed("unknown frames", timeout, Head, move |id| repeat(frame(0xbb, 0, id, &[7; 999]).repeat(50))).await;
    check_failed("interim responses", timeout, Head, move |id| {
        let early = [&[0x08, 3][..], b"103", &field("link", "</a>")].concat();
        repeat(frame(HEADERS, END_HEADERS, id, &early).repeat(50))
    })
    .await;
    check_failed("rapid resets", ErrorKind::Closed, Head, move |id| repeat(reset(id, 2).repeat(99))).await;
    // Whichever is first: the breach, or the end of what is wanted.
    let either = [Truncation::Incomplete, Truncation::BodyLimit];
    check_cut("data beyond the window", &either, move |id| {
        vec![Step::Send(head(id, 0, &[])), Step::Repeat(frame(DATA, 0, id, &[7; 9999]), now)]
    })
    .await;
    check_cut("data without end", &[Truncation::BodyLimit], move |id| {
        // Slowly enough that it is the length that ends it, also where the reader is late, and not the window.
        vec![Step::Send(head(id, 0, &[])), Step::Repeat(frame(DATA, 0, id, &[7; 9999]), Duration::from_millis(20))]
    })
    .await;
}

#[tokio::test]
async fn frames_of_nothing_are_no_body() {
    // Neither their number nor their haste keeps an exchange alive.
    let server = H2Server::start(|_, id| {
        vec![Step::Send(head(id, 0, &[])), Step::Repeat(frame(DATA, 0, id, b"").repeat(50), Duration::ZERO)]
    })
    .await;
    let least = MinRate { bytes_per_second: 1, window: Duration::from_millis(300) };
    let started = tokio::time::Instant::now();
    let error = server.fetch(Options { min_rate: Some(least), ..quick() }).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Timeout | ErrorKind::Protocol | ErrorKind::Closed), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{error}: {:?}", started.elapsed());
}
