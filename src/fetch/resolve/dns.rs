//! The look-up that asks name servers (by hickory), with the system's file of hosts before them.
//!
//! A name with a dot in it is asked for as it stands: a page's links are not completed with the domains
//! that the system searches, lest a public name end up as a private one. A name without a dot is
//! somebody's own, and is completed. Both files of the system (`resolv.conf`, `hosts`) are read once.

use std::{net::IpAddr, time::Duration};

use futures::future::{BoxFuture, Either, FutureExt, select};
use hickory_resolver::{
    Hosts, Resolver, ResolverBuilder, TokioResolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig},
    lookup::Lookup as Answer,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::{Query, ResponseCode},
        rr::{Name, RecordType},
    },
};

use super::{Failure, Family, Found, Lookup, Options};
use crate::fetch::BuildError;

/// How long the second family's answer is waited for once the first is there (RFC 8305 section 3 has 50 ms
/// for a browser; a crawler has more time, and both answers are kept).
const RESOLUTION_DELAY: Duration = Duration::from_millis(300);

/// How long an answer from the file of hosts holds.
const HOSTS_TTL: Duration = Duration::from_secs(3600);

/// Looks names up in the file of hosts and at name servers.
pub(in crate::fetch) struct DnsLookup {
    resolver: TokioResolver,
    hosts: Hosts,
    family: Family,
}

impl std::fmt::Debug for DnsLookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DnsLookup").field("family", &self.family).finish_non_exhaustive()
    }
}

impl DnsLookup {
    /// Reads the system's files; asks nobody yet.
    ///
    /// # Errors
    /// When the resolver refuses its settings.
    pub(in crate::fetch) fn new(options: &Options) -> Result<Self, BuildError> {
        let mut builder = builder(options);
        let settings = builder.options_mut();
        settings.timeout = options.timeout / (u32::from(options.retries) + 1);
        settings.attempts = options.retries.into();
        // The cache in front knows more: what the limits are, and who is waiting.
        settings.cache_size = 0;
        settings.use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().map_err(|error| BuildError::Names(error.to_string()))?;
        let hosts =
            if options.servers.is_empty() { Hosts::from_system().unwrap_or_default() } else { Hosts::default() };
        Ok(Self { resolver, hosts, family: options.family })
    }

    async fn ask(&self, name: Name) -> Result<Found, Failure> {
        if let Some(found) = self.listed(&name) {
            return Ok(found);
        }
        match self.family {
            Family::Ipv4 => self.records(name, RecordType::A).await,
            Family::Ipv6 => self.records(name, RecordType::AAAA).await,
            Family::Ipv4First | Family::Ipv6First => {
                let v4 = self.records(name.clone(), RecordType::A).boxed();
                both(v4, self.records(name, RecordType::AAAA).boxed()).await
            }
        }
    }

    /// What the file of hosts says; a name that is in it is not asked for anywhere else.
    fn listed(&self, name: &Name) -> Option<Found> {
        let of_kind = |kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind));
        let answers = [of_kind(RecordType::A), of_kind(RecordType::AAAA)];
        let ips: Vec<IpAddr> = answers.iter().flatten().flat_map(addresses).collect();
        (!ips.is_empty()).then_some(Found { ips, ttl: HOSTS_TTL })
    }

    async fn records(&self, name: Name, kind: RecordType) -> Result<Found, Failure> {
        let answer = self.resolver.lookup(name, kind).await.map_err(|error| failure(&error))?;
        // Aliases on the way hold no longer than what they lead to, and the other way round.
        let ttl = answer.answers().iter().map(|record| record.ttl).min().unwrap_or_default();
        let ttl = Duration::from_secs(ttl.into());
        let ips: Vec<IpAddr> = addresses(&answer).collect();
        if ips.is_empty() { Err(Failure::NoAddress(ttl)) } else { Ok(Found { ips, ttl }) }
    }
}

impl Lookup for DnsLookup {
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Found, Failure>> {
        async move {
            let asked = if name.contains('.') { format!("{name}.") } else { name.to_owned() };
            let asked = Name::from_ascii(asked).map_err(|error| Failure::Failed(error.to_string()))?;
            self.ask(asked).await
        }
        .boxed()
    }
}

/// With the servers that are named, or with those of the system; where it has none, the machine itself is
/// asked, as the C library does.
fn builder(options: &Options) -> ResolverBuilder<TokioRuntimeProvider> {
    let provider = TokioRuntimeProvider::default();
    if options.servers.is_empty() {
        return TokioResolver::builder_tokio().unwrap_or_else(|_| {
            let local = NameServerConfig::udp_and_tcp(std::net::Ipv4Addr::LOCALHOST.into());
            Resolver::builder_with_config(ResolverConfig::from_name_servers(vec![local]), provider)
        });
    }
    let servers = options.servers.iter().map(|server| {
        let mut config = NameServerConfig::udp_and_tcp(server.ip());
        for connection in &mut config.connections {
            connection.port = server.port();
        }
        config
    });
    Resolver::builder_with_config(ResolverConfig::from_name_servers(servers.collect()), provider)
}

fn addresses(answer: &Answer) -> impl Iterator<Item = IpAddr> {
    answer.answers().iter().filter_map(|record| record.data.ip_addr())
}

/// Both families' addresses. Whichever has some is waited for; the other is given a moment more, because
/// there are servers that never answer about IPv6.
async fn both<'a>(
    v4: BoxFuture<'a, Result<Found, Failure>>,
    v6: BoxFuture<'a, Result<Found, Failure>>,
) -> Result<Found, Failure> {
    let (first, second) = match select(v4, v6).await {
        Either::Left((first, second)) | Either::Right((first, second)) => (first, second),
    };
    let second = match &first {
        Ok(_) => tokio::time::timeout(RESOLUTION_DELAY, second).await.unwrap_or(Err(Failure::Timeout)),
        Err(_) => second.await,
    };
    match (first, second) {
        (Ok(one), Ok(other)) => {
            let ttl = one.ttl.min(other.ttl);
            Ok(Found { ips: [one.ips, other.ips].concat(), ttl })
        }
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        (Err(one), Err(other)) => Err(worse(one, other)),
    }
}

/// Of two reasons the one that says less about the name, so that it is not remembered for too long; of two
/// that say the same the one that holds shorter.
fn worse(one: Failure, other: Failure) -> Failure {
    match (one, other) {
        (Failure::NoName(a), Failure::NoName(b) | Failure::NoAddress(b))
        | (Failure::NoAddress(b), Failure::NoName(a)) => Failure::NoName(a.min(b)),
        (Failure::NoAddress(a), Failure::NoAddress(b)) => Failure::NoAddress(a.min(b)),
        (Failure::NoName(_) | Failure::NoAddress(_), failure) | (failure, _) => failure,
    }
}

fn failure(error: &NetError) -> Failure {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            // Without an SOA nobody says how long it holds (RFC 2308 section 5: it is not cached then).
            let ttl = Duration::from_secs(none.negative_ttl.unwrap_or_default().into());
            match none.response_code {
                ResponseCode::NXDomain => Failure::NoName(ttl),
                ResponseCode::NoError => Failure::NoAddress(ttl),
                code => Failure::Failed(format!("the server says {code}")),
            }
        }
        NetError::Dns(DnsError::ResponseCode(code)) => Failure::Failed(format!("the server says {code}")),
        NetError::Timeout => Failure::Timeout,
        NetError::Busy => Failure::Busy,
        error => Failure::Failed(error.to_string().to_lowercase()),
    }
}
