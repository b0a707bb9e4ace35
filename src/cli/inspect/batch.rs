//! Questions in, answers out, a line of JSON each, in order.
//!
//! A line that is no question is answered too, with `{"error": …}` in its place, so that the n-th
//! answer always belongs to the n-th question; the exit code says that there was one. Blank lines are
//! passed over: they are no questions and have no answers, though they count in the numbers of lines
//! that errors name. A byte order mark before the first line is passed over too. Answers are
//! written before standard input is waited for, so a caller may also ask one by one. Memory is that
//! of one question and one answer.

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

use super::super::{Exit, complain};

/// Longest line, bytes: a sitemap of 50 MiB in base64, and as much again.
const MAX_LINE_BYTES: u64 = 128 << 20;
/// How much is read and written at once, bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Base64 with or without the padding at its end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What stands in the place of an answer that could not be given.
#[derive(Serialize)]
struct Complaint {
    error: String,
}

/// Answers standard input on standard output.
pub(super) fn run<Q: DeserializeOwned, A: Serialize>(answer: impl FnMut(Q) -> Result<A, String>) -> Exit {
    run_or(|error| Complaint { error }, answer)
}

/// As [`run`], with `instead` in the place of an answer that can't be given.
pub(super) fn run_or<Q: DeserializeOwned, A: Serialize, C: Serialize>(
    instead: impl Fn(String) -> C,
    answer: impl FnMut(Q) -> Result<A, String>,
) -> Exit {
    let input = BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock());
    let output = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    match converse(input, output, instead, answer) {
        Ok(0) => Exit::Finished,
        Ok(n_bad) => {
            complain(&format!("error: {n_bad} of the lines were no questions; their answers say why"));
            Exit::Usage
        }
        // The caller has heard enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Finished,
        Err(error) => {
            complain(&format!("error: {error}"));
            Exit::Internal
        }
    }
}

/// Answers every line; the number of those that were no questions.
fn converse<R: Read, Q: DeserializeOwned, A: Serialize, C: Serialize>(
    mut input: BufReader<R>,
    mut output: impl Write,
    instead: impl Fn(String) -> C,
    mut answer: impl FnMut(Q) -> Result<A, String>,
) -> io::Result<u64> {
    let mut line = Vec::new();
    let mut n_bad = 0;
    for number in 1_u64.. {
        if input.buffer().is_empty() {
            output.flush()?;
        }
        line.clear();
        if input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
            output.flush()?;
            return Err(io::Error::other(format!("line {number} is longer than {MAX_LINE_BYTES} bytes")));
        }
        let text = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
        if text.trim_ascii().is_empty() {
            continue;
        }
        match question(text).and_then(&mut answer) {
            Ok(answer) => serde_json::to_writer(&mut output, &answer)?,
            Err(why) => {
                n_bad += 1;
                serde_json::to_writer(&mut output, &instead(format!("line {number}: {why}")))?;
            }
        }
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(n_bad)
}

/// A line's question. serde would take a list for one too, its fields by their order; and, in texts that
/// are read as bytes, what is no JSON.
fn question<Q: DeserializeOwned>(line: &[u8]) -> Result<Q, String> {
    if !line.trim_ascii().starts_with(b"{") {
        return Err("not a question: no JSON object".to_owned());
    }
    let text = std::str::from_utf8(line).map_err(|_| "not a question: not UTF-8".to_owned())?;
    let sound = serde_json::from_str::<IgnoredAny>(text);
    sound.and_then(|_| serde_json::from_str(text)).map_err(|error| format!("not a question: {error}"))
}

/// The body that a question must carry.
///
/// # Errors
/// When it does not, or when it is not base64.
pub(super) fn body(base64: Option<&str>) -> Result<Vec<u8>, String> {
    from_base64(base64.ok_or("`body_base64` is missing")?)
}

/// The bytes that a question carries as base64 (RFC 4648 section 4); line breaks and other white
/// space, which encoders put in, don't count, and padding may be missing.
///
/// # Errors
/// When it is something else.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    let is_space = |byte: &u8| byte.is_ascii_whitespace();
    let decoded = if text.bytes().any(|byte| is_space(&byte)) {
        BASE64.decode(text.bytes().filter(|byte| !is_space(byte)).collect::<Vec<u8>>())
    } else {
        BASE64.decode(text)
    };
    decoded.map_err(|error| format!("not base64: {error}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Question {
        n: u32,
    }

    fn check(input: &str, expected: &str, n_bad: u64) {
        let mut output = Vec::new();
        let double = |question: Question| question.n.checked_mul(2).ok_or_else(|| "too large".to_owned());
        let complaint = |error| Complaint { error };
        let counted = converse(BufReader::new(input.as_bytes()), &mut output, complaint, double).expect("in memory");
        assert_eq!((String::from_utf8(output).expect("JSON").as_str(), counted), (expected, n_bad), "{input}");
    }

    #[test]
    fn every_line_has_its_answer() {
        check("{\"n\":1}\n{\"n\":2,\"more\":null}\r\n", "2\n4\n", 0);
        check("{\"n\":1}\n\n{\"n\":3}", "2\n6\n", 0);
        check("", "", 0);
        check("{\"n\":4294967295}\n{\"n\":1}\n", "{\"error\":\"line 1: too large\"}\n2\n", 1);
        check("nonsense\n{\"n\":1}\n", "{\"error\":\"line 1: not a question: no JSON object\"}\n2\n", 1);
        check("[1]\n", "{\"error\":\"line 1: not a question: no JSON object\"}\n", 1);
        check("\u{feff}{\"n\":1}\n", "2\n", 0);
        check("\n\u{feff}{\"n\":1}\n", "{\"error\":\"line 2: not a question: no JSON object\"}\n", 1);
    }

    #[test]
    fn what_is_no_json_is_no_question() {
        use super::super::text::Text;
        #[derive(Debug, Deserialize)]
        struct Question {
            text: Text,
        }
        for bad in
            [&b"{\"text\":\"a\rb\"}"[..], b"{\"text\":\"\xff\"}", b"{\"text\":\"a\",\"\xe9\":1}", b"{\"text\":\"\0\"}"]
        {
            assert!(question::<Question>(bad).is_err(), "{}", bad.escape_ascii());
        }
        let read = question::<Question>(br#" {"text":"\ud800\u0000\t"}"#).expect("JSON");
        assert_eq!(read.text.0, "\u{fffd}\0\t");
    }

    #[test]
    fn base64_as_people_write_it() {
        for text in ["YQ==", "YQ", "YQ\n==\r\n", " Y Q"] {
            assert_eq!(from_base64(text).as_deref(), Ok(&b"a"[..]), "{text:?}");
        }
        assert_eq!(body(Some("")), Ok(Vec::new()));
        assert_eq!(body(None), Err("`body_base64` is missing".to_owned()));
        assert!(from_base64("YQ=a").is_err() && from_base64("Y").is_err() && from_base64("é").is_err());
    }
}
