//! What an attempt to get robots.txt means (RFC 9309 section 2.3.1).

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Options, Rules};
use crate::{address::CanonicalUrl, clock::Timestamp, verdict::Refusal};

/// How long an unreachable robots.txt is taken as such before it may be asked for again; never
/// longer than [`Options::max_age`].
pub const UNREACHABLE_MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// What an origin's robots.txt asks of us, and until when we may go by that. Durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What it asks.
    pub standing: Standing,
    /// When that was learnt.
    pub fetched_at: Timestamp,
    /// From when on it must be learnt anew.
    pub expires_at: Timestamp,
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
    /// From the final answer to a request for robots.txt, once redirects are followed.
    ///
    /// - 2xx: its rules.
    /// - 3xx, that is a redirect without a usable target or one too many: no robots.txt, as
    ///   section 2.3.1.2 permits.
    /// - 4xx: no robots.txt (section 2.3.1.3), except 429, by which a server says that it is
    ///   overloaded; Google treats that like a 5xx too.
    /// - 5xx and anything else: unreachable (section 2.3.1.4).
    pub fn from_response(status: u16, body: &[u8], now: Timestamp, options: &Options) -> Self {
        match status {
            200..=299 => {
                let rules = Rules::parse(body, &options.agent, options.max_bytes);
                Self::lasting(Standing::Rules(Arc::new(rules)), now, options.max_age)
            }
            429 => Self::unreachable(now, options),
            300..=499 => Self::allow_all(now, options),
            _ => Self::unreachable(now, options),
        }
    }

    /// After a failure without an answer: name resolution, connection, timeout.
    pub fn unreachable(now: Timestamp, options: &Options) -> Self {
        Self::lasting(Standing::Unreachable, now, UNREACHABLE_MAX_AGE.min(options.max_age))
    }

    /// Of an origin without a robots.txt, or of one that isn't asked for it.
    pub fn allow_all(now: Timestamp, options: &Options) -> Self {
        Self::lasting(Standing::AllowAll, now, options.max_age)
    }

    fn lasting(standing: Standing, now: Timestamp, max_age: Duration) -> Self {
        Self { standing, fetched_at: now, expires_at: now + max_age }
    }

    /// Whether `url`, which must be of this policy's origin, may be asked for. robots.txt itself
    /// always may.
    ///
    /// # Errors
    /// [`Refusal::RobotsDenied`] or [`Refusal::RobotsUnreachable`].
    pub fn decide(&self, url: &CanonicalUrl) -> Result<(), Refusal> {
        let path_and_query = url.path_and_query();
        match &self.standing {
            Standing::Rules(rules) if !rules.decide(path_and_query).allowed => Err(Refusal::RobotsDenied),
            Standing::Unreachable if path_and_query != "/robots.txt" => Err(Refusal::RobotsUnreachable),
            Standing::AllowAll | Standing::Rules(_) | Standing::Unreachable => Ok(()),
        }
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

    fn rules(&self) -> Option<&Rules> {
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

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    fn check(status: u16, standing: &str, decision: Result<(), Refusal>, max_age: Duration) {
        let body = b"User-agent: *\nDisallow: /no\nCrawl-delay: 2\nSitemap: http://h/s.xml";
        let policy = Policy::from_response(status, body, NOW, &Options::default());
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
            check(status, "unreachable", Err(Refusal::RobotsUnreachable), UNREACHABLE_MAX_AGE);
        }
    }

    #[test]
    fn an_unreachable_file_is_never_good_for_longer_than_a_reachable_one() {
        let options = Options { max_age: Duration::from_secs(5), ..Options::default() };
        assert_eq!(Policy::unreachable(NOW, &options).expires_at, NOW + Duration::from_secs(5));
    }

    #[test]
    fn delay_and_sitemaps_come_from_rules_only() {
        let options = Options::default();
        let policy = Policy::from_response(200, b"Sitemap: /s.xml\nUser-agent: *\nCrawl-delay: 1.5", NOW, &options);
        assert_eq!(policy.crawl_delay(), Some(Duration::from_millis(1500)));
        assert_eq!(policy.sitemaps(), ["/s.xml"]);
        let none = Policy::allow_all(NOW, &options);
        assert_eq!((none.crawl_delay(), none.sitemaps().len()), (None, 0));
    }

    #[test]
    fn html_in_its_place_disallows_nothing() {
        let html = b"<!DOCTYPE html>\n<html><body>\n<p>User-agent: *</p>\nDisallow: /\n</body></html>";
        let policy = Policy::from_response(200, html, NOW, &Options::default());
        assert_eq!(policy.decide(&url("http://h/")), Ok(()));
    }

    #[test]
    fn is_durable() {
        let body = b"User-agent: other\nDisallow: /other\n\nUser-agent: dragline\nDisallow: /a*b$\nAllow: /x\n\
            Disallow: /%c3%a9\nCrawl-delay: 0.25\nSitemap: http://h/s.xml";
        let policies = [
            Policy::from_response(200, body, NOW, &Options::default()),
            Policy::allow_all(NOW, &Options::default()),
            Policy::unreachable(NOW, &Options::default()),
        ];
        for policy in policies {
            let json = serde_json::to_string(&policy).expect("serialises");
            assert!(!json.contains("other"), "only what concerns us is kept: {json}");
            assert_eq!(serde_json::from_str::<Policy>(&json).expect("deserialises"), policy);
        }
    }
}
