//! Content codings (RFC 9110 section 8.4), undone piece by piece.
//!
//! A [`Decoder`] is a stack of layers that is pulled: each call gives one piece of at most
//! [`PIECE_BYTES`], so the caller can stop between any two of them. Every layer's output is bounded by
//! the decode ratio and by the limit on bodies, not only the last one's. Windows (up to 8 MiB for
//! zstd, 16 MiB for brotli) are as large as the first bytes of a stream say; before one is allocated
//! the caller is asked for room ([`Pulled::Room`]). Beyond that a layer takes some hundred KiB, and
//! brotli up to 3 MiB for its tables.
//!
//! Lenient where browsers are: `deflate` may lack its zlib wrapper, gzip may have several members
//! and garbage after the last, and what is labelled gzip and plainly isn't is taken as it is.

use std::ops::Range;

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, enc::StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use http::{HeaderMap, header::CONTENT_ENCODING};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, Operation};

use super::windows::{ZSTD_WINDOW_LOG_MAX, ZSTD_WINDOW_MAX, brotli_window, zstd_window};

/// Most codings undone; a longer list is left as it is.
const MAX_CODINGS: usize = 4;

/// Most characters shown of codings that are not undone.
const MAX_SHOWN_CHARS: usize = 100;

/// Most output of one pull.
pub(super) const PIECE_BYTES: usize = 32 * 1024;

/// Output below this is never held against the decode ratio: small pages compress well.
const RATIO_FLOOR_BYTES: u64 = 1024 * 1024;

/// Members of a gzip body; each costs time beyond its bytes.
const MAX_GZIP_MEMBERS: u32 = 10_000;

/// deflate's largest window, 32 KiB, as a power of two.
const MAX_WINDOW_BITS: u8 = 15;

/// What a decoder takes besides its window, about; all of it, where the window is deflate's.
const STATE_BYTES: usize = 128 * 1024;

/// Why decoding ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// An inner layer's output was longer than the limit on bodies.
    Limit,
    /// Too many bytes out for those in.
    Ratio,
    /// Not what the coding says it is.
    Corrupt,
    /// Not an end: a layer may not go on before it is granted its memory.
    Room,
}

/// What a pull gives.
pub(super) enum Pulled<'a> {
    /// The next piece, never empty.
    Piece(&'a [u8]),
    /// The input is used up.
    Hungry,
    /// So much memory is needed in all before it can go on; pull again when there is room for it.
    Room(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The bounds of one body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Most bytes that any layer gives.
    pub(super) max_bytes: usize,
    /// Most bytes out for one in.
    pub(super) max_ratio: u32,
}

/// The layers that undo a body's codings, outermost first.
pub(super) struct Decoder {
    layers: Vec<Layer>,
    bounds: Bounds,
}

impl Decoder {
    /// A decoder for a response with these headers; `None` when there is nothing to undo.
    ///
    /// # Errors
    /// The codings as sent, in brief, when there is no decoder for one of them, or there are too many:
    /// the body is to be kept as it comes.
    pub(super) fn new(headers: &HeaderMap, bounds: Bounds) -> Result<Option<Self>, Box<str>> {
        let codings = content_codings(headers).ok_or_else(|| as_sent(headers))?;
        let layers: Vec<_> = codings.iter().rev().map(|&coding| Layer::new(coding)).collect();
        Ok((!layers.is_empty()).then_some(Self { layers, bounds }))
    }

    /// What `input`, moved on by what was used, gives. `wire_bytes` is how many bytes of the body have
    /// come so far, these included.
    pub(super) fn pull(&mut self, input: &mut &[u8], wire_bytes: u64) -> Result<Pulled<'_>, Stop> {
        match pull(&mut self.layers, input, self.bounds, wire_bytes) {
            Ok(0) => Ok(Pulled::Hungry),
            Ok(n) => Ok(Pulled::Piece(self.layers.last().map_or(&[], |last| &last.scratch[..n]))),
            Err(Stop::Room) => {
                self.layers.iter_mut().for_each(|layer| layer.granted = layer.claim);
                Ok(Pulled::Room(self.layers.iter().map(|layer| layer.claim).sum()))
            }
            Err(stop) => Err(stop),
        }
    }

    /// Whether the body ended where its codings say it should.
    pub(super) fn is_complete(&self) -> bool {
        // An empty body under a coding is an empty body.
        self.layers.iter().all(|layer| layer.ended || !layer.touched)
    }
}

/// The codings in the order in which they were applied; `None` if there is an unknown one among
/// them, or too many.
fn content_codings(headers: &HeaderMap) -> Option<Vec<Coding>> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.to_str().ok()?.split(',') {
            let coding = match name.trim().to_ascii_lowercase().as_str() {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => Coding::Gzip,
                "deflate" => Coding::Deflate,
                "br" => Coding::Brotli,
                "zstd" => Coding::Zstd,
                _ => return None,
            };
            if codings.len() == MAX_CODINGS {
                return None;
            }
            codings.push(coding);
        }
    }
    Some(codings)
}

/// Fills the last layer's scratch with its next piece, pulling from those before as needed.
fn pull(layers: &mut [Layer], input: &mut &[u8], bounds: Bounds, wire_bytes: u64) -> Result<usize, Stop> {
    let Some((last, before)) = layers.split_last_mut() else { return Ok(0) };
    loop {
        let (n_in, n_out) = match before.last_mut() {
            None => {
                let (n_in, n_out) = last.step(input)?;
                *input = &input[n_in..];
                (n_in, n_out)
            }
            Some(source) => {
                let (n_in, n_out) = last.step(&source.scratch[source.pending.clone()])?;
                source.pending.start += n_in;
                (n_in, n_out)
            }
        };
        if n_out > 0 {
            last.pending = 0..n_out;
            last.n_out += n_out as u64;
            last.check(bounds, wire_bytes)?;
            return Ok(n_out);
        }
        if n_in == 0 && (before.is_empty() || pull(before, input, bounds, wire_bytes)? == 0) {
            return Ok(0);
        }
    }
}

/// `Content-Encoding` as sent, printable and of bounded length.
fn as_sent(headers: &HeaderMap) -> Box<str> {
    let values: Vec<_> =
        headers.get_all(CONTENT_ENCODING).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
    values.join(", ").chars().filter(|c| !c.is_control()).take(MAX_SHOWN_CHARS).collect()
}

/// One coding being undone, and its output that nobody has taken yet.
struct Layer {
    codec: Codec,
    /// The first bytes, held back to look at, and still to be decoded.
    head: Vec<u8>,
    scratch: Box<[u8]>,
    pending: Range<usize>,
    n_out: u64,
    touched: bool,
    ended: bool,
    /// The memory that it needs, as far as it is known, and how much of that the caller knows of.
    claim: usize,
    granted: usize,
}

enum Codec {
    /// A stream before its first bytes, which tell what it really is and how large its window.
    Opening(Coding),
    /// Labelled as gzip, and not gzip.
    Plain,
    Inflate {
        stream: Decompress,
        /// Members that may still follow; none for deflate.
        members_left: u32,
    },
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    Zstd(ZstdDecoder<'static>),
    /// A decoder that could not be set up.
    Broken,
}

impl Layer {
    fn new(coding: Coding) -> Self {
        Self {
            codec: Codec::Opening(coding),
            head: Vec::new(),
            scratch: vec![0; PIECE_BYTES].into_boxed_slice(),
            pending: 0..0,
            n_out: 0,
            touched: false,
            ended: false,
            claim: PIECE_BYTES,
            granted: 0,
        }
    }

    fn check(&self, bounds: Bounds, wire_bytes: u64) -> Result<(), Stop> {
        if self.n_out > RATIO_FLOOR_BYTES && self.n_out / u64::from(bounds.max_ratio.max(1)) > wire_bytes {
            return Err(Stop::Ratio);
        }
        // A layer may give more than the limit by less than a piece; the caller cuts the last one's.
        if self.n_out > (bounds.max_bytes as u64).saturating_add(PIECE_BYTES as u64) {
            return Err(Stop::Limit);
        }
        Ok(())
    }

    /// Takes some of `input` and fills `scratch`: bytes used and given. Zero of both means that all
    /// of `input` is used and more is wanted.
    fn step(&mut self, input: &[u8]) -> Result<(usize, usize), Stop> {
        self.touched |= !input.is_empty();
        if self.claim > self.granted {
            return Err(Stop::Room);
        }
        if let Codec::Opening(coding) = self.codec {
            let mut n = 0;
            while let Some(byte) = input.get(n) {
                self.head.push(*byte);
                n += 1;
                if let Some((codec, window)) = open(coding, &self.head) {
                    self.codec = codec;
                    self.claim += window;
                    break;
                }
            }
            return Ok((n, 0));
        }
        while !self.head.is_empty() {
            let head = std::mem::take(&mut self.head);
            let stepped = self.step_codec(&head);
            let (n_in, n_out) = stepped.as_ref().copied().unwrap_or_default();
            self.head = head[n_in..].to_vec();
            if stepped.is_err() || n_out > 0 {
                // The head was counted as used when it was held back.
                return stepped.map(|_| (0, n_out));
            }
        }
        self.step_codec(input)
    }

    fn step_codec(&mut self, input: &[u8]) -> Result<(usize, usize), Stop> {
        let scratch = &mut *self.scratch;
        let (n_in, n_out) = match &mut self.codec {
            Codec::Opening(_) => (0, 0),
            Codec::Broken => return Err(Stop::Corrupt),
            Codec::Plain => {
                self.ended = true;
                let n = input.len().min(scratch.len());
                scratch[..n].copy_from_slice(&input[..n]);
                (n, n)
            }
            Codec::Inflate { stream, members_left } => {
                if self.ended {
                    if *members_left == 0 || input.first() != Some(&0x1f) {
                        return Ok((input.len(), 0));
                    }
                    *members_left -= 1;
                    if *members_left == 0 {
                        return Err(Stop::Ratio);
                    }
                    *stream = Decompress::new_gzip(MAX_WINDOW_BITS);
                }
                let (n_in, n_out, ended) = inflate(stream, input, scratch)?;
                self.ended = ended;
                (n_in, n_out)
            }
            Codec::Brotli(_) if self.ended => (input.len(), 0),
            Codec::Brotli(state) => {
                let (n_in, n_out, ended) = unbrotli(state, input, scratch)?;
                self.ended = ended;
                (n_in, n_out)
            }
            Codec::Zstd(decoder) => {
                // Frames and skippable frames begin with one of these; all else at an end is garbage.
                if self.ended && !matches!(input.first(), Some(0x28 | 0x50..=0x5f)) {
                    return Ok((input.len(), 0));
                }
                // Only the first frame was looked at; another one may ask for more.
                if self.ended && self.claim < PIECE_BYTES + ZSTD_WINDOW_MAX + STATE_BYTES {
                    self.claim = PIECE_BYTES + ZSTD_WINDOW_MAX + STATE_BYTES;
                    return Err(Stop::Room);
                }
                let status = decoder.run_on_buffers(input, scratch).map_err(|_| Stop::Corrupt)?;
                self.ended = status.remaining == 0;
                (status.bytes_read, status.bytes_written)
            }
        };
        // A decoder that takes nothing, gives nothing and wants nothing would be asked for ever.
        if n_in == 0 && n_out == 0 && !input.is_empty() { Err(Stop::Corrupt) } else { Ok((n_in, n_out)) }
    }
}

/// Decides by its first bytes what a body really is, and how much memory that takes; `None` if more of
/// them must be seen.
fn open(coding: Coding, head: &[u8]) -> Option<(Codec, usize)> {
    let opened = match (coding, head) {
        (Coding::Gzip, [0x1f, 0x8b]) => {
            let stream = Decompress::new_gzip(MAX_WINDOW_BITS);
            (Codec::Inflate { stream, members_left: MAX_GZIP_MEMBERS }, STATE_BYTES)
        }
        (Coding::Gzip, [_, _]) => (Codec::Plain, 0),
        (Coding::Deflate, [_, _]) => {
            (Codec::Inflate { stream: Decompress::new(is_zlib(head)), members_left: 0 }, STATE_BYTES)
        }
        (Coding::Gzip | Coding::Deflate, _) => return None,
        (Coding::Brotli, head) => {
            let alloc = StandardAlloc::default;
            // Strict: the other constructor also takes windows of up to 1 GiB, which HTTP's `br` has not.
            let state = BrotliState::new_strict(alloc(), alloc(), alloc());
            (Codec::Brotli(Box::new(state)), brotli_window(*head.first()?) + STATE_BYTES)
        }
        (Coding::Zstd, head) => {
            let window = zstd_window(head)?;
            (new_zstd().map_or(Codec::Broken, Codec::Zstd), window + STATE_BYTES)
        }
    };
    Some(opened)
}

/// Whether two bytes are a zlib header (RFC 1950 section 2.2).
fn is_zlib(head: &[u8]) -> bool {
    matches!(*head, [cmf, flg] if cmf & 0x0f == 8 && cmf >> 4 <= 7 && (u32::from(cmf) << 8 | u32::from(flg)) % 31 == 0)
}

fn new_zstd() -> std::io::Result<ZstdDecoder<'static>> {
    let mut decoder = ZstdDecoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))?;
    Ok(decoder)
}

/// Bytes used, bytes given, and whether the stream ended.
fn inflate(stream: &mut Decompress, input: &[u8], scratch: &mut [u8]) -> Result<(usize, usize, bool), Stop> {
    let (was_in, was_out) = (stream.total_in(), stream.total_out());
    let status = stream.decompress(input, scratch, FlushDecompress::None).map_err(|_| Stop::Corrupt)?;
    // Both differences are at most the lengths of the buffers.
    let n_in = usize::try_from(stream.total_in() - was_in).unwrap_or(input.len());
    let n_out = usize::try_from(stream.total_out() - was_out).unwrap_or(scratch.len());
    Ok((n_in, n_out, status == Status::StreamEnd))
}

/// The same for brotli.
fn unbrotli(
    state: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    input: &[u8],
    scratch: &mut [u8],
) -> Result<(usize, usize, bool), Stop> {
    let (mut n_in, mut n_out) = (0, 0);
    let (mut left_in, mut left_out) = (input.len(), scratch.len());
    let result =
        BrotliDecompressStream(&mut left_in, &mut n_in, input, &mut left_out, &mut n_out, scratch, &mut 0, state);
    match result {
        BrotliResult::ResultSuccess => Ok((n_in, n_out, true)),
        BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok((n_in, n_out, false)),
        BrotliResult::ResultFailure => Err(Stop::Corrupt),
    }
}
