//! What is known of robots.txt, by origin: asked for once, however many want to know.

use std::sync::Arc;

use http::Method;
use moka::{future::Cache, ops::compute::Op};

use super::{PoliteFetcher, RobotsView, deliver::Courier};
use crate::{
    address::{CanonicalUrl, Origin},
    fetch::{
        FetchError, Request,
        redirect::{self, Next},
        retry::{self, ForUrl, Purpose},
    },
    robots::{Answer, Policy},
};

/// Robots policies, the most recently used [`Options::max_origins`](super::Options::max_origins) of them.
pub(super) struct Desk {
    known: Cache<Origin, Arc<Known>>,
    polite: Arc<PoliteFetcher>,
}

struct Known {
    policy: Policy,
    /// Why the file can't be had, when it can't.
    trouble: Option<String>,
}

impl Desk {
    pub(super) fn new(polite: Arc<PoliteFetcher>, max_origins: u64) -> Self {
        Self { known: Cache::new(max_origins), polite }
    }

    /// What the origin of `url` says about it. Asks the origin if that is not known, or not any more.
    ///
    /// # Errors
    /// When the guard lets nobody ask.
    pub(super) async fn view(&self, url: &CanonicalUrl, courier: &Courier) -> Result<RobotsView, FetchError> {
        let origin = url.origin();
        let known = match self.fresh(&origin, courier).await {
            Some(known) => known,
            None => self.learn(url, origin, courier).await?,
        };
        let policy = &known.policy;
        let refused = policy.decide(url).err().map(|why| match policy.rule(url) {
            Some(rule) => crate::verdict::Refused::by(why, rule),
            None => why.into(),
        });
        Ok(RobotsView {
            url: url.robots_txt(),
            standing: policy.standing.as_str(),
            refused,
            crawl_delay: policy.crawl_delay(),
            trouble: known.trouble.clone(),
        })
    }

    async fn fresh(&self, origin: &Origin, courier: &Courier) -> Option<Arc<Known>> {
        let known = self.known.get(origin).await?;
        (!known.policy.is_expired(courier.clock().now())).then_some(known)
    }

    /// Single-flight: computations for one key wait for each other, also for one that is dropped, and
    /// whoever comes after finds what was learnt.
    async fn learn(&self, url: &CanonicalUrl, origin: Origin, courier: &Courier) -> Result<Arc<Known>, FetchError> {
        let mut learnt = None;
        let compute = async |entry: Option<moka::Entry<Origin, Arc<Known>>>| {
            let old = entry.map(moka::Entry::into_value);
            if let Some(known) = old.as_ref().filter(|known| !known.policy.is_expired(courier.clock().now())) {
                learnt = Some(Ok(Arc::clone(known)));
                return Op::Nop;
            }
            let new = ask(url, old.as_deref(), courier).await.map(Arc::new);
            let op = match &new {
                Ok(known) => {
                    self.polite.learn_crawl_delay(&url.origin(), known.policy.crawl_delay()).await;
                    Op::Put(Arc::clone(known))
                }
                Err(_) => Op::Nop,
            };
            learnt = Some(new);
            op
        };
        self.known.entry(origin).and_compute_with(compute).await;
        learnt.expect("the computation ran to its end")
    }
}

/// Gets the file: redirects followed, failures tried again.
async fn ask(url: &CanonicalUrl, old: Option<&Known>, courier: &Courier) -> Result<Known, FetchError> {
    let options = &courier.options().robots;
    let retries = courier.options().retries.min(u32::from(options.max_attempts).saturating_sub(1));
    let mut target = url.robots_txt();
    let (mut attempts, mut n_redirects) = (0, 0);
    loop {
        // One more than is read, so that a longer file is known to be longer.
        let request = Request::get(target.clone(), options.max_bytes.saturating_add(1));
        let result = courier.fetch(request).await;
        attempts += 1;
        let why = match &result {
            Err(error) if error.refusal().is_some() => return Err(error.clone()),
            Err(error) => error.message.clone(),
            Ok(response) => {
                // RFC 9309 section 2.3.1.2: at least five consecutive redirects, even across authorities.
                if n_redirects < options.max_redirects
                    && let Next::Follow { url, .. } = redirect::next(
                        &Method::GET,
                        response.status,
                        &response.headers,
                        &target,
                        courier.canonicalizer(),
                    )
                {
                    (target, n_redirects, attempts) = (url, n_redirects + 1, 0);
                    continue;
                }
                if retry::judge(Purpose::RobotsTxt, response.into()).url == ForUrl::Final {
                    let answer = Answer { status: response.status, headers: &response.headers, body: &response.body };
                    let policy = Policy::from_response(&answer, response.timings.ended_at, options);
                    return Ok(Known { policy, trouble: None });
                }
                match retry::is_success(response.status) {
                    true => "the answer broke off".to_owned(),
                    false => format!("status {}", response.status),
                }
            }
        };
        match courier.pause(&target, &result, attempts, retries) {
            Some(pause) => {
                drop(result);
                tokio::time::sleep(pause).await;
            }
            // RFC 9309 section 2.3.1.4: all is disallowed, unless a copy is at hand that is not too old.
            None => {
                let known = old.map(|known| &known.policy);
                let policy = Policy::unreachable_but_known(known, courier.clock().now(), options);
                return Ok(Known { policy, trouble: Some(format!("robots.txt can't be had: {why}")) });
            }
        }
    }
}
