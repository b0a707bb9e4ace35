//! Signatures: which bytes a kind of content begins with.
//!
//! The tables and the three longer checks (MP4, WebM, MP3) of the MIME Sniffing standard, section 6
//! and 7.1, and a few archives that it leaves out. Each function is given the resource header, the
//! first [`super::MAX_SNIFF_BYTES`] of a body, and answers with the type's essence. What follows
//! from an answer is decided in `sniff`.

/// Bytes at offsets, and the type of which they are a sign.
type Signature = (&'static [(usize, &'static [u8])], &'static str);

/// What a page may begin with, upper case. Each must be followed by a space or `>`.
const HTML: [&[u8]; 17] = [
    b"<!DOCTYPE HTML",
    b"<HTML",
    b"<HEAD",
    b"<SCRIPT",
    b"<IFRAME",
    b"<H1",
    b"<DIV",
    b"<FONT",
    b"<TABLE",
    b"<A",
    b"<STYLE",
    b"<TITLE",
    b"<B",
    b"<BODY",
    b"<BR",
    b"<P",
    b"<!--",
];

const IMAGES: [Signature; 8] = [
    (&[(0, b"\0\0\x01\0")], "image/x-icon"),
    (&[(0, b"\0\0\x02\0")], "image/x-icon"),
    (&[(0, b"BM")], "image/bmp"),
    (&[(0, b"GIF87a")], "image/gif"),
    (&[(0, b"GIF89a")], "image/gif"),
    (&[(0, b"RIFF"), (8, b"WEBPVP")], "image/webp"),
    (&[(0, b"\x89PNG\r\n\x1A\n")], "image/png"),
    (&[(0, b"\xFF\xD8\xFF")], "image/jpeg"),
];

const AUDIO_AND_VIDEO: [Signature; 6] = [
    (&[(0, b"FORM"), (8, b"AIFF")], "audio/aiff"),
    (&[(0, b"ID3")], "audio/mpeg"),
    (&[(0, b"OggS\0")], "application/ogg"),
    (&[(0, b"MThd\0\0\0\x06")], "audio/midi"),
    (&[(0, b"RIFF"), (8, b"AVI ")], "video/avi"),
    (&[(0, b"RIFF"), (8, b"WAVE")], "audio/wave"),
];

const FONTS: [Signature; 6] = [
    (&[(34, b"LP")], "application/vnd.ms-fontobject"),
    (&[(0, b"\0\x01\0\0")], "font/ttf"),
    (&[(0, b"OTTO")], "font/otf"),
    (&[(0, b"ttcf")], "font/collection"),
    (&[(0, b"wOFF")], "font/woff"),
    (&[(0, b"wOF2")], "font/woff2"),
];

/// The standard's three, RAR 5, and what else mirrors are full of.
const ARCHIVES: [Signature; 8] = [
    (&[(0, b"\x1F\x8B\x08")], "application/x-gzip"),
    (&[(0, b"PK\x03\x04")], "application/zip"),
    (&[(0, b"Rar!\x1A\x07\0")], "application/x-rar-compressed"),
    (&[(0, b"Rar!\x1A\x07\x01\0")], "application/x-rar-compressed"),
    (&[(0, b"7z\xBC\xAF\x27\x1C")], "application/x-7z-compressed"),
    (&[(0, b"BZh"), (4, b"1AY&SY")], "application/x-bzip2"),
    (&[(0, b"\xFD7zXZ\0")], "application/x-xz"),
    (&[(0, b"\x28\xB5\x2F\xFD")], "application/zstd"),
];

/// Brands of MP4 files, three letters where the standard asks for no more.
const MP4_BRAND: &[u8] = b"mp4";

pub(super) fn image(head: &[u8]) -> Option<&'static str> {
    first_of(&IMAGES, head)
}

pub(super) fn audio_or_video(head: &[u8]) -> Option<&'static str> {
    first_of(&AUDIO_AND_VIDEO, head)
        .or_else(|| is_mp4(head).then_some("video/mp4"))
        .or_else(|| is_webm(head).then_some("video/webm"))
        .or_else(|| is_mp3(head).then_some("audio/mpeg"))
}

pub(super) fn font(head: &[u8]) -> Option<&'static str> {
    first_of(&FONTS, head)
}

pub(super) fn archive(head: &[u8]) -> Option<&'static str> {
    first_of(&ARCHIVES, head)
}

/// `%PDF-` or `%!PS-Adobe-`.
pub(super) fn print(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"%PDF-") {
        Some("application/pdf")
    } else {
        head.starts_with(b"%!PS-Adobe-").then_some("application/postscript")
    }
}

/// Whether it begins, white space skipped, as pages do.
pub(super) fn is_html(head: &[u8]) -> bool {
    let head = skip_space(head);
    HTML.iter().any(|pattern| {
        head.get(..pattern.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(pattern))
            && matches!(head.get(pattern.len()), Some(b' ' | b'>'))
    })
}

/// Whether it begins with an XML declaration, white space skipped.
pub(super) fn is_xml(head: &[u8]) -> bool {
    skip_space(head).starts_with(b"<?xml")
}

/// Whether it begins with a byte order mark.
pub(super) fn has_bom(head: &[u8]) -> bool {
    [&b"\xFE\xFF"[..], b"\xFF\xFE", b"\xEF\xBB\xBF"].iter().any(|mark| head.starts_with(mark))
}

/// Whether it holds a binary data byte: a control character that no text has.
pub(super) fn is_binary(head: &[u8]) -> bool {
    head.iter().any(|byte| matches!(byte, 0..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F))
}

pub(super) fn skip_space(head: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\x0C' | b'\r' | b' ');
    &head[head.iter().position(|byte| !is_space(byte)).unwrap_or(head.len())..]
}

fn first_of(signatures: &[Signature], head: &[u8]) -> Option<&'static str> {
    let is_at = |(offset, bytes): &(usize, &[u8])| head.get(*offset..).is_some_and(|rest| rest.starts_with(bytes));
    signatures.iter().find(|(parts, _)| parts.iter().all(is_at)).map(|(_, essence)| *essence)
}

/// Section 6.2.1: a box `ftyp` with a brand that begins with `mp4`.
fn is_mp4(head: &[u8]) -> bool {
    let Some(size) = head.first_chunk::<4>().map(|size| u32::from_be_bytes(*size) as usize) else { return false };
    if head.len() < 12 || head.len() < size || !size.is_multiple_of(4) || &head[4..8] != b"ftyp" {
        return false;
    }
    head[8..].starts_with(MP4_BRAND) || head[..size].chunks_exact(4).skip(4).any(|brand| brand.starts_with(MP4_BRAND))
}

/// Section 6.2.2: an EBML header whose `DocType` is `webm`.
fn is_webm(head: &[u8]) -> bool {
    if !head.starts_with(b"\x1A\x45\xDF\xA3") {
        return false;
    }
    let header = &head[..head.len().min(38)];
    let found = header.windows(2).position(|id| id == b"\x42\x82");
    let Some(size_at) = found.map(|at| at + 2).filter(|&at| at < head.len()) else { return false };
    // The size's own length is in its leading zero bits.
    let value = &head[head.len().min(size_at + head[size_at].leading_zeros() as usize + 1)..];
    let padding = value.iter().take_while(|&&byte| byte == 0).count();
    value[padding..].starts_with(b"webm")
}

/// Section 6.2.3: two frames of MPEG audio layer III in a row.
fn is_mp3(head: &[u8]) -> bool {
    let is_frame = |frame: &[u8]| {
        let [a, b, c, ..] = *frame else { return false };
        frame.len() >= 4 && a == 0xFF && b & 0xE0 == 0xE0 && b & 0x06 == 0x02 && c & 0xF0 != 0xF0 && c & 0x0C != 0x0C
    };
    is_frame(head) && head.get(mp3_frame_bytes(head)..).is_some_and(is_frame)
}

/// The length of the frame that begins here, by its bit and sample rate; past any end if it has none.
fn mp3_frame_bytes(frame: &[u8]) -> usize {
    const KBITS: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const KBITS_2: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    const SAMPLES: [usize; 3] = [44_100, 48_000, 32_000];
    let version = (frame[1] >> 3) & 3; // 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5
    let (bit, sample) = (usize::from(frame[2] >> 4), usize::from((frame[2] >> 2) & 3));
    let (kbits, scale, divisor) = match version {
        3 => (KBITS[bit], 144, 1),
        2 => (KBITS_2[bit], 72, 2),
        _ => (KBITS_2[bit], 72, 4),
    };
    let size = kbits * 1000 * scale * divisor / SAMPLES[sample] + usize::from(frame[2] >> 1 & 1);
    if size < 4 { usize::MAX } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_signatures() {
        assert_eq!(image(b"\x89PNG\r\n\x1A\n..."), Some("image/png"));
        assert_eq!(image(b"RIFF\x01\x02\x03\x04WEBPVP8 "), Some("image/webp"));
        assert_eq!(image(b"RIFF\x01\x02"), None);
        assert_eq!(audio_or_video(b"RIFF\x01\x02\x03\x04WAVE"), Some("audio/wave"));
        assert_eq!(audio_or_video(b"\0\0\0\x14ftypisom\0\0\0\0mp42"), Some("video/mp4"));
        assert_eq!(audio_or_video(b"\0\0\0\x10ftypmp41\0\0\0\0"), Some("video/mp4"));
        assert_eq!(audio_or_video(b"\0\0\0\x14ftypheic\0\0\0\0heix"), None);
        assert_eq!(audio_or_video(b"\0\0\x01\0ftypmp42"), None, "the box is not whole");
        assert_eq!(audio_or_video(b"\x1A\x45\xDF\xA3\x01\0\0\0\0\0\0\x1F\x42\x82\x84webm"), Some("video/webm"));
        assert_eq!(audio_or_video(b"\x1A\x45\xDF\xA3\x42\x82\x88matroska"), None);
        assert_eq!(audio_or_video(b"\x1A\x45\xDF\xA3\x42\x82"), None);
        assert_eq!(font(&[b"x".repeat(34), b"LP".to_vec()].concat()), Some("application/vnd.ms-fontobject"));
        assert_eq!(archive(b"\x1F\x8B\x08\0"), Some("application/x-gzip"));
        assert_eq!(archive(b"BZh91AY&SY"), Some("application/x-bzip2"));
        assert_eq!(archive(b"PK"), None);
        assert_eq!(print(b"%PDF-1.7"), Some("application/pdf"));
    }

    #[test]
    fn an_mp3_is_two_frames() {
        // 128 kbit/s at 44.1 kHz: 417 bytes a frame.
        let frame = [&b"\xFF\xFB\x90\x00"[..], &[0; 413]].concat();
        assert_eq!(audio_or_video(&frame.repeat(2)), Some("audio/mpeg"));
        assert_eq!(audio_or_video(&frame), None);
        assert_eq!(audio_or_video(b"\xFF\xFB\x00\x00\xFF\xFB\x00\x00"), None, "a frame without a length");
    }
}
