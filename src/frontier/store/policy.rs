//! Which runs are merged: pure.

/// Where in a table's runs, oldest first, those begin that are to be merged into one. `sizes` are the entries of each.
///
/// A run is taken when all younger ones together have `fan_out` times its entries: so each is longer than that part of the younger
/// ones, their number grows with the logarithm of what is in them, and so does how often an entry is written anew.
pub(super) fn due(sizes: &[u64], fan_out: u64) -> Option<usize> {
    let mut younger = 0;
    let mut from = None;
    for (i, size) in sizes.iter().enumerate().rev() {
        if i + 1 < sizes.len() && size.saturating_mul(fan_out) <= younger {
            from = Some(i);
        }
        younger += size;
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_like_size_are_merged() {
        for (sizes, fan_out, expected) in [
            (&[][..], 1, None),
            (&[5], 1, None),
            (&[5, 5], 1, Some(0)),
            (&[5, 4], 1, None),
            (&[10, 5, 5], 1, Some(0)),
            (&[11, 5, 5], 1, Some(1)),
            (&[1, 1, 1], 3, None),
            (&[1, 1, 1, 1], 3, Some(0)),
            (&[4, 1, 1, 1, 1], 3, Some(1)),
        ] {
            assert_eq!(due(sizes, fan_out), expected, "{sizes:?} {fan_out}");
        }
    }

    #[test]
    fn their_number_stays_small_and_so_does_what_is_written() {
        for (fan_out, most_runs, most_written) in [(1, 10, 9), (3, 15, 6)] {
            let (mut sizes, mut written, mut longest) = (Vec::new(), 0, 0);
            for n in 1..=1000 {
                sizes.push(1);
                while let Some(from) = due(&sizes, fan_out) {
                    let merged = sizes.split_off(from).iter().sum::<u64>();
                    written += merged;
                    sizes.push(merged);
                }
                longest = longest.max(sizes.len());
                assert_eq!(sizes.iter().sum::<u64>(), n);
            }
            assert!(longest <= most_runs, "{longest} runs");
            assert!(written <= 1000 * most_written, "{written} entries written");
        }
    }
}
