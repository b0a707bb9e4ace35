//! The courier: one URL by hand, through everything that a crawl's URL passes.
//!
//! A crawl is a ring that owns thousands of URLs and never waits for one. Whoever wants *this* page now
//! (`dragline fetch`, and a daemon's callers) hands a [`Courier`] an [`Order`] and gets a [`Delivery`]:
//! what came of it, and each hop on the way. It asks for robots.txt first, follows redirects one by one,
//! tries again what may pass, and waits for the host's turn; so a caller waits as long as that takes, or
//! until the order's deadline.
//!
//! ```text
//!  Order ─▶ robots.txt of its origin ─▶ attempts ─▶ redirect? ─ yes: the target is judged like the first
//!              (kept, single-flight)       │                    no:  Delivery
//!                                          ▼
//!                 identity ─▶ cache ─▶ PoliteFetcher ─▶ http
//! ```
//!
//! Politeness is a layer of the fetcher's stack here ([`PoliteFetcher`]), below the cache: an answer that
//! is at hand waits for nobody, and whatever does reach a server (a page, a redirect's hop, another
//! attempt, a robots.txt, a revalidation) has waited for its turn.
//!
//! Deliberately not: scope (an order is explicit), parsing, records, state that outlives the process.
//! There is no global state: couriers whose fetchers share a [`Gate`](crate::politeness::Gate) and a cache share
//! their promises and what is cached.
//!
//! Invariants:
//! - no page is asked for before its origin's robots.txt has allowed it, on every hop; concurrent orders
//!   cause one request for it;
//! - a dropped order takes everything with it: its turn at the host, its connection, its waiting;
//! - headers of an order that are secret go to the origin that it names and to no other;
//! - what is kept of robots.txt is bounded by [`Options::max_origins`].
//!
//! Files: `deliver` (the way of one order), `polite` (the layer), `desk` (what is known of robots.txt),
//! `conduct` (what an answer says about its host), `result` and `trails` (what is told of a delivery).

mod conduct;
mod deliver;
mod desk;
mod polite;
mod result;
#[cfg(test)]
mod tests;
mod trails;

pub use deliver::{Courier, Observer};
pub use polite::PoliteFetcher;
pub use result::{FetchResult, HopResult, RobotsResult, Show};

use std::{net::SocketAddr, time::Duration};

use http::{HeaderMap, Method};

use crate::{
    address::CanonicalUrl,
    clock::Timestamp,
    fetch::{
        CacheStatus, FetchError, Response, Timings,
        redirect::{DeadEnd, DeadEndKind, Downgrade},
    },
    robots,
    verdict::{Refusal, Refused},
};

/// How a courier goes about it.
#[derive(Debug, Clone)]
pub struct Options {
    /// How robots.txt is treated. [`robots::Options::obey`] is what decides whether it is asked.
    pub robots: robots::Options,
    /// Most origins whose robots.txt is kept.
    pub max_origins: u64,
    /// Redirects followed for one order.
    pub max_redirects: usize,
    /// What is done about redirects from `https` to `http`.
    pub downgrade: Downgrade,
    /// Attempts at each URL after the first, for what may pass.
    pub retries: u32,
    /// The first pause before another attempt at a URL whose host is well; it doubles.
    pub retry_base: Duration,
    /// The longest such pause.
    pub retry_max: Duration,
}

/// What somebody wants.
#[derive(Debug, Clone)]
pub struct Order {
    /// Which URL.
    pub url: CanonicalUrl,
    /// GET or HEAD.
    pub method: Method,
    /// Headers of this order alone. Those that are marked sensitive, and `Authorization`,
    /// `Proxy-Authorization` and `Cookie`, are for the URL's own origin.
    pub headers: HeaderMap,
    /// Most bytes of a body kept.
    pub max_body_bytes: usize,
    /// Whether redirects are followed; if not, the redirect is the answer.
    pub follow: bool,
    /// For all of it, waiting included. `None` leaves it to the bounds of its parts.
    pub deadline: Option<Duration>,
}

impl Order {
    /// A GET that follows redirects and takes its time.
    pub fn get(url: CanonicalUrl, max_body_bytes: usize) -> Self {
        let (method, headers) = (Method::GET, HeaderMap::new());
        Self { url, method, headers, max_body_bytes, follow: true, deadline: None }
    }
}

/// What came of an order.
#[derive(Debug)]
pub struct Delivery {
    /// The URLs on the way, the order's own first; never empty. All but the last were redirects.
    pub hops: Vec<Hop>,
    /// The last hop's answer, whatever its status, or why there is none.
    pub result: Result<Response, Failure>,
}

impl Delivery {
    /// Where it ended.
    pub fn last(&self) -> &Hop {
        self.hops.last().expect("an order has a URL")
    }

    /// Requests made for pages, those of robots.txt not counted.
    pub fn attempts(&self) -> u32 {
        self.hops.iter().map(|hop| hop.attempts).sum()
    }

    /// Redirects followed.
    pub fn n_redirects(&self) -> usize {
        self.hops.len() - 1
    }
}

/// One URL on the way.
#[derive(Debug, Clone)]
pub struct Hop {
    /// Which.
    pub url: CanonicalUrl,
    /// How it is asked for.
    pub method: Method,
    /// When its turn on the way came.
    pub began_at: Timestamp,
    /// When robots.txt had let it be asked for; `None` if that did not come to pass.
    pub allowed_at: Option<Timestamp>,
    /// What its origin's robots.txt says. `None` when it was not asked.
    pub robots: Option<RobotsView>,
    /// Requests made for it.
    pub attempts: u32,
    /// The last answer's status, if there was one.
    pub status: Option<u16>,
    /// Of the last attempt.
    pub timings: Option<Timings>,
    /// The address that answered last.
    pub remote: Option<SocketAddr>,
    /// What the cache had to do with the last answer.
    pub cache: Option<CacheStatus>,
}

impl Hop {
    fn new(url: CanonicalUrl, method: Method, began_at: Timestamp) -> Self {
        Self {
            url,
            method,
            began_at,
            allowed_at: None,
            robots: None,
            attempts: 0,
            status: None,
            timings: None,
            remote: None,
            cache: None,
        }
    }
}

/// What robots.txt says about a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RobotsView {
    /// Where it stands: the origin's `/robots.txt`.
    pub url: CanonicalUrl,
    /// `rules`, `allow-all` or `unreachable`.
    pub standing: &'static str,
    /// The refusal, and the rule behind it.
    pub refused: Option<Refused>,
    /// What it asks for between two requests.
    pub crawl_delay: Option<Duration>,
    /// Why it can't be had, when it can't.
    pub trouble: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It may not be asked for.
    #[error("{}", refusal(.refused, .detail.as_deref()))]
    Refused {
        /// Why, and by which rule.
        refused: Refused,
        /// What is behind it, if there is more to say.
        detail: Option<String>,
    },
    /// A redirect that is not followed. Its status is that of the last hop.
    #[error("{0}")]
    Redirect(#[from] RedirectFault),
    /// The exchange failed, each time it was tried.
    #[error(transparent)]
    Exchange(#[from] FetchError),
    /// The order's deadline ran out.
    #[error("the deadline of {} ms ran out", .0.as_millis())]
    Deadline(Duration),
}

/// In words: what is behind it, else the rule, else the reason.
fn refusal<'a>(refused: &'a Refused, detail: Option<&'a str>) -> &'a str {
    detail.or(refused.rule.as_deref()).unwrap_or(refused.why.as_str())
}

impl Failure {
    fn refused(why: Refusal, detail: impl Into<String>) -> Self {
        Self::Refused { refused: why.into(), detail: Some(detail.into()) }
    }

    /// In the words of records: `robots-denied`, `timeout`, `redirect-loop`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused { refused, .. } => refused.why.as_str(),
            Self::Redirect(fault) => fault.as_str(),
            Self::Exchange(error) => error.kind.as_str(),
            Self::Deadline(_) => "deadline",
        }
    }

    /// Whether nobody was to be asked, rather than that asking failed.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// Why a redirect can't be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectFault {
    /// It leads back to a URL of its own chain.
    #[error("the redirects lead in a circle")]
    Loop,
    /// It leads nowhere.
    #[error(transparent)]
    DeadEnd(#[from] DeadEnd),
}

impl RedirectFault {
    /// As in records: `redirect-loop`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Loop => DeadEndKind::RedirectLoop.as_str(),
            Self::DeadEnd(why) => why.kind().as_str(),
        }
    }
}
