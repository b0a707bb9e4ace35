//! Names that answer differently each time, behind cache and guard, under paused time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use futures::future::{FutureExt, join_all};
use reqwest::dns::Resolve;
use tokio::time::{advance, sleep};

use super::*;
use crate::fetch::guard::{self, Guard};

type Scripted = (Duration, Result<Found, Failure>);

/// Gives the answers of a script, one a look-up, and the last one again and again.
#[derive(Debug, Default)]
pub(in crate::fetch) struct Script {
    answers: Mutex<VecDeque<Scripted>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    /// Each answer: addresses, and the TTL in seconds.
    pub(in crate::fetch) fn of(answers: &[(&[&str], u64)]) -> Arc<Self> {
        let answers = answers.iter().map(|(ips, ttl)| {
            let ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
            (Duration::ZERO, Ok(Found { ips, ttl: Duration::from_secs(*ttl) }))
        });
        Self::new(answers.collect::<Vec<_>>())
    }

    fn new(answers: impl Into<VecDeque<Scripted>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into()), asked: Mutex::default() })
    }

    pub(in crate::fetch) fn n_asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Lookup for Script {
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Found, Failure>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let (delay, answer) = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.unwrap();
        async move {
            sleep(delay).await;
            answer
        }
        .boxed()
    }
}

fn resolver(script: &Arc<Script>, guard: guard::Options) -> GuardedResolver {
    let options = Options { min_ttl: Duration::ZERO, ..Options::default() };
    GuardedResolver::new(Guard::new(guard), vec![], Arc::<Script>::clone(script), options)
}

/// What the client is given, or why not.
async fn resolve(resolver: &GuardedResolver, name: &str) -> Result<Vec<String>, String> {
    let addrs = resolver.resolve(name.parse().unwrap()).await.map_err(|error| error.to_string())?;
    Ok(addrs.map(|addr| addr.ip().to_string()).collect())
}

async fn check(resolver: &GuardedResolver, expected: Result<&[&str], &str>) {
    let said = resolve(resolver, "rebind.test").await;
    let said = said.as_deref().map_err(String::as_str).map(|ips| ips.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(said.as_deref().map_err(|error| *error), expected);
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_judged() {
    let script = Script::of(&[
        (&["93.184.216.34"], 0),
        (&["127.0.0.1"], 0),
        (&["93.184.216.34", "127.0.0.1", "10.0.0.1", "::1"], 0),
        (&["169.254.169.254"], 0),
        (&["::ffff:169.254.169.254", "64:ff9b::7f00:1", "fe80::1"], 0),
        (&["168.63.129.16", "2606:4700::1111"], 0),
        (&["93.184.216.34"], 0),
    ]);
    let resolver = resolver(&script, guard::Options::default());
    check(&resolver, Ok(&["93.184.216.34"])).await;
    check(&resolver, Err("the name has only loopback addresses")).await;
    check(&resolver, Ok(&["93.184.216.34"])).await;
    check(&resolver, Err("the name has only cloud-metadata addresses")).await;
    check(&resolver, Err("the name has only link-local addresses")).await;
    check(&resolver, Ok(&["2606:4700::1111"])).await;
    check(&resolver, Ok(&["93.184.216.34"])).await;
    assert_eq!(script.n_asked(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_while_it_holds_and_judged_each_time() {
    let script =
        Script::of(&[(&["93.184.216.34"], 30), (&["10.0.0.1"], 30), (&["93.184.216.35"], u64::from(u32::MAX))]);
    let resolver = resolver(&script, guard::Options::default());
    for _ in 0..3 {
        check(&resolver, Ok(&["93.184.216.34"])).await;
    }
    advance(Duration::from_secs(29)).await;
    check(&resolver, Ok(&["93.184.216.34"])).await;
    advance(Duration::from_secs(1)).await;
    for _ in 0..3 {
        check(&resolver, Err("the name has only private addresses")).await;
    }
    advance(Duration::from_secs(30)).await;
    check(&resolver, Ok(&["93.184.216.35"])).await;
    // However long it is said to hold: a day later it is asked for again.
    advance(Duration::from_secs(3600)).await;
    check(&resolver, Ok(&["93.184.216.35"])).await;
    assert_eq!(script.n_asked(), 4);
    let counts = Counts { hits: 5, misses: 4, negative: 0 };
    assert_eq!(resolver.counts(), counts);
}

#[tokio::test(start_paused = true)]
async fn that_there_is_nothing_is_kept_too_and_failures_shortly() {
    let secs = Duration::from_secs;
    let script = Script::new([
        (Duration::ZERO, Err(Failure::NoName(secs(20)))),
        (Duration::ZERO, Err(Failure::NoAddress(secs(100_000)))),
        (Duration::ZERO, Err(Failure::Failed("the server says SERVFAIL".to_owned()))),
        (secs(1000), Err(Failure::NoName(secs(1)))),
        (Duration::ZERO, Ok(Found { ips: vec!["1.1.1.1".parse().unwrap()], ttl: secs(60) })),
    ]);
    let resolver = resolver(&script, guard::Options::default());
    let no_name = Err("there is no such name");
    check(&resolver, no_name).await;
    advance(secs(19)).await;
    check(&resolver, no_name).await;
    advance(secs(1)).await;
    check(&resolver, Err("the name has no address")).await;
    advance(secs(59)).await;
    check(&resolver, Err("the name has no address")).await;
    advance(secs(1)).await;
    check(&resolver, Err("look up the name: the server says SERVFAIL")).await;
    check(&resolver, Err("look up the name: the server says SERVFAIL")).await;
    advance(secs(5)).await;
    // The look-up that never ends is ended.
    check(&resolver, Err("look up the name: no answer in time")).await;
    check(&resolver, Err("look up the name: no answer in time")).await;
    advance(secs(5)).await;
    check(&resolver, Ok(&["1.1.1.1"])).await;
    assert_eq!(script.n_asked(), 5);
    assert_eq!(resolver.counts(), Counts { hits: 4, misses: 5, negative: 8 });
}

#[tokio::test(start_paused = true)]
async fn a_thousand_at_once_ask_once() {
    let script = Script::new([(
        Duration::from_secs(1),
        Ok(Found { ips: vec!["1.1.1.1".parse().unwrap()], ttl: Duration::ZERO }),
    )]);
    let resolver = resolver(&script, guard::Options::default());
    // The first one gives up in the middle.
    let (first, others) = tokio::join!(
        tokio::time::timeout(Duration::from_millis(500), resolve(&resolver, "rebind.test")),
        join_all((0..1000).map(|_| resolve(&resolver, "REBIND.test."))),
    );
    assert!(first.is_err());
    assert!(others.iter().all(|said| said.as_ref().is_ok_and(|ips| ips == &["1.1.1.1"])));
    assert_eq!(script.n_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn look_ups_at_once_are_bounded() {
    let script = Script::new([(Duration::from_secs(7), Err(Failure::NoName(Duration::ZERO)))]);
    let resolver = resolver(&script, guard::Options::default());
    let names: Vec<String> = (0..MAX_LOOKUPS + 10).map(|n| format!("n{n}.test")).collect();
    let said = join_all(names.iter().map(|name| resolve(&resolver, name))).await;
    let n_busy = said.iter().filter(|said| said.as_ref().is_err_and(|error| error.contains("too many names"))).count();
    assert_eq!((n_busy, script.n_asked()), (10, MAX_LOOKUPS));
    // Nobody was asked about those: it is not remembered.
    assert_eq!(resolve(&resolver, &names[MAX_LOOKUPS]).await, Err("there is no such name".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_names_remembered_is_bounded() {
    let script = Script::of(&[(&["1.1.1.1"], 3600)]);
    let options = Options { cache_entries: 10, ..Options::default() };
    let cached = cache::CachedLookup::new(Arc::<Script>::clone(&script) as Arc<dyn Lookup>, options);
    for n in 0..1000 {
        cached.look_up(&format!("n{n}.test")).await.unwrap();
    }
    assert!(cached.n_entries().await <= 10);
}

#[tokio::test(start_paused = true)]
async fn the_address_that_answered_is_tried_first() {
    let script = Script::of(&[
        (&["1.1.1.1", "1.1.1.2", "1.1.1.3"], 10),
        (&["1.1.1.3", "1.1.1.2"], 10),
        (&["1.1.1.1", "10.0.0.1"], 10),
    ]);
    let resolver = resolver(&script, guard::Options::default());
    check(&resolver, Ok(&["1.1.1.1", "1.1.1.2", "1.1.1.3"])).await;
    resolver.answered("Rebind.test.", "1.1.1.2".parse().unwrap()).await;
    resolver.answered("rebind.test", "9.9.9.9".parse().unwrap()).await;
    resolver.answered("other.test", "9.9.9.9".parse().unwrap()).await;
    check(&resolver, Ok(&["1.1.1.2", "1.1.1.1", "1.1.1.3"])).await;
    advance(Duration::from_secs(10)).await;
    check(&resolver, Ok(&["1.1.1.2", "1.1.1.3"])).await;
    advance(Duration::from_secs(10)).await;
    check(&resolver, Ok(&["1.1.1.1"])).await;
    resolver.answered("rebind.test", "10.0.0.1".parse().unwrap()).await;
    check(&resolver, Ok(&["1.1.1.1"])).await;
}

#[tokio::test(start_paused = true)]
async fn special_names_are_not_asked_for() {
    let script = Script::of(&[(&["1.1.1.1"], 60)]);
    let strict = resolver(&script, guard::Options::default());
    for name in ["localhost", "a.LOCALHOST.", "localhost."] {
        assert_eq!(resolve(&strict, name).await, Err("the name has only loopback addresses".to_owned()), "{name}");
    }
    for name in ["x.invalid", "expyuzz4wqqyqhjn.onion", "INVALID."] {
        assert_eq!(resolve(&strict, name).await, Err("there is no such name".to_owned()), "{name}");
    }
    assert_eq!(script.n_asked(), 0);
    let open = guard::Options { allow: vec!["127.0.0.1".parse().unwrap()], ..guard::Options::default() };
    assert_eq!(resolve(&resolver(&script, open), "a.localhost").await, Ok(vec!["127.0.0.1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn limits_that_contradict_each_other_do_not_panic() {
    let script = Script::of(&[(&["1.1.1.1"], 60)]);
    let options = Options { min_ttl: Duration::from_secs(100), max_ttl: Duration::from_secs(10), ..Options::default() };
    let resolver = GuardedResolver::new(Guard::default(), vec![], Arc::<Script>::clone(&script), options);
    check(&resolver, Ok(&["1.1.1.1"])).await;
    advance(Duration::from_secs(10)).await;
    check(&resolver, Ok(&["1.1.1.1"])).await;
    assert_eq!(script.n_asked(), 2);
}
