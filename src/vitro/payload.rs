//! A response's body on its way out: whole, in small pieces, or broken off half-way.
//!
//! It holds the request's place among those in flight, and gives it back when its last bytes go to
//! the socket: a client that has read to the end may ask again at once, and must not be counted twice.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::{Arrival, Log, log::Entry};
use crate::clock::Timestamp;

/// Between the last bytes of a body that breaks off and the break, so that the bytes are sent first.
const BEFORE_THE_BREAK: Duration = Duration::from_millis(20);

/// Between the pieces of a body that comes slowly; each is what its bandwidth gives in that time.
const PIECE_EVERY: Duration = Duration::from_millis(50);

/// One of the requests of a host that are under way. Dropping it is the end of its answer.
#[derive(Debug)]
pub(super) struct InFlight {
    counts: Arc<[AtomicU32]>,
    slot: usize,
    entry: Entry,
}

impl InFlight {
    /// Counts up and logs the arrival, which is made of the count with this one, its number and the time.
    pub(super) fn enter(
        counts: &Arc<[AtomicU32]>,
        slot: usize,
        log: &Log,
        arrival: impl FnOnce(u32, u64, Timestamp) -> Arrival,
    ) -> Self {
        let n = counts[slot].fetch_add(1, Ordering::Relaxed) + 1;
        Self { counts: Arc::clone(counts), slot, entry: log.push(|number, at| arrival(n, number, at)) }
    }

    /// What it will be answered with.
    pub(super) fn answered(&mut self, status: u16, retry_after: Option<&str>) {
        self.entry.answered(status, retry_after);
    }

    /// The first of the answer goes out now.
    pub(super) fn begins(&mut self) {
        self.entry.begins();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.counts[self.slot].fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body.
pub(super) enum Payload {
    Whole(Bytes, Option<InFlight>),
    Slow { rest: Bytes, piece: usize, pause: Option<Pin<Box<Sleep>>>, in_flight: Option<InFlight> },
    Broken { part: Bytes, pause: Option<Pin<Box<Sleep>>>, in_flight: Option<InFlight> },
}

impl Payload {
    /// `bandwidth` is in bytes a second; 0 is no limit.
    pub(super) fn new(body: Bytes, cut_at: Option<usize>, bandwidth: u32, in_flight: InFlight) -> Self {
        match cut_at {
            None if bandwidth == 0 => Self::Whole(body, Some(in_flight)),
            None => {
                let per_second = u32::try_from(1000 / PIECE_EVERY.as_millis()).unwrap_or(1);
                let piece = bandwidth.div_ceil(per_second) as usize;
                Self::Slow { rest: body, piece, pause: None, in_flight: Some(in_flight) }
            }
            Some(at) => Self::Broken { part: body.slice(..at), pause: None, in_flight: Some(in_flight) },
        }
    }
}

/// The error that makes hyper close a connection although more was promised.
#[derive(Debug)]
pub(super) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("body broken off as planned")
    }
}

impl std::error::Error for BrokenOff {}

impl From<Infallible> for BrokenOff {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Whole(body, in_flight) => {
                *in_flight = None;
                let body = std::mem::take(body);
                Poll::Ready((!body.is_empty()).then(|| Ok(Frame::data(body))))
            }
            Self::Slow { rest, piece, pause, in_flight } => {
                if let Some(pause) = pause {
                    ready!(pause.as_mut().poll(cx));
                }
                let part = rest.split_to(rest.len().min(*piece));
                if rest.is_empty() {
                    *in_flight = None;
                } else {
                    *pause = Some(Box::pin(sleep(PIECE_EVERY)));
                }
                Poll::Ready((!part.is_empty()).then(|| Ok(Frame::data(part))))
            }
            Self::Broken { part, .. } if !part.is_empty() => Poll::Ready(Some(Ok(Frame::data(std::mem::take(part))))),
            Self::Broken { pause, in_flight, .. } => {
                ready!(pause.get_or_insert_with(|| Box::pin(sleep(BEFORE_THE_BREAK))).as_mut().poll(cx));
                *in_flight = None;
                Poll::Ready(Some(Err(BrokenOff)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(body, _) | Self::Slow { rest: body, .. } if body.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body, _) | Self::Slow { rest: body, .. } => SizeHint::with_exact(body.len() as u64),
            // What is promised is in the Content-Length header; the truth may not be told here.
            Self::Broken { .. } => SizeHint::default(),
        }
    }
}
