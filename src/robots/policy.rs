//! What an attempt to get robots.txt means (RFC 9309 section 2.3.1).

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::{Options, Purpose, Rules, Signals, freshness::lifetime};
use crate::{address::CanonicalUrl, clock::Timestamp, verdict::Refusal};

/// The final answer to a request for robots.txt, once redirects are followed.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// Its header, of which caching is of interest.
    pub headers: &'a HeaderMap,
    /// Decoded; more than [`Options::max_bytes`] are ignored.
    pub body: &'a [u8],
}

/// What an origin's robots.txt asks of us, and until when we may go by that. Durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What it asks.
    pub standing: Standing,
    /// When that was learnt.
    pub fetched_at: Timestamp,
    /// From when on it must be learnt anew.
    pub expires_at: Timestamp,
    /// Since when it is gone by only because the file can't be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Timestamp>,
    /// Uses that the crawl is for; a URL for which the site reserves one of them is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<Purpose>,
}

/// How an origin stands to being crawled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It has no robots.txt, or none for us to see (4xx): nothing is disallowed.
    AllowAll,
    /// It has one. A page of HTML in its place holds no rules and so disallows nothing.
    Rules(Arc<Rules>),
    /// It could not be had (5xx, 429, network): all is disallowed for now.
    Unreachable,
}

impl Standing {
    /// As in logs and reports: `allow-all`, `rules` or `unreachable`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::AllowAll => "allow-all",
            Self::Rules(_) => "rules",
            Self::Unreachable => "unreachable",
        }
    }
}

impl Policy {
    /// From the final answer.
    ///
    /// - 2xx: its rules.
    /// - 3xx, that is a redirect without a usable target or one too many: no robots.txt, as
    ///   section 2.3.1.2 permits.
    /// - 4xx: no robots.txt (section 2.3.1.3), except 429, by which a server says that it is
    ///   overloaded; Google treats that like a 5xx too.
    /// - 5xx and anything else: unreachable (section 2.3.1.4).
    ///
    /// It is good for as long as the answer's caching says, see [`MIN_MAX_AGE`](super::MIN_MAX_AGE).
    pub fn from_response(answer: &Answer<'_>, now: Timestamp, options: &Options) -> Self {
        let lifetime = || lifetime(answer.headers, now, options.max_age);
        match answer.status {
            200..=299 => {
                let rules = Rules::parse(answer.body, &options.agent, options.max_bytes);
                let standing = Standing::Rules(Arc::new(rules));
                Self { purposes: options.purposes.clone(), ..Self::lasting(standing, now, lifetime()) }
            }
            429 => Self::unreachable(now, options),
            300..=499 => Self::lasting(Standing::AllowAll, now, lifetime()),
            _ => Self::unreachable(now, options),
        }
    }

    /// After a failure without an answer: name resolution, connection, timeout.
    pub fn unreachable(now: Timestamp, options: &Options) -> Self {
        Self::lasting(Standing::Unreachable, now, options.unreachable_retry.min(options.max_age))
    }

    /// After such a failure when a policy is known already: that one, for another
    /// [`Options::unreachable_retry`], as long as it has not expired by more than [`Options::grace`]
    /// (RFC 9309 section 2.3.1.4 lets a cached copy be used).
    pub fn unreachable_but_known(known: Option<&Self>, now: Timestamp, options: &Options) -> Self {
        let good = known.filter(|known| !matches!(known.standing, Standing::Unreachable));
        let stale = good.and_then(|known| {
            let since = known.stale_since.unwrap_or(known.expires_at);
            let until = since + options.grace;
            let expires_at = (now + options.unreachable_retry).min(until);
            (now < until).then(|| Self { expires_at, stale_since: Some(since), ..known.clone() })
        });
        stale.unwrap_or_else(|| Self::unreachable(now, options))
    }

    /// Of an origin without a robots.txt, or of one that isn't asked for it.
    pub fn allow_all(now: Timestamp, options: &Options) -> Self {
        Self::lasting(Standing::AllowAll, now, options.max_age)
    }

    fn lasting(standing: Standing, now: Timestamp, max_age: Duration) -> Self {
        Self { standing, fetched_at: now, expires_at: now + max_age, stale_since: None, purposes: Vec::new() }
    }

    /// Whether `url`, which must be of this policy's origin, may be asked for. robots.txt itself
    /// always may.
    ///
    /// # Errors
    /// [`Refusal::RobotsDenied`], [`Refusal::RobotsUnreachable`] or [`Refusal::UsageReserved`].
    pub fn decide(&self, url: &CanonicalUrl) -> Result<(), Refusal> {
        let path_and_query = url.path_and_query();
        match &self.standing {
            _ if path_and_query == "/robots.txt" => Ok(()),
            Standing::Unreachable => Err(Refusal::RobotsUnreachable),
            Standing::AllowAll => Ok(()),
            Standing::Rules(rules) if !rules.decide(path_and_query).allowed => Err(Refusal::RobotsDenied),
            Standing::Rules(_) if self.is_reserved(path_and_query) => Err(Refusal::UsageReserved),
            Standing::Rules(_) => Ok(()),
        }
    }

    /// The rule by which [`decide`](Self::decide) refuses `url`, in words: `robots.txt line 3:
    /// Disallow: /private`. `None` when it does not.
    pub fn rule(&self, url: &CanonicalUrl) -> Option<String> {
        let path_and_query = url.path_and_query();
        match self.decide(url).err()? {
            Refusal::RobotsDenied => {
                let decision = self.rules()?.decide(path_and_query);
                Some(format!("robots.txt line {}: Disallow: {}", decision.line?, decision.rule?))
            }
            Refusal::UsageReserved => {
                let signals = self.signals(path_and_query);
                let words: Vec<_> = signals.iter().map(|signal| format!("{}: {}", signal.name, signal.value)).collect();
                Some(format!("robots.txt: {}", words.join("; ")))
            }
            _ => Some("robots.txt can't be had".to_owned()),
        }
    }

    fn is_reserved(&self, path_and_query: &str) -> bool {
        if self.purposes.is_empty() {
            return false;
        }
        let signals = self.signals(path_and_query);
        self.purposes.iter().any(|purpose| signals.reserves(*purpose) == Some(true))
    }

    /// What robots.txt says about the use of what is at a path with its query, bound by it or not.
    pub fn signals(&self, path_and_query: &str) -> Signals {
        self.rules().map(|rules| rules.signals().at(path_and_query)).unwrap_or_default()
    }

    /// How long the origin asks us to wait between two requests.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.rules().and_then(Rules::crawl_delay)
    }

    /// The sitemaps that it names, as written.
    pub fn sitemaps(&self) -> &[String] {
        self.rules().map_or(&[], Rules::sitemaps)
    }

    /// Whether it must be learnt anew.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// From now on it must be learnt anew; if it can't be had, this one may still do for as long as it
    /// would have.
    pub fn ask_anew(&mut self) {
        self.stale_since.get_or_insert(self.expires_at);
        self.expires_at = Timestamp(0);
    }

    /// Read back at `now`: one that was learnt later than that was dated by a clock that has been set back since. How
    /// old it is nobody knows, so it must be learnt anew, and if it can't be had, this one may do for its grace from
    /// now on at most. `true` when it was so.
    pub fn bound(&mut self, now: Timestamp) -> bool {
        let is_ahead = self.fetched_at > now;
        if is_ahead {
            (self.fetched_at, self.expires_at) = (now, Timestamp(0));
            self.stale_since = Some(self.stale_since.map_or(now, |since| since.min(now)));
        }
        is_ahead
    }

    /// The rules of the file, when there is one.
    pub fn rules(&self) -> Option<&Rules> {
        match &self.standing {
            Standing::Rules(rules) => Some(rules),
            Standing::AllowAll | Standing::Unreachable => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Canonicalizer;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn answer(status: u16, body: &[u8]) -> Policy {
        let headers = HeaderMap::new();
        Policy::from_response(&Answer { status, headers: &headers, body }, NOW, &Options::default())
    }

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    fn check(status: u16, standing: &str, decision: Result<(), Refusal>, max_age: Duration) {
        let body = b"User-agent: *\nDisallow: /no\nCrawl-delay: 2\nSitemap: http://h/s.xml";
        let policy = answer(status, body);
        assert_eq!(policy.standing.as_str(), standing, "{status}");
        assert_eq!(policy.decide(&url("http://h/no")), decision, "{status}");
        assert_eq!(policy.decide(&url("http://h/robots.txt")), Ok(()), "{status}");
        assert_eq!(policy.expires_at.since(policy.fetched_at), max_age, "{status}");
        assert!(policy.is_expired(NOW + max_age) && !policy.is_expired(NOW), "{status}");
    }

    #[test]
    fn what_a_status_means() {
        let day = Duration::from_secs(86_400);
        for status in [200, 204, 206] {
            check(status, "rules", Err(Refusal::RobotsDenied), day);
        }
        for status in [301, 304, 400, 401, 403, 404, 410, 451, 499] {
            check(status, "allow-all", Ok(()), day);
        }
        for status in [0, 100, 199, 429, 500, 503, 599, 600, 999] {
            check(status, "unreachable", Err(Refusal::RobotsUnreachable), Options::default().unreachable_retry);
        }
    }

    #[test]
    fn what_is_asked_anew_may_still_do_for_its_grace() {
        let options = Options::default();
        let mut known = answer(200, b"User-agent: *\nDisallow: /no");
        let expired_at = known.expires_at;
        known.ask_anew();
        assert!(known.is_expired(NOW));
        let still = Policy::unreachable_but_known(Some(&known), NOW, &options);
        assert_eq!(still.decide(&url("http://h/no")), Err(Refusal::RobotsDenied));
        let too_late = Policy::unreachable_but_known(Some(&known), expired_at + options.grace, &options);
        assert_eq!(too_late.standing, Standing::Unreachable);
    }

    /// What broke: learnt while the clock was a year ahead, it was gone by for a year and a day.
    #[test]
    fn what_was_learnt_by_a_clock_that_was_ahead_is_learnt_anew() {
        let options = Options::default();
        let mut known = answer(200, b"User-agent: *\nDisallow: /no");
        let whole = known.clone();
        assert!(!known.bound(NOW) && known == whole, "it is as old as it says");
        let before = NOW - Duration::from_secs(365 * 86_400);
        assert!(known.bound(before) && !known.clone().bound(before));
        assert!(known.is_expired(before) && known.fetched_at == before);
        let still = Policy::unreachable_but_known(Some(&known), before, &options);
        assert_eq!(still.decide(&url("http://h/no")), Err(Refusal::RobotsDenied));
        assert_eq!(still.expires_at, before + options.unreachable_retry);
        let too_late = Policy::unreachable_but_known(Some(&still), before + options.grace, &options);
        assert_eq!(too_late.standing, Standing::Unreachable);
    }

    #[test]
    fn an_unreachable_file_is_never_good_for_longer_than_a_reachable_one() {
        let options = Options { max_age: Duration::from_secs(5), ..Options::default() };
        assert_eq!(Policy::unreachable(NOW, &options).expires_at, NOW + Duration::from_secs(5));
    }

    #[test]
    fn delay_and_sitemaps_come_from_rules_only() {
        let options = Options::default();
        let policy = answer(200, b"Sitemap: /s.xml\nUser-agent: *\nCrawl-delay: 1.5");
        assert_eq!(policy.crawl_delay(), Some(Duration::from_millis(1500)));
        assert_eq!(policy.sitemaps(), ["/s.xml"]);
        let none = Policy::allow_all(NOW, &options);
        assert_eq!((none.crawl_delay(), none.sitemaps().len()), (None, 0));
    }

    #[test]
    fn html_in_its_place_disallows_nothing() {
        let html = b"<!DOCTYPE html>\n<html><body>\n<p>User-agent: *</p>\nDisallow: /\n</body></html>";
        let policy = answer(200, html);
        assert_eq!(policy.decide(&url("http://h/")), Ok(()));
    }

    #[test]
    fn is_durable() {
        let body = b"User-agent: other\nDisallow: /other\n\nUser-agent: dragline\nDisallow: /a*b$\nAllow: /x\n\
            Disallow: /%c3%a9\nCrawl-delay: 0.25\nSitemap: http://h/s.xml\nContent-Signal: ai-train=no";
        let policies = [
            answer(200, body),
            Policy::allow_all(NOW, &Options::default()),
            Policy::unreachable(NOW, &Options::default()),
            Policy::unreachable_but_known(Some(&answer(200, body)), NOW, &Options::default()),
        ];
        for policy in policies {
            let json = serde_json::to_string(&policy).expect("serialises");
            assert!(!json.contains("other"), "only what concerns us is kept: {json}");
            assert_eq!(serde_json::from_str::<Policy>(&json).expect("deserialises"), policy);
        }
    }

    #[test]
    fn a_known_file_is_gone_by_for_a_while() {
        let options = Options::default();
        let known = answer(200, b"User-agent: *\nDisallow: /no");
        let expired = known.expires_at;
        let stale = Policy::unreachable_but_known(Some(&known), expired, &options);
        assert_eq!(stale.decide(&url("http://h/no")), Err(Refusal::RobotsDenied));
        assert_eq!(stale.decide(&url("http://h/")), Ok(()));
        assert_eq!((stale.fetched_at, stale.expires_at), (NOW, expired + options.unreachable_retry));
        let nearly = expired + options.grace - Duration::from_secs(60);
        let last = Policy::unreachable_but_known(Some(&stale), nearly, &options);
        assert_eq!(last.expires_at, expired + options.grace, "grace counts from the first expiry");
        let over = Policy::unreachable_but_known(Some(&last), last.expires_at, &options);
        assert_eq!(over.standing, Standing::Unreachable);
        for nothing in [None, Some(&over)] {
            let policy = Policy::unreachable_but_known(nothing, NOW, &options);
            assert_eq!(policy.standing, Standing::Unreachable);
        }
    }

    #[test]
    fn reserved_uses_bind_when_they_are_ours() {
        let body = b"User-agent: *\nContent-Signal: search=yes, ai-train=no\nContent-Usage: /closed search=n";
        let headers = HeaderMap::new();
        let decide = |purposes: &[Purpose], path: &str| {
            let options = Options { purposes: purposes.to_vec(), ..Options::default() };
            let policy = Policy::from_response(&Answer { status: 200, headers: &headers, body }, NOW, &options);
            policy.decide(&url(&format!("http://h{path}")))
        };
        assert_eq!(decide(&[], "/closed"), Ok(()));
        assert_eq!(decide(&[Purpose::Search], "/"), Ok(()));
        assert_eq!(decide(&[Purpose::Search], "/closed"), Err(Refusal::UsageReserved));
        assert_eq!(decide(&[Purpose::Search, Purpose::AiTrain], "/"), Err(Refusal::UsageReserved));
        assert_eq!(decide(&Purpose::ALL, "/robots.txt"), Ok(()));
        assert_eq!(answer(200, body).signals("/").reserves(Purpose::AiTrain), Some(true));
    }
}
