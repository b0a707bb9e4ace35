//! The auditor is tried on planted violations, rule by rule, and on logs in which nothing is wrong.

use std::time::UNIX_EPOCH;

use super::*;

const T: Timestamp = Timestamp(1_700_000_000_000_000);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(path: &str, at_ms: u64, took_ms: u64, status: u16) -> Arrival {
    let at = T + ms(at_ms);
    Arrival {
        number: at_ms,
        at,
        host: "a.test".into(),
        path: path.into(),
        connection: 0,
        in_flight: 1,
        status,
        retry_after: None,
        began: None,
        ended: Some(at + ms(took_ms)),
    }
}

fn asking(retry_after: &str, arrival: Arrival) -> Arrival {
    Arrival { retry_after: Some(retry_after.into()), ..arrival }
}

fn on(host: &str, arrival: Arrival) -> Arrival {
    Arrival { host: host.into(), ..arrival }
}

/// Without the rate and the rules of robots.txt, which have tests of their own.
fn bare() -> Policy {
    Policy { interval: Duration::ZERO, robots_first: false, ..Policy::default() }
}

fn same(policy: &Policy) -> Promises {
    let policy = Arc::new(policy.clone());
    Box::new(move |_| policy.clone())
}

#[track_caller]
fn check(policy: &Policy, log: &[Arrival], expected: &[(Rule, &str, u64)]) {
    check_with(Auditor::new(same(policy)), log, expected);
}

#[track_caller]
fn check_with(auditor: Auditor, log: &[Arrival], expected: &[(Rule, &str, u64)]) {
    let found = replay(log, auditor);
    let found: Vec<(Rule, &str, u64)> =
        found.iter().map(|it| (it.rule, &*it.path, u64::try_from(it.early_by.as_millis()).unwrap())).collect();
    assert_eq!(found, expected);
}

#[test]
fn rates_and_bursts() {
    let policy = Policy { robots_first: false, ..Policy::default() };
    let log = [at("/1", 0, 1, 200), at("/2", 999, 1, 200), at("/3", 1500, 1, 200), at("/4", 2500, 1, 200)];
    check(&policy, &log, &[(Rule::Rate, "/3", 501)]);
    let policy = Policy { burst: 2, ..policy };
    check(&policy, &log, &[]);
    check(&policy, &[0, 2, 4].map(|n| at("/", n, 1, 200)), &[(Rule::Rate, "/", 996)]);
    // Whatever the order in which they are told.
    check(&policy, &[4, 0, 2].map(|n| at("/", n, 1, 200)), &[(Rule::Rate, "/", 996)]);
}

#[test]
fn over_one_connection_the_interval_counts_from_the_beginning_of_the_answer() {
    let policy = Policy { robots_first: false, ..Policy::default() };
    let slow = at("/1", 0, 500, 200);
    check(&policy, &[slow.clone(), at("/2", 1100, 1, 200)], &[(Rule::Rate, "/2", 400)]);
    let long = Arrival { began: Some(slow.at + ms(100)), ..slow };
    check(&policy, &[long.clone(), at("/2", 1100, 1, 200)], &[]);
    // Where requests overlap it counts from sending.
    check(&Policy { connections: 2, ..policy.clone() }, &[at("/1", 0, 500, 200), at("/2", 1000, 1, 200)], &[]);
    // At a crawl-delay's pace there is one connection, whatever the policy says.
    let policy = Policy { connections: 2, crawl_delay: Some(ms(2000)), ..policy };
    let robots = at("/robots.txt", 0, 1, 200);
    let log = [robots, at("/1", 2001, 500, 200), at("/2", 4400, 1, 200)];
    check(&policy, &log, &[(Rule::CrawlDelay, "/2", 101)]);
}

#[test]
fn an_interval_that_is_too_short_by_a_hair_is_found_in_the_end() {
    let policy = Policy { robots_first: false, ..Policy::default() };
    let log: Vec<Arrival> = (0..9).map(|n| at("/", 999 * n, 0, 200)).collect();
    let found = audit(&log, &policy);
    assert_eq!(
        found.iter().map(|it| (it.rule, it.number)).collect::<Vec<_>>(),
        [(Rule::Rate, 3 * 999), (Rule::Rate, 6 * 999)]
    );
    // What is late on its way is an excuse once, and not again and again.
    let policy = Policy { connections: 3, transit: ms(50), ..policy };
    let late = [at("/1", 40, 1, 200), at("/2", 1000, 1, 200), at("/3", 2000, 1, 200), at("/4", 3000, 1, 200)];
    check(&policy, &late, &[]);
    let log: Vec<Arrival> = (0..6).map(|n| at("/", 989 * n, 1, 200)).collect();
    assert_eq!(audit(&log, &policy).len(), 1);
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
    check(&policy, &[asking("2", at("/1", 0, 100, 429)), at("/2", 305, 1, 200)], &[(Rule::RetryAfter, "/2", 1795)]);
    // But no more than one request for each other connection can have been.
    let log = [asking("2", at("/1", 0, 100, 429)), at("/2", 105, 1, 200), at("/3", 107, 1, 200)];
    check(&policy, &log, &[(Rule::RetryAfter, "/3", 1993)]);
    check(&Policy { connections: 3, ..policy.clone() }, &log, &[]);
    let policy = Policy { delay: ms(300), ..policy };
    let log = [at("/1", 0, 100, 200), at("/2", 105, 900, 200), at("/3", 107, 1, 200)];
    check(&policy, &log, &[(Rule::Delay, "/3", 293)]);
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
fn what_fails_together_is_one_failure_and_what_is_forgiven_makes_no_pause_longer() {
    let policy = Policy { backoff: (ms(1000), ms(8000)), connections: 3, ..bare() };
    // The second was sent before the first was heard; the third is another failure, and half of four seconds is owed.
    let together = [at("/1", 0, 10, 503), at("/2", 15, 20, 502), at("/3", 600, 0, 504), at("/4", 1500, 0, 200)];
    check(&policy, &together, &[(Rule::Backoff, "/4", 100)]);
    // The good answer to the first may be heard after the failure of the second, and forgive it.
    let crossing = [at("/1", 0, 10, 200), at("/2", 5, 10, 502), at("/3", 600, 0, 504), at("/4", 1100, 0, 200)];
    check(&policy, &crossing, &[]);
    check(&Policy { connections: 1, ..policy }, &crossing[1..], &[(Rule::Backoff, "/4", 500)]);
}

#[test]
fn robots_txt_is_answered_first_and_obeyed() {
    let policy = Policy { interval: Duration::ZERO, connections: 9, ..Policy::default() };
    let log = [at("/1", 0, 1, 200), at("/robots.txt", 10, 500, 200), at("/2", 100, 1, 200), at("/3", 510, 1, 200)];
    check(&policy, &log, &[(Rule::RobotsFirst, "/1", 0), (Rule::RobotsFirst, "/2", 0)]);
    let policy = Policy { disallowed: Paths::default().with("/x/").but("/x/open"), ..policy };
    let log = [at("/robots.txt", 0, 1, 200), at("/x/1", 10, 1, 200), at("/x/open", 20, 1, 200), at("/y", 30, 1, 200)];
    check(&policy, &log, &[(Rule::Disallowed, "/x/1", 0)]);
    let log = [at("/robots.txt", 0, 1, 404), at("/x/1", 10, 1, 200)];
    check(&policy, &log, &[]);
    let policy = Policy { backoff: (ms(0), ms(0)), ..policy };
    let log = [at("/robots.txt", 0, 1, 503), at("/1", 10, 1, 200), at("/robots.txt", 20, 1, 200), at("/2", 30, 1, 200)];
    check(&policy, &log, &[(Rule::RobotsClosed, "/1", 0)]);
}

#[test]
fn a_robots_txt_that_is_elsewhere_is_waited_for() {
    let policy = Policy { robots_elsewhere: ["/else".to_owned()].into(), ..bare() };
    let policy = Policy { robots_first: true, ..policy };
    let log = [at("/robots.txt", 0, 1, 301), at("/1", 10, 1, 200), at("/else", 20, 1, 200), at("/2", 30, 1, 200)];
    check(&policy, &log, &[(Rule::RobotsFirst, "/1", 0)]);
    // Two jobs: the second is on its way when the first has arrived.
    let log =
        [at("/robots.txt", 0, 1, 301), at("/else", 10, 1, 200), at("/robots.txt", 20, 1, 301), at("/1", 30, 1, 200)];
    check(&policy, &log, &[]);
}

#[test]
fn a_crawl_delay_holds_from_robots_txt_on() {
    let policy = Policy { crawl_delay: Some(ms(3000)), connections: 2, burst: 5, ..Policy::default() };
    let log = [at("/robots.txt", 0, 1, 200), at("/1", 1000, 1, 200), at("/2", 4000, 2001, 200), at("/3", 6000, 1, 200)];
    check(
        &policy,
        &log,
        &[(Rule::CrawlDelay, "/1", 2001), (Rule::CrawlDelay, "/3", 1000), (Rule::Connections, "/3", 0)],
    );
    let log = [at("/robots.txt", 0, 1, 404), at("/1", 1000, 1, 200)];
    check(&policy, &log, &[]);
    check(&Policy { max_delay: ms(100), ..policy }, &[at("/robots.txt", 0, 1, 200), at("/1", 100, 1, 200)], &[]);
}

#[test]
fn quiet_hours() {
    let policy = Policy { quiet: vec![(T + ms(1000), T + ms(2000))], transit: ms(20), ..bare() };
    let log = [at("/1", 1010, 1, 200), at("/2", 1300, 1, 200), at("/3", 2000, 1, 200)];
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
    let with = |shared| Auditor::new(same(&bare())).sharing(shared);
    check_with(with(Shared { all: ms(100), ..Shared::default() }), &log, &[(Rule::AllHosts, "/3", 50)]);
    check_with(with(Shared { domain: ms(150), ..Shared::default() }), &log, &[(Rule::Domain, "/2", 50)]);
    check_with(with(Shared { address: ms(120), ..Shared::default() }), &log, &[(Rule::Address, "/4", 20)]);
}

#[test]
fn other_promises_from_some_time_on() {
    let policy = |interval| Policy { interval: ms(interval), ..bare() };
    let mut auditor = Auditor::new(same(&policy(1000)));
    for n in [0, 1000] {
        auditor.tell(Moment::Asked(&at("/", n, 1, 200)));
        auditor.tell(Moment::Ended { number: n, began: T + ms(n), at: T + ms(n), status: 200, retry_after: None });
    }
    auditor.promise(same(&policy(500)));
    check_with(
        auditor,
        &[at("/1", 2000, 1, 200), at("/2", 2500, 1, 200), at("/3", 2900, 1, 200)],
        &[(Rule::Rate, "/3", 101)],
    );
}

/// What is reported, and how many requests are forgotten, of a crawl whose process is killed at 2000 ms: what it asked
/// `before`, and what the one that goes on asks `after`.
#[track_caller]
fn check_killed(policy: &Policy, before: &[Arrival], after: &[Arrival], expected: (&[(Rule, &str, u64)], u64)) {
    let mut auditor = Auditor::new(same(policy));
    let tell = |auditor: &mut Auditor, it: &Arrival| {
        auditor.tell(Moment::Asked(it));
        let (number, at, status) = (it.number, it.ended.unwrap(), it.status);
        auditor.tell(Moment::Ended { number, began: at, at, status, retry_after: it.retry_after.as_deref() });
    };
    before.iter().for_each(|it| tell(&mut auditor, it));
    // The answer to this one is heard by nobody.
    auditor.tell(Moment::Asked(&at("/lost", 1999, 9, 503)));
    auditor.died(T + ms(2000), T + ms(2010), |host| host == "a.test");
    let (number, lost) = (1999, T + ms(2020));
    auditor.tell(Moment::Ended { number, began: lost, at: lost, status: 503, retry_after: Some("99") });
    after.iter().for_each(|it| tell(&mut auditor, it));
    let report = auditor.report();
    let found: Vec<(Rule, &str, u64)> = report
        .violations
        .iter()
        .map(|it| (it.rule, &*it.path, u64::try_from(it.early_by.as_millis()).unwrap()))
        .filter(|(_, path, _)| *path != "/lost")
        .collect();
    assert_eq!((&found[..], report.forgotten), expected);
}

/// What an answer asked for within 100 ms of a kill may be forgotten, and within 300 ms a failure that makes nobody rest.
fn forgetful() -> Policy {
    Policy { unheard: ms(100), uncommitted: ms(300), ..bare() }
}

/// Answered as soon as it comes.
fn quick(path: &str, at_ms: u64, status: u16) -> Arrival {
    at(path, at_ms, 0, status)
}

#[test]
fn a_kill_excuses_every_request_in_a_pause_that_was_asked_for_just_before_and_counts_it() {
    let policy = Policy { backoff: (ms(200), ms(200)), ..forgetful() };
    let after = [quick("/2", 3100, 200), quick("/3", 3200, 200), quick("/4", 3300, 200), quick("/5", 4960, 200)];
    let busy = |at_ms| [asking("3", quick("/1", at_ms, 503))];
    check_killed(&policy, &busy(1950), &after, (&[], 3));
    let early = [(Rule::RetryAfter, "/2", 1750), (Rule::RetryAfter, "/3", 1650), (Rule::RetryAfter, "/4", 1550)];
    check_killed(&policy, &busy(1850), &after, (&early, 0));
    check_killed(&policy, &[quick("/1", 1950, 200)], &after, (&[], 0));
    // When the host says it again, it is known.
    let again = [asking("3", quick("/2", 3100, 429)), quick("/3", 3200, 200)];
    check_killed(&policy, &busy(1950), &again, (&[(Rule::RetryAfter, "/3", 2900)], 1));
}

#[test]
fn a_kill_excuses_no_backoff() {
    // As if the last request had failed: a second after the kill, however short before it a failure was heard …
    let after = [quick("/2", 2600, 200)];
    check_killed(&forgetful(), &[quick("/1", 1950, 503)], &after, (&[(Rule::Backoff, "/2", 410)], 0));
    let known = [(Rule::Backoff, "/2", 250), (Rule::Backoff, "/2", 1410)];
    check_killed(&forgetful(), &[quick("/1", 1850, 503)], &after, (&known, 0));
    // … or none, and for longer after failures that were written down.
    check_killed(&forgetful(), &[quick("/1", 1950, 200)], &after, (&[(Rule::Backoff, "/2", 410)], 0));
    let after = [quick("/3", 5000, 200)];
    let twice = |second| [quick("/1", 100, 502), quick("/2", second, 502)];
    check_killed(&forgetful(), &twice(1500), &after, (&[(Rule::Backoff, "/3", 1010)], 0));
    check_killed(&forgetful(), &twice(1950), &after, (&[], 0));
    // A failure after which nobody rests waits for an ordinary commit, unless one came sooner.
    let after = [quick("/2", 3100, 200)];
    check_killed(&forgetful(), &[quick("/1", 1600, 500)], &after, (&[(Rule::Backoff, "/2", 910)], 0));
    check_killed(&forgetful(), &[quick("/1", 1800, 500)], &after, (&[], 0));
    let pressed = [quick("/1", 1750, 500), quick("/1", 1800, 502)];
    check_killed(&forgetful(), &pressed, &[quick("/2", 6000, 200)], (&[(Rule::Backoff, "/2", 10)], 0));
}

#[test]
fn a_kill_excuses_robots_txt_and_nothing_else_from_a_crawl_delay_that_was_said_just_before() {
    let policy = Policy { crawl_delay: Some(ms(2000)), ..forgetful() };
    let said = |at_ms| [quick("/robots.txt", at_ms, 200)];
    check_killed(&policy, &said(1950), &said(3100), (&[], 1));
    check_killed(&policy, &said(1950), &[quick("/2", 3100, 200)], (&[(Rule::CrawlDelay, "/2", 899)], 0));
    check_killed(&policy, &said(1850), &said(3100), (&[(Rule::CrawlDelay, "/robots.txt", 899)], 0));
}

#[test]
fn whoever_goes_on_takes_all_tokens_for_spent_and_tries_each_host_by_one_request() {
    let policy = Policy { interval: ms(1500), burst: 2, ..forgetful() };
    let before = [quick("/1", 100, 200)];
    check_killed(&policy, &before, &[quick("/2", 4900, 200)], (&[(Rule::Rate, "/2", 110)], 0));
    check_killed(&policy, &before, &[quick("/2", 5010, 200)], (&[], 0));
    let mut auditor = Auditor::new(same(&Policy { connections: 2, ..forgetful() }));
    auditor.tell(Moment::Asked(&quick("/1", 100, 200)));
    auditor.died(T + ms(2000), T + ms(2010), |_| true);
    auditor.tell(Moment::Asked(&at("/2", 3100, 100, 200)));
    auditor.tell(Moment::Asked(&at("/3", 3150, 100, 200)));
    let found = auditor.report().violations;
    assert_eq!(found.iter().map(|it| (it.rule, &*it.path)).collect::<Vec<_>>(), [(Rule::Probe, "/3")]);
}

#[test]
fn it_is_told_what_held_requests_back() {
    let policy = Policy { connections: 2, backoff: (ms(400), ms(4000)), interval: ms(100), ..bare() };
    let log = [
        at("/1", 0, 200, 500),
        at("/2", 110, 10, 502),
        at("/3", 340, 10, 502),
        asking("1", at("/4", 1170, 10, 429)),
        at("/5", 2200, 10, 200),
    ];
    let report = listen(&log, Auditor::new(same(&policy)));
    assert_eq!(report.violations, []);
    let held = [(Rule::Rate, 1), (Rule::Connections, 1), (Rule::RetryAfter, 1), (Rule::Backoff, 2)];
    assert_eq!(report.held, held.into(), "{report:?}");
    // After one failure and after three: the first and the second were under way together, and one is no trouble.
    assert_eq!(report.grown, [(1, 1), (3, 1)].into());
}

#[test]
fn it_takes_no_more_memory_than_the_hosts() {
    let mut auditor = Auditor::new(same(&Policy { connections: 2, ..bare() }));
    for n in 0..100_000 {
        let it =
            on(if n % 2 == 0 { "a" } else { "b" }, asking("1", at("/", n, 1, 500 + u16::try_from(n % 4).unwrap())));
        auditor.tell(Moment::Asked(&it));
        let retry_after = Some("1");
        auditor.tell(Moment::Ended { number: n, began: it.at, at: it.at, status: it.status, retry_after });
    }
    assert!(auditor.under_way.is_empty() && auditor.domains.is_empty() && auditor.hosts.len() == 2);
    assert!(auditor.hosts.values().all(|ledger| ledger.n_kept() < 50));
    let report = auditor.report();
    assert_eq!((report.requests, report.violations.len()), (100_000, MAX_LISTED));
    assert!(report.counts[&Rule::RetryAfter] > 10_000);
}
