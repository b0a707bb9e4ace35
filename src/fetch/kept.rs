//! The part of a body that is kept: its bytes, up to a limit.
//!
//! A body that comes in one piece is not copied, any other is copied once. Memory is asked for by the
//! reader, who is told beforehand how much it will be ([`Kept::capacity_for`]).

use bytes::Bytes;

use super::body::End;

/// What is kept of a body: its first chunk as it came, or a buffer once there are more.
pub(super) struct Kept {
    first: Bytes,
    buffer: Vec<u8>,
    declared: usize,
    max_bytes: usize,
}

impl Kept {
    pub(super) fn new(declared: Option<u64>, max_bytes: usize) -> Self {
        let declared = declared.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX)).min(max_bytes);
        Self { first: Bytes::new(), buffer: Vec::new(), declared, max_bytes }
    }

    fn len(&self) -> usize {
        self.first.len() + self.buffer.len()
    }

    /// The memory held once `n_bytes` more are kept: a buffer grows by half, up to the limit.
    pub(super) fn capacity_for(&self, n_bytes: usize) -> usize {
        let needed = self.len().saturating_add(n_bytes).min(self.max_bytes);
        if self.len() == 0 || needed <= self.buffer.capacity() {
            return needed.max(self.buffer.capacity());
        }
        needed.max(self.declared).max(self.len() + self.len() / 2).min(self.max_bytes)
    }

    /// Keeps a chunk, without a copy if it is the first.
    pub(super) fn push(&mut self, mut chunk: Bytes) -> Result<(), End> {
        if self.len() > 0 {
            return self.extend(&chunk);
        }
        let is_over = chunk.len() > self.max_bytes;
        chunk.truncate(self.max_bytes);
        self.first = chunk;
        if is_over { Err(End::Limit) } else { Ok(()) }
    }

    pub(super) fn extend(&mut self, piece: &[u8]) -> Result<(), End> {
        let capacity = self.capacity_for(piece.len());
        let first = std::mem::take(&mut self.first);
        self.buffer.reserve_exact(capacity - self.buffer.len());
        self.buffer.extend_from_slice(&first);
        let fits = piece.len().min(self.max_bytes.saturating_sub(self.buffer.len()));
        self.buffer.extend_from_slice(&piece[..fits]);
        if fits < piece.len() { Err(End::Limit) } else { Ok(()) }
    }

    pub(super) fn finish(&mut self) -> Bytes {
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
