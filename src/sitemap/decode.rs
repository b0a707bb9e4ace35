//! From a body to text: decompression, bounded, and the encoding.

use std::{borrow::Cow, io::Read as _};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use flate2::read::MultiGzDecoder;

/// RFC 1952 section 2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];
/// Where an XML declaration is looked for, bytes.
const DECLARATION_BYTES: usize = 512;

/// A body as text.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    pub text: Cow<'a, str>,
    /// Whether it is all there: within the bound, and decompressed to the end.
    pub is_complete: bool,
}

/// Decodes at most `max_bytes`, counted after decompression. Malformed sequences become U+FFFD.
pub(super) fn decode(body: &[u8], max_bytes: usize) -> Decoded<'_> {
    let (bytes, is_complete) = if body.starts_with(&GZIP_MAGIC) {
        let (bytes, is_complete) = decompress(body, max_bytes);
        (Cow::Owned(bytes), is_complete)
    } else {
        (Cow::Borrowed(&body[..body.len().min(max_bytes)]), body.len() <= max_bytes)
    };
    let text = match bytes {
        Cow::Borrowed(bytes) => to_text(bytes),
        Cow::Owned(bytes) => Cow::Owned(to_text(&bytes).into_owned()),
    };
    Decoded { text, is_complete }
}

/// What can be decompressed of one or more gzip members.
fn decompress(body: &[u8], max_bytes: usize) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let bound = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    // On an error the bytes before it are in the buffer all the same.
    let outcome = MultiGzDecoder::new(body).take(bound.saturating_add(1)).read_to_end(&mut bytes);
    let is_complete = outcome.is_ok() && bytes.len() <= max_bytes;
    bytes.truncate(max_bytes);
    (bytes, is_complete)
}

fn to_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[length..]).0;
    }
    let encoding = match bytes {
        [b'<', 0, ..] => UTF_16LE,
        [0, b'<', ..] => UTF_16BE,
        _ => declared(bytes).unwrap_or(encoding_rs::UTF_8),
    };
    encoding.decode_without_bom_handling(bytes).0
}

/// What `<?xml … encoding="…"?>` says.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION_BYTES)]);
    let (_, after) = head.split_once("<?xml")?;
    let (declaration, _) = after.split_once("?>")?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (label, _) = value[1..].split_once(quote)?;
    // A declaration that can be read octet by octet is not in UTF-16, whatever it says.
    Encoding::for_label(label.as_bytes()).filter(|encoding| ![UTF_16LE, UTF_16BE].contains(encoding))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[track_caller]
    fn check(body: &[u8], expected: &str, is_complete: bool) {
        let decoded = decode(body, 64);
        assert_eq!((&*decoded.text, decoded.is_complete), (expected, is_complete));
    }

    #[test]
    fn encodings() {
        check("é".as_bytes(), "é", true);
        check(b"\xEF\xBB\xBF\xC3\xA9", "é", true);
        check(b"\xFF\xFE<\0a\0", "<a", true);
        check(b"\xFE\xFF\0<\0a", "<a", true);
        check(b"<\0a\0", "<a", true);
        check(b"\0<\0a", "<a", true);
        check(b"<?xml encoding='ISO-8859-1'?>\xE9", "<?xml encoding='ISO-8859-1'?>é", true);
        check(b"<?xml encoding = \"utf-16\"?>\xC3\xA9", "<?xml encoding = \"utf-16\"?>é", true);
        check(b"<?xml encoding=\"klingon\"?>\xFF", "<?xml encoding=\"klingon\"?>\u{FFFD}", true);
        check(b"<?xml encoding=\xE9?>", "<?xml encoding=\u{FFFD}?>", true);
    }

    #[test]
    fn gzip_of_one_and_two_members() {
        check(&gzip(b"hello"), "hello", true);
        check(&[gzip(b"hel"), gzip(b"lo")].concat(), "hello", true);
    }

    #[test]
    fn gzip_that_breaks_off_keeps_its_beginning() {
        let whole = gzip(b"hello");
        check(&whole[..whole.len() - 4], "hello", false);
        check(&whole[..3], "", false);
        check(&[&whole[..], b"junk"].concat(), "hello", false);
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        check(&gzip(&[b'a'; 1 << 20]), &"a".repeat(64), false);
        check(&gzip(&[b'a'; 64]), &"a".repeat(64), true);
        check(&[b'a'; 65], &"a".repeat(64), false);
    }
}
