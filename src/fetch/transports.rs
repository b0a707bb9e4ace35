//! The ways out, and the faces that we show.
//!
//! A way is straight ahead or one proxy; a face is no certificate or one of ours. Connections are
//! pooled by client, and a client has one way and one face ([`Clients`]), so a connection that showed a
//! certificate, or goes through a proxy, serves no request that must not.
//!
//! Behind a proxy the address guard sees less. A literal address is judged by the caller, as ever. With
//! `socks5` names are resolved here, through the guard. With the others the proxy resolves them: they
//! are looked up here as well if `check_names` says so, and refused when one of the addresses found here is
//! refused, because the proxy may take any; it may also find something else. The proxy's own address is exempt, and nothing else is.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use reqwest::{
    Client,
    dns::{Name, Resolve, Resolving},
};
use rustls::RootCertStore;

use super::{
    BuildError, Connections, ErrorKind, Options, Phase,
    classify::{self, Fault},
    clients::{Clients, Maker},
    proxy::{self, Blame, Pool, ProxyUrl},
    resolve::{GuardedResolver, ResolveError},
    tls,
};
use crate::{
    address::{CanonicalUrl, Origin},
    clock::Clock,
};

/// Proxies that are tried for one request.
const MAX_TRIES: usize = 3;

/// See the module's contract.
#[derive(Debug)]
pub(super) struct Transports {
    clients: Clients,
    connections: Connections,
    /// Who is shown which face.
    faces: HashMap<Origin, usize>,
    pool: Pool,
    guarded: GuardedResolver,
    check_names: bool,
    has_told: AtomicBool,
    clock: Clock,
}

/// The way of one request.
pub(super) struct Route<'a> {
    client: Client,
    proxy: Option<(usize, &'a ProxyUrl)>,
    is_tunnel: bool,
    blame: Mutex<Option<(Fault, Blame)>>,
}

impl Transports {
    /// Of clients that `build` begins, which knows all but TLS, resolver and proxy.
    pub(super) fn new(
        options: &Options,
        mut roots: RootCertStore,
        (guarded, free): (&GuardedResolver, &GuardedResolver),
        build: impl Fn() -> reqwest::ClientBuilder + Clone + Send + Sync + 'static,
    ) -> Result<Self, BuildError> {
        for root in &options.tls.roots {
            roots.add(root.clone())?;
        }
        let version = options.tls.min_version;
        let mut faces = vec![tls::config(roots.clone(), version, None)?];
        let mut by_origin = HashMap::new();
        for certificate in &options.tls.certificates {
            by_origin.extend(certificate.origins.iter().map(|origin| (origin.clone(), faces.len())));
            faces.push(tls::config(roots.clone(), version, Some(certificate))?);
        }
        let maker = |proxy: Option<&ProxyUrl>, face: usize| -> Result<Maker, BuildError> {
            let (build, face_shown, guarded, free) =
                (build.clone(), faces[face].clone(), guarded.clone(), free.clone());
            let builder = move |connections| {
                build().pool_max_idle_per_host(connections).tls_backend_preconfigured(face_shown.clone())
            };
            let Some(proxy) = proxy.cloned() else {
                return Ok(Box::new(move |n| Ok(builder(n).dns_resolver(guarded.clone()).build()?)));
            };
            if proxy.is_https() && face > 0 {
                return Err(BuildError::ShownToProxy);
            }
            Ok(Box::new(move |n| {
                let resolver = ProxyResolver::new(&proxy, guarded.clone(), free.clone());
                Ok(builder(n).dns_resolver(resolver).proxy(reqwest::Proxy::all(proxy.as_url().clone())?).build()?)
            }))
        };
        let ways = [None].into_iter().chain(options.proxy.proxies.iter().map(Some));
        let makers: Result<Vec<Vec<Maker>>, _> =
            ways.map(|proxy| (0..faces.len()).map(|face| maker(proxy, face)).collect()).collect();
        Ok(Self {
            clients: Clients::new(makers?, options.idle_connections)?,
            connections: options.connections.clone(),
            faces: by_origin,
            pool: Pool::new(options.proxy.clone()),
            guarded: guarded.clone(),
            check_names: options.proxy.check_names,
            has_told: AtomicBool::new(false),
            clock: options.clock,
        })
    }

    /// The way for a request of `url`, when those in `tried` did not lead there.
    pub(super) async fn route(&self, url: &CanonicalUrl, tried: &[usize]) -> Result<Route<'_>, Fault> {
        let origin = url.origin();
        let face = self.faces.get(&origin).copied().unwrap_or(0);
        let connections = self.connections.of(url.host().as_str());
        let client = |way: usize| {
            self.clients
                .get((way, face), &origin, connections)
                .map_err(|error| Fault::new(ErrorKind::Internal, Phase::Connect, error.to_string()))
        };
        let is_tunnel = url.as_url().scheme() == "https";
        if !self.pool.is_for(url) {
            return Ok(Route { client: client(0)?, proxy: None, is_tunnel, blame: Mutex::new(None) });
        }
        let picked = self.pool.pick(url.host().as_str(), tried, self.clock.now()).filter(|_| tried.len() < MAX_TRIES);
        let index = picked.ok_or_else(proxy::none_left)?;
        let proxy = self.pool.get(index);
        self.judge_name(url, proxy).await?;
        Ok(Route { client: client(index + 1)?, proxy: Some((index, proxy)), is_tunnel, blame: Mutex::new(None) })
    }

    /// Judges a name that the guard would not see otherwise. One that nobody knows here is the proxy's
    /// to find.
    async fn judge_name(&self, url: &CanonicalUrl, proxy: &ProxyUrl) -> Result<(), Fault> {
        let Some(url::Host::Domain(name)) = url.as_url().host() else { return Ok(()) };
        if proxy.is_named(name) {
            // Its name is resolved without the guard, for the way to it.
            return self.guarded.judge(name).await.map_err(|error| classify::of_name(&error));
        }
        if !proxy.resolves_names() {
            return Ok(());
        }
        if !self.has_told.swap(true, Ordering::Relaxed) {
            let how = if self.check_names { "by what is found here" } else { "not at all" };
            tracing::info!(proxy = &**proxy.label(), "the proxy resolves names: the address guard judges them {how}");
        }
        // Nobody needs to look it up: it would be the proxy's own machine.
        self.guarded.check_name(name).map_err(|error| classify::of_name(&error))?;
        if !self.check_names {
            return Ok(());
        }
        match self.guarded.judge(name).await {
            Ok(()) | Err(ResolveError::Failed(_)) => Ok(()),
            Err(refused) => Err(classify::of_name(&refused)),
        }
    }

    /// Connections that are kept, at most.
    pub(super) fn n_kept(&self) -> usize {
        self.clients.n_connections()
    }

    /// Notes how a request fared on its way; whether it is worth trying another one.
    pub(super) fn conclude(&self, route: &Route<'_>, result: Result<(), Fault>) -> Result<(), Failed> {
        let Some((index, _)) = route.proxy else { return result.map_err(Failed::ForGood) };
        let Err(fault) = result else {
            self.pool.note(index, None, self.clock.now());
            return Ok(());
        };
        let told = route.blame.lock().unwrap_or_else(PoisonError::into_inner).take();
        let gave_up = (fault.kind == ErrorKind::Timeout && fault.phase == Phase::Connect).then(|| {
            let message = "timed out waiting for the proxy's connection";
            (Fault::new(ErrorKind::Proxy, Phase::Connect, message), Blame::Doubtful)
        });
        match told.or(gave_up) {
            Some((fault, blame)) => {
                self.pool.note(index, Some(blame), self.clock.now());
                match blame {
                    Blame::Certain => Err(Failed::TryNext(index, fault)),
                    Blame::Doubtful => Err(Failed::ForGood(fault)),
                }
            }
            None => Err(Failed::ForGood(fault)),
        }
    }
}

/// What came of a request that failed.
pub(super) enum Failed {
    /// The proxy of this number could not be used; the server has not been asked.
    TryNext(usize, Fault),
    /// Nothing else is to be tried.
    ForGood(Fault),
}

impl Route<'_> {
    /// Sends a request this way.
    pub(super) async fn execute(&self, request: reqwest::Request) -> Result<reqwest::Response, reqwest::Error> {
        let result = self.client.execute(request).await;
        if let (Err(error), Some((_, proxy))) = (&result, self.proxy) {
            *self.blame.lock().unwrap_or_else(PoisonError::into_inner) = proxy::fault_of(error, proxy, self.is_tunnel);
        }
        result
    }

    /// What an answer's status says of the proxy: without a tunnel, 407 is its own.
    pub(super) fn check(&self, response: &reqwest::Response) -> Result<(), Fault> {
        let is_plain = !self.is_tunnel && self.proxy.is_some_and(|(_, proxy)| !proxy.is_socks());
        if !is_plain || response.status() != http::StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Ok(());
        }
        let fault = proxy::login_refused();
        *self.blame.lock().unwrap_or_else(PoisonError::into_inner) = Some((proxy::login_refused(), Blame::Certain));
        Err(fault)
    }

    /// The proxy's address without its login.
    pub(super) fn proxy_label(&self) -> Option<std::sync::Arc<str>> {
        self.proxy.map(|(_, proxy)| proxy.label().clone())
    }
}

/// Resolves the proxy's own name without the guard, and all others through it.
struct ProxyResolver {
    proxy: ProxyUrl,
    free: GuardedResolver,
    guarded: GuardedResolver,
}

impl ProxyResolver {
    fn new(proxy: &ProxyUrl, guarded: GuardedResolver, free: GuardedResolver) -> Self {
        Self { proxy: proxy.clone(), free, guarded }
    }
}

impl Resolve for ProxyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        if self.proxy.is_named(name.as_str()) { self.free.resolve(name) } else { self.guarded.resolve(name) }
    }
}
