//! The client's resolver: fixed answers, names that are not for DNS, the cache, and then the guard.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Counts, Failure, Lookup, Options, ResolveError, cache::CachedLookup};
use crate::fetch::{
    connect::Trace,
    guard::{Guard, address, is_localhost},
};

/// Top-level domains that no server is asked for: `invalid` (RFC 6761 section 6.4) and `onion`, whose names
/// would give away who is visited (RFC 7686 section 2).
const NEVER_ASKED: [&str; 2] = ["invalid", "onion"];

/// The client's resolver. Clones share the cache.
#[derive(Debug, Clone)]
pub(in crate::fetch) struct GuardedResolver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    guard: Guard,
    overrides: Vec<(String, IpAddr)>,
    names: CachedLookup,
}

impl GuardedResolver {
    /// A resolver that asks `lookup`, judges by `guard`, and gives `overrides` before all else.
    pub(in crate::fetch) fn new(
        guard: Guard,
        overrides: Vec<(String, IpAddr)>,
        lookup: Arc<dyn Lookup>,
        options: Options,
    ) -> Self {
        let overrides = overrides.into_iter().map(|(name, ip)| (usual(&name), ip)).collect();
        Self { shared: Arc::new(Shared { guard, overrides, names: CachedLookup::new(lookup, options) }) }
    }

    /// Tells that `ip` answered for `name`: it is the first to be tried the next time.
    pub(in crate::fetch) async fn answered(&self, name: &str, ip: IpAddr) {
        self.shared.names.answered(&usual(name), ip.to_canonical()).await;
    }

    /// Judges `name` for somebody else who looks it up as well and may take any of its addresses: one that
    /// doesn't pass is too many.
    ///
    /// # Errors
    /// Why there is nothing to judge, or what kind of address it has.
    pub(in crate::fetch) async fn judge(&self, name: &str) -> Result<(), ResolveError> {
        let ips = self.shared.find(&usual(name)).await?;
        admit(&self.shared.guard, &ips)?;
        let refused = ips.iter().find_map(|&ip| self.shared.guard.check(ip).err());
        refused.map_or(Ok(()), |category| Err(ResolveError::Mixed(category)))
    }

    /// As [`Guard::check_name`].
    pub(in crate::fetch) fn check_name(&self, name: &str) -> Result<(), ResolveError> {
        self.shared.guard.check_name(name).map_err(ResolveError::Refused)
    }

    /// Names that are remembered, about.
    pub(in crate::fetch) fn n_names(&self) -> u64 {
        self.shared.names.n_known()
    }

    /// What became of the questions so far; fixed answers and special names are none.
    pub(in crate::fetch) fn counts(&self) -> Counts {
        self.shared.names.counts()
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
        admit(&self.guard, &self.find(&usual(name)).await?)
    }

    /// All addresses of a name in its usual form.
    async fn find(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        // On the way to a SOCKS proxy the client asks for literal addresses too: no server is to be asked.
        if let Some(ip) = address(name) {
            return Ok(vec![ip]);
        }
        let fixed = fixed_answers(&self.overrides, name);
        if !fixed.is_empty() {
            return Ok(fixed);
        }
        if is_localhost(name) {
            // Never a question for DNS (RFC 6761 section 6.3).
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        if NEVER_ASKED.contains(&name.rsplit('.').next().unwrap_or_default()) {
            return Err(Failure::NoName(Duration::ZERO));
        }
        self.names.look_up(name).await
    }
}

/// As names are compared: lower case, no dot at the end.
fn usual(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The addresses that may be asked, in the order given.
fn admit(guard: &Guard, ips: &[IpAddr]) -> Result<Vec<IpAddr>, ResolveError> {
    let mut refused = None;
    let admitted: Vec<_> = ips
        .iter()
        .copied()
        .filter(|&ip| guard.check(ip).inspect_err(|&category| refused = Some(category)).is_ok())
        .collect();
    match (admitted.is_empty(), refused) {
        (false, _) => Ok(admitted),
        (true, Some(category)) => Err(ResolveError::Refused(category)),
        (true, None) => Err(Failure::NoAddress(Duration::ZERO).into()),
    }
}

/// The fixed addresses of a name: of the name itself, else of the longest pattern that matches.
fn fixed_answers(overrides: &[(String, IpAddr)], name: &str) -> Vec<IpAddr> {
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
    use crate::fetch::guard::Category;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_most_exact_fixed_answer_wins() {
        let overrides = [("*", "1.0.0.1"), ("*.b.test", "1.0.0.2"), ("a.b.test", "1.0.0.3"), ("a.b.test", "1.0.0.4")]
            .map(|(name, addr)| (name.to_owned(), ip(addr)));
        let check = |name: &str, expected: &[&str]| {
            let expected: Vec<_> = expected.iter().map(|text| ip(text)).collect();
            assert_eq!(fixed_answers(&overrides, &usual(name)), expected, "{name}");
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
        let admitted = admit(&guard, &[ip("10.0.0.1"), ip("8.8.8.8"), ip("::1")]).unwrap();
        assert_eq!(admitted, [ip("8.8.8.8")]);
        let error = admit(&guard, &[ip("10.0.0.1")]).unwrap_err();
        assert!(matches!(error, ResolveError::Refused(Category::Private)));
        assert!(matches!(admit(&guard, &[]).unwrap_err(), ResolveError::Failed(Failure::NoAddress(_))));
    }
}
