//! Chance without state: a small generator started from what it is for.
//!
//! SplitMix64 (Steele, Lea, Flood 2014). Integers only, so that every platform rolls the same; not
//! for secrets.

/// What a series of rolls decides. Different purposes of one page roll independently.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    HostSize = 1,
    PageName,
    PageKind,
    PageLinks,
    PageText,
    Prose,
}

/// A series of rolls.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

/// Sixteen quantiles of a log-normal distribution (σ = 0.8), scaled to a mean of 1000.
const SPREAD_PERMILLE: [u32; 16] =
    [169, 261, 334, 403, 472, 544, 620, 704, 799, 907, 1035, 1192, 1396, 1683, 2153, 3329];

impl Dice {
    /// The series for one purpose of page `page` of host `host`.
    pub(super) fn new(seed: u64, purpose: Purpose, host: u32, page: u32) -> Self {
        let place = (u64::from(host) << 32) | u64::from(page);
        let mut dice = Self(seed ^ place.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ ((purpose as u64) << 56));
        dice.next();
        dice
    }

    /// The series that an earlier roll leads to.
    pub(super) fn again(roll: u64) -> Self {
        Self(roll)
    }

    /// 64 even bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// An even choice from `0..n`; 0 when `n` is 0.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        (((self.next() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// Small numbers far more often than large ones: the cube of an even choice, scaled to `0..n`.
    pub(super) fn low_below(&mut self, n: u32) -> u32 {
        let u = self.next() >> 32;
        let cube = (((u * u) >> 32) * u) >> 32;
        ((cube * u64::from(n)) >> 32) as u32
    }

    /// `mean`, spread log-normally.
    pub(super) fn spread(&mut self, mean: u32) -> u32 {
        let factor = SPREAD_PERMILLE[self.below(16) as usize];
        u32::try_from(u64::from(mean) * u64::from(factor) / 1000).unwrap_or(u32::MAX)
    }

    /// A weight whose mean is a million, spread log-normally and widely: by a factor of 400.
    pub(super) fn weight(&mut self) -> u64 {
        let mut factor = || u64::from(SPREAD_PERMILLE[self.below(16) as usize]);
        factor() * factor()
    }

    /// One of `items`, which is not empty.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(u32::try_from(items.len()).unwrap_or(u32::MAX)) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_for_the_same_and_other_for_other() {
        let first = |seed, purpose, host, page| Dice::new(seed, purpose, host, page).next();
        let base = first(1, Purpose::PageKind, 2, 3);
        assert_eq!(base, first(1, Purpose::PageKind, 2, 3));
        for other in [
            first(2, Purpose::PageKind, 2, 3),
            first(1, Purpose::PageName, 2, 3),
            first(1, Purpose::PageKind, 3, 3),
            first(1, Purpose::PageKind, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn rolls_stay_in_range_and_reach_both_ends() {
        let mut dice = Dice::new(7, Purpose::Prose, 0, 0);
        let rolls: Vec<u32> = (0..2000).map(|_| dice.below(10)).collect();
        assert_eq!((rolls.iter().min(), rolls.iter().max()), (Some(&0), Some(&9)));
        let low = (0..2000).filter(|_| dice.low_below(1000) < 125).count();
        assert!((900..1100).contains(&low), "the lowest eighth is rolled half of the time, not {low} of 2000");
        assert_eq!((dice.below(0), dice.low_below(0)), (0, 0));
    }

    #[test]
    fn spread_keeps_the_mean() {
        let mut dice = Dice::new(7, Purpose::HostSize, 0, 0);
        let mean = (0..20_000).map(|_| u64::from(dice.spread(1000))).sum::<u64>() / 20_000;
        assert!((970..1030).contains(&mean), "{mean}");
    }
}
