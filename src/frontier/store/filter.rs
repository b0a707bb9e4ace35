//! A filter says of a run which keys it can't have: a blocked Bloom filter (Putze, Sanders, Singler
//! 2007), one cache line a key.
//!
//! With 12 bits a key and 6 of them set, about one key in 150 that is not there seems to be. It never denies
//! a key that is there.

use super::Key;

const BITS_A_KEY: u64 = 12;
const LINE_WORDS: usize = 8;
const N_SET: u32 = 6;

/// Which keys may be there.
#[derive(Debug)]
pub(super) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    /// For at most `n` keys; for more, it is right less often.
    pub(super) fn for_keys(n: u64) -> Self {
        let lines = (n * BITS_A_KEY).div_ceil(512).max(1);
        Self { words: vec![0; usize::try_from(lines).expect("it fits into memory") * LINE_WORDS] }
    }

    /// What [`Filter::to_bytes`] gave; `None` for what it can't have given.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let words: Vec<u64> =
            bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes"))).collect();
        (!words.is_empty() && words.len().is_multiple_of(LINE_WORDS) && bytes.len().is_multiple_of(8))
            .then_some(Self { words })
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(super) fn insert(&mut self, key: Key) {
        let (line, bits) = self.place(key);
        for i in 0..N_SET {
            let bit = (bits >> (9 * i)) & 511;
            self.words[line + (bit >> 6) as usize] |= 1 << (bit & 63);
        }
    }

    pub(super) fn may_have(&self, key: Key) -> bool {
        let (line, bits) = self.place(key);
        let words = &self.words[line..line + LINE_WORDS];
        (0..N_SET).all(|i| {
            let bit = (bits >> (9 * i)) & 511;
            words[(bit >> 6) as usize] & (1 << (bit & 63)) != 0
        })
    }

    /// The first word of a key's line, and the bits in it, nine for each.
    fn place(&self, key: Key) -> (usize, u64) {
        // Keys are hashes, or two of them side by side, of which one may be zero.
        let [low, high] = halves(key);
        let mixed = mix(high ^ mix(low));
        let lines = (self.words.len() / LINE_WORDS) as u128;
        let [_, line] = halves(u128::from(mixed) * lines);
        (usize::try_from(line).expect("it is below the number of lines") * LINE_WORDS, mix(mixed))
    }
}

/// The lower and the upper half.
pub(super) fn halves(key: Key) -> [u64; 2] {
    let bytes = key.to_le_bytes();
    let half = |from: usize| u64::from_le_bytes(bytes[from..from + 8].try_into().expect("eight bytes"));
    [half(0), half(8)]
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_denies_none_that_is_there_and_most_that_are_not() {
        for shift in [0, 64] {
            let mut filter = Filter::for_keys(20_000);
            (0..20_000).for_each(|key: Key| filter.insert(key << shift));
            let bytes: Vec<u8> = filter.words().iter().flat_map(|word| word.to_le_bytes()).collect();
            let filter = Filter::from_bytes(&bytes).unwrap();
            assert!((0..20_000).all(|key: Key| filter.may_have(key << shift)));
            let wrong = (20_000..120_000).filter(|key: &Key| filter.may_have(key << shift)).count();
            assert!(wrong < 1_500, "{wrong} of 100,000");
        }
        assert!(Filter::from_bytes(&[]).is_none() && Filter::from_bytes(&[0; 65]).is_none());
    }
}
