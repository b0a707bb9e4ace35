//! Who asks: the fetcher that completes the head of a request.
//!
//! It stands in front of all others, so that a cache behind it sees a request as the server will
//! (RFC 9111 section 4.1), and it is one of each job. It knows for which origins each secret is, and
//! since a redirect, a robots.txt and a sitemap are requests of their own that come through here, no
//! secret follows to another origin. It opens no connection and reads no body.
//!
//! Later ones win, field by field: the defaults; the headers of the configuration; what is set for the
//! host; secrets of the seeds' origins; what is bound to the origin; cookies; the request's own.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::{FutureExt, future::BoxFuture};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE, USER_AGENT},
};

use super::{FetchError, Fetcher, Request, Response, cookies::CookieJar};
use crate::address::{CanonicalUrl, HostPattern, Origin};

/// What a crawler can make use of, in the words of browsers.
const ACCEPT_DEFAULT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// The codings that `decode` undoes.
const ACCEPT_ENCODING_DEFAULT: &str = "gzip, deflate, br, zstd";

/// What requests say of us.
#[derive(Debug, Clone)]
pub struct IdentityOptions {
    /// `User-Agent`.
    pub user_agent: HeaderValue,
    /// `Accept-Language`; none is sent without it.
    pub accept_language: Option<HeaderValue>,
    /// Further fields of every request; those marked sensitive go to `seed_origins` only.
    pub headers: HeaderMap,
    /// The origins that may see the sensitive ones of `headers`.
    pub seed_origins: HashSet<Origin>,
    /// Fields for some hosts, in place of those above; the first pattern that matches is the one.
    pub hosts: Vec<(HostPattern, HeaderMap)>,
    /// Secrets of one origin each: `Authorization` and the like, all marked sensitive.
    pub auth: HashMap<Origin, HeaderMap>,
    /// The job's cookies, if it takes any.
    pub cookies: Option<Arc<CookieJar>>,
}

impl IdentityOptions {
    /// A name, and nothing else to tell.
    pub fn named(user_agent: HeaderValue) -> Self {
        Self {
            user_agent,
            accept_language: None,
            headers: HeaderMap::new(),
            seed_origins: HashSet::new(),
            hosts: Vec::new(),
            auth: HashMap::new(),
            cookies: None,
        }
    }
}

/// A [`Fetcher`] that says who asks. See the module's contract.
pub struct IdentityFetcher {
    inner: Arc<dyn Fetcher>,
    /// Of every request.
    public: HeaderMap,
    /// Of requests to the seeds' origins.
    secret: HeaderMap,
    options: IdentityOptions,
}

impl IdentityFetcher {
    /// In front of `inner`.
    pub fn new(inner: Arc<dyn Fetcher>, options: IdentityOptions) -> Self {
        let mut public = HeaderMap::new();
        public.insert(USER_AGENT, options.user_agent.clone());
        public.insert(ACCEPT, HeaderValue::from_static(ACCEPT_DEFAULT));
        public.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPT_ENCODING_DEFAULT));
        public.extend(options.accept_language.clone().map(|value| (ACCEPT_LANGUAGE, value)));
        let (secret, plain): (Vec<_>, Vec<_>) = options.headers.iter().partition(|(_, value)| value.is_sensitive());
        lay(&mut public, plain);
        let mut of_seeds = HeaderMap::new();
        lay(&mut of_seeds, secret);
        Self { inner, public, secret: of_seeds, options }
    }

    /// The whole head of a request for `url` that has these fields of its own.
    fn head(&self, url: &CanonicalUrl, own: &HeaderMap) -> HeaderMap {
        let mut head = self.public.clone();
        let host = url.host();
        if let Some((_, of_host)) = self.options.hosts.iter().find(|(pattern, _)| pattern.matches(host.as_str())) {
            lay(&mut head, of_host);
        }
        let origin = url.origin();
        if self.options.seed_origins.contains(&origin) {
            lay(&mut head, &self.secret);
        }
        if let Some(of_origin) = self.options.auth.get(&origin) {
            lay(&mut head, of_origin);
        }
        if let Some(field) = self.options.cookies.as_ref().and_then(|jar| jar.field(url)) {
            add_cookies(&mut head, &field);
        }
        lay(&mut head, own);
        // For a proxy, which gets it on the connection to it; never for a server.
        head.remove(PROXY_AUTHORIZATION);
        head
    }
}

impl Fetcher for IdentityFetcher {
    fn held(&self, tell: &mut dyn FnMut(&'static str, u64)) {
        if let Some(jar) = &self.options.cookies {
            tell("fetch.cookies", jar.len() as u64);
        }
        self.inner.held(tell);
    }

    fn fetch(&self, mut request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        request.headers = self.head(&request.url, &request.headers);
        async move {
            let Some(jar) = &self.options.cookies else { return self.inner.fetch(request).await };
            let url = request.url.clone();
            let mut response = self.inner.fetch(request).await?;
            take_cookies(jar, &url, &mut response);
            Ok(response)
        }
        .boxed()
    }
}

impl std::fmt::Debug for IdentityFetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityFetcher").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Puts the jar's cookies behind those that the configuration sends: there is one field (RFC 6265bis
/// section 5.8.1).
fn add_cookies(head: &mut HeaderMap, field: &HeaderValue) {
    let mut bytes = head.get(COOKIE).map(|given| given.as_bytes().to_vec()).unwrap_or_default();
    bytes.extend_from_slice(if bytes.is_empty() { b"" } else { b"; " });
    bytes.extend_from_slice(field.as_bytes());
    let mut value = HeaderValue::from_bytes(&bytes).expect("two valid values make one");
    value.set_sensitive(true);
    head.insert(COOKIE, value);
}

/// Takes what the server asked for. A cached answer asks for what was asked for when it was stored.
fn take_cookies(jar: &CookieJar, url: &CanonicalUrl, response: &mut Response) {
    for value in response.headers.iter_mut().filter(|(name, _)| *name == SET_COOKIE).map(|(_, value)| value) {
        if !response.from_cache
            && let Err(reason) = jar.set(url, value.as_bytes())
        {
            tracing::debug!(host = url.host_str(), %reason, "a cookie is not taken");
        }
        // What opens a session for us is as secret as a password: no record tells it.
        value.set_sensitive(true);
    }
}

/// Puts `fields` in place of those of the same names.
fn lay<'a>(head: &mut HeaderMap, fields: impl IntoIterator<Item = (&'a HeaderName, &'a HeaderValue)>) {
    let mut replaced: HashSet<&HeaderName> = HashSet::new();
    for (name, value) in fields {
        if replaced.insert(name) {
            head.insert(name.clone(), value.clone());
        } else {
            head.append(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::address::Canonicalizer;

    /// Notes the heads that come through.
    #[derive(Default)]
    struct Ear(Mutex<Vec<HeaderMap>>);

    impl Fetcher for Ear {
        fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
            self.0.lock().unwrap().push(request.headers);
            async { Ok(Response::default()) }.boxed()
        }
    }

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).unwrap()
    }

    fn fields(fields: &[(&'static str, &'static str)], is_sensitive: bool) -> HeaderMap {
        let mut map = HeaderMap::new();
        for &(name, value) in fields {
            let mut value = HeaderValue::from_static(value);
            value.set_sensitive(is_sensitive);
            map.append(name, value);
        }
        map
    }

    fn named() -> IdentityOptions {
        IdentityOptions::named(HeaderValue::from_static("bot/1"))
    }

    /// Asks for `asked` with fields of its own; which fields, by name, does the server see?
    async fn seen(options: IdentityOptions, asked: &str, own: HeaderMap) -> Vec<String> {
        let ear = Arc::new(Ear::default());
        let fetcher = IdentityFetcher::new(ear.clone(), options);
        fetcher.fetch(Request { headers: own, ..Request::get(url(asked), 1) }).await.unwrap();
        let heads = ear.0.lock().unwrap();
        let mut lines: Vec<_> =
            heads[0].iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.retain(|line| !line.starts_with("accept: ") && !line.starts_with("accept-encoding: gzip, deflate, br"));
        lines.sort();
        lines
    }

    #[tokio::test]
    async fn later_ones_win_field_by_field() {
        let options = || IdentityOptions {
            accept_language: Some(HeaderValue::from_static("de")),
            headers: fields(&[("x-team", "search"), ("x-two", "1"), ("x-two", "2")], false),
            hosts: vec![
                (HostPattern::Suffix(".b.test".into()), fields(&[("accept-language", "fr"), ("x-two", "3")], false)),
                (HostPattern::Suffix(".test".into()), fields(&[("user-agent", "other/2")], false)),
            ],
            ..named()
        };
        let check = async |asked: &str, own: HeaderMap, expected: &[&str]| {
            assert_eq!(seen(options(), asked, own).await, expected, "{asked}");
        };
        let plain = ["accept-language: de", "user-agent: bot/1", "x-team: search", "x-two: 1", "x-two: 2"];
        check("http://h/", HeaderMap::new(), &plain).await;
        let of_b = ["accept-language: fr", "user-agent: bot/1", "x-team: search", "x-two: 3"];
        check("http://a.b.test/", HeaderMap::new(), &of_b).await;
        let of_test = ["accept-language: de", "user-agent: other/2", "x-team: search", "x-two: 1", "x-two: 2"];
        check("https://c.test:8443/", HeaderMap::new(), &of_test).await;
        let own = fields(&[("x-team", "own"), ("user-agent", "own/3"), ("x-two", "4"), ("x-two", "5")], false);
        let expected = ["accept-language: fr", "user-agent: own/3", "x-team: own", "x-two: 4", "x-two: 5"];
        check("http://a.b.test/", own, &expected).await;
    }

    #[tokio::test]
    async fn a_secret_goes_to_its_origin_only() {
        let options = || IdentityOptions {
            headers: fields(&[("authorization", "Bearer seed"), ("x-api-key", "seed")], true),
            seed_origins: HashSet::from([url("https://shop.test/").origin()]),
            auth: HashMap::from([
                (url("https://shop.test:8443/").origin(), fields(&[("authorization", "Basic port")], true)),
                (url("https://both.test/").origin(), fields(&[("authorization", "Basic both")], true)),
            ]),
            ..named()
        };
        let check = async |asked: &str, expected: &[&str]| {
            let mut lines = seen(options(), asked, HeaderMap::new()).await;
            lines.retain(|line| !line.starts_with("user-agent"));
            assert_eq!(lines, expected, "{asked}");
        };
        check("https://shop.test/a", &["authorization: Bearer seed", "x-api-key: seed"]).await;
        check("https://shop.test:8443/", &["authorization: Basic port"]).await;
        check("https://both.test/robots.txt", &["authorization: Basic both"]).await;
        for other in [
            "http://shop.test/",
            "http://shop.test:443/",
            "https://shop.test:444/",
            "https://www.shop.test/",
            "https://shop.test./",
            "https://shop.test.evil.test/",
            "http://both.test/",
            "https://xboth.test/",
        ] {
            check(other, &[]).await;
        }
    }

    #[tokio::test]
    async fn the_word_to_a_proxy_is_not_for_servers() {
        let own = fields(&[("proxy-authorization", "Basic sesame")], true);
        assert_eq!(seen(named(), "http://h/", own).await, ["user-agent: bot/1"]);
    }

    #[test]
    fn secrets_are_not_in_the_debug_output() {
        let mut options = named();
        options.auth.insert(url("http://h/").origin(), fields(&[("authorization", "Basic sesame")], true));
        options.headers = fields(&[("x-api-key", "sesame")], true);
        let fetcher = IdentityFetcher::new(Arc::new(Ear::default()), options);
        assert!(!format!("{fetcher:?}").contains("sesame"), "{fetcher:?}");
    }
}
