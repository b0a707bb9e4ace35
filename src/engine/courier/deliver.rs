//! The way of one order: robots.txt, attempts, redirects.

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION},
};
use tokio::time::{sleep, timeout};

use super::{
    Delivery, Failure, Hop, Options, Order, PoliteFetcher, RedirectFault,
    conduct::{jitter, may_pass},
    desk::Desk,
};
use crate::{
    address::{CanonicalUrl, Canonicalizer},
    clock::Clock,
    fetch::{
        FetchError, Fetcher, Request, Response,
        redirect::{self, Downgrade, Next},
        retry,
    },
    verdict::Refusal,
};

/// Headers that are for one origin even when nobody marked them.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// Carries out [`Order`]s. Share it: any number at once, on any task.
pub struct Courier {
    fetcher: Arc<dyn Fetcher>,
    desk: Desk,
    canonicalizer: Canonicalizer,
    clock: Clock,
    options: Options,
    observer: Option<Observer>,
}

/// Hears of each delivery before the one who ordered it has it.
pub type Observer = Box<dyn Fn(&Delivery) + Send + Sync>;

impl Courier {
    /// A courier who asks through `fetcher`, a stack that holds `polite`.
    pub fn new(
        fetcher: Arc<dyn Fetcher>,
        polite: Arc<PoliteFetcher>,
        canonicalizer: Canonicalizer,
        clock: Clock,
        options: Options,
    ) -> Self {
        let desk = Desk::new(polite, options.max_origins);
        Self { fetcher, desk, canonicalizer, clock, options, observer: None }
    }

    /// The same, and `observer` hears of what it brings.
    #[must_use]
    pub fn observed(self, observer: Observer) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Brings what is ordered, or tells why it can't. Dropping the future gives up.
    pub async fn deliver(&self, order: Order) -> Delivery {
        let mut hops = vec![Hop::new(order.url.clone(), order.method.clone(), self.clock.now())];
        let result = match order.deadline {
            None => self.travel(&order, &mut hops).await,
            Some(deadline) => match timeout(deadline, self.travel(&order, &mut hops)).await {
                Ok(result) => result,
                Err(_) => Err(Failure::Deadline(deadline)),
            },
        };
        let delivery = Delivery { hops, result };
        self.observer.iter().for_each(|observer| observer(&delivery));
        delivery
    }

    async fn travel(&self, order: &Order, hops: &mut Vec<Hop>) -> Result<Response, Failure> {
        let mut request = Request {
            method: order.method.clone(),
            headers: order.headers.clone(),
            // Whatever the cache then asks behind the caller's back waits for the host's turn below it.
            accept_stale: true,
            ..Request::get(order.url.clone(), order.max_body_bytes)
        };
        loop {
            let hop = hops.last_mut().expect("an order has a URL");
            self.ask_robots(hop).await?;
            hop.allowed_at = Some(self.clock.now());
            let response = self.ask(&request, hop).await?;
            let hop = &request.url;
            let next = redirect::next(&request.method, response.status, &response.headers, hop, &self.canonicalizer);
            let (method, target) = match next {
                Next::Stay => return Ok(response),
                _ if !order.follow => return Ok(response),
                Next::Stuck(why) => return Err(RedirectFault::DeadEnd(why).into()),
                Next::Follow { method, url } => (method, url),
            };
            self.judge_redirect(&request.url, &target, hops)?;
            request.method = method.clone();
            if target.origin() != request.url.origin() {
                drop_credentials(&mut request.headers);
            }
            request.url = target.clone();
            hops.push(Hop::new(target, method, self.clock.now()));
        }
    }

    /// Whether the hop's origin lets it be asked for.
    async fn ask_robots(&self, hop: &mut Hop) -> Result<(), Failure> {
        // RFC 9309 section 2.2.2: the file itself is always allowed.
        if !self.options.robots.obey || hop.url.path_and_query() == "/robots.txt" {
            return Ok(());
        }
        let view = self.desk.view(&hop.url, self).await.map_err(refused_by_guard)?;
        let failure = view.refused.clone().map(|refused| {
            let detail = view.trouble.clone().filter(|_| refused.why == Refusal::RobotsUnreachable);
            Failure::Refused { refused, detail }
        });
        hop.robots = Some(view);
        failure.map_or(Ok(()), Err)
    }

    /// Asks until the answer is one that stays, or attempts run out.
    async fn ask(&self, request: &Request, hop: &mut Hop) -> Result<Response, Failure> {
        loop {
            let result = self.fetch(request.clone()).await;
            hop.attempts += 1;
            match &result {
                Ok(response) => {
                    hop.status = Some(response.status);
                    hop.timings = Some(response.timings);
                    hop.remote = response.remote;
                    hop.cache = response.cache;
                }
                Err(error) => {
                    hop.status = None;
                    hop.timings = Some(error.timings);
                }
            }
            let pause = self.pause(&request.url, &result, hop.attempts, self.options.retries);
            let Some(pause) = pause else { return result.map_err(refused_by_guard) };
            // A body that is of no use makes room for others.
            drop(result);
            sleep(pause).await;
        }
    }

    fn judge_redirect(&self, from: &CanonicalUrl, target: &CanonicalUrl, hops: &[Hop]) -> Result<(), Failure> {
        let most = self.options.max_redirects;
        if hops.len() > most {
            let detail = format!("{most} redirects were followed, and no more are");
            return Err(Failure::refused(Refusal::RedirectLimit, detail));
        }
        if hops.iter().any(|hop| hop.url == *target) {
            return Err(RedirectFault::Loop.into());
        }
        if self.options.downgrade == Downgrade::Refuse && redirect::is_downgrade(from, target) {
            return Err(Failure::refused(Refusal::InsecureRedirect, "the redirect leads from https to http"));
        }
        Ok(())
    }

    /// One request through the stack.
    pub(super) async fn fetch(&self, request: Request) -> Result<Response, FetchError> {
        self.fetcher.fetch(request).await
    }

    /// How long to wait before another attempt after `attempts`; `None` when there is to be none.
    pub(super) fn pause(
        &self,
        url: &CanonicalUrl,
        result: &Result<Response, FetchError>,
        attempts: u32,
        retries: u32,
    ) -> Option<Duration> {
        let waits = may_pass(url, result).filter(|_| attempts <= retries)?;
        let jitter = jitter(url, self.clock.now());
        let own = retry::backoff(self.options.retry_base, self.options.retry_max, attempts, jitter);
        Some(if waits { own } else { Duration::ZERO })
    }

    pub(super) fn canonicalizer(&self) -> &Canonicalizer {
        &self.canonicalizer
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }
}

/// What the guard refuses is refused, and no failure.
fn refused_by_guard(error: FetchError) -> Failure {
    match error.refusal() {
        Some(why) => Failure::refused(why, error.message),
        None => Failure::Exchange(error),
    }
}

/// Takes out what is for one origin alone.
fn drop_credentials(headers: &mut HeaderMap) {
    let secret = |(name, value): (&HeaderName, &http::HeaderValue)| {
        (value.is_sensitive() || CREDENTIALS.contains(name)).then(|| name.clone())
    };
    let names: Vec<HeaderName> = headers.iter().filter_map(secret).collect();
    for name in names {
        headers.remove(name);
    }
}
