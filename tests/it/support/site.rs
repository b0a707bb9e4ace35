//! Small websites for tests, described in one expression.
//!
//! ```ignore
//! let site = Site::new().page("/", links!["/a"]).redirect("/r", 302, "/a").status("/gone", 410).serve().await;
//! let seed = site.url("/");
//! ```
//!
//! A `Retry-After` of `{date+2}` is sent as a date. In bodies and header values `{port}` stands for the port that the site is served on, which
//! nobody knows when the site is described. What is not described is 404. Served by
//! [`super::responder`], which writes exactly these bytes.

use std::{
    collections::HashMap,
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use dragline::{clock::Timestamp, vitro::Log};

use super::responder::Running;

/// What is answered to one request.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
    pub(crate) framing: Framing,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By `Content-Length`.
    Length,
    /// By chunks of so many bytes.
    Chunked(usize),
    /// By closing the connection.
    UntilClose,
    /// `Content-Length` promises all of it; after so many bytes the connection is closed.
    CutAt(usize),
    /// The body is the whole response, status line and all; then the connection is closed.
    Verbatim,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into(), delay: Duration::ZERO, framing: Framing::Length }
    }

    pub(crate) fn html(markup: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "text/html; charset=utf-8", markup)
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::new(status, "text/plain", "")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// A `Retry-After` of `{date+N}` is the date N seconds after the request.
    pub(super) fn dated(mut self, at: Timestamp) -> Self {
        for (_, value) in self.headers.iter_mut().filter(|(name, _)| name == "Retry-After") {
            let seconds = value.strip_prefix("{date+").and_then(|rest| rest.strip_suffix('}')?.parse().ok());
            if let Some(seconds) = seconds {
                let date = UNIX_EPOCH + Duration::from_micros(at.0) + Duration::from_secs(seconds);
                *value = httpdate::fmt_http_date(date);
            }
        }
        self
    }

    pub(crate) fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }
}

/// A website, or several: replies by host and path.
#[derive(Debug, Default)]
pub(crate) struct Site {
    /// To which host descriptions are added; empty is "whatever host is asked for".
    host: String,
    pub(super) routes: HashMap<(String, String), Vec<Reply>>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What follows is about `name` alone (lower case, no port).
    pub(crate) fn host(mut self, name: &str) -> Self {
        name.clone_into(&mut self.host);
        self
    }

    /// A page whose markup is these links.
    pub(crate) fn page(self, path: &str, links: &[&str]) -> Self {
        let mut markup = format!("<!doctype html><title>{path}</title>\n");
        for link in links {
            writeln!(markup, "<a href=\"{}\">link</a>", link.replace('&', "&amp;")).unwrap();
        }
        self.reply(path, Reply::html(markup))
    }

    pub(crate) fn html(self, path: &str, markup: &str) -> Self {
        self.reply(path, Reply::html(markup))
    }

    pub(crate) fn robots(self, text: &str) -> Self {
        self.reply("/robots.txt", Reply::new(200, "text/plain", text))
    }

    /// A `<urlset>` of these locations, which must be absolute to be valid.
    pub(crate) fn sitemap(self, path: &str, locations: &[&str]) -> Self {
        let mut xml = String::from("<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">");
        for location in locations {
            write!(xml, "<url><loc>{}</loc></url>", location.replace('&', "&amp;")).unwrap();
        }
        xml.push_str("</urlset>");
        self.reply(path, Reply::new(200, "application/xml", xml))
    }

    pub(crate) fn redirect(self, path: &str, status: u16, location: &str) -> Self {
        self.reply(path, Reply::status(status).header("Location", location))
    }

    pub(crate) fn status(self, path: &str, status: u16) -> Self {
        self.reply(path, Reply::status(status))
    }

    /// These bytes, from the status line on, and then the end of the connection.
    pub(crate) fn raw(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.reply(path, Reply::new(0, "", bytes).framed(Framing::Verbatim))
    }

    pub(crate) fn reply(self, path: &str, reply: Reply) -> Self {
        self.replies(path, [reply])
    }

    /// To the first request the first, and so on; the last from then on.
    pub(crate) fn replies(mut self, path: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<Reply> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "{path} needs a reply");
        self.routes.insert((self.host.clone(), path.to_owned()), replies);
        self
    }

    /// Serves it on a free port of 127.0.0.1 until the result is dropped.
    pub(crate) async fn serve(self) -> Running {
        self.serve_logged(Log::default()).await
    }

    /// The same with a log of the caller's.
    pub(crate) async fn serve_logged(self, log: Log) -> Running {
        Running::start(self, log).await
    }
}
