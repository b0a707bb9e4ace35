//! The memory that a compressed stream demands of its decoder, read off its first bytes.
//!
//! Pure. The decoders allocate what these bytes say as soon as they see them, so it has to be known
//! before.

/// The window that a zstd body may demand, as a power of two: 8 MiB (RFC 9659 section 3).
pub(super) const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// The same in bytes.
pub(super) const ZSTD_WINDOW_MAX: usize = 1 << ZSTD_WINDOW_LOG_MAX;

/// The window that a brotli stream declares in its first bits (RFC 7932 section 9.1), bytes.
pub(super) fn brotli_window(first: u8) -> usize {
    let bits = match (first & 1, first >> 1 & 7, first >> 4 & 7) {
        (0, _, _) => 16,
        (_, n @ 1.., _) => 17 + n,
        (_, _, n @ 2..) => 8 + n,
        _ => 17,
    };
    1 << bits
}

/// The window that a zstd frame declares in its header (RFC 8878 section 3.1.1.1), bytes; the largest
/// one if this is no such frame. `None` if more of it must be seen.
pub(super) fn zstd_window(head: &[u8]) -> Option<usize> {
    let (magic, rest) = head.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*magic) != 0xfd2f_b528 {
        return Some(ZSTD_WINDOW_MAX);
    }
    let (descriptor, rest) = rest.split_first()?;
    let is_single_segment = descriptor & 0x20 != 0;
    let window = if is_single_segment {
        // The window is the content, whose size follows the dictionary's name.
        let n_dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let n_size = [1, 2, 4, 8][usize::from(descriptor >> 6)];
        let size = rest.get(n_dictionary..n_dictionary + n_size)?;
        let size = size.iter().rev().fold(0u64, |size, byte| size << 8 | u64::from(*byte));
        if n_size == 2 { size + 256 } else { size }
    } else {
        let byte = u64::from(*rest.first()?);
        let base = 1u64 << (10 + (byte >> 3));
        base + base / 8 * (byte & 7)
    };
    // A larger one will be refused.
    Some(usize::try_from(window).unwrap_or(ZSTD_WINDOW_MAX).min(ZSTD_WINDOW_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brotli_says_it_in_its_first_bits() {
        // Bits from the lowest on: RFC 7932 section 9.1 lists them all.
        for (bits, window) in
            [(0b0, 16), (0b000_0001, 17), (0b1111, 24), (0b0011, 18), (0b010_0001, 10), (0b111_0001, 15)]
        {
            assert_eq!(brotli_window(bits), 1 << window, "{bits:b}");
        }
        for level in 10..=24 {
            let mut out = Vec::new();
            brotli::CompressorWriter::new(&mut out, 4096, 5, level);
            assert_eq!(brotli_window(out[0]), 1 << level, "{level}");
        }
    }

    #[test]
    fn zstd_says_it_in_its_frame_header() {
        let frame = |rest: &[u8]| [&[0x28, 0xb5, 0x2f, 0xfd], rest].concat();
        let check = |head: Vec<u8>, expected: Option<usize>| assert_eq!(zstd_window(&head), expected, "{head:?}");
        check(vec![0x28, 0xb5, 0x2f], None);
        check(frame(&[]), None);
        check(frame(&[0]), None);
        check(frame(&[0, 0]), Some(1024));
        check(frame(&[0, 0x69]), Some((8 << 20) + (1 << 20)).map(|n: usize| n.min(ZSTD_WINDOW_MAX)));
        check(frame(&[0, 0x68]), Some(8 << 20));
        check(frame(&[0, 0xff]), Some(ZSTD_WINDOW_MAX));
        check(frame(&[0x20, 7]), Some(7));
        check(frame(&[0x21, 9, 7]), Some(7));
        check(frame(&[0x60, 7, 0]), Some(7 + 256));
        check(frame(&[0x60, 7]), None);
        check(frame(&[0xe0, 1, 0, 0, 1, 0, 0, 0, 0]), Some(ZSTD_WINDOW_MAX));
        check(vec![0x50, 0x2a, 0x4d, 0x18], Some(ZSTD_WINDOW_MAX));
        let real = zstd::encode_all(&[b'x'; 5000][..], 3).unwrap();
        assert!(zstd_window(&real).is_some_and(|window| (5000..=4 << 20).contains(&window)));
    }
}
