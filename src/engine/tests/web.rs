//! A web in memory that notes who asked for what, and when.

use std::{collections::HashMap, net::SocketAddr, sync::Mutex, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, header};

use crate::{
    clock::{Clock, Timestamp},
    fetch::{ErrorKind, FetchError, Fetcher, Phase, Request, Response, Timings},
};

/// One answer of the web in memory.
#[derive(Clone)]
pub(super) enum Page {
    Html(&'static [&'static str]),
    /// As `text/html`, whatever it is.
    Raw(&'static str),
    Text(&'static str),
    Redirect(&'static str),
    Status(u16, Option<&'static str>),
    /// Fails this many times, then is a page without links.
    Flaky(u32, u16),
    /// Text so many times, then 503.
    Fading(usize, &'static str),
    Broken,
    Error(ErrorKind, Phase),
    Panics,
}

/// A web that notes who asked for what, and when.
#[derive(Default)]
pub(super) struct Web {
    pub(super) pages: HashMap<String, Page>,
    pub(super) latency: Duration,
    /// Which machine all of it is on.
    pub(super) remote: Option<SocketAddr>,
    pub(super) log: Mutex<Vec<Arrival>>,
    pub(super) clock: Option<Clock>,
}

#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) at: Timestamp,
    pub(super) ended: Option<Timestamp>,
    pub(super) url: String,
}

impl Web {
    pub(super) fn new(pages: &[(&str, Page)]) -> Self {
        let pages = pages.iter().map(|(url, page)| ((*url).to_owned(), page.clone())).collect();
        Self { pages, latency: Duration::from_millis(50), ..Self::default() }
    }

    pub(super) fn urls(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().map(|arrival| arrival.url.clone()).collect()
    }

    pub(super) fn times(&self, part: &str) -> Vec<Timestamp> {
        self.log.lock().unwrap().iter().filter(|a| a.url.contains(part)).map(|a| a.at).collect()
    }

    pub(super) fn most_at_once(&self) -> usize {
        let log = self.log.lock().unwrap();
        log.iter()
            .map(|a| log.iter().filter(|b| b.at <= a.at && b.ended.is_none_or(|end| end > a.at)).count())
            .max()
            .unwrap_or(0)
    }

    fn answer(&self, url: &str) -> Result<(u16, HeaderMap, Vec<u8>), (ErrorKind, Phase)> {
        let n_asked = self.log.lock().unwrap().iter().filter(|a| a.url == url).count();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
        Ok(match self.pages.get(url) {
            None => (404, headers, Vec::new()),
            Some(Page::Html(links)) => {
                let body = links.iter().map(|link| format!("<a href=\"{link}\">x</a>\n")).collect::<String>();
                (200, headers, body.into_bytes())
            }
            Some(Page::Raw(text)) => (200, headers, text.as_bytes().to_vec()),
            Some(Page::Text(text)) => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
                (200, headers, text.as_bytes().to_vec())
            }
            Some(Page::Redirect(target)) => {
                headers.insert(header::LOCATION, HeaderValue::from_static(target));
                (301, headers, Vec::new())
            }
            Some(Page::Status(status, retry_after)) => {
                if let Some(value) = retry_after {
                    headers.insert(header::RETRY_AFTER, HeaderValue::from_static(value));
                }
                (*status, headers, Vec::new())
            }
            Some(Page::Flaky(times, status)) if n_asked <= *times as usize => (*status, headers, Vec::new()),
            Some(Page::Flaky(..)) => (200, headers, b"at last".to_vec()),
            Some(Page::Fading(times, text)) if n_asked <= *times => (200, headers, text.as_bytes().to_vec()),
            Some(Page::Fading(..)) => (503, headers, Vec::new()),
            Some(Page::Broken) => return Err((ErrorKind::Closed, Phase::Head)),
            Some(Page::Error(kind, phase)) => return Err((*kind, *phase)),
            Some(Page::Panics) => panic!("as planned"),
        })
    }
}

impl Fetcher for Web {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        async move {
            let clock = self.clock.expect("set when the crawl begins");
            let sent_at = clock.now();
            let url = request.url.as_str().to_owned();
            let number = {
                let mut log = self.log.lock().unwrap();
                log.push(Arrival { at: sent_at, ended: None, url: url.clone() });
                log.len() - 1
            };
            tokio::time::sleep(self.latency).await;
            let ended_at = clock.now();
            self.log.lock().unwrap()[number].ended = Some(ended_at);
            let timings = Timings { sent_at, first_byte_at: Some(ended_at), ended_at, ..Timings::default() };
            match self.answer(&url) {
                Ok((status, headers, body)) => Ok(Response {
                    status,
                    headers,
                    body: body.into(),
                    timings,
                    remote: self.remote,
                    ..Response::default()
                }),
                Err((kind, phase)) => Err(FetchError { kind, phase, message: "broken".into(), timings }),
            }
        }
        .boxed()
    }
}
