//! Content codings: alone, stacked, broken, hostile.

use std::io::Write;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

use super::{
    super::decode::{Bounds, Decoder, PIECE_BYTES, Pulled, Stop},
    *,
};

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn brotli(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(data).unwrap();
    out
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 3).unwrap()
}

/// A few dozen KB that compress, but not absurdly.
pub(super) fn text() -> Vec<u8> {
    (0..6_000u32).flat_map(|n| format!("{} ", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
}

/// Decodes `wire` in steps of `step` bytes.
fn decode(coding: &str, wire: &[u8], step: usize, bounds: Bounds) -> (Vec<u8>, Result<bool, Stop>) {
    let headers = HeaderMap::from_iter([(http::header::CONTENT_ENCODING, HeaderValue::from_str(coding).unwrap())]);
    let mut decoder = Decoder::new(&headers, bounds).expect("known codings").expect("some");
    let (mut out, mut wire_bytes) = (Vec::new(), 0);
    for chunk in wire.chunks(step) {
        wire_bytes += chunk.len() as u64;
        let mut input = chunk;
        loop {
            match decoder.pull(&mut input, wire_bytes) {
                Ok(Pulled::Hungry) => break,
                Ok(Pulled::Piece(piece)) => {
                    assert!((1..=PIECE_BYTES).contains(&piece.len()));
                    out.extend_from_slice(piece);
                }
                Ok(Pulled::Room(_)) => {}
                Err(stop) => return (out, Err(stop)),
            }
        }
        assert!(input.is_empty(), "all of a chunk is used");
    }
    (out, Ok(decoder.is_complete()))
}

const WIDE: Bounds = Bounds { max_bytes: 64 << 20, max_ratio: 10_000 };

fn check(coding: &str, wire: &[u8], expected: &[u8]) {
    for step in [1, 2, 7, 1000, usize::MAX] {
        let (out, end) = decode(coding, wire, step, WIDE);
        assert!(out == expected, "{coding} by {step}: {} of {} bytes, {end:?}", out.len(), expected.len());
        assert_eq!(end, Ok(true), "{coding} by {step}");
    }
}

#[test]
fn every_coding_in_any_chunking() {
    let text = text();
    check("gzip", &gzip(&text), &text);
    check("X-GZIP", &gzip(&text), &text);
    check("deflate", &zlib(&text), &text);
    check("deflate", &raw_deflate(&text), &text);
    check("br", &brotli(&text), &text);
    check("zstd", &zstd(&text), &text);
    for data in [&b""[..], b"x"] {
        check("gzip", &gzip(data), data);
        check("deflate", &zlib(data), data);
        check("deflate", &raw_deflate(data), data);
        check("br", &brotli(data), data);
        check("zstd", &zstd(data), data);
    }
}

#[test]
fn stacks() {
    let text = text();
    check("gzip, br", &brotli(&gzip(&text)), &text);
    check("deflate,identity ,gzip,zstd , br", &brotli(&zstd(&gzip(&zlib(&text)))), &text);
    let empty = decode("gzip, br", b"", 1, WIDE);
    assert_eq!(empty, (vec![], Ok(true)));
}

#[test]
fn several_members_and_garbage_after_the_last() {
    let members = [gzip(b"one "), gzip(b""), gzip(b"two")].concat();
    check("gzip", &members, b"one two");
    check("gzip", &[&members[..], &[0; 600]].concat(), b"one two");
    check("zstd", &[zstd(b"one "), zstd(b"two")].concat(), b"one two");
    check("zstd", &[&zstd(b"one")[..], &[0; 600]].concat(), b"one");
    check("br", &[&brotli(b"one")[..], b"garbage"].concat(), b"one");
    check("deflate", &[&zlib(b"one")[..], b"garbage"].concat(), b"one");
}

#[test]
fn what_is_not_gzip_is_taken_as_it_is() {
    check("gzip", b"<html>plain", b"<html>plain");
    check("gzip, gzip", &gzip(b"once only"), b"once only");
}

#[test]
fn cut_or_damaged_bodies_are_never_complete() {
    let text = text();
    for (coding, wire) in
        [("gzip", gzip(&text)), ("deflate", zlib(&text)), ("br", brotli(&text)), ("zstd", zstd(&text))]
    {
        for cut in [1, 2, 3, 10, wire.len() / 2, wire.len() - 1] {
            let (out, end) = decode(coding, &wire[..cut], 1000, WIDE);
            assert!(text.starts_with(&out), "{coding} cut at {cut}");
            assert_ne!(end, Ok(true), "{coding} cut at {cut}");
        }
        let mut damaged = wire.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 64].fill(0xff);
        let (out, end) = decode(coding, &damaged, 1000, WIDE);
        assert!(out != text || end != Ok(true), "{coding}");
    }
}

#[test]
fn noise_ends_in_one_of_the_known_ways() {
    let mut state = 1u64;
    let mut noise = |n: usize| -> Vec<u8> {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..n).map(|_| next()).collect()
    };
    let bounds = Bounds { max_bytes: 1 << 20, max_ratio: 100 };
    for coding in ["gzip", "deflate", "br", "zstd", "gzip,br,zstd,deflate"] {
        for n in 0..200 {
            let mut wire = noise(n);
            if let (Some(start), "gzip") = (wire.get_mut(..2), coding) {
                start.copy_from_slice(&[0x1f, 0x8b]);
            }
            let (out, _) = decode(coding, &wire, 13, bounds);
            assert!(out.len() <= bounds.max_bytes + PIECE_BYTES);
        }
    }
}

#[test]
fn bombs_are_stopped_by_the_ratio() {
    let zeros = vec![0; 2 << 20];
    let bounds = Bounds { max_bytes: 64 << 20, max_ratio: 50 };
    for (coding, wire) in
        [("gzip", gzip(&zeros)), ("deflate", zlib(&zeros)), ("br", brotli(&zeros)), ("zstd", zstd(&zeros))]
    {
        let (out, end) = decode(coding, &wire, usize::MAX, bounds);
        assert_eq!(end, Err(Stop::Ratio), "{coding}");
        assert!(
            out.len() as u64 <= (1 << 20).max(wire.len() as u64 * 51) + PIECE_BYTES as u64,
            "{coding}: {}",
            out.len()
        );
    }
    // An inner layer that is a bomb of empty members: nothing comes out at the end.
    let members = gzip(b"").repeat(60_000);
    let (out, end) = decode("gzip, gzip", &gzip(&members), usize::MAX, bounds);
    assert_eq!((out.len(), end), (0, Err(Stop::Ratio)));
    // The same outright: bounded in members.
    let (out, end) = decode("gzip", &members, usize::MAX, bounds);
    assert_eq!((out.len(), end), (0, Err(Stop::Ratio)));
}

#[test]
fn a_zstd_window_beyond_the_bound_is_refused() {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&text()).unwrap();
    let (out, end) = decode("zstd", &encoder.finish().unwrap(), usize::MAX, WIDE);
    assert_eq!((out.len(), end), (0, Err(Stop::Corrupt)));
}

#[test]
fn unknown_or_too_many_codings_leave_the_body_as_it_is() {
    let new = |coding| {
        let headers = HeaderMap::from_iter([(http::header::CONTENT_ENCODING, HeaderValue::from_static(coding))]);
        Decoder::new(&headers, WIDE)
    };
    for coding in ["", "identity", " , identity,"] {
        assert!(new(coding).is_ok_and(|decoder| decoder.is_none()), "{coding}");
    }
    for coding in ["compress", "gzip, aes128gcm", "gzip,gzip,gzip,gzip,gzip", "utf-8"] {
        assert_eq!(new(coding).err().as_deref(), Some(coding));
    }
}

#[tokio::test]
async fn decoded_over_a_socket() {
    let text = text();
    for (coding, wire) in
        [("gzip", gzip(&text)), ("deflate", raw_deflate(&text)), ("br", brotli(&text)), ("zstd", zstd(&text))]
    {
        let server = Server::sending(ok(&format!("Content-Encoding: {coding}\r\n"), &wire)).await;
        let response = server.fetch(options()).await.unwrap();
        assert!(response.body == text, "{coding}");
        assert_eq!((response.wire_bytes, response.truncated), (wire.len() as u64, None));
        assert_eq!(response.header(http::header::CONTENT_ENCODING), Some(coding));
        assert_eq!(response.reservation.bytes(), (text.len() as u64).next_multiple_of(1024));
    }
}

#[tokio::test]
async fn bombs_and_damage_over_a_socket() {
    let bomb = gzip(&vec![0; 1 << 20]).repeat(3);
    let server = Server::sending(ok("Content-Encoding: gzip\r\n", &bomb)).await;
    let response = server.fetch(options()).await.unwrap();
    assert_eq!(response.truncated, Some(Truncation::DecodeRatio));
    assert!(response.body.len() < (1 << 20) + 2 * PIECE_BYTES);

    let wide = Options { max_decode_ratio: 1 << 20, ..options() };
    let request = Request { max_body_bytes: 2_000_000, ..get(&server.url()) };
    let response = HttpFetcher::new(wide).unwrap().fetch(request).await.unwrap();
    assert_eq!((response.truncated, response.body.len()), (Some(Truncation::BodyLimit), 2_000_000));

    let text = text();
    let wire = gzip(&text);
    let server = Server::sending(ok("Content-Encoding: gzip\r\n", &wire[..wire.len() / 2])).await;
    let response = server.fetch(options()).await.unwrap();
    assert_eq!(response.truncated, Some(Truncation::Incomplete));
    assert!(!response.body.is_empty() && text.starts_with(&response.body));

    let server = Server::sending(ok("Content-Encoding: br\r\n", b"\xff\xff\xff\xff not brotli")).await;
    let error = server.fetch(options()).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Protocol, Phase::Body), "{error}");
}
