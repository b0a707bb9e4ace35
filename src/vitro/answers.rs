//! Answers of each kind: status, header fields, body.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::{Answer, curio::Encoding};

pub(super) fn empty() -> Answer {
    Answer {
        status: 200,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        delay: Duration::ZERO,
        cut_at: None,
        bandwidth: 0,
        closes: false,
    }
}

pub(super) fn typed(content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Answer { body: body.into(), ..empty() };
    answer.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

pub(super) fn text(status: u16, body: &'static str) -> Answer {
    Answer { status, ..typed("text/plain; charset=utf-8", body) }
}

pub(super) fn once(status: u16, retry_after_s: Option<u32>) -> Answer {
    let mut answer = text(status, "not now, ask again\n");
    if let Some(seconds) = retry_after_s {
        answer.headers.insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

pub(super) fn redirect(status: u16, location: &str) -> Answer {
    let mut answer = text(status, "moved\n");
    // Locations are made of ASCII, except for what a client sent as its Host; that one gets an answer without.
    if let Ok(location) = HeaderValue::from_str(location) {
        answer.headers.insert(header::LOCATION, location);
    }
    answer
}

pub(super) fn html(status: u16, markup: String, encoding: Encoding) -> Answer {
    let (content_type, body) = match encoding {
        Encoding::Utf8 => ("text/html; charset=utf-8", markup.into_bytes()),
        Encoding::Windows1252Header => {
            ("text/html; charset=windows-1252", encoding_rs::WINDOWS_1252.encode(&markup).0.into_owned())
        }
        Encoding::Windows1252Meta => ("text/html", encoding_rs::WINDOWS_1252.encode(&markup).0.into_owned()),
        Encoding::ShiftJis => ("text/html", encoding_rs::SHIFT_JIS.encode(&markup).0.into_owned()),
        Encoding::Utf16 => {
            let units = std::iter::once(0xFEFF).chain(markup.encode_utf16());
            ("text/html", units.flat_map(u16::to_le_bytes).collect())
        }
    };
    Answer { status, ..typed(content_type, body) }
}
