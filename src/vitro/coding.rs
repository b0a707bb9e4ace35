//! Content codings: who accepts which, and bodies in them.

use std::io::{self, Write as _};

use flate2::{Compression, write::GzEncoder};
use http::{HeaderValue, header};

use super::{Answer, Coding};

/// Brotli as servers use it for pages that are made on the fly: quality 1 of 11, a window of 64 KiB.
const BROTLI: (u32, u32) = (1, 16);
/// The same of zstd: level 1 of 22.
const ZSTD_LEVEL: i32 = 1;

impl Coding {
    /// Its name in header fields.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Whether the value of `Accept-Encoding` names a coding with a weight above zero.
pub(super) fn is_accepted(field: &str, coding: Coding) -> bool {
    field.split(',').any(|member| {
        let mut parts = member.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding.name()));
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// The same answer in a coding.
pub(super) fn encode(answer: Answer, coding: Coding) -> Answer {
    let mut answer = Answer { body: compress(&answer.body, coding).into(), ..answer };
    answer.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    answer.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer
}

/// `bytes` in a coding.
pub(super) fn compress(bytes: &[u8], coding: Coding) -> Vec<u8> {
    try_compress(bytes, coding).expect("writing to memory can't fail")
}

fn try_compress(bytes: &[u8], coding: Coding) -> io::Result<Vec<u8>> {
    let out = Vec::with_capacity(bytes.len() / 2);
    match coding {
        Coding::Identity => Ok(bytes.to_vec()),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(out, Compression::fast());
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Coding::Brotli => {
            let mut encoder = brotli::CompressorWriter::new(out, bytes.len().max(1), BROTLI.0, BROTLI.1);
            encoder.write_all(bytes)?;
            Ok(encoder.into_inner())
        }
        Coding::Zstd => zstd::bulk::compress(bytes, ZSTD_LEVEL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_accepted_by_name_and_weight() {
        for (field, expected) in [
            ("gzip", [true, false, false]),
            ("br, GZIP;q=0.5", [true, true, false]),
            ("br", [false, true, false]),
            ("gzip;q=0", [false, false, false]),
            ("gzip; q=0.0, zstd", [false, false, true]),
            ("", [false, false, false]),
        ] {
            let found = [Coding::Gzip, Coding::Brotli, Coding::Zstd].map(|coding| is_accepted(field, coding));
            assert_eq!(found, expected, "{field}");
        }
    }
}
