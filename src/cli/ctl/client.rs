//! One call of the API: sent, and its answer read under bounds of length and time.
//!
//! No redirect is followed and no proxy is asked: the key goes to the daemon that was named. What answers may be
//! anything; whatever it sends takes no more memory than [`MAX_ANSWER_BYTES`] and no longer silence than the call's patience.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::{
    Method, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use url::Url;

use super::{super::human::plain, problem::Problem, target::Target, trouble::Trouble};

/// Time to connect, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence that is borne before and within an answer, unless the call says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time for an answer that is held in memory: a URL that is fetched may take ten minutes of it.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(15 * 60);
/// Longest answer that is held in memory: a page of records has some 8 MiB, a result with a body some 14 MiB.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Longest answer that says that something was not done.
const MAX_PROBLEM_BYTES: usize = 1 << 20;

/// Calls a daemon.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<HeaderValue>,
}

/// A call that is to be made.
pub(super) struct Call<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Bytes>,
    patience: Duration,
}

/// An answer whose body has not been read.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    response: reqwest::Response,
    url: String,
    patience: Duration,
}

impl Client {
    pub(super) fn new(target: Target) -> Result<Self, Trouble> {
        let Target { base, key, roots } = target;
        let internal = |error: &dyn Error| Trouble::Internal(format!("TLS can't be set up: {error}"));
        let mut trusted: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        for root in roots {
            trusted.add(root).map_err(|error| Trouble::Usage(format!("--ca-file: {error}")))?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| internal(&error))?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .tcp_nodelay(true)
            .user_agent(concat!("dragline-ctl/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| internal(&error))?;
        Ok(Self { http, base, key })
    }

    /// Where the daemon is, for people.
    pub(super) fn place(&self) -> String {
        self.base.to_string()
    }

    /// A call of the path that these segments make; each is encoded.
    pub(super) fn call<'s>(&self, method: Method, path: impl IntoIterator<Item = &'s str>) -> Call<'_> {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("http has a host").extend(path);
        Call { client: self, method, url, headers: HeaderMap::new(), body: None, patience: PATIENCE }
    }

    pub(super) fn get<'s>(&self, path: impl IntoIterator<Item = &'s str>) -> Call<'_> {
        self.call(Method::GET, path)
    }
}

impl Call<'_> {
    /// With a parameter of the query, if it has a value.
    pub(super) fn query(mut self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, value.as_ref());
        }
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn body(mut self, kind: &'static str, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self.header(header::CONTENT_TYPE, HeaderValue::from_static(kind))
    }

    pub(super) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sends it; an answer that says no is a trouble.
    pub(super) async fn send(self) -> Result<Answer, Trouble> {
        let had_key = self.client.key.is_some();
        let answer = self.send_whatever().await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let (status, url) = (answer.status, answer.url.clone());
        if status.is_redirection() {
            let place = answer.headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
            let to = place.map(|place| format!(" to {}", plain(place))).unwrap_or_default();
            let what = format!("it answered with a redirect{to} ({}), and none is followed", status.as_u16());
            return Err(Trouble::Foreign { url, what });
        }
        let retry_after = answer.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        let body = answer.bytes(MAX_PROBLEM_BYTES).await?;
        match Problem::read(status, &body, retry_after.as_deref(), had_key) {
            Some(problem) => Err(Trouble::Problem(problem)),
            // A proxy before a daemon that is being started again says so in its own words.
            None if matches!(status.as_u16(), 502..=504) => {
                Err(Trouble::Broken { url, why: format!("it answered with {status}") })
            }
            None => {
                Err(Trouble::Foreign { url, what: format!("it answered with {status} and no word of explanation") })
            }
        }
    }

    /// Sends it and gives whatever is answered.
    pub(super) async fn send_whatever(self) -> Result<Answer, Trouble> {
        let Self { client, method, url, mut headers, body, patience } = self;
        let place = client.place();
        if let Some(key) = &client.key {
            headers.insert(header::AUTHORIZATION, key.clone());
        }
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = headers;
        *request.body_mut() = body.map(Into::into);
        let response = match timeout(patience, client.http.execute(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(failed(place, &error)),
            Err(_) => return Err(Trouble::Silent { url: place, waited: patience }),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, response, url: place, patience })
    }
}

impl Answer {
    /// Some more of the body; none at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Trouble> {
        match timeout(self.patience, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(Trouble::Broken { url: self.url.clone(), why: root(&error) }),
            Err(_) => Err(Trouble::Silent { url: self.url.clone(), waited: self.patience }),
        }
    }

    /// All of the body, if it is no longer than `most`.
    pub(super) async fn bytes(mut self, most: usize) -> Result<Vec<u8>, Trouble> {
        let url = self.url.clone();
        let read = async {
            let mut body = Vec::new();
            while let Some(chunk) = self.chunk().await? {
                if body.len() + chunk.len() > most {
                    return Err(self.foreign(format!("its answer is longer than {most} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body)
        };
        // Whoever sends a byte now and then is never silent.
        let late = |_| Trouble::Foreign { url, what: "its answer does not come to an end".to_owned() };
        timeout(MAX_ANSWER_TIME, read).await.map_err(late)?
    }

    /// The body as JSON.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, Trouble> {
        let url = self.url.clone();
        let body = self.bytes(MAX_ANSWER_BYTES).await?;
        read_json(&body, url)
    }

    /// The body, and what it says.
    pub(super) async fn json_and_bytes<T: DeserializeOwned>(self) -> Result<(T, Vec<u8>), Trouble> {
        let url = self.url.clone();
        let body = self.bytes(MAX_ANSWER_BYTES).await?;
        Ok((read_json(&body, url)?, body))
    }

    /// What answers is no daemon, for this reason.
    pub(super) fn foreign(&self, what: impl Into<String>) -> Trouble {
        Trouble::Foreign { url: self.url.clone(), what: what.into() }
    }
}

fn read_json<T: DeserializeOwned>(body: &[u8], url: String) -> Result<T, Trouble> {
    // What serde_json says may quote what it read.
    serde_json::from_slice(body)
        .map_err(|error| Trouble::Foreign { url, what: format!("unexpected answer: {}", plain(&error.to_string())) })
}

fn failed(url: String, error: &reqwest::Error) -> Trouble {
    let (is_connect, why) = (error.is_connect() || error.is_builder(), root(error));
    if is_connect {
        Trouble::Unreachable { url, why }
    } else if is_no_http(error) {
        Trouble::Foreign { url, what: format!("it speaks no HTTP: {why}") }
    } else {
        Trouble::Broken { url, why }
    }
}

/// The last of the chain, which says it best.
fn root(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    plain(&last.to_string())
}

fn is_no_http(error: &dyn Error) -> bool {
    let mut next = error.source();
    while let Some(error) = next {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return true;
        }
        next = error.source();
    }
    false
}
