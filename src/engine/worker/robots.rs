//! A robots.txt, got one request at a time: a redirect and another attempt are new leases, because
//! they are new requests.

use std::sync::Arc;

use http::Method;

use super::{
    super::{
        judge::{Lead, Place, Source, Way},
        trail::Trail,
        visit::{Subject, Visit},
    },
    Worker, conduct, conduct_of, signal_of,
};
use crate::{
    address::HostKey,
    fetch::{
        Request, Response,
        redirect::{self, Next},
        retry::{self, ForUrl, Purpose},
    },
    frontier::{Kind, workbench::Errand},
    robots::{Answer, Policy},
    scope::Role,
    verdict::Refusal,
};

/// What one request came to: what was learnt, or where to look next.
enum Step {
    Learnt(Result<Policy, Refusal>),
    Next(Errand),
}

impl Worker {
    /// The visit, and where to look next if that was not all.
    pub(super) async fn get_robots(
        &self,
        host: HostKey,
        errand: Errand,
        mut trail: Option<Box<Trail>>,
    ) -> (Visit, Option<Errand>) {
        // One more than is read, so that a longer file is known to be longer.
        let request = Request::get(errand.url.clone(), self.options.robots.max_bytes.saturating_add(1));
        let fingerprint = errand.url.fingerprint();
        let answer = self.fetcher.fetch(request).await;
        trail.iter_mut().for_each(|trail| trail.exchanged(answer.as_ref()));
        let (conduct, step) = match answer {
            Ok(response) => {
                let meaning = retry::judge(Purpose::RobotsTxt, (&response).into());
                let conduct = conduct_of(&response, meaning.host, fingerprint);
                (conduct, self.learn(&errand, &response, meaning.url))
            }
            Err(error) if let Some(refusal) = error.refusal() => (None, Step::Learnt(Err(refusal))),
            Err(error) => {
                let meaning = retry::judge(Purpose::RobotsTxt, (&error).into());
                let conduct = signal_of(meaning.host, None).map(|it| conduct(&error.timings, it, fingerprint));
                (conduct, self.unreachable_or_again(&errand, meaning.url, &error.message))
            }
        };
        let (policy, next) = match step {
            Step::Learnt(policy) => (Some(policy), None),
            Step::Next(next) => (None, Some(next)),
        };
        let leads = self.sitemaps(&errand, policy.as_ref());
        if let Some(trail) = &mut trail {
            trail.n_found = leads.len();
            trail.lap("parse", self.clock.now());
        }
        let source = Source { hops_off_site: 0, via: Some(Arc::from(errand.url.as_str())) };
        let found = self.news(&leads, &source);
        let subject = Subject::Robots { origin: errand.origin, policy };
        (Visit { host, conduct, subject, found, trail }, next)
    }

    fn learn(&self, errand: &Errand, response: &Response, meaning: ForUrl) -> Step {
        if let Some(next) = self.redirected(errand, response) {
            return Step::Next(next);
        }
        if meaning == ForUrl::Again {
            let broke_off = retry::is_success(response.status);
            let why = if broke_off { "the answer broke off".to_owned() } else { format!("status {}", response.status) };
            return self.unreachable_or_again(errand, meaning, &why);
        }
        let answer = Answer { status: response.status, headers: &response.headers, body: &response.body };
        Step::Learnt(Ok(Policy::from_response(&answer, response.timings.ended_at, &self.options.robots)))
    }

    /// RFC 9309 section 2.3.1.2: at least five consecutive redirects, even across authorities.
    fn redirected(&self, errand: &Errand, response: &Response) -> Option<Errand> {
        if errand.redirects >= self.options.robots.max_redirects {
            return None;
        }
        let canonicalizer = &self.judge.canonicalizer;
        match redirect::next(&Method::GET, response.status, &response.headers, &errand.url, canonicalizer) {
            Next::Follow { url, .. } => Some(Errand { url, redirects: errand.redirects + 1, ..errand.clone() }),
            Next::Stay | Next::Stuck(_) => None,
        }
    }

    fn unreachable_or_again(&self, errand: &Errand, meaning: ForUrl, why: &str) -> Step {
        let attempts = errand.attempts + 1;
        if meaning == ForUrl::Again && attempts < self.options.robots.max_attempts {
            return Step::Next(Errand { attempts, ..errand.clone() });
        }
        self.unreachable(errand, why)
    }

    /// RFC 9309 section 2.3.1.4: an unreachable robots.txt disallows everything, unless a copy of it
    /// is at hand that is not too old.
    fn unreachable(&self, errand: &Errand, why: &str) -> Step {
        let policy = Policy::unreachable_but_known(errand.known.as_ref(), self.clock.now(), &self.options.robots);
        let (crawl, url) = (self.crawl(), &errand.url);
        if policy.stale_since.is_some() {
            tracing::warn!(crawl, origin = %errand.origin, %url, why, "robots.txt can't be had, so the last one is gone by for now");
        } else {
            tracing::warn!(crawl, origin = %errand.origin, %url, why, "robots.txt can't be had, so nothing of its origin is asked for");
        }
        Step::Learnt(Ok(policy))
    }

    fn sitemaps(&self, errand: &Errand, policy: Option<&Result<Policy, Refusal>>) -> Vec<Lead> {
        let Some(Ok(policy)) = policy else { return Vec::new() };
        if !self.options.robots.follow_sitemaps {
            return Vec::new();
        }
        let way = Way { depth: 0, kind: Kind::Sitemap, nesting: 0 };
        let references = policy.sitemaps().iter().map(|sitemap| (Role::Sitemap, &**sitemap));
        self.judge.leads(&Place::new(errand.url.as_url()), references, way).0
    }
}
