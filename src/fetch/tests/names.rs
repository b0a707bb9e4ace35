//! Names through the whole fetcher: a name server on loopback answers as the wild does, web servers on
//! several addresses of 127.0.0.0/8 count who connects. 127.0.0.2 stands for the public internet: only it
//! (and what a test lists besides) is let through.

use tokio::net::{TcpSocket, UdpSocket};

use super::*;
use crate::fetch::{
    proxy::{ProxyOptions, ProxyUrl},
    resolve,
};

const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const AAAA: u16 = 28;

/// What the name server says to one question.
#[derive(Debug, Clone)]
enum Reply {
    /// Addresses, and for how many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// The same over TCP; over UDP only that there is more than fits.
    OverTcp(Vec<IpAddr>, u32),
    /// Another name, and nothing about it.
    Alias(&'static str),
    /// Another name, and its addresses.
    AliasOf(&'static str, Vec<IpAddr>, u32),
    /// A status and, with an SOA, for how many seconds it holds.
    Status(u8, Option<u32>),
    /// Bytes that are no answer.
    Garbage,
    Silence,
}

/// The n-th question for a name of a type (A, AAAA), to its reply.
type Zone = fn(&str, u16, usize) -> Reply;

/// A name server, over UDP and TCP.
struct NameServer {
    addr: SocketAddr,
    asked: Arc<std::sync::Mutex<Vec<(String, u16)>>>,
    _tasks: JoinSet<()>,
}

impl NameServer {
    async fn start(zone: Zone) -> Self {
        // The port that UDP is given may be taken for TCP by another test.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let addr = udp.local_addr().unwrap();
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let seen = Arc::clone(&asked);
        tasks.spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((n, peer)) = udp.recv_from(&mut buffer).await {
                if let Some(answer) = answer(&buffer[..n], zone, &seen, false) {
                    udp.send_to(&answer, peer).await.unwrap();
                }
            }
        });
        let seen = Arc::clone(&asked);
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                while let Ok(n) = stream.read_u16().await {
                    let mut query = vec![0; n.into()];
                    stream.read_exact(&mut query).await.unwrap();
                    let Some(answer) = answer(&query, zone, &seen, true) else { break };
                    stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            }
        });
        Self { addr, asked, _tasks: tasks }
    }

    /// How often the IPv4 addresses of a name were asked for.
    fn n_asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, kind)| asked == name && *kind == A).count()
    }
}

fn answer(query: &[u8], zone: Zone, seen: &std::sync::Mutex<Vec<(String, u16)>>, over_tcp: bool) -> Option<Vec<u8>> {
    let mut at = 12;
    let mut labels = Vec::new();
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8(query[at + 1..end].to_ascii_lowercase()).unwrap());
        at = end;
    }
    let question = &query[12..at + 5];
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let name = labels.join(".");
    let n = {
        let mut seen = seen.lock().unwrap();
        let n = seen.iter().filter(|(asked, of)| *asked == name && *of == kind).count();
        seen.push((name.clone(), kind));
        n
    };
    let record = |owner: &[u8], kind: u16, ttl: u32, data: &[u8]| {
        let length = u16::try_from(data.len()).unwrap();
        [owner, &kind.to_be_bytes(), &[0, 1], &ttl.to_be_bytes(), &length.to_be_bytes(), data].concat()
    };
    let addresses = |owner: &[u8], ips: &[IpAddr], ttl: u32| -> Vec<Vec<u8>> {
        let data = ips.iter().filter_map(|ip| match (ip, kind) {
            (IpAddr::V4(ip), A) => Some(ip.octets().to_vec()),
            (IpAddr::V6(ip), AAAA) => Some(ip.octets().to_vec()),
            _ => None,
        });
        data.map(|data| record(owner, kind, ttl, &data)).collect()
    };
    let asked: &[u8] = &[0xc0, 12];
    let (mut flags, mut answers, mut authority) = ([0x81, 0x80], Vec::new(), Vec::new());
    match zone(&name, kind, n) {
        Reply::Addresses(ips, ttl) => answers = addresses(asked, &ips, ttl),
        Reply::OverTcp(ips, ttl) if over_tcp => answers = addresses(asked, &ips, ttl),
        Reply::OverTcp(..) => flags[0] |= 0x02,
        Reply::Alias(target) => answers = vec![record(asked, CNAME, 60, &wire(target))],
        Reply::AliasOf(target, ips, ttl) => {
            answers = vec![record(asked, CNAME, 60, &wire(target))];
            answers.extend(addresses(&wire(target), &ips, ttl));
        }
        Reply::Status(status, ttl) => {
            flags[1] |= status;
            authority.extend(ttl.map(|ttl| {
                let numbers = [1, 1, 1, 1, ttl].map(u32::to_be_bytes).concat();
                record(&wire("test"), SOA, ttl, &[wire("ns.test"), wire("me.test"), numbers].concat())
            }));
        }
        Reply::Garbage => return Some([&query[..2], &[0xff; 40]].concat()),
        Reply::Silence => return None,
    }
    // A name without addresses of this family exists all the same.
    let counts = [1, answers.len(), authority.len(), 0].map(|n| u16::try_from(n).unwrap().to_be_bytes()).concat();
    Some([&query[..2], &flags, &counts, question, &answers.concat(), &authority.concat()].concat())
}

/// A name as it is written in messages, uncompressed.
fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// A web server on each of these addresses, all on one port, that closes after each answer.
struct Web {
    port: u16,
    accepted: Vec<Arc<AtomicUsize>>,
    _tasks: JoinSet<()>,
}

impl Web {
    async fn on(ips: &[&str]) -> Self {
        let mut tasks = JoinSet::new();
        let listeners = 'found: loop {
            let mut listeners: Vec<TcpListener> = Vec::new();
            for ip in ips {
                let port = listeners.first().map_or(0, |first| first.local_addr().unwrap().port());
                match TcpListener::bind((ip.parse::<IpAddr>().unwrap(), port)).await {
                    Ok(listener) => listeners.push(listener),
                    Err(_) => continue 'found,
                }
            }
            break listeners;
        };
        let port = listeners[0].local_addr().unwrap().port();
        let mut accepted = Vec::new();
        for listener in listeners {
            let count = Arc::new(AtomicUsize::new(0));
            accepted.push(Arc::clone(&count));
            tasks.spawn(async move {
                let mut peers = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::SeqCst);
                    let script = vec![Step::Send(ok("Connection: close\r\n", b"x"))];
                    peers.spawn(play(stream, script, Arc::default()));
                }
            });
        }
        Self { port, accepted, _tasks: tasks }
    }

    fn accepted(&self) -> Vec<usize> {
        self.accepted.iter().map(|count| count.load(Ordering::SeqCst)).collect()
    }

    fn url(&self, name: &str) -> String {
        format!("http://{name}:{}/", self.port)
    }
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn fetcher(server: &NameServer, allow: &[&str]) -> HttpFetcher {
    let dns = resolve::Options {
        servers: vec![server.addr],
        timeout: Duration::from_secs(3),
        min_ttl: Duration::ZERO,
        failure_ttl: Duration::ZERO,
        ..resolve::Options::default()
    };
    HttpFetcher::new(Options { guard: allowing(allow), dns, ..options() }).unwrap()
}

/// What became of one request, in a word, and in how many words.
async fn outcome(fetcher: &HttpFetcher, url: &str) -> String {
    match fetcher.fetch(get(url)).await {
        Ok(response) => response.remote.unwrap().ip().to_string(),
        Err(error) => format!("{}: {error}", error.kind.as_str()),
    }
}

#[tokio::test]
async fn a_name_that_answers_differently_each_time() {
    let server = NameServer::start(|_, _, n| match n {
        0 => Reply::Addresses(ips(&["127.0.0.2"]), 0),
        1 => Reply::Addresses(ips(&["127.0.0.1"]), 0),
        2 => Reply::Addresses(ips(&["127.0.0.1", "127.0.0.3", "127.0.0.2", "::1"]), 0),
        3 => Reply::Addresses(ips(&["169.254.169.254", "::ffff:127.0.0.1", "fd00:ec2::254"]), 0),
        4 => Reply::AliasOf("inside.test", ips(&["127.0.0.3"]), 0),
        5 => Reply::Alias("inside.test"),
        _ => Reply::Addresses(ips(&["127.0.0.2"]), 0),
    })
    .await;
    let web = Web::on(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"]).await;
    let fetcher = fetcher(&server, &["127.0.0.2"]);
    for expected in [
        "127.0.0.2",
        "address-refused: the name has only loopback addresses",
        "127.0.0.2",
        "address-refused: the name has only cloud-metadata addresses",
        "address-refused: the name has only loopback addresses",
    ] {
        assert_eq!(outcome(&fetcher, &web.url("rebind.test")).await, expected);
    }
    assert_eq!(web.accepted(), [0, 2, 0, 0]);
}

#[tokio::test]
async fn an_alias_is_followed_and_its_addresses_are_judged() {
    let server = NameServer::start(|name, _, _| match name {
        "a.test" => Reply::Alias("b.test"),
        "b.test" => Reply::Alias("good.test"),
        "good.test" => Reply::Addresses(ips(&["127.0.0.2"]), 60),
        "c.test" => Reply::Alias("bad.test"),
        "bad.test" => Reply::Addresses(ips(&["127.0.0.3"]), 60),
        "d.test" => Reply::Alias("localhost"),
        "loop.test" => Reply::Alias("pool.test"),
        "pool.test" => Reply::Alias("loop.test"),
        "self.test" => Reply::Alias("self.test"),
        _ => Reply::Addresses(ips(&["127.0.0.1"]), 60),
    })
    .await;
    let web = Web::on(&["127.0.0.1", "127.0.0.2", "127.0.0.3"]).await;
    let fetcher = fetcher(&server, &["127.0.0.2"]);
    assert_eq!(outcome(&fetcher, &web.url("a.test")).await, "127.0.0.2");
    for name in ["c.test", "d.test"] {
        let said = outcome(&fetcher, &web.url(name)).await;
        assert!(said.starts_with("address-refused: ") || said.starts_with("dns: "), "{name}: {said}");
    }
    for name in ["loop.test", "self.test"] {
        let said = outcome(&fetcher, &web.url(name)).await;
        assert!(said.starts_with("dns: "), "{name}: {said}");
    }
    assert_eq!(web.accepted(), [0, 1, 0]);
}

#[tokio::test]
async fn what_name_servers_of_the_wild_say() {
    let server = NameServer::start(|name, kind, n| match name {
        "none.test" => Reply::Status(3, Some(60)),
        "empty.test" => Reply::Status(0, Some(60)),
        "failing.test" => Reply::Status(2, None),
        "refusing.test" => Reply::Status(5, None),
        "garbage.test" => Reply::Garbage,
        "silent.test" => Reply::Silence,
        "v4.test" if kind == AAAA => Reply::Silence,
        "late.test" if n == 0 => Reply::Silence,
        "big.test" => Reply::OverTcp((0..1000).map(|n| Ipv4Addr::from_bits(0x7f00_0100 + n).into()).collect(), 60),
        "long.test" => Reply::OverTcp(ips(&["127.0.0.2"]), 60),
        _ => Reply::Addresses(ips(&["127.0.0.2"]), 60),
    })
    .await;
    let web = Web::on(&["127.0.0.2"]).await;
    let fetcher = fetcher(&server, &["127.0.0.2"]);
    let check = async |name: &str, expected: &str| {
        let started = std::time::Instant::now();
        let said = outcome(&fetcher, &web.url(name)).await;
        assert!(said.starts_with(expected), "{name}: {said}");
        assert!(started.elapsed() < Duration::from_secs(9), "{name}: {:?}", started.elapsed());
    };
    check("none.test", "dns: there is no such name").await;
    check("none.test", "dns: there is no such name").await;
    assert_eq!(server.n_asked("none.test"), 1);
    check("empty.test", "dns: the name has no address").await;
    check("failing.test", "dns: look up the name: ").await;
    check("refusing.test", "dns: look up the name: ").await;
    check("garbage.test", "dns: look up the name: ").await;
    check("silent.test", "dns: look up the name: no answer in time").await;
    check("v4.test", "127.0.0.2").await;
    check("late.test", "127.0.0.2").await;
    check("long.test", "127.0.0.2").await;
    check("big.test", "address-refused: the name has only loopback addresses").await;
    assert_eq!(fetcher.name_lookups(), resolve::Counts { hits: 1, misses: 10, negative: 7 });
    assert_eq!(web.accepted(), [3]);
}

#[tokio::test]
async fn answers_are_kept_as_long_as_they_hold() {
    let server = NameServer::start(|name, _, _| {
        let ttl = match name {
            "zero.test" => 0,
            "huge.test" => u32::MAX,
            _ => 60,
        };
        Reply::Addresses(ips(&["127.0.0.2"]), ttl)
    })
    .await;
    let web = Web::on(&["127.0.0.2"]).await;
    let fetcher = fetcher(&server, &["127.0.0.2"]);
    for name in ["zero.test", "huge.test", "minute.test"] {
        for _ in 0..3 {
            assert_eq!(outcome(&fetcher, &web.url(name)).await, "127.0.0.2");
        }
    }
    assert_eq!(["zero.test", "huge.test", "minute.test"].map(|name| server.n_asked(name)), [3, 1, 1]);
}

#[tokio::test]
async fn a_dead_address_costs_little_and_once() {
    let server = NameServer::start(|name, _, _| match name {
        "closed.test" => Reply::Addresses(ips(&["127.0.0.9", "127.0.0.2"]), 60),
        _ => Reply::Addresses(ips(&["127.0.0.8", "127.0.0.2"]), 60),
    })
    .await;
    let web = Web::on(&["127.0.0.2"]).await;
    // Nobody takes connections here, and there is no room for any more: it doesn't even refuse.
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind(SocketAddr::new("127.0.0.8".parse().unwrap(), web.port)).unwrap();
    let deaf = deaf.listen(1).unwrap();
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let connecting = TcpStream::connect(deaf.local_addr().unwrap());
        waiting.extend(tokio::time::timeout(Duration::from_millis(50), connecting).await);
    }
    assert!(waiting.len() < 4, "it is deaf");

    let dns = resolve::Options { servers: vec![server.addr], ..resolve::Options::default() };
    let guard = allowing(&["127.0.0.0/8"]);
    let options = Options { guard, dns, connect_timeout: Duration::from_secs(4), ..options() };
    let fetcher = HttpFetcher::new(options).unwrap();
    let timed = async |name: &str| {
        let started = std::time::Instant::now();
        assert_eq!(outcome(&fetcher, &web.url(name)).await, "127.0.0.2", "{name}");
        started.elapsed()
    };
    assert!(timed("closed.test").await < Duration::from_millis(1500));
    // Its share of the time to connect, and then it isn't tried any more.
    let first = timed("deaf.test").await;
    assert!((Duration::from_millis(1800)..Duration::from_millis(3900)).contains(&first), "{first:?}");
    let second = timed("deaf.test").await;
    assert!(second < Duration::from_millis(1500), "{second:?}");
}

#[tokio::test]
async fn the_second_family_is_tried_soon() {
    let server = NameServer::start(|_, _, _| Reply::Addresses(ips(&["2001:db8::1", "127.0.0.2"]), 60)).await;
    let web = Web::on(&["127.0.0.2"]).await;
    let fetcher = fetcher(&server, &["127.0.0.2", "2001:db8::/32"]);
    let started = std::time::Instant::now();
    assert_eq!(outcome(&fetcher, &web.url("two.test")).await, "127.0.0.2");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_name_that_is_looked_up_for_a_proxy_takes_no_longer_than_the_exchange_may() {
    let server = NameServer::start(|_, _, _| Reply::Silence).await;
    let dns = resolve::Options {
        servers: vec![server.addr],
        timeout: Duration::from_secs(60),
        ..resolve::Options::default()
    };
    let proxies = vec![ProxyUrl::parse(&format!("http://{}", server.addr)).unwrap()];
    let proxy = ProxyOptions { proxies, check_names: true, ..ProxyOptions::default() };
    let fetcher = HttpFetcher::new(Options { dns, proxy, timeout: Duration::from_millis(100), ..options() }).unwrap();
    let fetched = tokio::time::timeout(Duration::from_secs(20), fetcher.fetch(get("http://slow.test/"))).await;
    let error = fetched.expect("in time").unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Timeout, Phase::Resolve), "{error}");
}
