//! One at a time: what is kept, for whom, for how long, and how it is served.

use http::Method;

use super::*;
use crate::{
    cache::policy::Mode,
    fetch::{CacheStatus, Truncation},
};

/// What became of a request, in short.
async fn ask(cache: &CachedFetcher, request: Request) -> (u16, Option<CacheStatus>) {
    cache.fetch(request).await.map(|answer| (answer.status, answer.cache)).unwrap()
}

const HIT: (u16, Option<CacheStatus>) = (200, Some(CacheStatus::Hit));
const MISS: (u16, Option<CacheStatus>) = (200, None);
const REVALIDATED: (u16, Option<CacheStatus>) = (200, Some(CacheStatus::Revalidated));
const STALE: (u16, Option<CacheStatus>) = (200, Some(CacheStatus::Stale));

#[tokio::test(start_paused = true)]
async fn fresh_then_revalidated() {
    let server = Server::new(versioned);
    let cache = server.cache(Rules::default());
    assert_eq!(ask(&cache, get("a")).await, MISS);
    wait(9).await;
    let hit = cache.fetch(get("a")).await.unwrap();
    assert_eq!((hit.status, hit.cache, hit.from_cache, hit.wire_bytes), (200, HIT.1, true, 0));
    assert_eq!((hit.headers["age"].to_str().unwrap(), &hit.body[..]), ("9", &b"hello"[..]));
    assert_eq!(hit.timings.sent_at, START + Duration::from_secs(9));
    wait(1).await;
    let confirmed = cache.fetch(get("a")).await.unwrap();
    assert_eq!((confirmed.status, confirmed.cache, confirmed.from_cache), (200, REVALIDATED.1, false));
    assert_eq!((confirmed.headers["age"].to_str().unwrap(), &confirmed.body[..]), ("0", &b"hello"[..]));
    wait(9).await;
    assert_eq!(ask(&cache, get("a")).await, HIT);
    assert_eq!(ask(&cache, get("b")).await, MISS);
    let counts = cache.counts();
    assert_eq!((counts.hits, counts.revalidated, counts.misses, server.n_asked()), (2, 1, 2, 3));
}

#[tokio::test(start_paused = true)]
async fn nobody_sees_anothers_answers() {
    let server = Server::new(|_, request| {
        let cookie = request.headers.get("cookie").map_or("nobody", |value| value.to_str().unwrap());
        let body = Bytes::from(cookie.to_owned());
        Ok(Response { body, ..page(200, &[("cache-control", "max-age=10"), ("set-cookie", "id=1"), ("a", "1")]) })
    });
    let cache = server.cache(Rules::default());
    for turn in [MISS.1, HIT.1] {
        for user in ["a=1", "a=2"] {
            let answer = cache.fetch(saying("a", &[("cookie", user)])).await.unwrap();
            assert_eq!((answer.cache, &answer.body[..]), (turn, user.as_bytes()));
            assert_eq!(answer.headers.contains_key("set-cookie"), turn.is_none(), "set once, by the server");
        }
        assert_eq!(&cache.fetch(get("a")).await.unwrap().body[..], b"nobody");
    }
    assert_eq!(server.n_asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn variants_are_kept_side_by_side_and_not_without_bound() {
    let server = Server::new(|_, _| Ok(page(200, &[("cache-control", "max-age=10"), ("vary", "x")])));
    let cache = server.cache(Rules::default());
    let variant = |n: usize| saying("a", &[("x", &n.to_string())]);
    for n in 0..16 {
        assert_eq!(ask(&cache, variant(n)).await, MISS);
    }
    for n in 0..16 {
        assert_eq!(ask(&cache, variant(n)).await, HIT);
    }
    assert_eq!(ask(&cache, variant(16)).await, MISS);
    assert_eq!(ask(&cache, variant(1)).await, HIT);
    assert_eq!(ask(&cache, variant(0)).await, MISS, "the oldest went");
}

#[tokio::test(start_paused = true)]
async fn a_whole_body_serves_every_limit_and_a_cut_one_none() {
    let server = Server::new(|_, request| {
        let truncated = (request.max_body_bytes < 5).then_some(Truncation::BodyLimit);
        let body = Bytes::from_static(b"hello").slice(..request.max_body_bytes.min(5));
        Ok(Response { body, truncated, ..page(200, &[("cache-control", "max-age=10")]) })
    });
    let cache = server.cache(Rules::default());
    let limit = |max_body_bytes| Request { max_body_bytes, ..get("a") };
    assert_eq!(ask(&cache, limit(4)).await, MISS);
    assert_eq!(ask(&cache, limit(100)).await, MISS);
    let cut = cache.fetch(limit(2)).await.unwrap();
    assert_eq!((cut.cache, &cut.body[..], cut.truncated), (HIT.1, &b"he"[..], Some(Truncation::BodyLimit)));
    let whole = cache.fetch(limit(5)).await.unwrap();
    assert_eq!((whole.cache, &whole.body[..], whole.truncated), (HIT.1, &b"hello"[..], None));
    let head = cache.fetch(Request { method: Method::HEAD, ..limit(1) }).await.unwrap();
    assert_eq!((head.cache, head.body.len(), head.truncated), (HIT.1, 0, None));
}

#[tokio::test(start_paused = true)]
async fn a_raw_body_is_served_if_it_was_kept() {
    let server = Server::new(|_, request| {
        let raw = request.keep_raw.then(|| Bytes::from_static(b"\x1f\x8bzip"));
        Ok(Response { raw, ..page(200, &[("cache-control", "max-age=10")]) })
    });
    let cache = server.cache(Rules::default());
    let raw = Request { keep_raw: true, ..get("a") };
    assert_eq!(ask(&cache, get("a")).await, MISS);
    assert_eq!(ask(&cache, raw.clone()).await, MISS);
    let answer = cache.fetch(raw).await.unwrap();
    assert_eq!((answer.cache, answer.raw.as_deref()), (HIT.1, Some(&b"\x1f\x8bzip"[..])));
    let answer = cache.fetch(get("a")).await.unwrap();
    assert_eq!((answer.cache, answer.raw), (HIT.1, None));
}

#[tokio::test(start_paused = true)]
async fn a_304_confirms_what_it_was_asked_about_by_whatever_name() {
    let server = Server::new(|n, request| match n {
        1 => Ok(page(304, &[("etag", "\"v1-gzip\""), ("cache-control", "max-age=10"), ("set-cookie", "a=b")])),
        _ => versioned(n, request),
    });
    let cache = server.cache(Rules::default());
    assert_eq!(ask(&cache, get("a")).await, MISS);
    wait(10).await;
    let confirmed = cache.fetch(get("a")).await.unwrap();
    assert_eq!((confirmed.cache, &confirmed.headers["etag"]), (REVALIDATED.1, &"\"v1\"".parse().unwrap()));
    assert!(confirmed.headers.contains_key("set-cookie"), "said to the one who asked");
    let hit = cache.fetch(get("a")).await.unwrap();
    assert!(hit.cache == HIT.1 && !hit.headers.contains_key("set-cookie"));
    wait(10).await;
    assert_eq!(ask(&cache, get("a")).await, REVALIDATED);
    assert_eq!(server.last_said("if-none-match").as_deref(), Some("\"v1\""));
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_conditions_are_answered_or_handed_on() {
    let server = Server::new(versioned);
    let cache = server.cache(Rules::default());
    let conditional = || saying("a", &[("if-none-match", "\"v1\"")]);
    assert_eq!(ask(&cache, conditional()).await, (304, None), "nothing at hand: the server's answer");
    assert_eq!(ask(&cache, get("a")).await, MISS);
    let answer = cache.fetch(conditional()).await.unwrap();
    assert_eq!((answer.status, answer.cache, answer.body.len()), (304, HIT.1, 0));
    assert_eq!(answer.headers["etag"], "\"v1\"");
    assert_eq!(ask(&cache, saying("a", &[("if-none-match", "\"v0\"")])).await, HIT);
    wait(10).await;
    assert_eq!(ask(&cache, conditional()).await, (304, None), "stale: the server's answer");
    assert_eq!(ask(&cache, get("a")).await, HIT, "which freshened what is stored");
}

#[tokio::test(start_paused = true)]
async fn an_error_is_hidden_only_from_those_who_accept_stale() {
    let outcomes: [fn() -> Result<Response, FetchError>; 2] =
        [|| Err(failure(ErrorKind::Connect)), || Ok(page(503, &[]))];
    for fails in outcomes {
        let server = Server::new(move |n, _| match n {
            0 => Ok(page(200, &[("cache-control", "max-age=10, stale-if-error=60")])),
            _ => fails(),
        });
        let cache = server.cache(Rules::default());
        assert_eq!(ask(&cache, get("a")).await, MISS);
        wait(20).await;
        let stale = cache.fetch(Request { accept_stale: true, ..get("a") }).await.unwrap();
        assert_eq!((stale.status, stale.cache, stale.from_cache), (200, STALE.1, false), "an exchange was made");
        let strict = cache.fetch(get("a")).await;
        assert!(strict.map_or(true, |answer| answer.status == 503));
        wait(60).await;
        let late = cache.fetch(Request { accept_stale: true, ..get("a") }).await;
        assert!(late.map_or(true, |answer| answer.status == 503));
    }
}

#[tokio::test(start_paused = true)]
async fn the_requests_wishes() {
    let server = Server::new(|_, _| Ok(page(200, &[("cache-control", "max-age=10")])));
    let cache = server.cache(Rules::default());
    let wish = |said: &str| saying("a", &[("cache-control", said)]);
    let none = cache.fetch(wish("only-if-cached")).await.unwrap();
    assert_eq!((none.status, none.from_cache), (504, true));
    assert_eq!(ask(&cache, wish("no-store")).await, MISS);
    assert_eq!(ask(&cache, get("a")).await, MISS, "nothing was kept of it");
    assert_eq!(ask(&cache, wish("only-if-cached")).await, HIT);
    assert_eq!(ask(&cache, wish("no-cache")).await, MISS);
    wait(15).await;
    assert_eq!(ask(&cache, wish("max-stale=5")).await, STALE);
    let counts = cache.counts();
    assert_eq!((counts.unavailable, counts.bypasses, counts.misses), (1, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn requests_that_go_past_it() {
    let server = Server::new(versioned);
    let cache = server.cache(Rules::default());
    assert_eq!(ask(&cache, get("a")).await, MISS);
    for name in ["range", "if-range", "if-match", "if-unmodified-since"] {
        assert_eq!(ask(&cache, saying("a", &[(name, "x")])).await, MISS, "{name}");
    }
    assert_eq!((cache.counts().bypasses, ask(&cache, get("a")).await), (4, HIT));
    assert_eq!(ask(&cache, Request { method: Method::OPTIONS, ..get("a") }).await, MISS);
    assert_eq!(ask(&cache, get("a")).await, HIT);
}

#[tokio::test(start_paused = true)]
async fn what_changes_something_makes_forget() {
    let server = Server::new(|n, request| match request.method {
        Method::GET => versioned(n, request),
        _ => Ok(page(201, &[("location", "/b"), ("content-location", "http://other/c")])),
    });
    let cache = server.cache(Rules::default());
    for path in ["a", "b", "c"] {
        assert_eq!(ask(&cache, get(path)).await, MISS);
    }
    assert_eq!(ask(&cache, saying("a", &[("cookie", "a=b")])).await, MISS);
    assert_eq!(ask(&cache, Request { method: Method::POST, ..get("a") }).await, (201, None));
    assert_eq!(ask(&cache, get("a")).await, MISS);
    assert_eq!(ask(&cache, saying("a", &[("cookie", "a=b")])).await, MISS, "whosever it was");
    assert_eq!(ask(&cache, get("b")).await, MISS);
    assert_eq!(ask(&cache, get("c")).await, HIT);
}

#[tokio::test(start_paused = true)]
async fn a_newer_answer_that_may_not_be_kept_takes_the_old_ones_place() {
    let server = Server::new(|n, _| {
        let said = if n == 0 { "max-age=10" } else { "no-store" };
        Ok(page(200, &[("cache-control", said)]))
    });
    let cache = server.cache(Rules::default());
    assert_eq!(ask(&cache, get("a")).await, MISS);
    wait(10).await;
    assert_eq!(ask(&cache, get("a")).await, MISS);
    assert_eq!(ask(&cache, saying("a", &[("cache-control", "max-stale")])).await, MISS);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_head_freshens_or_outdates() {
    let server = Server::new(|n, _| {
        let tag = if n < 2 { "\"v1\"" } else { "\"v2\"" };
        Ok(page(200, &[("cache-control", "max-age=10"), ("etag", tag)]))
    });
    let cache = server.cache(Rules::default());
    let head = || Request { method: Method::HEAD, ..get("a") };
    assert_eq!(ask(&cache, get("a")).await, MISS);
    wait(10).await;
    assert_eq!(ask(&cache, head()).await, MISS);
    assert_eq!(ask(&cache, get("a")).await, HIT);
    wait(10).await;
    assert_eq!(ask(&cache, head()).await, MISS);
    assert_eq!(ask(&cache, get("a")).await, MISS);
    assert_eq!(server.last_said("if-none-match"), None);
}

#[tokio::test(start_paused = true)]
async fn a_fixed_time_to_live() {
    let server = Server::new(|_, _| Ok(page(200, &[("cache-control", "no-store, max-age=0")])));
    let ttl = Some(Duration::from_secs(60));
    let obeying = server.cache(Rules { ttl, ..Rules::default() });
    assert_eq!(ask(&obeying, get("a")).await, MISS);
    assert_eq!(ask(&obeying, get("a")).await, MISS);
    let ignoring = server.cache(Rules { ttl, ignore_server: true, ..Rules::default() });
    assert_eq!(ask(&ignoring, get("a")).await, MISS);
    wait(59).await;
    assert_eq!(ask(&ignoring, get("a")).await, HIT);
    wait(1).await;
    assert_eq!(ask(&ignoring, get("a")).await, MISS);
}

#[tokio::test(start_paused = true)]
async fn a_shared_cache_keeps_less() {
    let server = Server::new(|_, _| Ok(page(200, &[("cache-control", "private, max-age=10")])));
    for (mode, second) in [(Mode::Private, HIT), (Mode::Shared, MISS)] {
        let cache = server.cache(Rules { mode, ..Rules::default() });
        assert_eq!(ask(&cache, get("a")).await, MISS);
        assert_eq!(ask(&cache, get("a")).await, second);
    }
}

#[tokio::test(start_paused = true)]
async fn bounded_by_bytes_and_by_bytes_an_entry() {
    let server = Server::new(|n, _| {
        let length = if n == 0 { (1 << 18) + 1 } else { 100_000 };
        let body = Bytes::from(vec![b'x'; length]);
        Ok(Response { body, ..page(200, &[("cache-control", "max-age=1000")]) })
    });
    let cache = server.cache(Rules::default());
    let large = || Request { max_body_bytes: 1 << 20, ..get("large") };
    assert_eq!(ask(&cache, large()).await, MISS);
    assert_eq!(ask(&cache, large()).await, MISS, "too large to keep");
    for n in 0..50 {
        cache.fetch(Request { max_body_bytes: 1 << 20, ..get(&n.to_string()) }).await.unwrap();
    }
    cache.sweep().await;
    let counts = cache.counts();
    assert!((100_000..=1 << 20).contains(&counts.bytes), "{counts:?}");
    assert!((1..=10).contains(&counts.urls) && counts.evicted >= 40, "{counts:?}");
}
