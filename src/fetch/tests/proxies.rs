//! Proxies on loopback, as good and as bad as they come.

use super::*;
use crate::fetch::proxy::{Bypass, ProxyOptions, ProxyUrl};

/// How a proxy on loopback behaves.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// HTTP: answers plain requests itself and tunnels to loopback, for this `Proxy-Authorization`.
    Http(Option<&'static str>),
    /// SOCKS5: connects to loopback, for this user and password.
    Socks(Option<&'static str>),
    /// Answers a CONNECT with this.
    Says(&'static str),
    /// SOCKS5 that answers with this code.
    Code(u8),
    /// Accepts, and closes.
    Closes,
}

/// A proxy, and what was asked of it: heads of requests, or `host:port` of SOCKS.
struct Proxy {
    addr: SocketAddr,
    seen: Arc<std::sync::Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (mut tasks, log) = (JoinSet::new(), Arc::clone(&seen));
        tasks.spawn(async move {
            let mut peers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                peers.spawn(async move {
                    // What a peer does is seen by the tests; that it hangs up is no news.
                    let _ = match manner {
                        Manner::Http(login) => http(stream, login, None, log).await,
                        Manner::Says(answer) => http(stream, None, Some(answer), log).await,
                        Manner::Socks(login) => socks(stream, login, 0, log).await,
                        Manner::Code(code) => socks(stream, None, code, log).await,
                        Manner::Closes => {
                            log.lock().unwrap().push("connection".to_owned());
                            Ok(())
                        }
                    };
                });
            }
        });
        Self { addr, seen, _tasks: tasks }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Options for a fetcher that goes through this proxy only.
    fn options(&self, scheme_and_login: &str) -> Options {
        through(&[format!("{scheme_and_login}{}", self.addr)])
    }
}

type Log = Arc<std::sync::Mutex<Vec<String>>>;

async fn http(mut stream: TcpStream, login: Option<&str>, says: Option<&str>, log: Log) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    log.lock().unwrap().push(head.clone());
    if let Some(answer) = says {
        return stream.write_all(answer.as_bytes()).await;
    }
    if login.is_some_and(|login| !head.contains(&format!("proxy-authorization: {}", login.to_lowercase()))) {
        return stream.write_all(b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    }
    let Some(target) = head.strip_prefix("connect ") else {
        return stream.write_all(&ok("Connection: close\r\n", b"by the proxy")).await;
    };
    let port: u16 = target.split(' ').next().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let mut there = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut stream, &mut there).await.map(|_| ())
}

/// RFC 1928 and RFC 1929.
async fn socks(mut stream: TcpStream, login: Option<&str>, code: u8, log: Log) -> std::io::Result<()> {
    let mut methods = [0; 2];
    stream.read_exact(&mut methods).await?;
    let mut offered = vec![0; usize::from(methods[1])];
    stream.read_exact(&mut offered).await?;
    if let Some(login) = login {
        stream.write_all(&[5, 2]).await?;
        let _version = stream.read_u8().await?;
        let mut given = String::new();
        for end in [":", ""] {
            let mut text = vec![0; usize::from(stream.read_u8().await?)];
            stream.read_exact(&mut text).await?;
            given += &(String::from_utf8(text).unwrap() + end);
        }
        let is_right = given == login;
        stream.write_all(&[1, u8::from(!is_right)]).await?;
        if !is_right {
            return Ok(());
        }
    } else {
        stream.write_all(&[5, 0]).await?;
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let host = match request[3] {
        1 => {
            let mut ip = [0; 4];
            stream.read_exact(&mut ip).await?;
            Ipv4Addr::from(ip).to_string()
        }
        3 => {
            let mut name = vec![0; usize::from(stream.read_u8().await?)];
            stream.read_exact(&mut name).await?;
            String::from_utf8(name).unwrap()
        }
        4 => {
            let mut ip = [0; 16];
            stream.read_exact(&mut ip).await?;
            format!("[{}]", std::net::Ipv6Addr::from(ip))
        }
        other => panic!("address type {other}"),
    };
    let port = stream.read_u16().await?;
    log.lock().unwrap().push(format!("{host}:{port}"));
    stream.write_all(&[5, code, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
    if code != 0 {
        return Ok(());
    }
    let mut there = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut there).await.map(|_| ())
}

/// Nothing of loopback is allowed: only the proxies' own addresses are exempt.
fn through(urls: &[String]) -> Options {
    let proxies = urls.iter().map(|url| ProxyUrl::parse(url).unwrap()).collect();
    let proxy = ProxyOptions { proxies, bypass: Vec::new(), check_names: false };
    Options { guard: allowing(&[]), proxy, ..options() }
}

async fn fetch(options: Options, url: &str) -> Result<Response, FetchError> {
    HttpFetcher::new(options).unwrap().fetch(get(url)).await
}

/// Fails with this kind and message, is worth another try, and is not the host's fault.
async fn check_proxys_fault(options: Options, url: &str, message: &str) {
    let error = fetch(options, url).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Proxy, message), "{url}");
    assert!(error.is_retryable() && !error.blames_host());
}

async fn nobody() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap()
}

const LOGIN: &str = "Basic Ym9iOnNlc2FtZQ==";

#[tokio::test]
async fn http_is_asked_of_the_proxy_in_absolute_form_with_the_login() {
    let proxy = Proxy::start(Manner::Http(Some(LOGIN))).await;
    let response = fetch(proxy.options("http://bob:sesame@"), "http://site.test/a?b").await.unwrap();
    assert_eq!((&response.body[..], response.remote), (&b"by the proxy"[..], None));
    assert_eq!(response.proxy.as_deref(), Some(format!("http://{}", proxy.addr).as_str()));
    assert!(proxy.seen()[0].starts_with("get http://site.test/a?b http/1.1\r\n"), "{:?}", proxy.seen());
}

#[tokio::test]
async fn https_goes_through_a_tunnel_and_the_login_stays_with_the_proxy() {
    let server = Server::sending(ok("Connection: close\r\n", b"there")).await;
    let (addr, heads) = tls::serve(tls::server(None, &[]), server.addr).await;
    let proxy = Proxy::start(Manner::Http(Some(LOGIN))).await;
    let options = Options { tls: tls::trusting(), ..proxy.options("http://bob:sesame@") };
    let response = fetch(options, &format!("https://a.tls.test:{}/", addr.port())).await.unwrap();
    assert_eq!(response.body, "there");
    assert!(proxy.seen()[0].starts_with(&format!("connect a.tls.test:{} http/1.1\r\n", addr.port())));
    assert!(!server.request().to_lowercase().contains("proxy-auth"), "{}", server.request());
    drop(heads);
}

#[tokio::test]
async fn socks5_is_given_addresses_that_the_guard_has_seen() {
    let server = Server::sending(ok("", b"there")).await;
    let port = server.addr.port();
    let proxy = Proxy::start(Manner::Socks(Some("bob:sesame"))).await;
    let resolve = vec![("good.test".to_owned(), [8, 8, 8, 8].into()), ("bad.test".to_owned(), [10, 0, 0, 1].into())];
    let options = Options { resolve, ..proxy.options("socks5://bob:sesame@") };
    let response = fetch(options.clone(), &format!("http://good.test:{port}/")).await.unwrap();
    assert_eq!(response.body, "there");
    assert_eq!(proxy.seen(), [format!("8.8.8.8:{port}")]);
    assert!(!server.request().to_lowercase().contains("proxy-auth"));

    let error = fetch(options, &format!("http://bad.test:{port}/")).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::AddressRefused, Phase::Resolve), "{error}");
    assert_eq!(proxy.seen().len(), 1);
}

#[tokio::test]
async fn socks5h_is_given_names_which_are_judged_by_what_is_found_here() {
    let server = Server::sending(ok("", b"there")).await;
    let port = server.addr.port();
    let proxy = Proxy::start(Manner::Socks(None)).await;
    let resolve = vec![("bad.test".to_owned(), [10, 0, 0, 1].into())];
    let mut options = Options { resolve, ..proxy.options("socks5h://") };
    fetch(options.clone(), &format!("http://bad.test:{port}/")).await.unwrap();
    options.proxy.check_names = true;
    let error = fetch(options.clone(), &format!("http://bad.test:{port}/")).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::AddressRefused, Phase::Resolve), "{error}");
    // Nobody knows it here: the proxy may.
    fetch(options, &format!("http://unknown.invalid:{port}/")).await.unwrap();
    assert_eq!(proxy.seen(), [format!("bad.test:{port}"), format!("unknown.invalid:{port}")]);
}

#[tokio::test]
async fn a_literal_address_reaches_a_socks5_proxy_and_no_name_server() {
    for (url, expected) in [("http://8.8.8.8/", "8.8.8.8:80"), ("http://[2606:4700::1111]/", "[2606:4700::1111]:80")] {
        let proxy = Proxy::start(Manner::Code(2)).await;
        let error = fetch(proxy.options("socks5://"), url).await.unwrap_err();
        assert_eq!((error.kind, proxy.seen()), (ErrorKind::Proxy, vec![expected.to_owned()]), "{error}");
    }
}

#[tokio::test]
async fn a_name_with_a_private_address_among_others_is_not_left_to_a_proxy() {
    let proxy = Proxy::start(Manner::Http(None)).await;
    let mut options = proxy.options("http://");
    options.proxy.check_names = true;
    options.resolve = [[8, 8, 8, 8], [10, 0, 0, 1]].map(|ip| ("both.test".to_owned(), ip.into())).to_vec();
    let error = fetch(options, "http://both.test/").await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::AddressRefused, Phase::Resolve), "{error}");
    assert_eq!(error.message, "the name has private addresses among others");
    assert_eq!(proxy.seen(), [""; 0]);
}

#[tokio::test]
async fn localhost_is_not_left_to_a_proxy_even_if_names_are_not_checked() {
    for scheme in ["http://", "socks5h://"] {
        let proxy = Proxy::start(Manner::Http(None)).await;
        for url in ["http://localhost/", "https://a.LOCALHOST./"] {
            let error = fetch(proxy.options(scheme), url).await.unwrap_err();
            assert_eq!((error.kind, error.phase), (ErrorKind::AddressRefused, Phase::Resolve), "{scheme} {url}");
        }
        assert_eq!(proxy.seen(), [""; 0]);
    }
}

#[tokio::test]
async fn a_proxys_own_name_is_not_exempt_as_a_host_however_it_is_written() {
    let proxy = Proxy::start(Manner::Socks(None)).await;
    for own in ["proxy.test", "proxy.test."] {
        for scheme in ["socks5", "socks5h", "http"] {
            let mut options = through(&[format!("{scheme}://{own}:{}", proxy.addr.port())]);
            options.resolve = vec![("proxy.test".to_owned(), proxy.addr.ip())];
            for url in ["http://proxy.test/", "http://proxy.test./", "https://PROXY.test/"] {
                let error = fetch(options.clone(), url).await.unwrap_err();
                assert_eq!(error.kind, ErrorKind::AddressRefused, "{scheme}://{own} {url} {error}");
            }
        }
    }
    assert_eq!(proxy.seen(), [""; 0]);
}

#[tokio::test]
async fn literal_addresses_are_refused_behind_every_proxy() {
    for (manner, scheme) in
        [(Manner::Http(None), "http://"), (Manner::Socks(None), "socks5://"), (Manner::Socks(None), "socks5h://")]
    {
        let proxy = Proxy::start(manner).await;
        for url in ["http://127.0.0.1/", "http://169.254.169.254/", "http://0x7f.1/", "https://[::1]/"] {
            let error = fetch(proxy.options(scheme), url).await.unwrap_err();
            assert_eq!((error.kind, error.phase), (ErrorKind::AddressRefused, Phase::Connect), "{scheme} {url}");
        }
        assert_eq!(proxy.seen(), [""; 0]);
    }
}

#[tokio::test]
async fn only_the_proxys_own_name_is_exempt_from_the_guard() {
    let proxy = Proxy::start(Manner::Http(None)).await;
    let mut options = through(&[format!("http://proxy.test:{}", proxy.addr.port())]);
    options.resolve = vec![("proxy.test".to_owned(), proxy.addr.ip())];
    let fetcher = HttpFetcher::new(options).unwrap();
    fetcher.fetch(get("http://site.test/")).await.unwrap();
    let error = fetcher.fetch(get("http://proxy.test/")).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::AddressRefused, Phase::Resolve), "{error}");
    assert_eq!(proxy.seen().len(), 1);
}

#[tokio::test]
async fn the_next_proxy_takes_over_from_one_that_fails() {
    let good = Proxy::start(Manner::Http(None)).await;
    let closes = Proxy::start(Manner::Closes).await;
    let urls = vec![format!("http://{}", nobody().await), format!("http://{}", good.addr)];
    let fetcher = HttpFetcher::new(through(&urls)).unwrap();
    for n in 0..8 {
        let response = fetcher.fetch(get(&format!("http://h{n}.test/"))).await.unwrap();
        assert_eq!(response.proxy.as_deref(), Some(format!("http://{}", good.addr).as_str()));
    }
    assert_eq!(good.seen().len(), 8);

    let urls = vec![format!("https://{}", closes.addr), format!("socks5h://{}", closes.addr)];
    let fetcher = HttpFetcher::new(through(&urls)).unwrap();
    for url in ["http://h.test/", "https://h.test/"] {
        let error = fetcher.fetch(get(url)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Proxy, "{error}");
    }
    assert_eq!(closes.seen().len(), 2, "each was tried once, and both rest");
}

#[tokio::test]
async fn failures_of_proxies_have_names() {
    let wrong = Proxy::start(Manner::Http(Some(LOGIN))).await;
    for url in ["http://site.test/", "https://site.test/"] {
        check_proxys_fault(wrong.options("http://bob:other@"), url, "the proxy does not accept the login (407)").await;
    }
    let wrong = Proxy::start(Manner::Socks(Some("bob:sesame"))).await;
    let message = "the proxy does not accept the login (407)";
    check_proxys_fault(wrong.options("socks5h://bob:other@"), "http://site.test/", message).await;
    for scheme in ["http://", "https://", "socks5h://"] {
        let options = through(&[format!("{scheme}{}", nobody().await)]);
        check_proxys_fault(options, "http://site.test/", "connect to the proxy").await;
    }
    let gateway = Proxy::start(Manner::Says("HTTP/1.1 502 Bad Gateway\r\n\r\n")).await;
    check_proxys_fault(gateway.options("http://"), "https://site.test/", "the proxy opened no tunnel").await;
    let broken = Proxy::start(Manner::Says("SSH-2.0-OpenSSH\r\n\r\n")).await;
    check_proxys_fault(broken.options("http://"), "https://site.test/", "the proxy opened no tunnel").await;
    let refuses = Proxy::start(Manner::Code(2)).await;
    check_proxys_fault(refuses.options("socks5h://"), "http://site.test/", "the proxy refuses to connect").await;

    // The server's fault, by the word of the proxy.
    let unreachable = Proxy::start(Manner::Code(4)).await;
    let error = fetch(unreachable.options("socks5h://"), "http://site.test/").await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Connect, "the proxy says: host unreachable"));
}

#[tokio::test]
async fn a_proxy_that_hangs_is_waited_for_as_long_as_for_a_connection() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut options = through(&[format!("http://{}", listener.local_addr().unwrap())]);
    options.connect_timeout = Duration::from_millis(100);
    check_proxys_fault(options, "https://site.test/", "timed out waiting for the proxy's connection").await;
}

#[tokio::test]
async fn what_is_bypassed_goes_straight_ahead() {
    let server = Server::sending(ok("", b"there")).await;
    let proxy = Proxy::start(Manner::Http(None)).await;
    let mut options = Options { guard: allowing(&["loopback"]), ..proxy.options("http://") };
    options.proxy.bypass = vec![Bypass::Net("127.0.0.0/8".parse().unwrap())];
    let fetcher = HttpFetcher::new(options).unwrap();
    let response = fetcher.fetch(get(&server.url())).await.unwrap();
    assert_eq!((&response.body[..], response.proxy, response.remote), (&b"there"[..], None, Some(server.addr)));
    assert_eq!(fetcher.fetch(get("http://site.test/")).await.unwrap().body, "by the proxy");
}

#[test]
fn a_proxys_login_is_not_in_the_debug_output() {
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let options = through(&[format!("{scheme}://bob:sesame@proxy.test:1080")]);
        let text = format!("{options:?} {:?}", HttpFetcher::new(options.clone()).unwrap());
        assert!(!text.contains("sesame") && !text.contains("Ym9iOnNlc2FtZQ"), "{text}");
    }
}
