//! The form of things on disk: compact, versioned, checked when read.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Held, Hop, Kind, Place, QueuedUrl};
use crate::{
    address::{CanonicalUrl, Fingerprint, HostId},
    clock::Timestamp,
    verdict::{Refusal, Refused},
};

/// Number of this format; a store of another one is not opened.
pub(super) const FORMAT: u32 = 3;

const SEQ_BITS: u32 = 48;
const DEPTH_BITS: u32 = 16;

impl Place {
    /// Sorts as the place does.
    pub(super) fn pack(self) -> u64 {
        (u64::from(self.depth) << SEQ_BITS) | (self.seq & ((1 << SEQ_BITS) - 1))
    }

    pub(super) fn unpack(packed: u64) -> Self {
        let depth = u16::try_from(packed >> SEQ_BITS).expect("sixteen bits are left");
        Self { depth, seq: packed & ((1 << SEQ_BITS) - 1) }
    }
}

/// What the seen-set says of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Done,
    Queued(Place),
}

impl Seen {
    const DONE: u64 = 0;

    /// Whether a URL that is asked for at this depth moves forward: one that is done does not.
    pub(super) fn moves_to(self, depth: u16) -> bool {
        matches!(self, Self::Queued(place) if depth < place.depth)
    }

    /// A number whose upper bytes are zero as long as they can be, so that they need not be kept.
    pub(super) fn pack(self) -> u64 {
        match self {
            Self::Done => Self::DONE,
            Self::Queued(place) => ((place.seq + 1) << DEPTH_BITS) | u64::from(place.depth),
        }
    }

    /// Where it is queued, if it is.
    pub(super) fn place(self) -> Option<Place> {
        match self {
            Self::Done => None,
            Self::Queued(place) => Some(place),
        }
    }

    pub(super) fn unpack(packed: u64) -> Self {
        match (packed >> DEPTH_BITS).checked_sub(1) {
            None => Self::Done,
            Some(seq) => {
                let [low, high, ..] = packed.to_le_bytes();
                Self::Queued(Place { depth: u16::from_le_bytes([low, high]), seq })
            }
        }
    }
}

/// Key of a queue entry: the host's entries are neighbours, in the order of their places.
pub(super) fn queue_key(host: HostId, place: Place) -> (u64, u64) {
    (host.0, place.pack())
}

/// A queue entry's value; its place is in the key.
#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    url: &'a str,
    sitemap: Option<u8>,
    hops_off_site: u8,
    via: Option<&'a str>,
    redirects: Vec<Hop>,
    attempts: u32,
    not_before: Timestamp,
    held: Option<StoredHeld<'a>>,
}

/// Reasons are stored by name, so that a new one in their list changes nothing.
#[derive(Serialize, Deserialize)]
struct StoredHeld<'a> {
    why: &'a str,
    rule: Option<&'a str>,
    depth: u16,
}

pub(super) fn encode(queued: &QueuedUrl) -> Vec<u8> {
    let entry = Entry {
        url: queued.url.as_str(),
        sitemap: (queued.kind == Kind::Sitemap).then_some(queued.nesting),
        hops_off_site: queued.hops_off_site,
        via: queued.via.as_deref(),
        redirects: queued.redirects.clone(),
        attempts: queued.attempts,
        not_before: queued.not_before,
        held: queued.held.as_ref().map(|held| StoredHeld {
            why: held.refused.why.as_str(),
            rule: held.refused.rule.as_deref(),
            depth: held.depth,
        }),
    };
    postcard::to_stdvec(&entry).expect("strings and numbers always serialise")
}

/// # Errors
/// Says what does not fit when the bytes are not what [`encode`] gives.
pub(super) fn decode(place: Place, bytes: &[u8]) -> Result<QueuedUrl, String> {
    let entry: Entry<'_> = postcard::from_bytes(bytes).map_err(|e| format!("a queue entry does not decode: {e}"))?;
    let url = CanonicalUrl::from_stored(entry.url).map_err(|e| format!("a queue entry holds no URL: {e}"))?;
    let fingerprint: Fingerprint = url.fingerprint();
    let held = entry.held.map(|held| {
        let why = Refusal::parse(held.why).ok_or_else(|| format!("a queue entry holds no reason: {}", held.why))?;
        Ok::<_, String>(Box::new(Held { refused: Refused { why, rule: held.rule.map(Arc::from) }, depth: held.depth }))
    });
    Ok(QueuedUrl {
        place,
        held: held.transpose()?,
        fingerprint,
        url,
        kind: if entry.sitemap.is_some() { Kind::Sitemap } else { Kind::Page },
        nesting: entry.sitemap.unwrap_or_default(),
        hops_off_site: entry.hops_off_site,
        via: entry.via.map(Arc::from),
        redirects: entry.redirects,
        attempts: entry.attempts,
        not_before: entry.not_before,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Canonicalizer;

    #[test]
    fn places_sort_packed_as_unpacked() {
        let places = [(0, 9), (1, 0), (1, 7), (300, 1)].map(|(depth, seq)| Place { depth, seq });
        assert!(places.map(Place::pack).is_sorted());
        assert_eq!(places.map(|p| Place::unpack(p.pack())), places);
        let seen = places
            .map(Seen::Queued)
            .into_iter()
            .chain([Seen::Done, Seen::Queued(Place { depth: Place::HELD, seq: 0 })]);
        seen.for_each(|seen| assert_eq!(Seen::unpack(seen.pack()), seen));
    }

    #[test]
    fn entries_survive_and_garbage_is_named() {
        let url = Canonicalizer::default().parse("http://a.example/x?y=1").expect("valid");
        let queued = QueuedUrl {
            place: Place { depth: 3, seq: 77 },
            fingerprint: url.fingerprint(),
            url,
            kind: Kind::Sitemap,
            nesting: 3,
            hops_off_site: 1,
            via: Some("http://a.example/".into()),
            redirects: vec![Hop { url: "http://a.example/r".into(), status: 301 }],
            attempts: 2,
            not_before: Timestamp(5),
            held: Some(Box::new(Held { refused: Refused::by(Refusal::TooFar, "scope.hops_off_site = 1"), depth: 3 })),
        };
        assert_eq!(decode(queued.place, &encode(&queued)), Ok(queued.clone()));
        assert!(decode(queued.place, &[0xff; 7]).is_err());
    }
}
