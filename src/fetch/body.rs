//! Reading a body under its bounds: length, time and memory.
//!
//! Whatever happens, what was read until then is kept, and [`BodyRead::end`] says why there is no
//! more; what that means for the exchange is the client's to decide. A body without codings that
//! comes in one piece is not copied, any other is copied once.

use bytes::Bytes;
use tokio::time::{Duration, Instant, timeout_at};

use super::{
    Reservation,
    budget::{Budget, Growing},
    decode::{Bounds, Decoder, PIECE_BYTES, Stop},
};

/// The bounds of one body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// When the exchange must have ended.
    pub(super) deadline: Instant,
    /// The longest silence.
    pub(super) idle: Duration,
    /// Length and decode ratio.
    pub(super) bounds: Bounds,
}

/// Why a body ended before its end.
#[derive(Debug)]
pub(super) enum End {
    /// It is longer than the limit.
    Limit,
    /// It unpacks to too much.
    Ratio,
    /// The exchange's time is over.
    Deadline,
    /// Nothing came for too long.
    Idle,
    /// There was no room in the memory budget in time.
    Budget,
    /// The connection broke, or the framing is wrong.
    Broken(reqwest::Error),
    /// It doesn't decode.
    Corrupt,
}

/// A body, or the part of it that came.
#[derive(Debug)]
pub(super) struct BodyRead {
    pub(super) body: Bytes,
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
    budget: &Budget,
) -> BodyRead {
    let declared = response.content_length();
    let max_bytes = limits.bounds.max_bytes;
    let Ok(growing) = timeout_at(limits.deadline, budget.reserve(declared, max_bytes)).await else {
        let (body, reservation) = (Bytes::new(), Reservation::default());
        return BodyRead { body, wire_bytes: 0, reservation, end: Some(End::Budget) };
    };
    let mut reader = Reader { decoder, kept: Kept::new(declared, max_bytes), growing, wire_bytes: 0, limits };
    let end = reader.run(&mut response).await.err();
    let body = reader.kept.finish();
    BodyRead { wire_bytes: reader.wire_bytes, reservation: reader.growing.settle(body.len()), body, end }
}

struct Reader {
    decoder: Option<Decoder>,
    kept: Kept,
    growing: Growing,
    wire_bytes: u64,
    limits: Limits,
}

impl Reader {
    async fn run(&mut self, response: &mut reqwest::Response) -> Result<(), End> {
        while let Some(chunk) = self.next_chunk(response).await? {
            self.wire_bytes += chunk.len() as u64;
            if self.decoder.is_none() {
                self.make_room(chunk.len()).await?;
                self.kept.push(chunk)?;
                continue;
            }
            self.decode(&chunk).await?;
            // The raw bytes are bounded too: a coding may swallow any number of them.
            if self.wire_bytes > self.limits.bounds.max_bytes as u64 {
                return Err(End::Limit);
            }
        }
        match &self.decoder {
            Some(decoder) if !decoder.is_complete() => Err(End::Corrupt),
            _ => Ok(()),
        }
    }

    async fn next_chunk(&self, response: &mut reqwest::Response) -> Result<Option<Bytes>, End> {
        let idle = Instant::now() + self.limits.idle;
        match timeout_at(idle.min(self.limits.deadline), response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(End::Broken(error)),
            Err(_) if idle < self.limits.deadline => Err(End::Idle),
            Err(_) => Err(End::Deadline),
        }
    }

    async fn decode(&mut self, mut input: &[u8]) -> Result<(), End> {
        loop {
            self.make_room(PIECE_BYTES).await?;
            let Some(decoder) = &mut self.decoder else { return Ok(()) };
            let piece = decoder.pull(&mut input, self.wire_bytes).map_err(|stop| match stop {
                Stop::Limit => End::Limit,
                Stop::Ratio => End::Ratio,
                Stop::Corrupt => End::Corrupt,
            })?;
            if piece.is_empty() {
                return Ok(());
            }
            self.kept.extend(piece)?;
            // A long body that unpacks quickly must not keep a worker thread to itself.
            tokio::task::consume_budget().await;
        }
    }

    async fn make_room(&mut self, n_bytes: usize) -> Result<(), End> {
        let total = self.kept.capacity_for(n_bytes);
        if self.growing.holds(total) {
            return Ok(());
        }
        timeout_at(self.limits.deadline, self.growing.grow_to(total)).await.map_err(|_| End::Budget)
    }
}

/// What is kept of a body: its first chunk as it came, or a buffer once there are more.
struct Kept {
    first: Bytes,
    buffer: Vec<u8>,
    declared: usize,
    max_bytes: usize,
}

impl Kept {
    fn new(declared: Option<u64>, max_bytes: usize) -> Self {
        let declared = declared.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX)).min(max_bytes);
        Self { first: Bytes::new(), buffer: Vec::new(), declared, max_bytes }
    }

    fn len(&self) -> usize {
        self.first.len() + self.buffer.len()
    }

    /// The memory held once `n_bytes` more are kept: a buffer grows by half, up to the limit.
    fn capacity_for(&self, n_bytes: usize) -> usize {
        let needed = self.len().saturating_add(n_bytes).min(self.max_bytes);
        if self.len() == 0 || needed <= self.buffer.capacity() {
            return needed.max(self.buffer.capacity());
        }
        needed.max(self.declared).max(self.len() + self.len() / 2).min(self.max_bytes)
    }

    /// Keeps a chunk, without a copy if it is the first.
    fn push(&mut self, mut chunk: Bytes) -> Result<(), End> {
        if self.len() > 0 {
            return self.extend(&chunk);
        }
        let is_over = chunk.len() > self.max_bytes;
        chunk.truncate(self.max_bytes);
        self.first = chunk;
        if is_over { Err(End::Limit) } else { Ok(()) }
    }

    fn extend(&mut self, piece: &[u8]) -> Result<(), End> {
        let capacity = self.capacity_for(piece.len());
        let first = std::mem::take(&mut self.first);
        self.buffer.reserve_exact(capacity - self.buffer.len());
        self.buffer.extend_from_slice(&first);
        let fits = piece.len().min(self.max_bytes.saturating_sub(self.buffer.len()));
        self.buffer.extend_from_slice(&piece[..fits]);
        if fits < piece.len() { Err(End::Limit) } else { Ok(()) }
    }

    fn finish(&mut self) -> Bytes {
        if self.buffer.is_empty() {
            return std::mem::take(&mut self.first);
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        // What is accounted for is the length; don't hold much beyond it.
        if buffer.capacity() - buffer.len() > buffer.len() / 4 {
            buffer.shrink_to_fit();
        }
        Bytes::from(buffer)
    }
}
