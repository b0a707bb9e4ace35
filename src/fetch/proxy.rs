//! Proxies: which one a request takes, and how they are.
//!
//! A host keeps to one proxy as long as that one works (rendezvous hashing), so that what the site
//! sees, and the cookies that it gave, stay with one address. A proxy that fails rests, longer each
//! time, and its hosts go over to others. Opens no connection; `transports` does, and tells the pool
//! how it went.

use std::{
    error::Error,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use url::{Host, Url};
use xxhash_rust::xxh3::xxh3_64;

use super::{ErrorKind, Phase, classify::Fault, guard};
use crate::{
    address::{CanonicalUrl, HostPattern},
    clock::Timestamp,
};

/// The first rest of a proxy that failed; it doubles each time.
const REST_BASE: Duration = Duration::from_secs(5);

/// The longest.
const REST_MAX: Duration = Duration::from_secs(300);

/// Failures in a row that may be the server's fault, after which the proxy is blamed.
const DOUBTFUL_IN_A_ROW: u32 = 5;

/// Which way requests go.
#[derive(Debug, Clone, Default)]
pub struct ProxyOptions {
    /// None is straight ahead.
    pub proxies: Vec<ProxyUrl>,
    /// What is asked straight ahead all the same.
    pub bypass: Vec<Bypass>,
    /// Whether names that a proxy resolves are looked up here as well, for the address guard.
    pub check_names: bool,
}

/// A proxy's address and login.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    url: Url,
    label: Arc<str>,
}

impl ProxyUrl {
    /// `http://[user:password@]host:port`, `https://…`, `socks5://…` (names are resolved here) or
    /// `socks5h://…` (by the proxy).
    ///
    /// # Errors
    /// What is wrong, without quoting it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "expected a proxy such as \"http://user:password@host:3128\", or https, socks5 or socks5h";
        let url = Url::parse(text.trim()).map_err(|_| EXPECTED)?;
        let is_known = matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
        if !is_known || url.host_str().is_none_or(str::is_empty) {
            return Err(EXPECTED);
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("a proxy has a scheme, a login, a host and a port, and no more");
        }
        if url.scheme().starts_with("socks") && url.port().is_none() {
            return Err("a SOCKS proxy needs a port, mostly 1080");
        }
        let port = url.port_or_known_default().map_or_else(String::new, |port| format!(":{port}"));
        let label = format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default());
        Ok(Self { url, label: label.into() })
    }

    /// Without its login: for records and logs.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// Whether names are resolved by the proxy.
    pub fn resolves_names(&self) -> bool {
        self.url.scheme() != "socks5"
    }

    /// Whether the way to it is encrypted.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn is_socks(&self) -> bool {
        self.url.scheme().starts_with("socks")
    }

    /// With its login: for the client alone.
    pub(super) fn as_url(&self) -> &Url {
        &self.url
    }

    /// Whether `name` is its own; a dot at the end of either changes nothing.
    pub(super) fn is_named(&self, name: &str) -> bool {
        let own = self.url.host_str().unwrap_or_default();
        own.trim_end_matches('.').eq_ignore_ascii_case(name.trim_end_matches('.'))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

/// What is asked without a proxy.
#[derive(Debug, Clone, PartialEq)]
pub enum Bypass {
    /// Hosts by name.
    Hosts(HostPattern),
    /// URLs with a literal address in this network; names are not looked up for it.
    Net(IpNet),
}

impl Bypass {
    fn matches(&self, url: &CanonicalUrl) -> bool {
        match (self, url.as_url().host()) {
            (Self::Hosts(pattern), _) => pattern.matches(url.host().as_str()),
            (Self::Net(net), Some(Host::Ipv4(ip))) => net.contains(&IpAddr::V4(ip)),
            (Self::Net(net), Some(Host::Ipv6(ip))) => net.contains(&IpAddr::V6(ip).to_canonical()),
            (Self::Net(_), _) => false,
        }
    }
}

/// How sure it is that the proxy is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// It could not be reached, or does not do its work.
    Certain,
    /// It may as well be the server.
    Doubtful,
}

/// The proxies and how they are.
#[derive(Debug)]
pub(super) struct Pool {
    options: ProxyOptions,
    health: Mutex<Vec<Health>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Health {
    rests: u32,
    doubtful: u32,
    rests_until: Timestamp,
}

impl Pool {
    pub(super) fn new(options: ProxyOptions) -> Self {
        let health = Mutex::new(vec![Health::default(); options.proxies.len()]);
        Self { options, health }
    }

    pub(super) fn get(&self, index: usize) -> &ProxyUrl {
        &self.options.proxies[index]
    }

    /// Whether a request for `url` takes a proxy.
    pub(super) fn is_for(&self, url: &CanonicalUrl) -> bool {
        !self.options.proxies.is_empty() && !self.options.bypass.iter().any(|bypass| bypass.matches(url))
    }

    /// The proxy for `host`: of those that do not rest and were not `tried`, always the same one.
    pub(super) fn pick(&self, host: &str, tried: &[usize], now: Timestamp) -> Option<usize> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let weight = |i: usize| xxh3_64(format!("{}\n{host}", self.options.proxies[i].label).as_bytes());
        (0..health.len()).filter(|i| health[*i].rests_until <= now && !tried.contains(i)).max_by_key(|&i| weight(i))
    }

    /// Notes how it went.
    pub(super) fn note(&self, index: usize, blame: Option<Blame>, now: Timestamp) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let health = &mut health[index];
        match blame {
            None => *health = Health::default(),
            Some(Blame::Doubtful) if health.doubtful + 1 < DOUBTFUL_IN_A_ROW => health.doubtful += 1,
            // Requests that failed together are one failure.
            Some(_) if health.rests_until > now => {}
            Some(_) => {
                let rest = REST_BASE.saturating_mul(1 << health.rests.min(16)).min(REST_MAX);
                *health = Health { rests: health.rests + 1, doubtful: 0, rests_until: now + rest };
                tracing::warn!(proxy = &*self.options.proxies[index].label, ?rest, "a proxy fails and rests");
            }
        }
    }
}

/// A guard that lets everything through: for the addresses of proxies.
pub(super) fn unguarded() -> guard::Options {
    let everything = ["0.0.0.0/0", "::/0"].map(|net| net.parse().expect("a network"));
    guard::Options { allow: everything.to_vec(), ..guard::Options::default() }
}

/// All of them rest, or were tried.
pub(super) fn none_left() -> Fault {
    Fault::new(ErrorKind::Proxy, Phase::Connect, "no proxy is left that works")
}

/// The proxy answered a request for a page with 407: it wants another login (RFC 9110 section 15.5.8).
pub(super) fn login_refused() -> Fault {
    Fault::new(ErrorKind::Proxy, Phase::Connect, "the proxy does not accept the login (407)")
}

/// What an error on the way through a proxy means, if it is the proxy's. Those of tunnels and SOCKS have no
/// public type in this stack and are told apart by their text.
pub(super) fn fault_of(error: &reqwest::Error, proxy: &ProxyUrl, is_tunnel: bool) -> Option<(Fault, Blame)> {
    let found = |message: &str, blame| Some((Fault::new(ErrorKind::Proxy, Phase::Connect, message), blame));
    let text = said_of_proxy(error);
    let says = |part: &str| text.contains(part);
    if says("proxy authorization required") || says("credentials not accepted") {
        return Some((login_refused(), Blame::Certain));
    }
    if says("user/pass authentication") {
        return found("the proxy knows no logins", Blame::Certain);
    }
    if says("tunnel error: unsuccessful") {
        return found("the proxy opened no tunnel", Blame::Doubtful);
    }
    for of_server in ["network unreachable", "host unreachable", "connection refused", "ttl expired"] {
        if says(&format!("SOCKS error: {of_server}")) {
            let message = format!("the proxy says: {of_server}");
            return Some((Fault::new(ErrorKind::Connect, Phase::Connect, message), Blame::Doubtful));
        }
    }
    if says("SOCKS error: connection not allowed") || says("SOCKS error: general server failure") {
        return found("the proxy refuses to connect", Blame::Doubtful);
    }
    if says("tunnel error") || says("SOCKS error") {
        return found("connect to the proxy", Blame::Certain);
    }
    // Without a tunnel it is the proxy that is connected to.
    let goes_through = is_tunnel || proxy.is_socks();
    match (error.is_connect(), error.is_timeout(), goes_through) {
        (true, _, false) => found("connect to the proxy", Blame::Certain),
        (true, true, true) => found("timed out waiting for the proxy's connection", Blame::Doubtful),
        _ => None,
    }
}

/// What the errors of tunnels and SOCKS in the chain say. Others may quote the server, a name in its
/// certificate for one, and it has no say in how our proxies are.
fn said_of_proxy(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        if said.starts_with("tunnel error: ") || said.starts_with("SOCKS error: ") {
            text.push_str(&said);
            text.push('\n');
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Canonicalizer;

    fn pool(n: usize, bypass: Vec<Bypass>) -> Pool {
        let proxies = (0..n).map(|i| ProxyUrl::parse(&format!("http://u:sesame@p{i}:3128")).unwrap()).collect();
        Pool::new(ProxyOptions { proxies, bypass, check_names: false })
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn urls_of_proxies() {
        let check = |text: &str, expected: Option<&str>| {
            let found = ProxyUrl::parse(text);
            assert_eq!(found.as_ref().ok().map(|proxy| &**proxy.label()), expected, "{text}");
            assert!(!format!("{found:?}").contains("sesame"), "{found:?}");
        };
        check("http://u:sesame@proxy", Some("http://proxy:80"));
        check("https://u:sesame@proxy:8443/", Some("https://proxy:8443"));
        check("socks5://u:sesame@127.0.0.1:1080", Some("socks5://127.0.0.1:1080"));
        check("socks5h://[::1]:1080", Some("socks5h://[::1]:1080"));
        for bad in [
            "proxy:3128",
            "",
            "ftp://u:sesame@h/",
            "http://u:sesame@/",
            "http://u:sesame@h/sesame",
            "http://h/?sesame",
            "socks5://h",
            "socks4://h:1",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_host_keeps_its_proxy_until_that_one_rests() {
        let pool = pool(4, vec![]);
        let hosts: Vec<String> = (0..100).map(|i| format!("h{i}.test")).collect();
        let picks = |now| hosts.iter().map(|host| pool.pick(host, &[], now).unwrap()).collect::<Vec<_>>();
        let first = picks(at(0));
        assert!((0..4).all(|i| first.iter().filter(|&&pick| pick == i).count() > 10), "{first:?}");
        assert_eq!(picks(at(9)), first);
        pool.note(2, Some(Blame::Certain), at(10));
        let second = picks(at(14));
        assert!(first.iter().zip(&second).all(|(a, b)| if *a == 2 { *b != 2 } else { a == b }), "others stay");
        assert_eq!(picks(at(15)), first);
        assert_ne!(pool.pick(&hosts[0], &first[..1], at(15)), Some(first[0]));
    }

    #[test]
    fn rests_grow_and_a_success_ends_them() {
        let pool = pool(1, vec![]);
        let mut now = 0;
        for rest in [5, 10, 20, 40, 80, 160, 300, 300] {
            pool.note(0, Some(Blame::Certain), at(now));
            // At the same time, so not another failure.
            pool.note(0, Some(Blame::Certain), at(now));
            assert_eq!((pool.pick("h", &[], at(now + rest - 1)), pool.pick("h", &[], at(now + rest))), (None, Some(0)));
            now += rest;
        }
        pool.note(0, None, at(now));
        pool.note(0, Some(Blame::Certain), at(now));
        assert_eq!(pool.pick("h", &[], at(now + 5)), Some(0));
    }

    #[test]
    fn one_bad_server_does_not_make_a_proxy_rest() {
        let pool = pool(1, vec![]);
        for n in 0..20 {
            pool.note(0, Some(Blame::Doubtful), at(n));
            pool.note(0, (n % 4 == 3).then_some(Blame::Doubtful).filter(|_| false), at(n));
            assert_eq!(pool.pick("h", &[], at(n)), Some(0));
        }
        for n in 0..DOUBTFUL_IN_A_ROW {
            assert_eq!(pool.pick("h", &[], at(100)), Some(0), "{n}");
            pool.note(0, Some(Blame::Doubtful), at(100));
        }
        assert_eq!(pool.pick("h", &[], at(100)), None);
    }

    #[test]
    fn a_server_has_no_say_in_how_proxies_are() {
        #[derive(Debug, thiserror::Error)]
        #[error("connect: a certificate for 407.test: tunnel error: credentials not accepted")]
        struct OfServer(#[source] std::io::Error);
        let error = OfServer(std::io::Error::other("tunnel error: unsuccessful"));
        assert_eq!(said_of_proxy(&error), "tunnel error: unsuccessful\n");
    }

    #[test]
    fn what_goes_straight_ahead() {
        let bypass = vec![
            Bypass::Hosts(HostPattern::Suffix(".internal".into())),
            Bypass::Net("10.0.0.0/8".parse().unwrap()),
            Bypass::Net("fd00::/8".parse().unwrap()),
        ];
        let pool = pool(1, bypass);
        let check = |url: &str, expected: bool| {
            assert_eq!(pool.is_for(&Canonicalizer::default().parse(url).unwrap()), expected, "{url}");
        };
        check("http://h.test/", true);
        check("http://a.internal/", false);
        check("http://a.internal./", false);
        check("http://internal.evil.test/", true);
        check("http://10.1.2.3/", false);
        check("http://0xa010203/", false);
        check("http://[::ffff:10.1.2.3]/", false);
        check("http://11.1.2.3/", true);
        check("http://[fd00::1]/", false);
        check("http://10.1.2.3.test/", true);
    }
}
