//! Reading a body under its bounds: length, time and memory.
//!
//! Whatever happens, what was read until then is kept, and [`BodyRead::end`] says why there is no
//! more; what that means for the exchange is the client's to decide. A body without codings that
//! comes in one piece is not copied, any other is copied once.

use bytes::Bytes;
use tokio::time::{Duration, Instant, timeout_at};

use super::{
    MinRate, Reservation,
    bandwidth::Bandwidth,
    budget::{Budget, Growing},
    decode::{Bounds, Decoder, PIECE_BYTES, Pulled, Stop},
    kept::Kept,
    pace::Pace,
};

/// What codings may add to a body, besides a part of its length.
const WIRE_SLACK_BYTES: usize = 64 * 1024;

/// The bounds of one body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// When the exchange must have ended.
    pub(super) deadline: Instant,
    /// The longest silence.
    pub(super) idle: Duration,
    /// The least rate.
    pub(super) min_rate: Option<MinRate>,
    /// Length and decode ratio.
    pub(super) bounds: Bounds,
    /// Whether the body is also kept as it came.
    pub(super) keep_raw: bool,
}

/// What all bodies share.
#[derive(Debug)]
pub(super) struct Shares {
    pub(super) memory: Budget,
    pub(super) bandwidth: Bandwidth,
}

/// Why a body ended before its end.
#[derive(Debug)]
pub(super) enum End {
    /// It is longer than the limit, decoded or as it comes.
    Limit,
    /// It unpacks to too much.
    Ratio,
    /// The exchange's time is over.
    Deadline,
    /// Nothing came for too long.
    Idle,
    /// Too little came for too long.
    TooSlow,
    /// Time ran out waiting for this share of ours.
    Busy(Share),
    /// The connection broke, or the framing is wrong.
    Broken(reqwest::Error),
    /// It doesn't decode.
    Corrupt,
}

/// What there may be too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Memory,
    Bandwidth,
}

/// A body, or the part of it that came.
#[derive(Debug)]
pub(super) struct BodyRead {
    pub(super) body: Bytes,
    /// The body as it came, if that was asked for.
    pub(super) raw: Option<Bytes>,
    pub(super) wire_bytes: u64,
    pub(super) reservation: Reservation,
    /// Why it is not whole, if it is not.
    pub(super) end: Option<End>,
}

/// Reads a response's body, undoing its codings if there is a decoder for them.
pub(super) async fn read(
    mut response: reqwest::Response,
    decoder: Option<Decoder>,
    limits: Limits,
    shares: &Shares,
) -> BodyRead {
    let declared = response.content_length();
    let max_bytes = limits.bounds.max_bytes;
    let Ok(growing) = timeout_at(limits.deadline, shares.memory.reserve(declared, max_bytes)).await else {
        let (body, reservation) = (Bytes::new(), Reservation::default());
        return BodyRead { body, raw: None, wire_bytes: 0, reservation, end: Some(End::Busy(Share::Memory)) };
    };
    let raw = (limits.keep_raw && decoder.is_some()).then(|| Kept::new(declared, limits.max_wire_bytes()));
    let mut reader = Reader {
        decoder,
        // What is declared is the length before decoding; after it is anybody's guess.
        kept: Kept::new(declared, max_bytes),
        raw,
        decoder_bytes: 0,
        growing,
        bandwidth: &shares.bandwidth,
        wire_bytes: 0,
        pace: Pace::new(limits.min_rate),
        waited_for_us: None,
        limits,
    };
    let end = reader.run(&mut response).await.err();
    let body = reader.kept.finish();
    let raw = reader.raw.as_mut().map(Kept::finish);
    let held = body.len() + raw.as_ref().map_or(0, Bytes::len);
    // Without codings it came as it is: one buffer, shared.
    let raw = raw.or_else(|| limits.keep_raw.then(|| body.clone()));
    BodyRead { wire_bytes: reader.wire_bytes, reservation: reader.growing.settle(held), body, raw, end }
}

impl Limits {
    /// The most that is read of a body under codings: one that is as long as allowed and compressed in
    /// vain passes, one that swallows bytes for ever doesn't.
    fn max_wire_bytes(&self) -> usize {
        let max_bytes = self.bounds.max_bytes;
        max_bytes.saturating_add(max_bytes / 256).saturating_add(WIRE_SLACK_BYTES)
    }
}

struct Reader<'a> {
    decoder: Option<Decoder>,
    kept: Kept,
    raw: Option<Kept>,
    /// Memory of the decoder's windows.
    decoder_bytes: usize,
    growing: Growing,
    bandwidth: &'a Bandwidth,
    wire_bytes: u64,
    pace: Pace,
    /// How long we waited for ourselves, and for what the last time.
    waited_for_us: Option<(Duration, Share)>,
    limits: Limits,
}

impl Reader<'_> {
    async fn run(&mut self, response: &mut reqwest::Response) -> Result<(), End> {
        while let Some(chunk) = self.next_chunk(response).await? {
            let n_bytes = chunk.len() as u64;
            self.wire_bytes += n_bytes;
            if self.decoder.is_none() {
                self.make_room(chunk.len(), 0).await?;
                self.kept.push(chunk)?;
            } else {
                self.take_coded(chunk).await?;
            }
            if self.bandwidth.is_limited() {
                let bandwidth = self.bandwidth;
                self.wait_for_us(Share::Bandwidth, bandwidth.pay(n_bytes)).await?;
            }
        }
        match &self.decoder {
            Some(decoder) if !decoder.is_complete() => Err(End::Corrupt),
            _ => Ok(()),
        }
    }

    async fn next_chunk(&mut self, response: &mut reqwest::Response) -> Result<Option<Bytes>, End> {
        let mut since = Instant::now();
        let idle = since + self.limits.idle;
        loop {
            if self.pace.is_too_slow() {
                return Err(End::TooSlow);
            }
            let verdict = self.pace.until_verdict().map_or(idle, |left| since + left);
            let patience = idle.min(verdict).min(self.limits.deadline);
            let came = timeout_at(patience, response.chunk()).await;
            let now = Instant::now();
            let n_bytes = if let Ok(Ok(Some(chunk))) = &came { chunk.len() } else { 0 };
            self.pace.note(now - since, n_bytes);
            match came {
                Ok(Ok(chunk)) => return Ok(chunk),
                Ok(Err(error)) => return Err(End::Broken(error)),
                Err(_) if now >= self.limits.deadline => return Err(self.out_of_time()),
                Err(_) if now >= idle => return Err(End::Idle),
                Err(_) => since = now,
            }
        }
    }

    /// Whoever was waited for longer is to blame.
    fn out_of_time(&self) -> End {
        match self.waited_for_us {
            Some((waited, share)) if waited > self.pace.waited() => End::Busy(share),
            _ => End::Deadline,
        }
    }

    async fn take_coded(&mut self, chunk: Bytes) -> Result<(), End> {
        if self.raw.is_some() {
            self.make_room(0, chunk.len()).await?;
        }
        self.decode(&chunk).await?;
        let is_over = self.wire_bytes > self.limits.max_wire_bytes() as u64;
        match &mut self.raw {
            Some(raw) => raw.push(chunk),
            // The raw bytes are bounded also when nobody wants them: a coding may swallow any number.
            None if is_over => Err(End::Limit),
            None => Ok(()),
        }
    }

    async fn decode(&mut self, mut input: &[u8]) -> Result<(), End> {
        loop {
            self.make_room(PIECE_BYTES, 0).await?;
            let Some(decoder) = &mut self.decoder else { return Ok(()) };
            let pulled = decoder.pull(&mut input, self.wire_bytes).map_err(|stop| match stop {
                Stop::Limit => End::Limit,
                Stop::Ratio => End::Ratio,
                Stop::Corrupt | Stop::Room => End::Corrupt,
            })?;
            match pulled {
                Pulled::Piece(piece) => self.kept.extend(piece)?,
                Pulled::Hungry => return Ok(()),
                Pulled::Room(n_bytes) => self.decoder_bytes = n_bytes,
            }
            // A long body that unpacks quickly must not keep a worker thread to itself.
            tokio::task::consume_budget().await;
        }
    }

    /// Makes room for so much more of the body, and of the body as it came.
    async fn make_room(&mut self, n_bytes: usize, n_raw: usize) -> Result<(), End> {
        let raw = self.raw.as_ref().map_or(0, |raw| raw.capacity_for(n_raw));
        let total = self.kept.capacity_for(n_bytes).saturating_add(raw).saturating_add(self.decoder_bytes);
        if self.growing.holds(total) {
            return Ok(());
        }
        let since = Instant::now();
        let grown = timeout_at(self.limits.deadline, self.growing.grow_to(total)).await;
        self.blame_us(Share::Memory, since);
        grown.map_err(|_| End::Busy(Share::Memory))
    }

    async fn wait_for_us(&mut self, share: Share, wait: impl Future<Output = ()>) -> Result<(), End> {
        let since = Instant::now();
        let waited = timeout_at(self.limits.deadline, wait).await;
        self.blame_us(share, since);
        waited.map_err(|_| End::Busy(share))
    }

    fn blame_us(&mut self, share: Share, since: Instant) {
        let before = self.waited_for_us.map_or(Duration::ZERO, |(waited, _)| waited);
        self.waited_for_us = Some((before + since.elapsed(), share));
    }
}
