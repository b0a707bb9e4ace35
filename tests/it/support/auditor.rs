//! The auditor: reads what a server saw and sent, and a policy, and lists every promise that was broken.
//!
//! It knows nothing of how dragline paces itself, and none of its code: rates are counted by the generic
//! cell rate algorithm (ITU-T I.371) over arrivals, connections by overlaps of exchanges, pauses from
//! the answers as they were sent. Arrivals jitter (loopback, two busy cores), so times are judged with a
//! tolerance, and every rule is tried on planted violations below.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::{Duration, UNIX_EPOCH},
};

use dragline::clock::Timestamp;

/// One exchange, from the server's side.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// When the request's head had been read.
    pub(crate) at: Timestamp,
    /// When the last byte of the answer was about to be sent; none while it is not.
    pub(crate) ended: Option<Timestamp>,
    /// The `Host` header in lower case, without a port.
    pub(crate) host: String,
    /// The address that was asked.
    pub(crate) local: IpAddr,
    /// Path and query.
    pub(crate) path: String,
    /// The status answered; 0 for what is no HTTP.
    pub(crate) status: u16,
    /// The `Retry-After` sent.
    pub(crate) retry_after: Option<String>,
}

/// What was promised.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Between two requests to a host, on average, and how many may come at once.
    pub(crate) interval: Duration,
    pub(crate) burst: u32,
    /// Requests of a host in flight.
    pub(crate) connections: u32,
    /// Between the end of an answer and the next request.
    pub(crate) delay: Duration,
    /// By host: what its robots.txt asks for.
    pub(crate) crawl_delays: BTreeMap<String, Duration>,
    /// The longest pause that is honoured.
    pub(crate) max_delay: Duration,
    /// The first pause after a failure, of which half is certain, and the longest.
    pub(crate) backoff: (Duration, Duration),
    /// No page before the answer to /robots.txt, but for these paths, to which a robots.txt is redirected.
    pub(crate) robots_first: bool,
    pub(crate) robots_elsewhere: BTreeSet<String>,
    /// When nothing may arrive.
    pub(crate) quiet: Vec<(Timestamp, Timestamp)>,
    /// Between two requests of all together, to one address, and to one domain (the last two labels).
    pub(crate) all: Duration,
    pub(crate) address: Duration,
    pub(crate) domain: Duration,
    /// How much too early an arrival may be.
    pub(crate) tolerance: Duration,
}

impl Default for Policy {
    /// dragline's own, when nothing is configured.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            burst: 1,
            connections: 1,
            delay: Duration::ZERO,
            crawl_delays: BTreeMap::new(),
            max_delay: Duration::from_secs(120),
            backoff: (Duration::from_secs(2), Duration::from_secs(300)),
            robots_first: true,
            robots_elsewhere: BTreeSet::new(),
            quiet: Vec::new(),
            all: Duration::ZERO,
            address: Duration::ZERO,
            domain: Duration::ZERO,
            tolerance: Duration::from_millis(15),
        }
    }
}

/// Which promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Rate,
    Delay,
    Connections,
    Probe,
    RetryAfter,
    Backoff,
    RobotsFirst,
    Quiet,
    AllHosts,
    Address,
    Domain,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) host: String,
    pub(crate) path: String,
    /// How much too early, where that is what is wrong.
    pub(crate) early_by: Duration,
}

/// Everything in `log` that breaks `policy`.
pub(crate) fn audit(log: &[Exchange], policy: &Policy) -> Vec<Violation> {
    let mut log: Vec<&Exchange> = log.iter().collect();
    log.sort_by_key(|exchange| exchange.at);
    let mut hosts: BTreeMap<&str, Vec<&Exchange>> = BTreeMap::new();
    let mut addresses: BTreeMap<IpAddr, Vec<&Exchange>> = BTreeMap::new();
    let mut domains: BTreeMap<String, Vec<&Exchange>> = BTreeMap::new();
    for exchange in &log {
        hosts.entry(&exchange.host).or_default().push(exchange);
        addresses.entry(exchange.local).or_default().push(exchange);
        domains.entry(domain(&exchange.host)).or_default().push(exchange);
    }
    let mut found: Vec<Violation> = hosts.values().flat_map(|log| audit_host(log, policy)).collect();
    // Nobody knows the address of a host that was never asked: its first request is not held against it.
    let is_known = |before: &[&Exchange], it: &Exchange| before.iter().any(|other| other.host == it.host);
    found.extend(addresses.values().flat_map(|log| spacing(log, policy.address, Rule::Address, policy, is_known)));
    found.extend(domains.values().flat_map(|log| spacing(log, policy.domain, Rule::Domain, policy, |_, _| true)));
    found.extend(spacing(&log, policy.all, Rule::AllHosts, policy, |_, _| true));
    found
}

fn domain(host: &str) -> String {
    let labels: Vec<&str> = host.rsplit('.').take(2).collect();
    labels.into_iter().rev().collect::<Vec<_>>().join(".")
}

/// Requests of one group that came less than `interval` after the one before, for those that `counts`.
fn spacing(
    log: &[&Exchange],
    interval: Duration,
    rule: Rule,
    policy: &Policy,
    counts: impl Fn(&[&Exchange], &Exchange) -> bool,
) -> Vec<Violation> {
    let early = |i: usize| (log[i - 1].at + interval).since(log[i].at);
    (1..log.len())
        .filter(|i| early(*i) > policy.tolerance && counts(&log[..*i], log[*i]))
        .map(|i| violation(rule, log[i], early(i)))
        .collect()
}

fn violation(rule: Rule, it: &Exchange, early_by: Duration) -> Violation {
    Violation { rule, host: it.host.clone(), path: it.path.clone(), early_by }
}

fn audit_host(log: &[&Exchange], policy: &Policy) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut rate = Rate::default();
    for (i, it) in log.iter().enumerate() {
        let before = &log[..i];
        let mut early = |rule, by: Duration| {
            if by > policy.tolerance {
                found.push(violation(rule, it, by));
            }
        };
        let (interval, burst) = pace(before, it, policy);
        early(Rule::Rate, rate.early_by(it.at, interval, burst));
        let last_end = before.iter().filter_map(|other| other.ended).filter(|end| *end <= it.at).max();
        early(Rule::Delay, last_end.map_or(Duration::ZERO, |end| (end + policy.delay).since(it.at)));
        for (rule, until) in pauses(before, it, policy) {
            early(rule, until.since(it.at));
        }
        for (from, to) in &policy.quiet {
            if it.at >= *from && it.at < *to {
                early(Rule::Quiet, to.since(it.at));
            }
        }
        let in_flight = before.iter().filter(|other| other.ended.is_none_or(|end| end > it.at)).count() + 1;
        if in_flight > policy.connections as usize {
            found.push(violation(Rule::Connections, it, Duration::ZERO));
        } else if in_flight > 1 && is_probing(before, it, policy) {
            found.push(violation(Rule::Probe, it, Duration::ZERO));
        }
        if policy.robots_first && it.path != "/robots.txt" && !policy.robots_elsewhere.contains(&it.path) {
            let answered =
                |other: &&&Exchange| other.path == "/robots.txt" && other.ended.is_some_and(|end| end <= it.at);
            if !before.iter().any(|other| answered(&other)) {
                found.push(violation(Rule::RobotsFirst, it, Duration::ZERO));
            }
        }
    }
    found
}

/// The generic cell rate algorithm: when the next request is due on average.
#[derive(Default)]
struct Rate {
    due: Timestamp,
}

impl Rate {
    fn early_by(&mut self, at: Timestamp, interval: Duration, burst: u32) -> Duration {
        let early_by = (self.due - interval * (burst - 1)).since(at);
        // Once reported, it is not held against those that come after it.
        self.due = if early_by > Duration::ZERO { at } else { self.due.max(at) } + interval;
        early_by
    }
}

/// A crawl-delay holds from the answer to robots.txt on, between any two requests: no bursts.
fn pace(before: &[&Exchange], it: &Exchange, policy: &Policy) -> (Duration, u32) {
    let asked = policy.crawl_delays.get(&it.host).copied().unwrap_or_default().min(policy.max_delay);
    let is_known = before.iter().any(|other| other.path == "/robots.txt" && other.status == 200);
    if is_known && asked > policy.interval { (asked, 1) } else { (policy.interval, policy.burst) }
}

/// Until when the host was owed peace at the time of `it`, and why.
fn pauses(before: &[&Exchange], it: &Exchange, policy: &Policy) -> Vec<(Rule, Timestamp)> {
    let mut pauses = Vec::new();
    let mut n_in_row = 0u32;
    let mut troubled = Timestamp::default();
    let mut answered: Vec<(&Exchange, Timestamp)> =
        before.iter().filter_map(|other| Some((*other, other.ended?))).collect();
    answered.sort_by_key(|(_, end)| *end);
    for (other, end) in answered {
        // What crossed the answer on its way is not late.
        let crossed = policy.connections > 1 && it.at <= end + policy.tolerance;
        let may_count = other.at >= troubled;
        let asked = other.retry_after.as_deref().and_then(|text| pause_asked(text, end));
        match other.status {
            429 | 502 | 503 | 504 => {
                n_in_row += u32::from(may_count);
                troubled = if may_count { end } else { troubled };
                let asked = asked.filter(|_| matches!(other.status, 429 | 503));
                let doubled = policy.backoff.0 * (1 << (n_in_row.max(1) - 1).min(20));
                let pause = match asked {
                    Some(asked) => (Rule::RetryAfter, end + asked.min(policy.max_delay)),
                    None => (Rule::Backoff, end + doubled.min(policy.backoff.1) / 2),
                };
                pauses.extend((!crossed).then_some(pause));
            }
            300..=399 => {
                n_in_row = 0;
                let until = asked.map(|asked| (Rule::RetryAfter, end + asked.min(policy.max_delay)));
                pauses.extend(until.filter(|_| !crossed));
            }
            0 | 408 | 425 | 500..=599 => n_in_row += 1,
            _ => n_in_row = 0,
        }
    }
    pauses
}

/// Whether the host has failed, and nothing that was sent after that has come back well.
fn is_probing(before: &[&Exchange], it: &Exchange, policy: &Policy) -> bool {
    let is_trouble = |other: &&&Exchange| matches!(other.status, 429 | 502 | 503 | 504);
    let ends = before.iter().filter(is_trouble).filter_map(|other| other.ended);
    let Some(failed) = ends.filter(|end| *end + policy.tolerance < it.at).max() else { return false };
    let is_proof = |other: &&Exchange| {
        other.at >= failed && other.ended.is_some_and(|end| end <= it.at) && (200..500).contains(&other.status)
    };
    !before.iter().any(is_proof)
}

/// Seconds, or a date, whose fractions of a second nobody can know.
fn pause_asked(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_micros(now.0)))
}

mod tests {
    use super::*;

    const T: Timestamp = Timestamp(1_700_000_000_000_000);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn at(path: &str, at_ms: u64, took_ms: u64, status: u16) -> Exchange {
        let at = T + ms(at_ms);
        let (ended, local) = (Some(at + ms(took_ms)), IpAddr::from([127, 0, 0, 1]));
        let (host, path) = ("a.test".to_owned(), path.to_owned());
        Exchange { at, ended, host, local, path, status, retry_after: None }
    }

    fn asking(retry_after: &str, exchange: Exchange) -> Exchange {
        Exchange { retry_after: Some(retry_after.to_owned()), ..exchange }
    }

    fn on(host: &str, exchange: Exchange) -> Exchange {
        Exchange { host: host.to_owned(), ..exchange }
    }

    /// Without the rules of robots.txt and spacing, which have tests of their own.
    fn bare() -> Policy {
        Policy { interval: Duration::ZERO, robots_first: false, ..Policy::default() }
    }

    #[track_caller]
    fn check(policy: &Policy, log: &[Exchange], expected: &[(Rule, &str, u64)]) {
        let found = audit(log, policy);
        let found: Vec<(Rule, &str, u64)> =
            found.iter().map(|it| (it.rule, &*it.path, u64::try_from(it.early_by.as_millis()).unwrap())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn rates_and_bursts() {
        let policy = Policy { robots_first: false, ..Policy::default() };
        let log = [at("/1", 0, 1, 200), at("/2", 990, 1, 200), at("/3", 1500, 1, 200), at("/4", 2500, 1, 200)];
        check(&policy, &log, &[(Rule::Rate, "/3", 490)]);
        let policy = Policy { burst: 2, ..policy };
        check(&policy, &log, &[]);
        check(&policy, &[0, 1, 2].map(|n| at("/", n, 1, 200)), &[(Rule::Rate, "/", 998)]);
    }

    #[test]
    fn delays_count_from_the_end_of_answers() {
        let policy = Policy { delay: ms(500), ..bare() };
        let log = [at("/1", 0, 300, 200), at("/2", 800, 10, 200), at("/3", 1200, 10, 200)];
        check(&policy, &log, &[(Rule::Delay, "/3", 110)]);
    }

    #[test]
    fn connections_and_the_single_probe() {
        let log = [at("/1", 0, 300, 200), at("/2", 200, 300, 200), at("/3", 600, 10, 200)];
        check(&bare(), &log, &[(Rule::Connections, "/2", 0)]);
        let policy = Policy { connections: 2, backoff: (ms(100), ms(100)), ..bare() };
        check(&policy, &log, &[]);
        let failed = [at("/1", 0, 10, 502), at("/2", 500, 300, 200), at("/3", 600, 10, 200), at("/4", 900, 300, 200)];
        let after = [&failed[..], &[at("/5", 1000, 300, 200)]].concat();
        check(&policy, &after, &[(Rule::Probe, "/3", 0)]);
    }

    #[test]
    fn pauses_that_were_asked_for() {
        let policy = Policy { max_delay: ms(5000), ..bare() };
        let log = [asking("2", at("/1", 0, 100, 429)), at("/2", 1500, 1, 200)];
        check(&policy, &log, &[(Rule::RetryAfter, "/2", 600)]);
        check(&policy, &[asking("99", at("/1", 0, 100, 503)), at("/2", 5100, 1, 200)], &[]);
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_micros(T.0) + Duration::from_secs(3));
        let log = [asking(&date, at("/1", 0, 100, 503)), at("/2", 2400, 1, 200), at("/3", 3000, 1, 200)];
        check(&policy, &log, &[(Rule::RetryAfter, "/2", 600)]);
        let log = [asking("2", at("/1", 0, 100, 302)), at("/2", 1500, 1, 200)];
        check(&policy, &log, &[(Rule::RetryAfter, "/2", 600)]);
        // What was on its way when the answer was sent is nobody's fault.
        let policy = Policy { connections: 2, ..policy };
        check(&policy, &[asking("2", at("/1", 0, 100, 429)), at("/2", 105, 1, 200)], &[]);
    }

    #[test]
    fn failures_are_left_in_peace_for_longer_and_longer() {
        let policy = Policy { backoff: (ms(1000), ms(3000)), ..bare() };
        let log = [at("/1", 0, 0, 503), at("/2", 400, 0, 502), at("/3", 1300, 0, 504), at("/4", 2700, 0, 200)];
        check(&policy, &log, &[(Rule::Backoff, "/2", 100), (Rule::Backoff, "/3", 100), (Rule::Backoff, "/4", 100)]);
        let log = [at("/1", 0, 0, 503), at("/2", 500, 0, 200), at("/3", 501, 0, 503), at("/4", 1001, 0, 200)];
        check(&policy, &log, &[]);
    }

    #[test]
    fn robots_txt_is_answered_first() {
        let policy = Policy { interval: Duration::ZERO, connections: 9, ..Policy::default() };
        let log = [at("/1", 0, 1, 200), at("/robots.txt", 10, 500, 200), at("/2", 100, 1, 200), at("/3", 510, 1, 200)];
        check(&policy, &log, &[(Rule::RobotsFirst, "/1", 0), (Rule::RobotsFirst, "/2", 0)]);
    }

    #[test]
    fn a_crawl_delay_holds_from_robots_txt_on() {
        let crawl_delays = BTreeMap::from([("a.test".to_owned(), ms(3000))]);
        let policy = Policy { crawl_delays, burst: 5, ..Policy::default() };
        let log =
            [at("/robots.txt", 0, 1, 200), at("/1", 1000, 1, 200), at("/2", 4000, 1, 200), at("/3", 6000, 1, 200)];
        check(&policy, &log, &[(Rule::Rate, "/3", 1000)]);
    }

    #[test]
    fn quiet_hours() {
        let policy = Policy { quiet: vec![(T + ms(1000), T + ms(2000))], ..bare() };
        let log = [at("/1", 900, 1, 200), at("/2", 1300, 1, 200), at("/3", 2000, 1, 200)];
        check(&policy, &log, &[(Rule::Quiet, "/2", 700)]);
    }

    #[test]
    fn what_hosts_share() {
        let log = [
            on("a.x.test", at("/1", 0, 1, 200)),
            on("b.x.test", at("/2", 100, 1, 200)),
            on("c.y.test", at("/3", 150, 1, 200)),
            on("b.x.test", at("/4", 250, 1, 200)),
        ];
        check(&Policy { all: ms(100), ..bare() }, &log, &[(Rule::AllHosts, "/3", 50)]);
        check(&Policy { domain: ms(150), ..bare() }, &log, &[(Rule::Domain, "/2", 50)]);
        check(&Policy { address: ms(120), ..bare() }, &log, &[(Rule::Address, "/4", 20)]);
    }
}
