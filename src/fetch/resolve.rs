//! From a name to the addresses that a socket may be opened to: where the guard stands.
//!
//! The client has no other way to an address: fixed answers first, then the system's resolver, and
//! everything passes the [`Guard`]. The address that was checked is the address that is connected
//! to, so a name that changes its answer between two questions gains nothing. Literal addresses never
//! come here; the client checks those before it asks.
//!
//! There is no cache: connections are kept, and the system's resolver knows the records' TTLs.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::{
    connect::Trace,
    guard::{Category, Guard, is_localhost},
};

/// How long an exchange waits for a thread to look its name up.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Lookups at once. The system's resolver blocks a thread, also after the exchange has given up.
const MAX_LOOKUPS: usize = 128;

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    /// The system's resolver failed, or knows no such name.
    #[error("look up the name: {0}")]
    System(#[from] io::Error),
    /// All threads for look-ups are taken by names that don't answer.
    #[error("too many names are being looked up")]
    Busy,
    /// The name exists and has no address.
    #[error("the name has no address")]
    Empty,
    /// None of its addresses may be asked.
    #[error("the name has only {0} addresses")]
    Refused(Category),
}

/// The client's resolver.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    guard: Guard,
    overrides: Vec<(String, IpAddr)>,
    lookups: Arc<Semaphore>,
}

impl GuardedResolver {
    pub(super) fn new(guard: Guard, overrides: Vec<(String, IpAddr)>) -> Self {
        let overrides =
            overrides.into_iter().map(|(name, ip)| (name.trim_end_matches('.').to_ascii_lowercase(), ip)).collect();
        let lookups = Arc::new(Semaphore::new(MAX_LOOKUPS));
        Self { shared: Arc::new(Shared { guard, overrides, lookups }) }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let trace = Trace::current();
            if let Some(trace) = &trace {
                trace.resolving();
            }
            let ips = shared.resolve(name.as_str()).await?;
            if let Some(trace) = &trace {
                trace.resolved();
            }
            // Port 0 stands for the URL's.
            Ok(Box::new(ips.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

impl Shared {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let fixed = fixed_answers(&self.overrides, name);
        let ips = match fixed {
            // Never a question for DNS (RFC 6761 section 6.3).
            fixed if fixed.is_empty() && is_localhost(name) => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            fixed if fixed.is_empty() => self.look_up(name.to_owned()).await?,
            fixed => fixed,
        };
        admit(&self.guard, ips)
    }

    async fn look_up(&self, name: String) -> Result<Vec<IpAddr>, ResolveError> {
        let free = tokio::time::timeout(MAX_WAIT, Arc::clone(&self.lookups).acquire_owned()).await;
        let permit = free.map_err(|_| ResolveError::Busy)?.expect("the semaphore of lookups is never closed");
        let lookup = tokio::task::spawn_blocking(move || {
            // Held by the thread, not by the exchange: it is the thread that is scarce.
            let _permit = permit;
            let addrs = (name.as_str(), 0).to_socket_addrs()?;
            Ok(addrs.map(|addr| addr.ip()).take(MAX_ADDRESSES).collect())
        });
        lookup.await.map_err(io::Error::other)?.map_err(ResolveError::System)
    }
}

/// The addresses that may be asked, in the resolver's order.
fn admit(guard: &Guard, ips: Vec<IpAddr>) -> Result<Vec<IpAddr>, ResolveError> {
    let mut refused = None;
    let admitted: Vec<_> = ips
        .into_iter()
        .filter(|&ip| guard.check(ip).inspect_err(|&category| refused = Some(category)).is_ok())
        .collect();
    match (admitted.is_empty(), refused) {
        (false, _) => Ok(admitted),
        (true, Some(category)) => Err(ResolveError::Refused(category)),
        (true, None) => Err(ResolveError::Empty),
    }
}

/// The fixed addresses of a name: of the name itself, else of the longest pattern that matches.
fn fixed_answers(overrides: &[(String, IpAddr)], name: &str) -> Vec<IpAddr> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let matches = |pattern: &str| match pattern.strip_prefix('*') {
        Some(suffix) => name.ends_with(suffix),
        None => name == pattern,
    };
    let rank = |pattern: &str| (!pattern.starts_with('*'), pattern.len());
    let best = overrides.iter().map(|(pattern, _)| pattern.as_str()).filter(|p| matches(p)).max_by_key(|p| rank(p));
    overrides.iter().filter(|(pattern, _)| Some(pattern.as_str()) == best).map(|&(_, ip)| ip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_most_exact_fixed_answer_wins() {
        let overrides = [("*", "1.0.0.1"), ("*.b.test", "1.0.0.2"), ("a.b.test", "1.0.0.3"), ("a.b.test", "1.0.0.4")]
            .map(|(name, addr)| (name.to_owned(), ip(addr)));
        let check = |name: &str, expected: &[&str]| {
            let expected: Vec<_> = expected.iter().map(|text| ip(text)).collect();
            assert_eq!(fixed_answers(&overrides, name), expected, "{name}");
        };
        check("a.b.test", &["1.0.0.3", "1.0.0.4"]);
        check("A.B.test.", &["1.0.0.3", "1.0.0.4"]);
        check("x.b.test", &["1.0.0.2"]);
        check("x.a.b.test", &["1.0.0.2"]);
        check("b.test", &["1.0.0.1"]);
        check("evilb.test", &["1.0.0.1"]);
        assert_eq!(fixed_answers(&overrides[1..], "b.test"), [] as [IpAddr; 0]);
    }

    #[test]
    fn refused_addresses_are_left_out_and_the_last_one_is_an_error() {
        let guard = Guard::default();
        let admitted = admit(&guard, vec![ip("10.0.0.1"), ip("8.8.8.8"), ip("::1")]).unwrap();
        assert_eq!(admitted, [ip("8.8.8.8")]);
        let error = admit(&guard, vec![ip("10.0.0.1")]).unwrap_err();
        assert!(matches!(error, ResolveError::Refused(Category::Private)));
        assert!(matches!(admit(&guard, vec![]).unwrap_err(), ResolveError::Empty));
    }
}
