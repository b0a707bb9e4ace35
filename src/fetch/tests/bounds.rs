//! The bounds of an exchange: first byte, least rate, header fields, bandwidth, raw bytes, windows.

use std::io::Write;

use super::{
    codings::{brotli, gzip, text},
    *,
};

const TICK: Duration = Duration::from_millis(10);

fn head(fields: &str) -> Step {
    Step::Send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes())
}

fn check_error(error: &FetchError, kind: ErrorKind, phase: Phase) {
    assert_eq!((error.kind, error.phase), (kind, phase), "{error}");
}

#[tokio::test]
async fn a_head_that_drips_ends_with_the_first_byte_timeout() {
    let quick = Options { first_byte_timeout: Duration::from_millis(200), ..options() };
    for script in [
        vec![Step::Hold],
        vec![Step::Send(b"HTTP/1.1 200 OK\r\nX: ".into()), Step::Repeat(b"y".into(), TICK)],
        vec![Step::Send(b"HTTP/1.1 200 OK\r\n".into()), Step::Repeat(b"X: y\r\n".into(), TICK)],
        // Interim responses move no timer, however many there are.
        vec![Step::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n".into(), TICK)],
        vec![Step::Repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(2000), Duration::ZERO)],
    ] {
        let error = Server::start(script).await.fetch(quick.clone()).await.unwrap_err();
        check_error(&error, ErrorKind::Timeout, Phase::Head);
        let took = error.timings.ended_at.since(error.timings.sent_at);
        assert!((180..3_000).contains(&took.as_millis()), "{took:?}");
    }
}

#[tokio::test]
async fn a_slow_body_is_not_held_to_the_first_byte_timeout() {
    let script =
        vec![head("Content-Length: 2\r\n"), Step::Send(b"a".into()), Step::Wait(30 * TICK), Step::Send(b"b".into())];
    let options = Options { first_byte_timeout: 15 * TICK, ..options() };
    assert_eq!(Server::start(script).await.fetch(options).await.unwrap().body, "ab");
}

#[tokio::test]
async fn a_few_interim_responses_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let server = Server::sending([interim.as_bytes(), &ok("", b"x")].concat()).await;
    let response = server.fetch(options()).await.unwrap();
    assert_eq!((response.status, &*response.body, response.headers.len()), (200, &b"x"[..], 1));
}

#[tokio::test]
async fn a_body_below_the_least_rate_is_cut() {
    let least = MinRate { bytes_per_second: 1_000, window: Duration::from_millis(200) };
    let options = Options { min_rate: Some(least), ..options() };
    let server = Server::start(vec![head(""), Step::Repeat(b"x".into(), TICK)]).await;
    let response = server.fetch(options.clone()).await.unwrap();
    assert_eq!(response.truncated, Some(Truncation::TooSlow));
    assert!(!response.body.is_empty());

    let server = Server::start(vec![head("Transfer-Encoding: chunked\r\n"), Step::Repeat(b"0".into(), TICK)]).await;
    let error = server.fetch(options.clone()).await.unwrap_err();
    check_error(&error, ErrorKind::Timeout, Phase::Body);
    assert_eq!(error.message, "the body came too slowly");

    // Above it, for several windows.
    let mut script = vec![head("Content-Length: 10000\r\n")];
    script.extend((0..50).flat_map(|_| [Step::Send(vec![b'x'; 200]), Step::Wait(TICK)]));
    let response = Server::start(script).await.fetch(options).await.unwrap();
    assert_eq!((response.body.len(), response.truncated), (10_000, None));
}

#[tokio::test]
async fn our_own_bandwidth_makes_no_server_slow() {
    let server = Server::sending(ok("", &[b'x'; 40_000])).await;
    let least = MinRate { bytes_per_second: 1 << 20, window: Duration::from_millis(50) };
    let options = Options {
        bandwidth: Some(20_000),
        min_rate: Some(least),
        timeout: Duration::from_millis(600),
        idle_timeout: Duration::from_millis(100),
        ..options()
    };
    let response = server.fetch(options).await.unwrap();
    assert_eq!(response.truncated, Some(Truncation::Busy));
    assert!((1..40_000).contains(&response.body.len()), "{}", response.body.len());
}

#[tokio::test]
async fn bandwidth_is_shared_and_whole_bodies_come_through() {
    let server = Server::sending(ok("", &[b'x'; 10_000])).await;
    let fetcher = HttpFetcher::new(Options { bandwidth: Some(100_000), ..options() }).unwrap();
    let started = tokio::time::Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (fetcher, request) = (fetcher.clone(), get(&server.url()));
        tasks.spawn(async move { fetcher.fetch(request).await.unwrap() });
    }
    let responses = tasks.join_all().await;
    assert!(responses.iter().all(|response| response.body.len() == 10_000 && response.truncated.is_none()));
    let took = started.elapsed().as_secs_f64();
    assert!((0.5..2.0).contains(&took), "80 KB at 100 KB/s, 25 KB at once: {took}");
}

#[tokio::test]
async fn header_fields_are_bounded_in_number_and_bytes() {
    let fetch = async |fields: String, max_header_fields, max_header_bytes| {
        let server = Server::sending(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n")).await;
        server.fetch(Options { max_header_fields, max_header_bytes, ..options() }).await
    };
    let fields = "X: y\r\n".repeat(19);
    assert!(fetch(fields.clone(), 20, 4096).await.is_ok());
    let long = format!("X: {}\r\n", "y".repeat(4096 - 24));
    assert!(fetch(long.clone(), 20, 4096).await.is_ok());
    for (fields, n_fields) in [(fields, 19), (format!("{long}A: b\r\n"), 20)] {
        let error = fetch(fields, n_fields, 4096).await.unwrap_err();
        check_error(&error, ErrorKind::Protocol, Phase::Head);
        assert_eq!(error.message, "the response's header fields are too many or too long");
    }
}

#[tokio::test]
async fn raw_bytes_are_kept_when_asked_for() {
    let text = text();
    for (coding, wire) in [("gzip", gzip(&text)), ("br, gzip", gzip(&brotli(&text))), ("identity", text.clone())] {
        let server = Server::sending(ok(&format!("Content-Encoding: {coding}\r\n"), &wire)).await;
        let fetcher = HttpFetcher::new(options()).unwrap();
        let response = fetcher.fetch(Request { keep_raw: true, ..get(&server.url()) }).await.unwrap();
        assert!(response.body == text && response.raw.as_deref() == Some(&wire[..]), "{coding}");
        let held = text.len() + if coding == "identity" { 0 } else { wire.len() };
        assert_eq!(response.reservation.bytes(), (held as u64).next_multiple_of(1024), "both are accounted for");
        assert_eq!(fetcher.fetch(get(&server.url())).await.unwrap().raw, None);
    }
}

#[tokio::test]
async fn raw_bytes_of_a_body_that_was_cut() {
    let wire = gzip(&vec![0; 3 << 20]);
    let server = Server::sending(ok("Content-Encoding: gzip\r\n", &wire)).await;
    let request = Request { keep_raw: true, ..get(&server.url()) };
    let response = HttpFetcher::new(options()).unwrap().fetch(request).await.unwrap();
    assert_eq!(response.truncated, Some(Truncation::DecodeRatio));
    assert!(wire.starts_with(&response.raw.unwrap()));
}

#[tokio::test]
async fn a_coding_that_swallows_everything_ends() {
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 0, 16, 0, 0][..], &[0; 4096]].concat();
    let members = gzip(b"");
    let stored = [0, 0, 0, 0xff, 0xff].repeat(1000);
    // Metadata blocks that skip nothing: not the last, no nibbles, no bytes, aligned.
    let metadata = [0x06].repeat(4096);
    for (coding, start, again) in [
        ("zstd", vec![], skippable),
        ("gzip", vec![], members.repeat(10)),
        ("gzip", gzip(b"")[..10].to_vec(), stored.clone()),
        ("deflate", vec![0x78, 0x9c], stored),
        ("br", vec![0x06], metadata),
    ] {
        let script = vec![
            head(&format!("Content-Encoding: {coding}\r\n")),
            Step::Send(start),
            Step::Repeat(again, Duration::ZERO),
        ];
        let server = Server::start(script).await;
        for keep_raw in [false, true] {
            let request = Request { max_body_bytes: 300_000, keep_raw, ..get(&server.url()) };
            match HttpFetcher::new(options()).unwrap().fetch(request).await {
                Ok(response) => {
                    assert!(
                        matches!(response.truncated, Some(Truncation::BodyLimit | Truncation::DecodeRatio)),
                        "{response:?}"
                    );
                    assert!(response.wire_bytes < 1 << 20 && response.body.is_empty(), "{coding}");
                    assert!(response.raw.is_none_or(|raw| raw.len() < 500_000), "{coding}");
                }
                Err(error) => panic!("{coding}: {error}"),
            }
        }
    }
}

#[tokio::test]
async fn a_body_as_long_as_allowed_may_be_longer_compressed() {
    let noise: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut stored = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    stored.write_all(&noise).unwrap();
    let wire = stored.finish().unwrap();
    assert!(wire.len() > noise.len());
    let server = Server::sending(ok("Content-Encoding: gzip\r\n", &wire)).await;
    let request = Request { max_body_bytes: noise.len(), ..get(&server.url()) };
    let response = HttpFetcher::new(options()).unwrap().fetch(request).await.unwrap();
    assert!(response.body == noise && response.truncated.is_none());
}

#[tokio::test]
async fn an_unknown_coding_is_named() {
    let server = Server::sending(ok("Content-Encoding: gzip\r\nContent-Encoding: aes128gcm\r\n", b"secret")).await;
    let request = Request { keep_raw: true, ..get(&server.url()) };
    let response = HttpFetcher::new(options()).unwrap().fetch(request).await.unwrap();
    assert_eq!(response.undecoded.as_deref(), Some("gzip, aes128gcm"));
    assert_eq!(
        (&*response.body, response.raw.as_deref(), response.truncated),
        (&b"secret"[..], Some(&b"secret"[..]), None)
    );
}

#[tokio::test]
async fn windows_are_in_the_memory_budget() {
    // A brotli stream with a window of 16 MiB, and a zstd frame with one of 4 MiB.
    let mut wide = Vec::new();
    brotli::CompressorWriter::new(&mut wide, 4096, 5, 24).write_all(&text()).unwrap();
    let mut frame = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    frame.window_log(22).unwrap();
    frame.write_all(&text()[..10_000]).unwrap();
    frame.flush().unwrap();
    frame.write_all(&text()[10_000..]).unwrap();
    for (coding, wire) in [("br", wide), ("zstd", frame.finish().unwrap())] {
        // It stalls in the middle: the window is held.
        let (first, rest) = wire.split_at(wire.len() / 2);
        let coded = format!("Content-Encoding: {coding}\r\n");
        let stalled = Server::start(vec![
            head(&coded),
            Step::Send(first.to_vec()),
            Step::Wait(50 * TICK),
            Step::Send(rest.to_vec()),
        ])
        .await;
        let fetcher = HttpFetcher::new(Options { memory_budget_bytes: 20 << 20, ..options() }).unwrap();
        let mut tasks = JoinSet::new();
        for _ in 0..6 {
            let (fetcher, request) = (fetcher.clone(), get(&stalled.url()));
            tasks.spawn(async move { fetcher.fetch(request).await });
        }
        sleep(25 * TICK).await;
        let held = fetcher.shared.shares.memory.held_bytes();
        assert!(held > 4 << 20, "{coding}: {held}");
        for response in tasks.join_all().await {
            assert!(response.unwrap().body == text(), "{coding}: all end");
        }
        assert_eq!(fetcher.shared.shares.memory.held_bytes(), 0);
    }
}
