//! Many at once: one exchange, whatever becomes of the one who makes it.

use tokio::task::{JoinHandle, JoinSet};

use super::*;
use crate::{cache::Counts, fetch::CacheStatus};

const HERD: usize = 1000;

/// A herd that asks for one page and waits; the first of it is the one that asks the server.
async fn herd(server: &Arc<Server>, cache: &Arc<CachedFetcher>) -> JoinSet<Result<Response, FetchError>> {
    let before = server.n_asked();
    let mut tasks = JoinSet::new();
    for _ in 0..HERD {
        let cache = Arc::clone(cache);
        tasks.spawn(async move { cache.fetch(get("a")).await });
    }
    settle().await;
    assert_eq!(server.n_asked(), before + 1);
    tasks
}

fn count(answers: &[Result<Response, FetchError>], status: Option<CacheStatus>) -> usize {
    answers.iter().filter(|answer| answer.as_ref().is_ok_and(|answer| answer.cache == status)).count()
}

#[tokio::test(start_paused = true)]
async fn a_cold_herd_is_one_exchange() {
    let server = Server::closed(versioned);
    let cache = server.cache(Rules::default());
    let tasks = herd(&server, &cache).await;
    server.gate.add_permits(1);
    let answers = tasks.join_all().await;
    assert_eq!((count(&answers, None), count(&answers, Some(CacheStatus::Collapsed))), (1, HERD - 1));
    for answer in answers.iter().flatten() {
        assert_eq!((answer.status, &answer.body[..]), (200, &b"hello"[..]));
        assert_eq!(answer.from_cache, answer.cache.is_some());
        assert_eq!(answer.wire_bytes, if answer.from_cache { 0 } else { 5 });
    }
    let counts = cache.counts();
    assert_eq!((counts.misses, counts.collapsed, counts.hits, server.n_asked()), (1, HERD as u64 - 1, 0, 1));
    assert_eq!(cache.fetch(get("a")).await.unwrap().cache, Some(CacheStatus::Hit));
}

#[tokio::test(start_paused = true)]
async fn a_herd_after_the_time_is_over_is_one_revalidation() {
    let server = Server::closed(versioned);
    let cache = server.cache(Rules::default());
    server.gate.add_permits(1);
    cache.fetch(get("a")).await.unwrap();
    wait(10).await;
    let tasks = herd(&server, &cache).await;
    assert_eq!(server.last_said("if-none-match").as_deref(), Some("\"v1\""));
    server.gate.add_permits(1);
    let answers = tasks.join_all().await;
    let of = |status| count(&answers, Some(status));
    assert_eq!((of(CacheStatus::Revalidated), of(CacheStatus::Collapsed)), (1, HERD - 1));
    assert!(answers.iter().flatten().all(|answer| answer.status == 200 && &answer.body[..] == b"hello"));
    assert_eq!(server.n_asked(), 2);
    assert_eq!(cache.fetch(get("a")).await.unwrap().cache, Some(CacheStatus::Hit), "fresh again");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_everybodys_and_nobody_asks_again_for_it() {
    let failures: [fn() -> Result<Response, FetchError>; 4] = [
        || Err(failure(ErrorKind::Closed)),
        || Ok(page(500, &[])),
        || Ok(page(200, &[("cache-control", "no-store")])),
        || {
            let truncated = Some(crate::fetch::Truncation::Incomplete);
            Ok(Response { truncated, ..page(200, &[("cache-control", "max-age=9")]) })
        },
    ];
    for answer in failures {
        let server = Server::closed(move |_, _| answer());
        let cache = server.cache(Rules::default());
        let tasks = herd(&server, &cache).await;
        server.gate.add_permits(1);
        let plain =
            |answer: Result<Response, FetchError>| answer.map(|answer| answer.status).map_err(|error| error.kind);
        for got in tasks.join_all().await {
            assert_eq!(plain(got), plain(answer()));
        }
        assert_eq!(server.n_asked(), 1);
        server.gate.add_permits(1);
        assert_eq!(plain(cache.fetch(get("a")).await), plain(answer()));
        assert_eq!(server.n_asked(), 2, "whoever comes later asks again: nothing was kept");
    }
}

/// The herd behind a leader of its own.
async fn led(server: &Arc<Server>, cache: &Arc<CachedFetcher>) -> (JoinHandle<()>, JoinSet<u16>) {
    let leading = Arc::clone(cache);
    #[expect(clippy::disallowed_methods, reason = "a caller that a test cancels")]
    let leader = tokio::spawn(async move {
        leading.fetch(get("a")).await.unwrap();
    });
    settle().await;
    let mut tasks = JoinSet::new();
    for _ in 0..HERD {
        let cache = Arc::clone(cache);
        tasks.spawn(async move { cache.fetch(get("a")).await.unwrap().status });
    }
    settle().await;
    assert_eq!(server.n_asked(), 1);
    (leader, tasks)
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cancelled_hands_over_to_one() {
    let server = Server::closed(versioned);
    let cache = server.cache(Rules::default());
    let (leader, tasks) = led(&server, &cache).await;
    leader.abort();
    settle().await;
    assert_eq!((server.n_asked(), server.n_dropped.load(Ordering::SeqCst)), (2, 1));
    server.gate.add_permits(1);
    assert_eq!(tasks.join_all().await, vec![200; HERD]);
    assert_eq!(server.n_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_panics_hands_over_to_one() {
    let server = Server::closed(|n, request| {
        assert!(n > 0, "the fetcher's own fault");
        versioned(n, request)
    });
    let cache = server.cache(Rules::default());
    let (leader, tasks) = led(&server, &cache).await;
    server.gate.add_permits(1);
    assert!(leader.await.unwrap_err().is_panic());
    settle().await;
    assert_eq!(server.n_asked(), 2);
    server.gate.add_permits(1);
    assert_eq!(tasks.join_all().await, vec![200; HERD]);
    assert_eq!(server.n_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn requests_that_differ_do_not_wait_for_each_other() {
    let server = Server::closed(versioned);
    let cache = server.cache(Rules::default());
    let others = [
        get("a"),
        get("b"),
        saying("a", &[("accept-language", "en")]),
        saying("a", &[("cookie", "a=b")]),
        Request { max_body_bytes: 2000, ..get("a") },
        Request { keep_raw: true, ..get("a") },
        Request { method: http::Method::HEAD, ..get("a") },
    ];
    let mut waiting: Vec<_> = others.iter().map(|request| cache.fetch(request.clone())).collect();
    for one in &mut waiting {
        assert!(futures::poll!(one).is_pending());
    }
    assert_eq!(server.n_asked(), others.len());
}

#[tokio::test(start_paused = true)]
async fn a_herd_that_may_be_served_stale_starts_one_revalidation() {
    let server = Server::closed(|n, _| {
        let said = format!("max-age=10, stale-while-revalidate=60, x={n}");
        Ok(page(200, &[("cache-control", &said)]))
    });
    let cache = server.cache(Rules::default());
    server.gate.add_permits(1);
    cache.fetch(get("a")).await.unwrap();
    wait(20).await;
    for _ in 0..HERD {
        let answer = cache.fetch(Request { accept_stale: true, ..get("a") }).await.unwrap();
        assert_eq!((answer.cache, answer.from_cache), (Some(CacheStatus::Stale), true));
    }
    settle().await;
    assert_eq!(server.n_asked(), 2);
    let strict = cache.fetch(get("a"));
    futures::pin_mut!(strict);
    assert!(futures::poll!(&mut strict).is_pending(), "who does not accept stale waits for the same exchange");
    server.gate.add_permits(1);
    assert_eq!(strict.await.unwrap().cache, Some(CacheStatus::Collapsed));
    let counts = cache.counts();
    assert_eq!((counts.stale, counts.background, counts.collapsed), (HERD as u64, 1, 1));
    assert_eq!((counts, server.n_asked()), (Counts { stale: HERD as u64, ..counts }, 2));
}

#[tokio::test(start_paused = true)]
async fn revalidations_in_the_background_are_few_and_end_with_the_cache() {
    let server = Server::closed(|_, _| Ok(page(200, &[("cache-control", "max-age=10, stale-while-revalidate=60")])));
    let cache = server.cache(Rules::default());
    server.gate.add_permits(40);
    for n in 0..40 {
        cache.fetch(get(&n.to_string())).await.unwrap();
    }
    wait(20).await;
    for n in 0..40 {
        let request = Request { accept_stale: true, ..get(&n.to_string()) };
        assert_eq!(cache.fetch(request).await.unwrap().cache, Some(CacheStatus::Stale));
    }
    settle().await;
    assert_eq!((server.n_asked(), cache.counts().background), (56, 16));
    drop(cache);
    settle().await;
    assert_eq!(server.n_dropped.load(Ordering::SeqCst), 16);
}
